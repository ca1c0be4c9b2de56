import { isoSeconds, timeOfIso } from '../../core/calendar.ts';
import { segmentName, streamLabel } from '../../core/formats/archive-names.ts';
import type { Manifest } from '../../core/formats/manifest.ts';
import type { Predecessor, SegmentHead } from '../../core/formats/segment-footer.ts';
import { checkChain } from '../log/chain.ts';
import type { Finding } from '../log/finding.ts';
import type { SegmentRef } from '../log/list.ts';
import { shardPath } from '../log/list.ts';
import type { ArchivePlace } from '../place.ts';
import { REPLAY_BEFORE_MS } from './limits.ts';
import type { PlanRequest } from './plan.ts';
import { RestoreRefusedError } from './refused.ts';

/** Whether the segments of a range are all there are, and of the table that the snapshot is of. Pure. */

/** A segment that was read. */
export interface Seen {
  readonly ref: SegmentRef;
  readonly head: SegmentHead;
  /** Of the whole object, base64. Absent where only the footer was read. */
  readonly sha256?: string;
}

/** Earliest time of a record that counts (ms). Earlier ones are in the snapshot. */
export const replayFrom = (manifest: Pick<Manifest, 'startedMs'>): number => manifest.startedMs - REPLAY_BEFORE_MS;

/**
 * What can be done about a fault. A snapshot covers it only if replay, which begins REPLAY_BEFORE_MS before the snapshot, begins
 * after it.
 *
 * @param fromMs when the first change was made that may be missing @param toMs the last one; undefined while nobody knows
 */
