import { InputError } from '../../core/errors.ts';
import type { ItemCondition } from '../../core/expression/condition.ts';
import { holds } from '../../core/expression/condition.ts';
import type { LogRecord, Origin } from '../../core/formats/log-record.ts';
import { withoutMeta } from '../../core/formats/seal.ts';

/** Which changes are bad: those of a window that were made at this member, and that a condition holds for. Pure. */

export interface BadChanges {
  /** Both included (ms). DynamoDB tells the time of a change in whole seconds. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Who made them. What an applier wrote is never one: it is undone where it was made. */
  readonly origin: Exclude<Origin, 'applier'>;
  /** Of the new image; of the old one for a removal. */
  readonly where?: ItemCondition;
}

/** Whether a change lies in the window, whatever it is. */
const isInWindow = (record: Pick<LogRecord, 'at'>, { fromMs, toMs }: BadChanges): boolean => record.at >= fromMs && record.at <= toMs;

/** What a change is to an undo: bad; or it would be, were it not for its origin; or none of its business. */
export type Matched = 'bad' | { readonly otherOrigin: Origin } | undefined;

/** Judges a change. */
export function matchOf(record: LogRecord, bad: BadChanges): Matched {
  if (!isInWindow(record, bad) || !matches(record, bad)) return undefined;
  return record.origin === bad.origin ? 'bad' : { otherOrigin: record.origin };
}

function matches(record: LogRecord, { where }: BadChanges): boolean {
  const image = record.newImage ?? record.oldImage;
  return where === undefined || holds(where, image === undefined ? undefined : withoutMeta(image));
}

/** @throws InputError "invalid-window" */
export function checkWindow({ fromMs, toMs }: BadChanges, nowMs: number): void {
  if (fromMs > toMs) throw new InputError('invalid-window', '--from lies after --to. Give the earlier time first.');
  if (fromMs > nowMs) throw new InputError('invalid-window', '--from lies in the future.');
}
