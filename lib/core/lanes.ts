import { LANES_MAX } from './constants.ts';
import { assert } from './errors.ts';

/**
 * The lane of a key: its hash modulo the number of lanes. Part of the format: were it another on the two sides of a
 * deployment, two changes of one key could overtake each other.
 */
export function laneOf(keyHash: Uint8Array, lanes: number): number {
  assert(Number.isInteger(lanes) && lanes >= 1 && lanes <= LANES_MAX, 'number of lanes out of range', { lanes });
  const head = ((keyHash[0] as number) << 24) | ((keyHash[1] as number) << 16) | ((keyHash[2] as number) << 8) | (keyHash[3] as number);
  return (head >>> 0) % lanes;
}

/** The FIFO message group of a lane. */
export const laneGroup = (lane: number): string => `lane-${lane}`;
