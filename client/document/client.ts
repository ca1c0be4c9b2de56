import type { SynclineClient } from '../client.ts';
import type { Condition, Sort } from '../conditions.ts';
import { SynclineError } from '../errors.ts';
import type { BatchResult, BatchWrite, CallOptions, WriteOptions } from '../types.ts';
import type { NativeItem, NativeValue } from '../values.ts';
import { readCondition } from './condition.ts';
import { keyCondition } from './key-condition.ts';
import type { Placeholders } from './reader.ts';
import { Reader } from './reader.ts';
import { readUpdate } from './update.ts';

/** Inputs by the names of AWS's DynamoDBDocumentClient. There is no TableName: a replica set is one table. */
export interface GetInput {
  readonly Key: NativeItem;
  readonly ConsistentRead?: boolean;
}

export interface PutInput extends Placeholders {
  readonly Item: NativeItem;
  /** `attribute_not_exists(KEY)` or `attribute_exists(KEY)`, KEY being a key attribute. For others use update. */
  readonly ConditionExpression?: string;
}

export interface DeleteInput extends Placeholders {
  readonly Key: NativeItem;
  /** `attribute_exists(KEY)`. */
  readonly ConditionExpression?: string;
}

export interface UpdateInput extends Placeholders {
  readonly Key: NativeItem;
  readonly UpdateExpression: string;
  readonly ConditionExpression?: string;
  /** ALL_NEW gives no Attributes in one case: a repeated attempt had been done already, and another writer has changed the item since. */
  readonly ReturnValues?: 'NONE' | 'ALL_NEW';
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
  readonly Items: readonly { readonly [name: string]: NativeValue }[];
  readonly Count: number;
  readonly ScannedCount: number;
  readonly LastEvaluatedKey?: PageKey;
}

export interface BatchWriteInput {
  readonly Requests: readonly ({ readonly PutRequest: { readonly Item: NativeItem } } | { readonly DeleteRequest: { readonly Key: NativeItem } })[];
}

/** A condition that did not hold, by the name that the AWS SDK gives it. */
export class ConditionalCheckFailedException extends SynclineError {
  constructor(cause: SynclineError) {
    super(
      cause.code,
      cause.message,
      {
        attempts: cause.attempts,
        ...(cause.status !== undefined && { status: cause.status }),
        ...(cause.problem !== undefined && { problem: cause.problem }),
        ...(cause.idempotencyKey !== undefined && { idempotencyKey: cause.idempotencyKey }),
      },
      { cause },
    );
    this.name = 'ConditionalCheckFailedException';
  }
}

/** Items of a batch write: the API's limit. */
const BATCH_MAX = 100;

/**
 * The client by the names and expressions of AWS's DynamoDBDocumentClient, for code that knows those. Expressions are read
 * here and sent in the API's own forms; one that has no translation is refused (`invalid-expression`), never half obeyed.
 */
export class SynclineDocumentClient {
  readonly #client: SynclineClient;

  private constructor(client: SynclineClient) {
    this.#client = client;
  }

  static from(client: SynclineClient): SynclineDocumentClient {
    return new SynclineDocumentClient(client);
  }

  async get(input: GetInput, options: CallOptions = {}): Promise<{ readonly Item?: { readonly [name: string]: NativeValue } }> {
    const { item } = await this.#client.get(input.Key, { ...options, consistency: input.ConsistentRead === true ? 'strong' : 'eventual' });
    return item === undefined ? {} : { Item: item };
  }

