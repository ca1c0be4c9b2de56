import { REPLAY_BEFORE_MS } from '../restore/limits.ts';

/** What is wrong with an archive, found by whoever reads it. */
export interface Finding {
  /**
   * `missing`: an object that must be there is not. `damaged`: an object's bytes are not what was stored. `hole`: changes
   * are missing from the log, or may be. `unlinked`: a segment does not follow on the one before it. `unfinished`: not
   * there yet, or begun and not ended.
   */
  readonly kind: 'missing' | 'damaged' | 'hole' | 'unlinked' | 'unfinished';
  /** Name of the object. */
  readonly object?: string;
  readonly shard?: string;
  /** The changes that it concerns: made from the one time up to the other (ms since 1970), both included. */
  readonly fromMs?: number;
  readonly toMs?: number;
  /** In sentences: what was found. */
  readonly what: string;
  /** In sentences: what can be done. */
  readonly todo: string;
}

/** A restore replays the log from so long before its snapshot on (min). */
const COVERED_AFTER_MIN = REPLAY_BEFORE_MS / 60_000;

/** What can be done where an object of the log is gone or damaged. */
export const TODO_RESTORE_OBJECT = `If the bucket keeps versions, bring the object back. Else take a snapshot ("syncline snapshot") that begins at least ${COVERED_AFTER_MIN} minutes after what is missing: from its end on, every time can be restored again.`;
/** What can be done where the log never had something. */
export const TODO_SNAPSHOT = `Nothing brings these changes back. Take a snapshot ("syncline snapshot") that begins at least ${COVERED_AFTER_MIN} minutes after them, unless there is one: from its end on, every time can be restored again.`;
