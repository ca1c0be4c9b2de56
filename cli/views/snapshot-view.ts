import { showBytes } from '../../lib/adopt/estimate.ts';
import { timeLeft } from '../../lib/adopt/pace.ts';
import type { SnapshotEstimate } from '../../lib/archive/snapshot/estimate.ts';
import type { ExportProgress } from '../../lib/archive/snapshot/export.ts';
import type { ReadRate } from '../../lib/archive/snapshot/pace.ts';
import type { SnapshotJob } from '../../lib/archive/snapshot/savepoint.ts';
import type { SnapshotProgress } from '../../lib/archive/snapshot/take.ts';
import { isoSeconds, wholeSecondFrom } from '../../lib/core/calendar.ts';
import type { Manifest } from '../../lib/core/formats/manifest.ts';
import type { ImportState } from '../../lib/ports/exports.ts';
import { agoText, span } from '../../lib/status/span.ts';
import type { Output } from '../output.ts';
import { count } from '../output.ts';

/** What `snapshot` tells a person. Pure. */

/** What will be done, before it is. */
export interface SnapshotPlan {
  readonly via: 'scan' | 'export';
  readonly estimate: SnapshotEstimate;
  readonly rate: ReadRate;
  readonly priceDate: string;
  readonly priceRegion: string;
  /** Where an earlier run ended; absent when there is none, or it is begun anew. */
  readonly goesOn?: { readonly id: string; readonly items: number };
}

/** The plan. @param at "the table orders-items (eu-central-1)" @param bucket where it is written */
export function planText(at: string, bucket: string, plan: SnapshotPlan): string {
  const { estimate: e, rate, via, goesOn } = plan;
  const by = { measured: 'as measured by the run before', limit: 'by the rate', model: 'a guess; it will be measured' }[e.secondsBy ?? 'model'];
  return [
    `This takes a snapshot of ${at}:`,
    ...(goesOn === undefined ? [] : [`  goes on  ${goesOn.id}, ${count(goesOn.items)} items are done already (--restart begins anew)`]),
    `  items    about ${count(e.items)}, ${showBytes(e.bytes)}`,
    via === 'export'
      ? '  reads    nothing of the table’s capacity: DynamoDB exports from its backup'
      : `  reads    ${count(e.readUnits)} units; nothing is written to the table`,
    `  writes   about ${count(e.files)} ${e.files === 1 ? 'file' : 'files'}, ${showBytes(e.storedBytes)}, to the bucket ${bucket}`,
    `  cost     about $${dollars(e.dollars)}, and $${dollars(e.dollarsPerMonth)} a month while it is kept (prices of ${plan.priceRegion}, as of ${plan.priceDate})`,
    ...(e.seconds === undefined ? ['  time     minutes to hours: DynamoDB does not say'] : [`  time     about ${span(e.seconds * 1_000)}, ${by}`]),
    ...(via === 'export' ? [] : [`  pace     ${paceWords(rate)}`]),
    `  stop     Ctrl-C at any time; the same command goes on where it was`,
  ].join('\n');
}

function paceWords({ itemsPerS, unitsPerS }: ReadRate): string {
  if (itemsPerS !== undefined) return `at most ${count(itemsPerS)} items/s`;
  if (unitsPerS !== undefined) return `at most ${count(Math.round(unitsPerS))} read units/s`;
  return 'as fast as the table gives; it slows down when the table refuses reads';
}

const dollars = (value: number): string => (value < 0.005 ? '0.01 or less' : value.toFixed(2));

/** Beside the bar. @param total items there are, about */
export function progressWords(now: SnapshotProgress, total: number): string {
  if (now.phase === 'finish') return `${count(now.items)} items are stored; writing the manifest`;
  const rate = now.worked > 0 ? Math.round((now.items * 1_000) / now.worked) : 0;
  // DynamoDB's count is hours old: nobody knows what is left beyond it.
  const left = now.items < total ? timeLeft(now.items, now.worked, total) : undefined;
  return `${count(now.items)} of about ${count(Math.max(total, now.items))} items, ${showBytes(now.rawBytes)}, ${count(rate)}/s${left === undefined ? '' : `, ${span(left)} left`}`;
}

/** Beside the bar of an export. */
export function exportWords(now: ExportProgress): string {
  if (now.phase === 'export') return 'DynamoDB is exporting';
  return now.phase === 'check' ? `checking ${count(now.files + 1)} of ${count(now.of)} files` : 'writing the manifest';
}

/** Beside the bar of an import. @param total items of the snapshot */
export const importWords = (now: ImportState, total: number): string =>
  `${count(now.imported)} of ${count(total)} items are loaded${now.errors === 0 ? '' : `, ${count(now.errors)} were refused`}`;

/** A finished snapshot. */
export function finishedText(manifest: Manifest, job: SnapshotJob): string {
  const rate = job.worked > 0 ? `, ${count(Math.round((job.items * 1_000) / job.worked))} items/s` : '';
  return `Snapshot ${manifest.id}: ${count(manifest.items)} items in ${count(manifest.files.length)} files, ${showBytes(job.bytes)}${rate}.\nTogether with the log it serves every second from ${isoSeconds(wholeSecondFrom(manifest.endedMs))} on.`;
}

/** One line of the list. */
export interface ListedSnapshot {
  readonly id: string;
  readonly member: string;
  readonly state: 'finished' | 'unfinished' | 'damaged';
  readonly startedMs?: number;
  readonly endedMs?: number;
  readonly items?: number;
  readonly bytes?: number;
  readonly files?: number;
  readonly via?: Manifest['via'];
  /** When `archive verify --deep` last found every object as it should be, after this snapshot was taken. */
  readonly verifiedMs?: number;
  /** What is wrong with it. */
  readonly why?: string;
}

const STATE_STYLE = { finished: 'green', unfinished: 'yellow', damaged: 'red' } as const;

const verifiedText = ({ state, verifiedMs }: ListedSnapshot, nowMs: number, out: Output): string =>
  state === 'damaged' ? out.style('red', 'damaged') : verifiedMs === undefined ? 'not yet' : agoText(nowMs, verifiedMs);

/** All snapshots. */
export function listText(snapshots: readonly ListedSnapshot[], nowMs: number, out: Output): string {
  if (snapshots.length === 0) return 'There are no snapshots.';
  const table = out.table(
    ['ID', 'MEMBER', 'FROM', 'AGE', 'ITEMS', 'BYTES', 'VIA', 'VERIFIED', 'STATE'],
    snapshots.map((s) => [
      s.id,
      s.member,
      s.endedMs === undefined ? '–' : isoSeconds(wholeSecondFrom(s.endedMs)),
      s.endedMs === undefined ? '–' : agoText(nowMs, s.endedMs),
      s.items === undefined ? '–' : count(s.items),
      s.bytes === undefined ? '–' : showBytes(s.bytes),
      s.via ?? '–',
      verifiedText(s, nowMs, out),
      out.style(STATE_STYLE[s.state], s.state),
    ]),
  );
  const wrong = snapshots.flatMap((s) => (s.why === undefined ? [] : [`${s.id}: ${s.why}`]));
  return [table, ...(wrong.length === 0 ? [] : ['', ...wrong])].join('\n');
}