  async put(input: PutInput, options: CallOptions = {}): Promise<void> {
    const whether = this.#existence(input, Object.keys(await this.#keyOf(input, options)));
    const write: WriteOptions = whether === undefined ? {} : whether ? { ifMatch: '*' } : { ifNoneMatch: '*' };
    await checked(this.#client.put(input.Item, { ...options, ...write }));
  }

  async delete(input: DeleteInput, options: CallOptions = {}): Promise<void> {
    const whether = this.#existence(input, Object.keys(input.Key));
    if (whether === false) {
      throw new SynclineError('invalid-expression', 'delete takes attribute_exists(KEY) as its condition: deleting what must not be there does nothing.');
    }
    await checked(this.#client.delete(input.Key, { ...options, ...(whether === true && { ifMatch: '*' }) }));
  }

  async update(input: UpdateInput, options: CallOptions = {}): Promise<{ readonly Attributes?: { readonly [name: string]: NativeValue } }> {
    const operations = readUpdate(input.UpdateExpression, input);
    const condition = input.ConditionExpression === undefined ? undefined : readCondition(input.ConditionExpression, input);
    const { item } = await checked(this.#client.patch(input.Key, { operations, ...(condition !== undefined && { if: condition }) }, options));
    return input.ReturnValues === 'ALL_NEW' && item !== undefined ? { Attributes: item } : {};
  }

  async query(input: QueryInput, options: CallOptions = {}): Promise<QueryOutput> {
    const { partition, sort } = keyCondition(input.KeyConditionExpression, input, await this.#client.keyNames(options));
    const page = await this.#client.query(
      {
        partition,
        ...(sort !== undefined && { sort: sort as Sort }),
        ...(input.FilterExpression !== undefined && { filter: readCondition(input.FilterExpression, input) }),
        ...(input.ProjectionExpression !== undefined && { select: projection(input.ProjectionExpression, input) }),
        ...(input.Limit !== undefined && { limit: input.Limit }),
        ...(input.ScanIndexForward === false && { descending: true }),
        ...(input.ExclusiveStartKey !== undefined && { after: input.ExclusiveStartKey.cursor }),
      },
      { ...options, consistency: input.ConsistentRead === true ? 'strong' : 'eventual' },
    );
    return { Items: page.items, Count: page.count, ScannedCount: page.scanned, ...(page.next !== undefined && { LastEvaluatedKey: { cursor: page.next } }) };
  }

  /**
   * Puts and deletes, at most 100. Unlike DynamoDB's there is nothing unprocessed: each has its own result, in their order.
   */
  batchWrite(input: BatchWriteInput, options: CallOptions = {}): Promise<readonly BatchResult[]> {
    if (input.Requests.length > BATCH_MAX) throw new SynclineError('invalid-value', `Requests: at most ${BATCH_MAX}; got ${input.Requests.length}.`);
    const writes = input.Requests.map((r): BatchWrite => ('PutRequest' in r ? { put: r.PutRequest.Item } : { delete: r.DeleteRequest.Key }));
    return this.#client.batchWrite(writes, options);
  }

  async #keyOf(input: PutInput, options: CallOptions): Promise<NativeItem> {
    return input.ConditionExpression === undefined ? {} : this.#client.keyOf(input.Item, options);
  }

  /** Whether the item must be there (true) or must not (false); undefined without a condition. */
  #existence(input: Placeholders & { readonly ConditionExpression?: string }, keyNames: readonly string[]): boolean | undefined {
    if (input.ConditionExpression === undefined) return undefined;
    const condition: Condition = readCondition(input.ConditionExpression, input);
    if ('op' in condition && (condition.op === 'exists' || condition.op === 'not-exists')) {
      const [name, ...more] = Array.isArray(condition.path) ? (condition.path as readonly string[]) : [condition.path as string];
      if (more.length === 0 && name !== undefined && keyNames.includes(name)) return condition.op === 'exists';
    }
    throw new SynclineError(
      'invalid-expression',
      `The condition ${JSON.stringify(input.ConditionExpression.slice(0, 200))} has no translation for put and delete: only attribute_exists and attribute_not_exists of a key attribute have one. Use update, whose condition is free, or ifMatch with the item’s ETag.`,
    );
  }
}

function projection(expression: string, placeholders: Placeholders): (readonly (string | number)[])[] {
  const reader = new Reader(expression, placeholders);
  const paths = [reader.path()];
  while (reader.sign(',')) paths.push(reader.path());
  reader.end();
  return paths;
}

async function checked<T>(write: Promise<T>): Promise<T> {
  try {
    return await write;
  } catch (error) {
    if (error instanceof SynclineError && (error.code === 'condition-failed' || error.code === 'precondition-failed')) {
      throw new ConditionalCheckFailedException(error);
    }
    throw error;
  }
}
