import { isoSeconds } from '../../core/calendar.ts';
import type { CellId, Digest } from '../../core/digest.ts';
import { cellOf, hasExpired, isComparable } from '../../core/digest.ts';
import { newestOf } from '../segments.ts';
import type { HotKey, HotKeyList } from './hot-keys.ts';
import { HotKeys } from './hot-keys.ts';
import { LOG_DELAY_MS, SKEW_MS, WINDOW_MAX_MS, WINDOW_MIN_MS } from './limits.ts';
import type { Motions } from './motions.ts';
import type { Standing } from './standing.ts';
import type { Content, ContentRef } from './window-row.ts';
import { contentOf, sameContent } from './window-row.ts';

export type { HotKey } from './hot-keys.ts';

/** How far a link lags. */
export interface LinkLag {
  /** Age of the newest marker that arrived (ms). */
  readonly lagMs?: number;
  /** Why nothing can be said of the link at all: a sentence. */
  readonly why?: string;
}

/** What a look shows of a link. */
export interface LinkComparison {
  /** `suspect`: a cell differs, which lag within the window cannot explain. `unverified`: nothing can be said, and why. */
  readonly state: 'verified' | 'suspect' | 'unverified';
  readonly equal: boolean;
  /** Cells that were compared. */
  readonly cells: number;
  readonly differing: readonly CellId[];
  /** Keys in motion: all else is compared. */
  readonly hot: number;
  /** These, and after them the refused ones: what was taken out of both sides. */
  readonly hotKeys: HotKeyList;
  /** Keys that the target can never take as they are, and whose contents differ. Absent for none. */
  readonly refused?: number;
  /** Cells that differ and are not compared, since items of theirs expire about now. Absent for none. */
  readonly begun?: Begun;
  /** Keys of the source in cells of days that are over: all of them have expired. */
  readonly expired?: number;
  /** Up to when the logs of both were read (ms). */
  readonly asOfMs: number;
  readonly why?: string;
  /** The target’s log shows nothing since (ms): a write made there while its observer stands still is not seen. Absent where that is recent. */
  readonly quietSinceMs?: number;
}

/** Cells whose day of expiry has begun, or begins within 10 minutes, and that differ. */
export interface Begun {
  readonly cells: readonly CellId[];
  /** Keys in them at either side, without the hot ones. */
  readonly sourceKeys: number;
  readonly targetKeys: number;
}

/** So many of the source’s last changes are looked for in the target’s log. */
const BEHIND_KEYS = 100;
/** A log that shows nothing for so long (ms) is quiet. */
const QUIET_MS = 15 * 60_000;

/**
 * Compares source and target of a link by their digests. Pure. Keys that changed within the window are compared by their entries:
 *
 * | the key changed in the window of | |
 * |---|---|
 * | the source alone | hot: the target is assumed to have what the source had for the longest time, as far as both logs reach back |
 * | both, to the same content | left in: equal |
 * | both, to different contents | hot: each side has what its last entry says |
 * | the target alone | left in: an earlier change of the source has arrived |
 * | the target alone, and lately | hot: the source’s log may not show the change yet; it is taken to have what its last entry says, or else what the target had before |
 *
 * Hot keys are taken out of both digests, and what remains must be equal. A wrong assumption makes a cell differ: only a suspicion.
 * So are keys that the target refuses: they differ for good, and are told as refused.
 * Times order the entries of one log; those of two logs are put beside each other only to choose the window, with SKEW_MS in between.
 *
 * @param refused keys that the target refuses, with what either table holds now; the logs know better what it was at their marks.
 */
export function compareLink(source: Standing, target: Standing, nowMs: number, lag: LinkLag = {}, refused: readonly HotKey[] = []): LinkComparison {
  const asOfMs = Math.min(source.asOfMs, target.asOfMs);
  const unverified = (why: string): LinkComparison => ({ state: 'unverified', equal: false, cells: 0, differing: [], hot: 0, hotKeys: [], asOfMs, why });
  if (lag.why !== undefined) return unverified(lag.why);
  for (const { member, digest, why } of [source, target]) if (digest === undefined) return unverified(`${member}: ${why ?? 'it has not been scanned yet.'}`);
  if (source.digest === undefined || target.digest === undefined) return unverified('Not scanned yet.');
  const neededMs = Math.max(WINDOW_MIN_MS, (lag.lagMs ?? 0) + LOG_DELAY_MS);
  if (neededMs > WINDOW_MAX_MS) return unverified(`The link lags by ${minutes(lag.lagMs ?? 0)}: changes are on the way for longer than a look reaches back.`);
  // While the source is idle its last changes stay in the window: the target’s log may still have to show them.
  const wishedMs = Math.min(asOfMs + LOG_DELAY_MS - neededMs, newestOf(source.mark) - WINDOW_MIN_MS);
  const reachesMs = Math.max(source.window.keptFromMs, target.window.keptFromMs + SKEW_MS);
  const fromMs = Math.max(wishedMs, reachesMs);
  if (fromMs > asOfMs + LOG_DELAY_MS - neededMs)
    return unverified(
      `The logs were followed for too short a time, or hold more changes than a look keeps: it reaches back ${minutes(asOfMs + LOG_DELAY_MS - fromMs)}, and ${minutes(neededMs)} are needed.`,
    );
  const targetNewestMs = newestOf(target.mark);
  const known = {
    source: source.window.motions(reachesMs),
    fromMs,
    target: target.window.motions(target.window.keptFromMs),
    lately: target.window.motions(source.asOfMs - SKEW_MS),
  };
  if (isBehind(known))
    return unverified(
      `The log of ${target.member} shows none of the last ${BEHIND_KEYS} changes of ${source.member} that must have arrived${
        targetNewestMs === 0 ? '' : `, and nothing after ${isoSeconds(targetNewestMs)} by its own clock`
      }: its observer is behind, or the changes do not reach its table.`,
    );
  const hotKeys = hotKeysOf(known, new Set(refused.map(nameOf)));
  const hot = hotKeys.length;
  for (const key of refused) pushRefused(hotKeys, known, key);
  const [own, other] = [source.digest.clone(), target.digest.clone()];
  for (const { keyHash, source: here, target: there } of hotKeys) {
    if (here !== undefined) own.remove({ keyHash, ...here });
    if (there !== undefined) other.remove({ keyHash, ...there });
  }
  const unequal = own.differing(other);
  const differing = unequal.filter((cell) => isComparable(cell, nowMs));
  const begun = unequal.filter((cell) => !isComparable(cell, nowMs) && !hasExpired(cell, nowMs));
  const expired = itemsIn(
    own,
    own.cells().filter((cell) => hasExpired(cell, nowMs)),
  );
  const cells = new Set([...source.digest.cells(), ...target.digest.cells()].filter((cell) => isComparable(cell, nowMs))).size;
  const equal = differing.length === 0;
  return {
    state: equal ? 'verified' : 'suspect',
    equal,
    cells,
    differing,
    hot,
    hotKeys,
    ...(hotKeys.length > hot && { refused: hotKeys.length - hot }),
    ...(begun.length > 0 && { begun: { cells: begun, sourceKeys: itemsIn(own, begun), targetKeys: itemsIn(other, begun) } }),
    ...(expired > 0 && { expired }),
    asOfMs,
    ...(nowMs - targetNewestMs > QUIET_MS && targetNewestMs > 0 && { quietSinceMs: targetNewestMs }),
  };
}

