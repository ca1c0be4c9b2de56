import type { Position } from './formats/position.ts';
import { comparePositions } from './formats/position.ts';

/**
 * ⚠ The guard: a change is applied only where the key's position is lower.
 *
 * The key's position at the target is that of its item, if there is one whose position counts (see seal.ts), else of
 * its tombstone, else none. An item that is older than its tombstone is a half-done delete: it is judged by its own
 * position, so that the delete, when it comes again, is finished.
 */
export type GuardDecision = 'apply' | 'superseded';

/** What is known of a key at the target. A position is absent where there is none that counts. */
export interface KeyState {
  readonly item: Position | undefined;
  readonly tombstone: Position | undefined;
}

/** The position of a key at the target, or undefined. */
export const keyPosition = (state: KeyState): Position | undefined => state.item ?? state.tombstone;

/** The one decision; both of apply's implementations call it. */
export function guard(change: Position, state: KeyState): GuardDecision {
  const at = keyPosition(state);
  return at === undefined || comparePositions(at, change) < 0 ? 'apply' : 'superseded';
}
