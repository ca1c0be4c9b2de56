import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  BatchGetItemCommand,
  BatchWriteItemCommand,
  DeleteItemCommand,
  DescribeTableCommand,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import type { Item, Key } from '../../core/attribute.ts';
import type {
  BatchGet,
  BatchGetAnswer,
  CallOptions,
  Changes,
  Condition,
  ConditionalAnswer,
  Page,
  QueryRequest,
  ScanRequest,
  TableDescription,
  TablePort,
  TableWrite,
  TransactAnswer,
  TransactWrite,
} from '../../ports/table.ts';
import { remoteError } from './classify.ts';
import { ADMIT } from './clients.ts';
import { Expressions } from './expression.ts';
import { cancellation, wireTransact } from './transact.ts';
import { wireCall } from './wire-call.ts';
import { WireError } from './wire-protocol.ts';

const ALL_OLD = { ReturnValuesOnConditionCheckFailure: 'ALL_OLD' } as const;

/** The operation that a command is, on the wire. */
const OPERATIONS: ReadonlyMap<CommandClass, string> = new Map<CommandClass, string>([
  [BatchGetItemCommand, 'BatchGetItem'],
  [BatchWriteItemCommand, 'BatchWriteItem'],
  [DeleteItemCommand, 'DeleteItem'],
  [DescribeTableCommand, 'DescribeTable'],
  [GetItemCommand, 'GetItem'],
  [PutItemCommand, 'PutItem'],
  [QueryCommand, 'Query'],
  [ScanCommand, 'Scan'],
  [TransactWriteItemsCommand, 'TransactWriteItems'],
  [UpdateItemCommand, 'UpdateItem'],
]);

/** Commands that only read: an answered failure of theirs had no effect. */
const READS: ReadonlySet<CommandClass> = new Set<CommandClass>([BatchGetItemCommand, GetItemCommand, QueryCommand, ScanCommand, DescribeTableCommand]);

/** TablePort on the SDK, over a client of `awsClients` (one that passes DynamoDB JSON through). */
export class AwsTablePort implements TablePort {
  readonly #client: DynamoDBClient;

  constructor(client: DynamoDBClient) {
    this.#client = client;
  }

