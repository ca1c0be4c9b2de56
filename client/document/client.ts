import { project, projectionOf } from '../../lib/core/expression/projection.ts';
import { SynclineError } from '../errors.ts';
import type { BatchWrite, CallOptions, Items, Query, WriteOptions } from '../types.ts';
import { unmarshalItem } from '../values.ts';
import { pagesOf } from '../wire.ts';
import { readCondition } from './condition.ts';
import { existence } from './existence.ts';
import type {
  BatchWriteInput,
  BatchWriteOutput,
  DeleteInput,
  GetInput,
  GetOutput,
  PageKey,
  PutInput,
  QueryInput,
  QueryOutput,
  UpdateInput,
  UpdateOutput,
} from './inputs.ts';
import { checkInput } from './inputs.ts';
import { keyCondition } from './key-condition.ts';
import type { DocumentPath, Placeholders } from './reader.ts';
import { Reader } from './reader.ts';
import { readUpdate } from './update.ts';

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

/** What a write may set beside its input. */
export type DocumentWriteOptions = Pick<WriteOptions, 'timeoutMs' | 'signal' | 'idempotencyKey'>;

/** Items of a batch write: the API's limit. */
const BATCH_MAX = 100;

/**
 * The client by the names and expressions of AWS's DynamoDBDocumentClient, for code that knows those. Expressions are read
 * here and sent in the API's own forms; one that has no translation is refused (`invalid-expression`), never half obeyed.
 */
export class SynclineDocumentClient {
  readonly #items: Items;

  private constructor(items: Items) {
    this.#items = items;
  }

  /** @param items a client; or a session of one, and all reads see what was written here */
  static from(items: Items): SynclineDocumentClient {
    return new SynclineDocumentClient(items);
  }

  async get(input: GetInput, options: CallOptions = {}): Promise<GetOutput> {
    checkInput('get', input);
    const wanted = input.ProjectionExpression === undefined ? undefined : projectionOf(paths(input.ProjectionExpression, input));
    const { item, raw } = await this.#items.get(input.Key, { ...options, ...consistency(input), raw: wanted !== undefined });
    if (item === undefined) return {};
    return { Item: wanted === undefined || raw === undefined ? item : unmarshalItem(project(raw, wanted)) };
  }

  async put(input: PutInput, options: DocumentWriteOptions = {}): Promise<void> {
    checkInput('put', input);
    const left = this.#items.timed(options);
    const whether = input.ConditionExpression === undefined ? undefined : existence(input, await this.#items.keyNames(left()));
    const write: WriteOptions = whether === undefined ? {} : whether ? { ifMatch: '*' } : { ifNoneMatch: '*' };
    await checked(this.#items.put(input.Item, { ...left(), ...write }));
  }

  async delete(input: DeleteInput, options: DocumentWriteOptions = {}): Promise<void> {
    checkInput('delete', input);
    const whether = existence(input, Object.keys(input.Key));
    if (whether === false) {
      throw new SynclineError('invalid-expression', 'delete takes attribute_exists(KEY) as its condition: deleting what must not be there does nothing.');
    }
    await checked(this.#items.delete(input.Key, { ...options, ...(whether === true && { ifMatch: '*' }) }));
  }

  async update(input: UpdateInput, options: DocumentWriteOptions = {}): Promise<UpdateOutput> {
    checkInput('update', input);
    const operations = readUpdate(input.UpdateExpression, input);
    const condition = input.ConditionExpression === undefined ? {} : { if: readCondition(input.ConditionExpression, input) };
    const returnItem = input.ReturnValues === 'ALL_NEW';
    const { item } = await checked(this.#items.patch(input.Key, { operations, ...condition }, { ...options, returnItem }));
    return returnItem && item !== undefined ? { Attributes: item } : {};
  }

  async query(input: QueryInput, options: CallOptions = {}): Promise<QueryOutput> {
    checkInput('query', input);
    const left = this.#items.timed(options, true);
    const query: Query = {
      ...keyCondition(input.KeyConditionExpression, input, await this.#items.keyNames(left())),
      ...(input.FilterExpression !== undefined && { filter: readCondition(input.FilterExpression, input) }),
      ...(input.ProjectionExpression !== undefined && { select: paths(input.ProjectionExpression, input) }),
      ...(input.Limit !== undefined && { limit: input.Limit }),
      ...(input.ScanIndexForward === false && { descending: true }),
      ...(input.ExclusiveStartKey !== undefined && { after: cursorOf(input.ExclusiveStartKey) }),
    };
    const page = await this.#items.query(query, { ...left(), ...consistency(input) });
    return { Items: page.items, Count: page.count, ScannedCount: page.scanned, ...(page.next !== undefined && { LastEvaluatedKey: { cursor: page.next } }) };
  }

  /** Page after page of a query, as they are asked for: the SDK's `paginateQuery`. Each has the time of a call. */
  async *paginateQuery(input: QueryInput, options: CallOptions = {}): AsyncGenerator<QueryOutput, void, undefined> {
    const first = input.ExclusiveStartKey === undefined ? undefined : cursorOf(input.ExclusiveStartKey);
    const pages = pagesOf(first, async ({ after }) => {
      const output = await this.query({ ...input, ...(after !== undefined && { ExclusiveStartKey: { cursor: after } }) }, options);
      return { output, ...(output.LastEvaluatedKey !== undefined && { next: output.LastEvaluatedKey.cursor }) };
    });
    for await (const { output } of pages) yield output;
  }

  /** Puts and deletes, at most 100. Each has its own result. */
  async batchWrite(input: BatchWriteInput, options: DocumentWriteOptions = {}): Promise<BatchWriteOutput> {
    checkInput('batchWrite', input);
    const { Requests } = input;
    if (Requests.length > BATCH_MAX) throw new SynclineError('invalid-value', `Requests: at most ${BATCH_MAX}; got ${Requests.length}.`);
    const writes = Requests.map((r): BatchWrite => ('PutRequest' in r ? { put: r.PutRequest.Item } : { delete: r.DeleteRequest.Key }));
    const { results } = await this.#items.batchWrite(writes, options);
    return { Results: results, UnprocessedRequests: Requests.filter((_, i) => (results[i]?.status ?? 0) >= 500) };
  }
}

const consistency = (input: { readonly ConsistentRead?: boolean }): { readonly consistency?: 'strong' } =>
  input.ConsistentRead === true ? { consistency: 'strong' } : {};

function paths(expression: string, placeholders: Placeholders): DocumentPath[] {
  const reader = new Reader(expression, placeholders);
  const found = [reader.path()];
  while (reader.sign(',')) found.push(reader.path());
  reader.end();
  return found;
}

function cursorOf(key: Partial<PageKey>): string {
  if (typeof key.cursor === 'string') return key.cursor;
  throw new SynclineError('invalid-value', 'ExclusiveStartKey: give the LastEvaluatedKey of the page before, as it is. A key of your own cannot be one.');
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