const itemsIn = (digest: Digest, cells: readonly CellId[]): number => cells.reduce((sum, cell) => sum + digest.itemsIn(cell), 0);

/** What both logs show of the keys that changed. */
interface Known {
  /** Of the source, as far as both logs reach back. The window is what changed from `fromMs` on. */
  readonly source: Motions;
  readonly fromMs: number;
  readonly target: Motions;
  /** Of the target, in the time that the source’s log may not show yet. */
  readonly lately: Motions;
}

/**
 * Whether the target’s log is not as far as the link. Few keys that it does not show are no sign of that: a verdict looks at each.
 */
function isBehind({ source, fromMs, target }: Known): boolean {
  const resting: number[] = [];
  for (let key = 0; key < source.length; key += 1) if (source.isIn(key) && source.untilMs(key) < fromMs && !source.isExpired(key)) resting.push(key);
  if (resting.length < BEHIND_KEYS) return false;
  const newest = resting.sort((a, b) => source.untilMs(b) - source.untilMs(a)).slice(0, BEHIND_KEYS);
  return !newest.some((key) => {
    const there = target.find(source, key);
    return there >= 0 && sameContent(target.last(there), source.last(key));
  });
}

/** The keys in motion, by what became of each at either side; but for those that are left out. @param but key hashes, hexadecimal */
function hotKeysOf({ source, fromMs, target, lately }: Known, but: ReadonlySet<string>): HotKeys {
  const hot = new HotKeys();
  const push = (keyHash: Buffer, here: ContentRef, there: ContentRef): void => {
    if (sameContent(here, there) || (but.size > 0 && but.has(keyHash.toString('hex')))) return;
    hot.push(hotKey(keyHash, contentOf(here), contentOf(there)));
  };
  for (let key = 0; key < source.length; key += 1) {
    if (!source.isIn(key) || source.untilMs(key) < fromMs) continue;
    const there = target.find(source, key);
    // A target that shows nothing had one content all the time. It need not be the one before the window: of changes that went together it shows
    // nothing when the last one undoes the first. What the source had for longer than a change takes, it has had, too.
    push(source.keyHash(key), source.last(key), there < 0 ? source.settled(key) : target.last(there));
  }
  for (let key = 0; key < lately.length; key += 1) {
    if (!lately.isIn(key)) continue;
    const here = source.find(lately, key);
    if (here < 0 || source.untilMs(here) < fromMs) push(lately.keyHash(key), here < 0 ? lately.first(key) : source.last(here), lately.last(key));
  }
  return hot;
}

const nameOf = ({ keyHash }: Pick<HotKey, 'keyHash'>): string => keyHash.toString('hex');

const hotKey = (keyHash: Buffer, here: Content | undefined, there: Content | undefined): HotKey => ({
  keyHash,
  ...(here && { source: here }),
  ...(there && { target: there }),
});

/** Adds a refused key, with what each side had at its mark. */
function pushRefused(hot: HotKeys, { source, target }: Known, { keyHash, source: read, target: readThere }: HotKey): void {
  const at = (motions: Motions, now: Content | undefined): Content | undefined => {
    const key = motions.findHash(keyHash);
    return key < 0 ? now : contentOf(motions.last(key));
  };
  const [here, there] = [at(source, read), at(target, readThere)];
  const isSame = here === undefined || there === undefined ? here === there : here.itemHash.equals(there.itemHash) && here.day === there.day;
  if (!isSame) hot.push(hotKey(keyHash, here, there));
}

/** The hot keys that have to do with some cells. */
export function hotIn(hotKeys: Iterable<HotKey>, cells: ReadonlySet<CellId>): HotKey[] {
  const found: HotKey[] = [];
  for (const hot of hotKeys) {
    const { keyHash, source, target } = hot;
    if ([source, target].some((content) => content !== undefined && cells.has(cellOf({ keyHash, ...content })))) found.push(hot);
  }
  return found;
}

const minutes = (ms: number): string => `${Math.max(0, Math.round(ms / 6_000) / 10)} min`;