  async batchGet(request: BatchGet, options?: CallOptions): Promise<BatchGetAnswer> {
    const requestItems: Record<string, object> = {};
    for (const { table, keys, project } of request.tables) {
      const expressions = new Expressions();
      requestItems[table] = {
        Keys: keys,
        ConsistentRead: true,
        ...(project !== undefined && { ProjectionExpression: expressions.projection(project), ...expressions.parameters() }),
      };
    }
    const answer = await this.#send<{ Responses?: Record<string, Item[]>; UnprocessedKeys?: Record<string, { Keys: Key[] }> }>(
      BatchGetItemCommand,
      { RequestItems: requestItems },
      options,
    );
    return {
      items: new Map(Object.entries(answer.Responses ?? {}).map(([table, items]) => [table, items])),
      unprocessed: new Map(Object.entries(answer.UnprocessedKeys ?? {}).map(([table, { Keys }]) => [table, Keys])),
    };
  }

  async batchWrite(writes: readonly TableWrite[], options?: CallOptions): Promise<{ readonly unprocessed: readonly TableWrite[] }> {
    const requestItems: Record<string, WireWrite[]> = {};
    for (const write of writes) {
      requestItems[write.table] ??= [];
      (requestItems[write.table] as WireWrite[]).push(write.put !== undefined ? { PutRequest: { Item: write.put } } : { DeleteRequest: { Key: write.delete } });
    }
    const answer = await this.#send<{ UnprocessedItems?: Record<string, WireWrite[]> }>(BatchWriteItemCommand, { RequestItems: requestItems }, options);
    const unprocessed: TableWrite[] = [];
    for (const [table, requests] of Object.entries(answer.UnprocessedItems ?? {})) {
      for (const { PutRequest, DeleteRequest } of requests) {
        if (PutRequest !== undefined) unprocessed.push({ table: table, put: PutRequest.Item });
        else if (DeleteRequest !== undefined) unprocessed.push({ table: table, delete: DeleteRequest.Key });
      }
    }
    return { unprocessed };
  }

  async get(table: string, key: Key, options?: CallOptions): Promise<Item | undefined> {
    const answer = await this.#send<{ Item?: Item }>(GetItemCommand, { TableName: table, Key: key, ConsistentRead: true }, options);
    return answer.Item;
  }

  put(table: string, item: Item, condition?: Condition, options?: CallOptions): Promise<ConditionalAnswer> {
    return this.#conditional(PutItemCommand, { TableName: table, Item: item }, new Expressions(), condition, options);
  }

  delete(table: string, key: Key, condition?: Condition, options?: CallOptions): Promise<ConditionalAnswer> {
    return this.#conditional(DeleteItemCommand, { TableName: table, Key: key }, new Expressions(), condition, options);
  }

  update(table: string, key: Key, changes: Changes, condition?: Condition, options?: CallOptions): Promise<ConditionalAnswer> {
    const expressions = new Expressions();
    const text = expressions.changes(changes);
    return this.#conditional(
      UpdateItemCommand,
      { TableName: table, Key: key, ...(text !== undefined && { UpdateExpression: text }) },
      expressions,
      condition,
      options,
    );
  }

  query(request: QueryRequest, options?: CallOptions): Promise<Page> {
    const expressions = new Expressions();
    const condition = expressions.keyCondition(request.partition, request.sort);
    return this.#page(
      QueryCommand,
      {
        TableName: request.table,
        KeyConditionExpression: condition,
        ...expressions.parameters(),
        ...(request.descending === true && { ScanIndexForward: false }),
      },
      request,
      options,
    );
  }

  scan(request: ScanRequest, options?: CallOptions): Promise<Page> {
    const expressions = new Expressions();
    return this.#page(
      ScanCommand,
      {
        TableName: request.table,
        ...(request.project !== undefined && { ProjectionExpression: expressions.projection(request.project), ...expressions.parameters() }),
        ...(request.segment !== undefined && { Segment: request.segment.index, TotalSegments: request.segment.of }),
      },
      request,
      options,
    );
  }

  async transact(writes: readonly TransactWrite[], options?: CallOptions): Promise<TransactAnswer> {
    try {
      await this.#send(TransactWriteItemsCommand, { TransactItems: writes.map(wireTransact) }, options);
      return { ok: true };
    } catch (error) {
      return cancellation(error);
    }
  }

  async describe(table: string, options?: CallOptions): Promise<TableDescription> {
    const { Table: found } = await this.#send<{ Table: WireTable }>(DescribeTableCommand, { TableName: table }, options);
    const types = new Map(found.AttributeDefinitions.map((a) => [a.AttributeName, a.AttributeType]));
    // On demand it is there, too: 0 on AWS, other numbers on local clouds.
    const onDemand = found.BillingModeSummary?.BillingMode === 'PAY_PER_REQUEST';
    const reads = onDemand ? 0 : (found.ProvisionedThroughput?.ReadCapacityUnits ?? 0);
    const key = [...found.KeySchema].sort((a) => (a.KeyType === 'HASH' ? -1 : 1));
    return {
      tableId: found.TableId ?? '',
      status: found.TableStatus,
      key: key.map(({ AttributeName: name }) => ({ name, type: types.get(name) ?? 'S' })),
      ...(found.LatestStreamArn !== undefined && { streamArn: found.LatestStreamArn }),
      streamEnabled: found.StreamSpecification?.StreamEnabled === true,
      ...(found.StreamSpecification?.StreamEnabled === true &&
        found.StreamSpecification.StreamViewType !== undefined && { streamView: found.StreamSpecification.StreamViewType }),
      itemCount: found.ItemCount ?? 0,
      bytes: found.TableSizeBytes ?? 0,
      ...(reads > 0 && { provisionedReads: reads }),
    };
  }

  async #page(command: CommandClass, input: object, at: { readonly after?: Key; readonly limit?: number }, options: CallOptions | undefined): Promise<Page> {
    const answer = await this.#send<{ Items?: Item[]; LastEvaluatedKey?: Key }>(
      command,
      { ...input, ConsistentRead: true, ...(at.after !== undefined && { ExclusiveStartKey: at.after }), ...(at.limit !== undefined && { Limit: at.limit }) },
      options,
    );
    return { items: answer.Items ?? [], ...(answer.LastEvaluatedKey !== undefined && { next: answer.LastEvaluatedKey }) };
  }

  async #conditional(
    command: CommandClass,
    input: object,
    expressions: Expressions,
    condition: Condition | undefined,
    options: CallOptions | undefined,
  ): Promise<ConditionalAnswer> {
    const text = condition === undefined ? undefined : expressions.condition(condition);
    try {
      await this.#send(command, { ...input, ...(text !== undefined && { ConditionExpression: text, ...ALL_OLD }), ...expressions.parameters() }, options);
      return { ok: true };
    } catch (error) {
      const cause = (error as Error).cause;
      if (cause instanceof WireError && cause.name === 'ConditionalCheckFailedException') {
        // Without an item the answer has none, or (local servers) an empty one.
        const old = cause.answer['Item'] as Item | undefined;
        return { ok: false, old: old !== undefined && Object.keys(old).length > 0 ? old : undefined };
      }
      throw error;
    }
  }

  async #send<T>(command: CommandClass, input: object, options: CallOptions | undefined): Promise<T> {
    const admit = options?.admit;
    const bySdk = (): Promise<unknown> => this.#client.send(new command((admit === undefined ? input : { ...input, [ADMIT]: admit }) as never) as never);
    try {
      return await wireCall<T>(this.#client, OPERATIONS.get(command) as string, input, admit, bySdk);
    } catch (error) {
      throw remoteError(error, READS.has(command));
    }
  }
}

type CommandClass = new (input: never) => object;
interface WireWrite {
  readonly PutRequest?: { readonly Item: Item };
  readonly DeleteRequest?: { readonly Key: Key };
}
interface WireTable {
  readonly TableId?: string;
  readonly TableStatus: string;
  readonly KeySchema: readonly { readonly AttributeName: string; readonly KeyType: 'HASH' | 'RANGE' }[];
  readonly AttributeDefinitions: readonly { readonly AttributeName: string; readonly AttributeType: 'S' | 'N' | 'B' }[];
  readonly LatestStreamArn?: string;
  readonly StreamSpecification?: { readonly StreamEnabled: boolean; readonly StreamViewType?: string };
  readonly ItemCount?: number;
  readonly TableSizeBytes?: number;
  readonly BillingModeSummary?: { readonly BillingMode?: string };
  readonly ProvisionedThroughput?: { readonly ReadCapacityUnits?: number };
}
