import type { Item } from '../../core/attribute.ts';
import { RemoteError } from '../../ports/errors.ts';
import type { TransactAnswer, TransactWrite } from '../../ports/table.ts';
import { kindOf } from './classify.ts';
import { Expressions } from './expression.ts';
import { WireError } from './wire-protocol.ts';

/**
 * TransactWriteItems on the wire: its parts, and why it was cancelled.
 * https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
 */

/** One part of a transaction as DynamoDB takes it. */
export function wireTransact(write: TransactWrite): object {
  const expressions = new Expressions();
  const text = write.condition === undefined ? undefined : expressions.condition(write.condition);
  const about = {
    TableName: write.table,
    ...(text !== undefined && { ConditionExpression: text, ReturnValuesOnConditionCheckFailure: 'ALL_OLD' }),
    ...expressions.parameters(),
  };
  if (write.put !== undefined) return { Put: { ...about, Item: write.put } };
  if (write.delete !== undefined) return { Delete: { ...about, Key: write.delete } };
  return { ConditionCheck: { ...about, Key: write.check } };
}

interface Reason {
  readonly Code?: string;
  readonly Message?: string;
  readonly Item?: Item;
}

/** Reasons of a cancellation under names that single calls use, so that they are classified alike. */
const CODES: Readonly<Record<string, string>> = {
  ThrottlingError: 'ThrottlingException',
  ProvisionedThroughputExceeded: 'ProvisionedThroughputExceededException',
  // Another transaction, or a write, held an item at that moment: refused for load, as far as a caller is concerned.
  TransactionConflict: 'ThrottlingException',
  ValidationError: 'ValidationException',
  AccessDenied: 'AccessDeniedException',
};

/**
 * What a failed transaction says of itself: conditions that did not hold are an answer, everything else is thrown. Nothing
 * was written in any of these cases, since the service itself says that it cancelled.
 *
 * @throws RemoteError
 */
export function cancellation(error: unknown): TransactAnswer {
  const cause = error instanceof RemoteError ? error.cause : undefined;
  if (!(cause instanceof WireError) || cause.name !== 'TransactionCanceledException') throw error;
  const reasons = (cause.answer['CancellationReasons'] ?? []) as readonly Reason[];
  const failed = reasons.flatMap((reason, index) => {
    if (reason.Code !== 'ConditionalCheckFailed') return [];
    // Without an item the reason has none, or (local servers) an empty one.
    const old = reason.Item !== undefined && Object.keys(reason.Item).length > 0 ? reason.Item : undefined;
    return [{ index, old }];
  });
  if (failed.length > 0) return { ok: false, failed };
  const other = reasons.find((reason) => reason.Code !== undefined && reason.Code !== 'None');
  const code = other?.Code ?? cause.name;
  throw new RemoteError(kindOf({ code: CODES[code] ?? code, message: '', status: 400, issued: true }), code, other?.Message ?? cause.message, { cause: error });
}
