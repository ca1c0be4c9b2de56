import { isoSeconds } from '../../core/calendar.ts';
import type { Link } from '../../core/formats/rows.ts';
import type { QueueDepth } from '../../ports/queue.ts';
import type { LinkLag } from './compare.ts';
import { KEEP_MS, LOG_DELAY_MS, WINDOW_MAX_MS, WINDOW_MIN_MS } from './limits.ts';
import type { Window } from './window.ts';

/** Messages that a link without writes may have on the way: a marker or two. */
const IDLE_MESSAGES = 2;

/**
 * How far a link lags, by the newest marker that arrived and by what waits in its queue. Pure.
 *
 * @param depth of the link’s queue; undefined where it may not be asked.
 * @param window of the source: how fast changes come. A message holds at least one; so many wait for at least so long.
 */
export function lagOf(link: Link | undefined, depth: QueueDepth | undefined, window: Pick<Window, 'countFrom'>, nowMs: number): LinkLag {
  if (link === undefined) return { why: 'The link has no row yet.' };
  if (link.state !== 'open') return { why: `The link is ${link.state}${link.why === undefined ? '' : `: ${link.why}`}.` };
  const { failing, refusing, mark } = link;
  if (failing !== undefined) return { why: `The target does not answer since ${isoSeconds(failing.since)}: ${failing.why}.` };
  if (refusing !== undefined) return { why: `The link’s queue refuses messages since ${isoSeconds(refusing.since)}: ${refusing.why}.` };
  if (mark === undefined) return { why: 'No marker has arrived over the link yet.' };
  const waiting = depth === undefined ? 0 : depth.visible + depth.inFlight;
  const perMs = window.countFrom(nowMs - WINDOW_MIN_MS) / WINDOW_MIN_MS;
  // What waits although nothing was written stands still in its lane, nobody knows since when.
  const waitsMs = waiting <= IDLE_MESSAGES ? 0 : perMs === 0 ? WINDOW_MAX_MS : waiting / perMs;
  return { lagMs: Math.max(0, nowMs - mark.sent, waitsMs) };
}

/**
 * How much of a log’s newest entries is kept (ms) where a link lags by so much: three times what a look reaches back, so that it shows, too,
 * what a key had before it was in motion. Pure.
 */
export const keepFor = (lagMs: number): number => Math.min(3 * WINDOW_MAX_MS, Math.max(KEEP_MS, 3 * (lagMs + LOG_DELAY_MS)));
