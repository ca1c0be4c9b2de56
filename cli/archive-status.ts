import { showBytes } from '../lib/adopt/estimate.ts';
import { streamBegan } from '../lib/archive/log/chain-findings.ts';
import type { Finding } from '../lib/archive/log/finding.ts';
import { readHead } from '../lib/archive/log/read.ts';
import type { Span } from '../lib/archive/log/report.ts';
import { restorable } from '../lib/archive/log/report.ts';
import type { VerifiedState } from '../lib/archive/log/state.ts';
import { readArchiveState } from '../lib/archive/log/state.ts';
import type { ArchivedBound } from '../lib/archive/log/until.ts';
import type { ArchivePlace } from '../lib/archive/place.ts';
import { REPLAY_BEFORE_MS } from '../lib/archive/restore/limits.ts';
import { findManifest, snapshotIds } from '../lib/archive/snapshot/read.ts';
import type { ArchiveTotals } from '../lib/archive/totals.ts';
import { archiveTotals, monthOf } from '../lib/archive/totals.ts';
import { newestFindings } from '../lib/archive/verify-report.ts';
import { isoSeconds, wholeSecondFrom } from '../lib/core/calendar.ts';
import { FormatError } from '../lib/core/errors.ts';
import type { Manifest } from '../lib/core/formats/manifest.ts';
import { PRICE_DATE, PRICE_REGION_DEFAULT } from '../lib/cost/prices.ts';
import type { Runtime } from '../lib/ports/runtime.ts';
import { agoText } from '../lib/status/span.ts';
import { boundOf, quietLines } from './archive-bound.ts';
import type { MemberArchive } from './archive-place.ts';
import type { Output } from './output.ts';
import { count, plural } from './output.ts';
import type { Session } from './session.ts';
import { damagedSnapshots, ofLog } from './snapshot-faults.ts';

/** `syncline archive status`: what a member's archive holds. */

/** Why no time can be restored: a stable word, and sentences. */
export interface Lack {
  readonly reason: 'no-snapshot' | 'damaged' | 'gap' | 'not-yet';
  readonly what: string;
}

/** What is known of one. */
export interface ArchiveSummary {
  readonly member: string;
  readonly bucket: string;
  readonly bound: ArchivedBound;
  readonly totals: ArchiveTotals;
  readonly snapshots: readonly Pick<Manifest, 'id' | 'startedMs' | 'endedMs' | 'items'>[];
  /** Times that can be restored, in whole seconds, as far as it is known without reading all of it. */
  readonly restorable: readonly Span[];
  /** Why there is none. */
  readonly lack?: Lack;
  readonly verified?: VerifiedState;
}

/** Looks at a member's archive. @throws CliError */
export async function summaryOf(session: Session, archive: MemberArchive): Promise<ArchiveSummary> {
  const { runtime } = session;
  const { at, place, table, context, member } = archive;
  const { bound } = await boundOf(session, archive);
  return at(async () => {
    const totals = await archiveTotals(place, runtime);
    const manifests: (Manifest | undefined)[] = [];
    for (const id of await snapshotIds(place, runtime)) manifests.push(await unlessDamaged(() => findManifest(place, runtime, id)));
    const snapshots = manifests.filter((manifest) => manifest !== undefined);
    const { verified } = await readArchiveState({ table, control: context.tables.control }, runtime, session.until);
    const findings = await newestFindings(place, runtime);
    const damaged = damagedSnapshots(findings);
    const usable = snapshots.filter(({ id }) => !damaged.has(id));
    const since = await beganAt(place, runtime, totals);
    const faults = [...ofLog(findings), ...(since === undefined ? [] : [{ fromMs: 0, toMs: since }])];
    const spans = wholeSeconds(restorable(usable, faults, bound.untilMs, REPLAY_BEFORE_MS), bound.untilMs);
    return {
      member: member.name,
      bucket: place.bucket,
      bound,
      totals,
      snapshots: snapshots.map(({ id, startedMs, endedMs, items }) => ({ id, startedMs, endedMs, items })),
      restorable: spans,
      ...(spans.length === 0 && { lack: lackOf({ ids: manifests.length, usable, findings: ofLog(findings), since, untilMs: bound.untilMs }) }),
      ...(verified && { verified }),
    };
  });
}

/** Restores are to whole seconds, and to none that is later than what is surely archived. */
const wholeSeconds = (spans: readonly Span[], untilMs: number): Span[] =>
  spans
    .map(({ fromMs, toMs }) => ({ fromMs: wholeSecondFrom(fromMs), toMs: Math.floor(Math.min(toMs, untilMs) / SECOND_MS) * SECOND_MS }))
    .filter(({ fromMs, toMs }) => fromMs <= toMs);

const SECOND_MS = 1_000;

