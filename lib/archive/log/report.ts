import type { Manifest } from '../../core/formats/manifest.ts';
import type { Finding } from './finding.ts';

/** What a verification found. */
export interface VerifyReport {
  /** When it ended (ms since 1970). */
  readonly at: number;
  /** Whether every byte was read. */
  readonly deep: boolean;
  readonly segments: number;
  readonly rollups: number;
  /** Finished snapshots. */
  readonly snapshots: number;
  /** Of all segments. */
  readonly records: number;
  /** Of segments, roll-ups and the snapshots' files, as they are stored. */
  readonly bytes: number;
  /** Earliest and latest change in the log (ms); absent when it is empty. */
  readonly fromMs?: number;
  readonly toMs?: number;
  /** Times (ms) to which the table can be restored, by what is in the bucket; the last one ends with the log. */
  readonly restorable: readonly Span[];
  /** At most FINDINGS_MAX; `found` counts all. */
  readonly findings: readonly Finding[];
  readonly found: number;
}

/** A stretch of time (ms), both ends included. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

type Snapshot = Pick<Manifest, 'startedMs' | 'endedMs'>;

/**
 * The times to which the table can be restored: a time T by the newest whole snapshot that ended at T or before, when nothing
 * is wrong with the log from before its start up to T. Pure.
 *
 * @param faults what is wrong with the log. One without times spoils everything.
 * @param toMs the log's latest change.
 */
export function restorable(snapshots: readonly Snapshot[], faults: readonly Pick<Finding, 'fromMs' | 'toMs'>[], toMs: number, replayBeforeMs: number): Span[] {
  const sorted = [...snapshots].sort((a, b) => a.endedMs - b.endedMs);
  const spans: Span[] = [];
  sorted.forEach(({ startedMs, endedMs }, i) => {
    const next = sorted[i + 1]?.endedMs;
    const needed = faults.filter((fault) => (fault.toMs ?? Number.POSITIVE_INFINITY) >= startedMs - replayBeforeMs);
    const firstFault = needed.reduce((least, fault) => Math.min(least, fault.fromMs ?? 0), Number.POSITIVE_INFINITY);
    const end = Math.min(next === undefined ? Math.max(toMs, endedMs) : next - 1, firstFault - 1);
    if (end < endedMs) return;
    const last = spans.at(-1);
    if (last !== undefined && last.toMs >= endedMs - 1) spans[spans.length - 1] = { fromMs: last.fromMs, toMs: Math.max(last.toMs, end) };
    else spans.push({ fromMs: endedMs, toMs: end });
  });
  return spans;
}
