import { isoSeconds, timeOfIso } from '../../core/calendar.ts';
import { segmentName } from '../../core/formats/archive-names.ts';
import type { Doubt, Predecessor, SegmentHead } from '../../core/formats/segment-footer.ts';
import type { Finding } from './finding.ts';
import { TODO_RESTORE_OBJECT, TODO_SNAPSHOT } from './finding.ts';
import type { SegmentRef } from './list.ts';

/** What can be wrong with a chain, in words. Pure. */

/** What the chain goes by. */
export interface ChainedSegment {
  readonly ref: Pick<SegmentRef, 'name' | 'label' | 'shard' | 'first' | 'firstAtMs'>;
  readonly head: Pick<SegmentHead, 'last' | 'fromMs' | 'toMs' | 'previous' | 'doubt'>;
  /** SHA-256 of the object, base64, where it is known. */
  readonly sha256?: string;
}

/** What is kept of a shard once its segments have gone by. */
export interface WalkedShard {
  readonly first: ChainedSegment;
  readonly last: ChainedSegment;
  /** Whether the segment that the shard's row names was among them. */
  readonly tailMet: boolean;
}

/** A sequence number without leading zeros, as names show it. */
export const plain = (sequence: string): string => sequence.replace(/^0+(?=\d)/, '');

/** The name of a predecessor. */
export const nameOf = (previous: Predecessor, label: string): string =>
  segmentName({ label, shard: previous.shard, first: plain(previous.first), firstAtMs: previous.firstAt });

/** A segment is not there that another one names. */
export function missing(previous: Predecessor, ref: ChainedSegment['ref'], range: { readonly fromMs: number; readonly toMs: number }): Finding {
  const object = nameOf(previous, ref.label);
  const what = `${object} is missing: ${ref.name} says that it follows on it.`;
  return { kind: 'missing', object, shard: previous.shard, ...range, what, todo: TODO_RESTORE_OBJECT };
}

/** A segment is another one than was stored. */
export function notTheBytes({ ref, head }: ChainedSegment, by: string, sha256: string): Finding {
  const what = `${ref.name} is not what was stored: its SHA-256 is not ${sha256}, which ${by} says.`;
  return { kind: 'damaged', object: ref.name, shard: ref.shard, fromMs: head.fromMs, toMs: head.toMs, what, todo: TODO_RESTORE_OBJECT };
}

const DOUBT_TEXT: Readonly<Record<Doubt, string>> = {
  skipped: 'Changes are missing: fan-out has moved some that the observer never saw.',
  trimmed: 'Changes may be missing: the observer came back so late that DynamoDB may have dropped some (it keeps them for 24 hours).',
  silence: 'Changes may be missing: nothing was archived for longer than DynamoDB keeps changes, and nothing shows that there were none.',
};

/** A doubt that a head notes. @param before when the record before it was made, at the earliest (ms) */
export function doubtful({ ref, head }: ChainedSegment, before: number | undefined, doubt: Doubt): Finding {
  return {
    kind: 'hole',
    object: ref.name,
    shard: ref.shard,
    ...(before !== undefined && { fromMs: before }),
    toMs: head.fromMs,
    what: `${DOUBT_TEXT[doubt]} They would be from the time before ${ref.name}.`,
    todo: TODO_SNAPSHOT,
  };
}

/** When a stream was enabled, as its label says (ms); undefined for labels of another form. */
export const streamBegan = (label: string): number | undefined => timeOfIso(`${label.replace(/T(\d\d)-(\d\d)-/, 'T$1:$2:')}Z`);

/** The times between one stream and the next. */
export function streamHoles(shards: readonly WalkedShard[]): Finding[] {
  const streams = new Map<string, { fromMs: number; toMs: number }>();
  for (const { first, last } of shards) {
    const seen = streams.get(first.ref.label) ?? { fromMs: Number.POSITIVE_INFINITY, toMs: 0 };
    streams.set(first.ref.label, { fromMs: Math.min(seen.fromMs, first.head.fromMs), toMs: Math.max(seen.toMs, last.head.toMs) });
  }
  const labels = [...streams.keys()].sort();
  return labels.slice(1).map((label, i): Finding => {
    const [before, after] = [streams.get(labels[i] as string) as { toMs: number }, streams.get(label) as { fromMs: number }];
    const toMs = Math.max(before.toMs, streamBegan(label) ?? after.fromMs);
    const what = `The table's stream was replaced: what was changed from ${isoSeconds(before.toMs)} to ${isoSeconds(toMs)}, between ${labels[i]} and ${label}, is not in the log.`;
    return { kind: 'hole', fromMs: before.toMs, toMs, what, todo: TODO_SNAPSHOT };
  });
}