/** Why nothing can be restored. Pure. */
function lackOf(of: {
  readonly ids: number;
  readonly usable: readonly Pick<Manifest, 'startedMs' | 'endedMs'>[];
  readonly findings: readonly Finding[];
  readonly since: number | undefined;
  readonly untilMs: number;
}): Lack {
  const newest = [...of.usable].sort((a, b) => a.endedMs - b.endedMs).at(-1);
  if (of.ids === 0) return { reason: 'no-snapshot', what: 'there is no snapshot yet' };
  if (newest === undefined) return { reason: 'damaged', what: 'no snapshot is whole: each is damaged, or was never finished' };
  const needed = newest.startedMs - REPLAY_BEFORE_MS;
  if (of.since !== undefined && of.since >= needed)
    return { reason: 'gap', what: `the log begins at ${isoSeconds(of.since)}, and the newest whole snapshot needs it from ${isoSeconds(needed)} on` };
  const gap = of.findings.find(({ fromMs = 0, toMs = Number.POSITIVE_INFINITY }) => toMs >= needed && fromMs <= newest.endedMs);
  if (gap !== undefined) return { reason: 'gap', what: `the log is not whole from the start of the newest whole snapshot on. ${gap.what}` };
  return {
    reason: 'not-yet',
    what: `the newest whole snapshot serves from ${isoSeconds(wholeSecondFrom(newest.endedMs))} on, and the log surely reaches ${of.untilMs === 0 ? 'nowhere' : `to ${isoSeconds(of.untilMs)} only`}`,
  };
}

/** Nothing for what is damaged: finding damage is what `verify` is for. */
async function unlessDamaged<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

/** What was made before this (ms) is not in the log: its stream did not exist, or it has expired. Undefined for an empty log. */
async function beganAt(place: ArchivePlace, runtime: Runtime, { oldest }: ArchiveTotals): Promise<number | undefined> {
  if (oldest === undefined) return undefined;
  // The oldest segment names one before it only when that has expired.
  const head = await unlessDamaged(() => readHead(place, runtime, oldest));
  return head !== undefined && head.previous === undefined ? streamBegan(oldest.label) : oldest.firstAtMs;
}

/** The summary as a document. Part of the API. */
export function summaryDocument({ bound, totals, ...rest }: ArchiveSummary): object {
  const { oldest, lastDay, ...sizes } = totals;
  const { kept, puts } = monthOf(totals);
  return {
    ...rest,
    log: {
      untilMs: bound.untilMs,
      why: bound.why,
      ...(bound.quietSinceMs !== undefined && { quietSinceMs: bound.quietSinceMs }),
      ...(oldest && { fromMs: oldest.firstAtMs }),
      segmentsOfLastDay: lastDay,
    },
    sizes,
    dollarsPerMonth: { kept, puts },
  };
}

/** The summary for a person. */
export function summaryText(summary: ArchiveSummary, nowMs: number, out: Output): string {
  const { member, bucket, bound, totals, snapshots, verified } = summary;
  const { kept, puts } = monthOf(totals);
  const newest = snapshots.at(-1);
  const until = bound.untilMs === 0 ? 'nothing yet' : `up to ${isoSeconds(bound.untilMs)}, ${agoText(nowMs, bound.untilMs)}`;
  const size = ({ objects, bytes }: ArchiveTotals['log'], what: string): string => `${plural(objects, what)}, ${showBytes(bytes)}`;
  const lines: readonly (readonly [string, string])[] = [
    ...restoreLines(summary, out).map((line, i) => [i === 0 ? 'restore' : '', line] as const),
    ['log', `${until}. ${bound.why}`],
    ...quietLines(bound).map((line) => ['', out.style('yellow', line)] as const),
    [
      '',
      `${size(totals.log, 'segment')}${totals.oldest === undefined ? '' : `, from ${isoSeconds(totals.oldest.firstAtMs)} on`}; ${size(totals.index, 'roll-up')}`,
    ],
    [
      'snapshots',
      newest === undefined
        ? out.style('yellow', 'none')
        : `${count(snapshots.length)}, the newest from ${isoSeconds(wholeSecondFrom(newest.endedMs))} on with ${plural(newest.items, 'item')}; ${showBytes(totals.scans.bytes)}`,
    ],
    ['reports', size(totals.reports, 'object')],
    ['cost', `a month about $${dollars(kept)} for keeping it, and $${dollars(puts)} for writing it at the pace of the last day`],
    ['', out.style('dim', `S3 Standard, prices of ${PRICE_REGION_DEFAULT} as of ${PRICE_DATE}`)],
    ['verified', verifiedText(verified, nowMs, out)],
  ];
  return [`${out.style('bold', member)}  ${out.style('dim', bucket)}`, ...lines.map(([name, text]) => `  ${name.padEnd(NAME_WIDTH)}${text}`)].join('\n');
}

const NAME_WIDTH = 11;
/** Stretches that are shown, the newest ones; the document has all. */
const STRETCHES_SHOWN = 5;

function restoreLines({ restorable: spans, lack }: ArchiveSummary, out: Output): string[] {
  if (lack !== undefined) return [out.style('yellow', `nothing${lack.reason === 'not-yet' ? ' yet' : ''}: ${lack.what}`)];
  const shown = spans.slice(-STRETCHES_SHOWN);
  return [
    ...(spans.length > shown.length ? [`${count(spans.length - shown.length)} earlier stretches, and`] : []),
    ...shown.map(({ fromMs, toMs }) => `any second from ${out.style('green', isoSeconds(fromMs))} to ${out.style('green', isoSeconds(toMs))}`),
  ];
}

function verifiedText(verified: VerifiedState | undefined, nowMs: number, out: Output): string {
  if (verified === undefined) return 'never';
  const deep = verified.deepAt === undefined ? 'never every byte' : `every byte ${agoText(nowMs, verified.deepAt)}`;
  const found = verified.findings === 0 ? out.style('green', 'no faults') : out.style('red', plural(verified.findings, 'fault'));
  return `${agoText(nowMs, verified.at)} (${deep}): ${found}`;
}

const dollars = (amount: number): string => (amount > 0 && amount < 0.005 ? '0.01 or less' : amount.toFixed(2));