export function afterIt(fromMs: number | undefined, toMs: number | undefined): string {
  const begins =
    toMs === undefined
      ? `at least ${REPLAY_BEFORE_MS / MINUTE_MS} minutes after what is missing`
      : `at ${isoSeconds((Math.floor((toMs + REPLAY_BEFORE_MS) / SECOND_MS) + 1) * SECOND_MS)} or later`;
  const before = fromMs === undefined ? '' : `to a time before ${isoSeconds(fromMs)}, or `;
  return `Restore ${before}to one after the end of a snapshot ("syncline snapshot") that begins ${begins}. "syncline archive verify" shows the whole extent; if the bucket keeps versions, an older one of the object may be whole.`;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;

/** What is wrong with the chain where it matters: from `fromMs` up to T. Pure. */
export function chainFaults(
  seen: readonly Seen[],
  listed: ReadonlySet<string>,
  { rows, pinned, stream }: PlanRequest,
  manifest: Manifest,
  upTo: number,
): Finding[] {
  const fromMs = replayFrom(manifest);
  const there = new Set(seen.map(({ ref }) => ref.name));
  // A segment that was listed and not read is later than T: so is what follows on it in another shard.
  const links = uptoNext(seen, upTo).filter(({ ref, head }) => {
    const before = head.previous && nameBefore(ref, head.previous);
    return before === undefined || there.has(before) || !listed.has(before);
  });
  const marked =
    pinned === undefined
      ? rows?.filter(({ tail, seen: last }) => tail !== undefined && tail.firstAt <= upTo && (last === undefined || last.at >= fromMs))
      : undefined;
  const findings: Finding[] = checkChain(links, marked)
    .filter((f) => (f.toMs ?? Number.POSITIVE_INFINITY) >= fromMs && (f.fromMs ?? 0) <= upTo)
    .map((f) => ({ ...f, todo: afterIt(f.fromMs, f.toMs) }));
  const named = new Set(findings.map((f) => f.object));
  for (const { ref, head } of links) {
    const before = head.previous;
    if (before === undefined || head.firstAt < fromMs) continue;
    // What is older than everything there is may have expired; here it is needed all the same.
    const name = nameBefore(ref, before);
    if (there.has(name) || named.has(name)) continue;
    const what = `The segment ${name} is missing; ${ref.name} names it as the one before it.`;
    findings.push({
      kind: 'missing',
      object: name,
      shard: before.shard,
      fromMs: before.firstAt,
      toMs: head.fromMs,
      what,
      todo: afterIt(before.firstAt, head.fromMs),
    });
  }
  return [...findings, ...youngStreams(links, stream, manifest, upTo)];
}

/**
 * Of each shard the segments up to T, and the one after them where what is missing before it could be of T or earlier; and
 * whatever comes before one of those in the chain.
 */
function uptoNext(seen: readonly Seen[], upTo: number): Seen[] {
  const passed = new Set<string>();
  const kept = new Set<string>();
  for (const { ref, head } of seen) {
    const shard = shardPath(ref);
    if (!passed.has(shard)) kept.add(ref.name);
    if (head.toMs > upTo) passed.add(shard);
  }
  for (const { ref, head } of [...seen].reverse()) {
    if (kept.has(ref.name) && head.previous !== undefined) kept.add(nameBefore(ref, head.previous));
  }
  return seen.filter(({ ref }) => kept.has(ref.name));
}

/** Name of the segment that another one names as the one before it. */
const nameBefore = ({ label }: SegmentRef, { shard, first, firstAt }: Predecessor): string => segmentName({ label, shard, first, firstAtMs: firstAt });

/** Streams that were enabled after the snapshot began: what was written before that is in no log. Pure. */
function youngStreams(links: readonly Seen[], stream: string | undefined, manifest: Manifest, upTo: number): Finding[] {
  const labels = new Set([...links.map(({ ref }) => ref.label), ...(stream === undefined ? [] : [streamLabel(stream)])]);
  return [...labels].flatMap((label): Finding[] => {
    const [, day, h, m, s] = /^(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d)(?:\.\d+)?$/.exec(label) ?? [];
    const since = day === undefined ? undefined : timeOfIso(`${day}T${h}:${m}:${s}Z`);
    if (since === undefined || since <= manifest.startedMs || since > upTo) return [];
    const what = `The table's stream was enabled at ${isoSeconds(since)}, after the snapshot ${manifest.id} began: what was written before that is in no log.`;
    return [{ kind: 'hole', fromMs: manifest.startedMs, toMs: since, what, todo: afterIt(manifest.endedMs, since) }];
  });
}

/** Segments of another table or member, which say nothing of this one. Pure. */
export function foreign(place: ArchivePlace, manifest: Manifest, seen: readonly Seen[], fromMs: number, upTo: number): Finding[] {
  const findings: Finding[] = [];
  for (const { ref, head } of seen) {
    if (head.toMs < fromMs || head.fromMs > upTo) continue;
    const other = head.set !== place.set || head.member !== place.member ? `of ${head.set}/${head.member}` : undefined;
    const replaced =
      head.tableId !== undefined && head.tableId !== manifest.tableId
        ? 'of a table that stood here under the same name, not of the one in the snapshot'
        : undefined;
    const what = other ?? replaced;
    if (what === undefined) continue;
    findings.push({
      kind: 'hole',
      object: ref.name,
      shard: ref.shard,
      fromMs: head.fromMs,
      toMs: head.toMs,
      what: `${ref.name} is ${what}.`,
      todo: afterIt(head.fromMs, head.toMs),
    });
  }
  return findings;
}

/**
 * Without rows and stream only the log itself says how far it reads: a shard that went on has a record after T.
 *
 * @throws RestoreRefusedError when T is later than that.
 */
export function shownOnly(seen: readonly Seen[], { at }: PlanRequest): string[] {
  const followed = new Set(
    seen.flatMap(({ ref, head }) => (head.previous === undefined || head.previous.shard === ref.shard ? [] : [`${ref.label}/${head.previous.shard}`])),
  );
  const ends = new Map<string, number>();
  for (const { ref, head } of seen) {
    const shard = shardPath(ref);
    if (!followed.has(shard)) ends.set(shard, Math.max(ends.get(shard) ?? 0, head.toMs));
  }
  const until = ends.size === 0 ? undefined : Math.min(...ends.values()) - SURELY_SHOWN_MS;
  if (at === 'latest') {
    return ['The member’s rows and its stream cannot be asked: this is all that the bucket holds. Changes that were never archived are not in it.'];
  }
  if (until !== undefined && at <= until) return [];
  const shown = until === undefined ? 'nothing' : `everything up to ${isoSeconds(until)}`;
  const what = `The member’s rows and its stream cannot be asked, and the bucket alone shows ${shown}, not ${isoSeconds(at)}.`;
  throw new RestoreRefusedError(what, [
    {
      kind: 'unfinished',
      ...(until !== undefined && { fromMs: until }),
      toMs: at,
      what,
      todo: 'Ask for an earlier time, or for "latest", which takes all that the bucket holds.',
    },
  ]);
}

/** Records of one shard are shown in their order, stamped in whole seconds: what follows the last one may bear its second, or the one before (ms). */
const SURELY_SHOWN_MS = 2_000;
