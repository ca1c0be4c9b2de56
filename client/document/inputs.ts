import { SynclineError } from '../errors.ts';
import type { BatchResult, ReadItem } from '../types.ts';
import type { NativeItem } from '../values.ts';
import type { Placeholders } from './reader.ts';

/** Inputs and outputs by the names of AWS's DynamoDBDocumentClient. There is no TableName: a replica set is one table. */

export interface GetInput extends Pick<Placeholders, 'ExpressionAttributeNames'> {
  readonly Key: NativeItem;
  readonly ConsistentRead?: boolean;
  /** Taken from the item here: the whole of it is read. */
  readonly ProjectionExpression?: string;
}

export interface GetOutput {
  readonly Item?: ReadItem;
}

export interface PutInput extends Placeholders {
  readonly Item: NativeItem;
  /** `attribute_not_exists(KEY)` or `attribute_exists(KEY)`, KEY being a key attribute. For others use update. */
  readonly ConditionExpression?: string;
  readonly ReturnValues?: 'NONE';
}

export interface DeleteInput extends Placeholders {
  readonly Key: NativeItem;
  /** `attribute_exists(KEY)`. */
  readonly ConditionExpression?: string;
  readonly ReturnValues?: 'NONE';
}

export interface UpdateInput extends Placeholders {
  readonly Key: NativeItem;
  readonly UpdateExpression: string;
  readonly ConditionExpression?: string;
  readonly ReturnValues?: 'NONE' | 'ALL_NEW';
}

export interface UpdateOutput {
  /** With ALL_NEW. Absent all the same when a repeated attempt had been done already, and another writer has changed the item since. */
  readonly Attributes?: ReadItem;
}

export interface QueryInput extends Placeholders {
  readonly KeyConditionExpression: string;
  readonly FilterExpression?: string;
  readonly ProjectionExpression?: string;
  /** Items that are returned: unlike DynamoDB's, it counts after the filter. 1 to 1,000. */
  readonly Limit?: number;
  readonly ScanIndexForward?: boolean;
  /** LastEvaluatedKey of the page before: opaque. */
  readonly ExclusiveStartKey?: PageKey;
  readonly ConsistentRead?: boolean;
}

/** Where a page ends: opaque, and only for the same query. */
export interface PageKey {
  readonly cursor: string;
}

export interface QueryOutput {
  readonly Items: readonly ReadItem[];
  readonly Count: number;
  readonly ScannedCount: number;
  readonly LastEvaluatedKey?: PageKey;
}

export interface BatchWriteInput {
  readonly Requests: readonly ({ readonly PutRequest: { readonly Item: NativeItem } } | { readonly DeleteRequest: { readonly Key: NativeItem } })[];
}

export interface BatchWriteOutput {
  /** Of each request, in their order. */
  readonly Results: readonly BatchResult[];
  /** Those that were not made for reasons that pass, to be sent again as Requests. Those that are at fault themselves are only in Results. */
  readonly UnprocessedRequests: BatchWriteInput['Requests'];
}

const PLACEHOLDERS = ['ExpressionAttributeNames', 'ExpressionAttributeValues'] as const;

/** What each call takes. */
const KNOWN = {
  get: ['Key', 'ConsistentRead', 'ProjectionExpression', 'ExpressionAttributeNames'],
  put: ['Item', 'ConditionExpression', 'ReturnValues', ...PLACEHOLDERS],
  delete: ['Key', 'ConditionExpression', 'ReturnValues', ...PLACEHOLDERS],
  update: ['Key', 'UpdateExpression', 'ConditionExpression', 'ReturnValues', ...PLACEHOLDERS],
  query: [
    'KeyConditionExpression',
    'FilterExpression',
    'ProjectionExpression',
    'Limit',
    'ScanIndexForward',
    'ExclusiveStartKey',
    'ConsistentRead',
    ...PLACEHOLDERS,
  ],
  batchWrite: ['Requests'],
} as const;

/**
 * Refuses what a call does not know, rather than ignoring it: an IndexName or a ReturnValues that is not obeyed gives wrong
 * data without a word. Types say it, too, but not to everybody.
 *
 * @throws SynclineError "invalid-value"
 */
export function checkInput(call: keyof typeof KNOWN, input: object): void {
  const known: readonly string[] = KNOWN[call];
  for (const [name, value] of Object.entries(input)) {
    if (value !== undefined && !known.includes(name)) {
      const hint = name === 'TableName' ? ' A replica set is one table: leave it out.' : '';
      throw new SynclineError('invalid-value', `${call} does not take ${name}.${hint} It takes ${known.join(', ')}.`);
    }
  }
  const { ReturnValues = 'NONE' } = input as { readonly ReturnValues?: unknown };
  if (ReturnValues === 'NONE' || (call === 'update' && ReturnValues === 'ALL_NEW')) return;
  throw new SynclineError('invalid-value', `ReturnValues of ${call}: ${call === 'update' ? 'NONE or ALL_NEW' : 'NONE'}; got ${JSON.stringify(ReturnValues)}.`);
}
