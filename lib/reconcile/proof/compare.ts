import { isoSeconds } from '../../core/calendar.ts';
import type { CellId } from '../../core/digest.ts';
import { cellOf, isComparable } from '../../core/digest.ts';
import { newestOf } from '../segments.ts';
import { LOG_DELAY_MS, SKEW_MS, WINDOW_MAX_MS, WINDOW_MIN_MS } from './limits.ts';
import type { Standing } from './standing.ts';
import type { Content, Motion } from './window.ts';
import { sameContent } from './window.ts';

/** A key in motion: what is taken for its content at either side, absent for no item. It is subtracted from both. */
export interface HotKey {
  readonly keyHash: Buffer;
  readonly source?: Content;
  readonly target?: Content;
}

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
  readonly hotKeys: readonly HotKey[];
  /** Up to when the logs of both were read (ms). */
  readonly asOfMs: number;
  readonly why?: string;
  /** The target’s log shows nothing since (ms): a write made there while its observer stands still is not seen. Absent where that is recent. */
  readonly quietSinceMs?: number;
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
 * Times order the entries of one log; those of two logs are put beside each other only to choose the window, with SKEW_MS in between.
 */
export function compareLink(source: Standing, target: Standing, nowMs: number, lag: LinkLag = {}): LinkComparison {
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
  const hotKeys = hotKeysOf(known);
  const differing = differingCells(source, target, hotKeys, nowMs);
  const cells = new Set([...source.digest.cells(), ...target.digest.cells()].filter((cell) => isComparable(cell, nowMs))).size;
  const equal = differing.length === 0;
  return {
    state: equal ? 'verified' : 'suspect',
    equal,
    cells,
    differing,
    hot: hotKeys.length,
    hotKeys,
    asOfMs,
    ...(nowMs - targetNewestMs > QUIET_MS && targetNewestMs > 0 && { quietSinceMs: targetNewestMs }),
  };
}

/** What both logs show of the keys that changed. */
interface Known {
  /** Of the source, as far as both logs reach back. The window is what changed from `fromMs` on. */
  readonly source: ReadonlyMap<string, Motion>;
  readonly fromMs: number;
  readonly target: ReadonlyMap<string, Motion>;
  /** Of the target, in the time that the source’s log may not show yet. */
  readonly lately: ReadonlyMap<string, Motion>;
}

/**
 * Whether the target’s log is not as far as the link. Few keys that it does not show are no sign of that: a verdict looks at each.
 */
function isBehind({ source, fromMs, target }: Known): boolean {
  const resting = [...source].filter(([, { untilMs, expired }]) => untilMs < fromMs && !expired);
  if (resting.length < BEHIND_KEYS) return false;
  const newest = resting.sort(([, a], [, b]) => b.untilMs - a.untilMs).slice(0, BEHIND_KEYS);
  return !newest.some(([name, { last }]) => {
    const there = target.get(name);
    return there !== undefined && sameContent(there.last, last);
  });
}

/** The keys in motion, by what became of each at either side. */
function hotKeysOf({ source, fromMs, target, lately }: Known): HotKey[] {
  const hot: HotKey[] = [];
  const push = (keyHash: Buffer, here: Content | undefined, there: Content | undefined): void => {
    if (!sameContent(here, there)) hot.push({ keyHash, ...(here && { source: here }), ...(there && { target: there }) });
  };
  for (const [name, { keyHash, settled, last, untilMs }] of source) {
    const there = target.get(name);
    // A target that shows nothing had one content all the time. It need not be the one before the window: of changes that went together it shows
    // nothing when the last one undoes the first. What the source had for longer than a change takes, it has had, too.
    if (untilMs >= fromMs) push(keyHash, last, there === undefined ? settled : there.last);
  }
  for (const [name, { keyHash, first, last }] of lately) {
    const here = source.get(name);
    if (here === undefined || here.untilMs < fromMs) push(keyHash, here === undefined ? first : here.last, last);
  }
  return hot;
}

function differingCells(source: Standing, target: Standing, hotKeys: readonly HotKey[], nowMs: number): readonly CellId[] {
  const [own, other] = [source.digest?.clone(), target.digest?.clone()];
  if (own === undefined || other === undefined) return [];
  for (const { keyHash, source: here, target: there } of hotKeys) {
    if (here !== undefined) own.remove({ keyHash, ...here });
    if (there !== undefined) other.remove({ keyHash, ...there });
  }
  return own.differing(other).filter((cell) => isComparable(cell, nowMs));
}

/** The hot keys that have to do with some cells. */
export const hotIn = (hotKeys: readonly HotKey[], cells: ReadonlySet<CellId>): HotKey[] =>
  hotKeys.filter(({ keyHash, source, target }) => [source, target].some((content) => content !== undefined && cells.has(cellOf({ keyHash, ...content }))));

const minutes = (ms: number): string => `${Math.max(0, Math.round(ms / 6_000) / 10)} min`;
