import type { KeyAttribute, KeySchema } from '../../../lib/core/key.ts';
import type { QueuePort } from '../../../lib/ports/queue.ts';
import type { StreamPort, StreamRecord } from '../../../lib/ports/stream.ts';
import type { TablePort } from '../../../lib/ports/table.ts';

/** What the suites of tables and streams need beside the ports: to make tables, and to read what a stream holds. */
export interface TableWorld {
  readonly table: TablePort;
  readonly stream: StreamPort;
  /** Makes a table and returns its name, once it can be used. */
  createTable(definition: { readonly key: KeySchema; readonly index?: KeyAttribute; readonly stream?: boolean }): Promise<string>;
  /** Makes the stream of a table anew: disables it, and enables another. */
  replaceStream(table: string): Promise<void>;
  /** All records of a table's newest stream, by sequence number, from AT LEAST the `count`-th on: waits until there are as many. */
  records(table: string, count: number): Promise<readonly StreamRecord[]>;
  close(): Promise<void>;
}

/** What the suite of queues needs beside the port. */
export interface QueueWorld {
  readonly queue: QueuePort;
  /** Makes a FIFO queue, deduplicating by group, and returns its URL. */
  createQueue(definition?: { readonly dlqOf?: { readonly maxReceiveCount: number } }): Promise<{ readonly url: string; readonly dlqUrl: string | undefined }>;
  /** Lets time pass: virtual time, or real. */
  pass(ms: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * How a server is known to differ from AWS: measured facts, each with the one assertion that it changes. What is not
 * listed for a server must hold on it.
 *
 * | difference | server | what it does |
 * |---|---|---|
 * | no-table-id | DynamoDB Local 3.3.1 | DescribeTable has no TableId |
 * | empty-map-in-stream | DynamoDB Local 3.3.1 | an empty map within a list is `{}` in stream records |
 * | number-keys-by-text | MiniStack 1.5.33 | a number key is found only by its normal spelling ("1.5", not "15E-1") |
 * | set-and-remove | MiniStack 1.5.33 | an update that sets and removes one attribute is accepted |
 * | names-may-be-empty | MiniStack 1.5.33 | a map member without a name is accepted |
 * | transaction-key-unchecked | MiniStack 1.5.33 | a transaction puts an item without its sort key |
 */
export type Difference = 'transaction-key-unchecked' | 'no-table-id' | 'empty-map-in-stream' | 'number-keys-by-text' | 'set-and-remove' | 'names-may-be-empty';

/**
 * The same for queues.
 *
 * | difference | server | what it does |
 * |---|---|---|
 * | expired-receipt-accepted | MiniStack 1.5.33 | a receipt whose visibility timeout has passed still deletes and hides, until the message is received again |
 * | group-blocked-by-any | MiniStack 1.5.33 | a message in flight holds back its whole group; on AWS only those after it |
 * | deleted-receipt-refused | MiniStack 1.5.33 | deleting a message once more fails with ReceiptHandleIsInvalid |
 */
export type QueueDifference = 'expired-receipt-accepted' | 'group-blocked-by-any' | 'deleted-receipt-refused';
