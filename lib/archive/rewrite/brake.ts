import { DELETE_COUNT_FREE } from '../../core/constants.ts';
import { InputError } from '../../core/errors.ts';
import { DELETE_SHARE_MAX } from './limits.ts';

/**
 * The brake on mass deletion: a rewrite that deletes more than DELETE_COUNT_FREE items and more than DELETE_SHARE_MAX of
 * the table wants to be told that this is meant.
 *
 * @param deletes of the plan.
 * @param items of the table, as DynamoDB counts them: hours old, so a table of 0 items counts as one that is deleted whole.
 * @param allowed so many deletions were said to be meant.
 * @throws InputError "too-many-deletes"
 */
export function checkDeletes(deletes: number, items: number, allowed: number | undefined): void {
  if (!isBraked(deletes, items) || (allowed !== undefined && allowed >= deletes)) return;
  const share = items > 0 ? `, ${Math.min(100, Math.round((deletes / items) * 100))} % of the about ${grouped(items)} in the table` : '';
  throw new InputError(
    'too-many-deletes',
    `${allowed === undefined ? '' : `--allow-deletes ${allowed} is not enough. `}The plan deletes ${grouped(deletes)} items${share}. Look at the plan; if that is meant, add --allow-deletes ${deletes}.`,
  );
}

/** 12,345. */
const grouped = (n: number): string => n.toLocaleString('en-US');

/** Whether so many deletions want to be confirmed. Pure. */
export const isBraked = (deletes: number, items: number): boolean => deletes > DELETE_COUNT_FREE && deletes > items * DELETE_SHARE_MAX;
