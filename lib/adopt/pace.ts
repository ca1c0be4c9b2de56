import { RESYNC_KEYS_MAX } from '../core/constants.ts';
import { DEPTH_PER_LANE, STEP_KEYS_PER_LANE, STEP_RATE_S } from './limits.ts';

/** How fast a backfill goes. Pure. */

/** Keys of the next step. @param ratePerS keys a second; absent for as fast as the links take them. */
export function stepKeys(lanes: number, ratePerS: number | undefined): number {
  const most = lanes * STEP_KEYS_PER_LANE;
  return ratePerS === undefined ? most : Math.max(1, Math.min(most, Math.floor(ratePerS * STEP_RATE_S)));
}

/** Messages that a link's queue may hold before a step is sent. */
export const depthMax = (lanes: number): number => lanes * DEPTH_PER_LANE;

/** How long to wait before the next step (ms), so that the keys since `sinceMs` (elapsed time) are not more than the rate allows. */
export function waitForRate(keys: number, sinceMs: number, nowMs: number, ratePerS: number | undefined): number {
  return ratePerS === undefined ? 0 : Math.max(0, Math.ceil(sinceMs + (keys / ratePerS) * 1_000 - nowMs));
}

/** Round trip between two regions that an estimate reckons with (ms): Frankfurt to Virginia. */
export const ROUND_TRIP_MS = 90;
/** Keys that a resync writes at the same time (see apply/resync.ts), and its round trips before. */
const KEYS_AT_ONCE = 8;
const READS = 3;

/**
 * Keys a second that one link is reckoned to take, before anything was measured: a message of 100 keys in each lane takes
 * three reads and thirteen rounds of writes.
 */
export function modelledRate(lanes: number, roundTripMs: number = ROUND_TRIP_MS): number {
  const roundTrips = READS + Math.ceil(RESYNC_KEYS_MAX / KEYS_AT_ONCE);
  return (lanes * RESYNC_KEYS_MAX * 1_000) / (roundTrips * roundTripMs);
}

/** Time left (ms) by the rate so far; undefined while there is none. */
export function timeLeft(keys: number, worked: number, total: number): number | undefined {
  if (keys <= 0 || worked <= 0) return undefined;
  return Math.max(0, Math.round(((total - keys) * worked) / keys));
}
