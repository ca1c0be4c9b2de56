import type { Item } from '../lib/core/attribute.ts';
import type { QueueMessage } from '../lib/ports/queue.ts';
import { type ItemKind, itemOf, keyOf } from './items.ts';

/** Events as Lambda delivers them, in the shape that AWS documents. Pure. */

/** Where a stream's records come from. */
export interface StreamOrigin {
  readonly arn: string;
  readonly region: string;
  /** Creation time of all records (s since 1970): a stream gives whole seconds. */
  readonly createdS: number;
  /** Named in the event where the mapping has a tumbling window, as the observer's has. */
  readonly shardId?: string;
}

/** The bench's sequence numbers begin here: 24 digits, as AWS's have. */
const SEQUENCE_BASE = 10n ** 23n;

/** The sequence number of the bench's n-th record. */
export const sequenceOf = (n: number): string => String(SEQUENCE_BASE + BigInt(n));

/** What happened to a run of items, one record each. */
export interface Changes {
  /** Number of the first item. */
  readonly from: number;
  readonly count: number;
  readonly kind: ItemKind;
  /** What the items were before; absent for inserts. */
  readonly before?: ItemKind;
  /** Number of the first record in the stream. */
  readonly sequence: number;
}

/** A stream event with `NEW_AND_OLD_IMAGES`. https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html */
export function streamEvent(changes: Changes, origin: StreamOrigin): { readonly Records: readonly object[]; readonly shardId?: string } {
  const records = Array.from({ length: changes.count }, (_, i) => {
    const n = changes.from + i;
    const newImage = itemOf(n, changes.kind);
    const oldImage = changes.before === undefined ? undefined : itemOf(n, changes.before);
    return {
      eventID: `bench-${changes.sequence + i}`,
      eventName: oldImage === undefined ? 'INSERT' : 'MODIFY',
      eventVersion: '1.1',
      eventSource: 'aws:dynamodb',
      awsRegion: origin.region,
      dynamodb: {
        ApproximateCreationDateTime: origin.createdS,
        Keys: keyOf(n),
        NewImage: newImage,
        ...(oldImage !== undefined && { OldImage: oldImage }),
        SequenceNumber: sequenceOf(changes.sequence + i),
        SizeBytes: textBytes(newImage) + (oldImage === undefined ? 0 : textBytes(oldImage)),
        StreamViewType: 'NEW_AND_OLD_IMAGES',
      },
      eventSourceARN: origin.arn,
    };
  });
  return { Records: records, ...(origin.shardId !== undefined && { shardId: origin.shardId }) };
}

const textBytes = (item: Item): number => Buffer.byteLength(JSON.stringify(item), 'utf8');

/** Cuts changes into batches of at most `size` records, as a mapping does with a backlog. */
export function batches(changes: Changes, size: number): Changes[] {
  const found: Changes[] = [];
  for (let at = 0; at < changes.count; at += size) {
    found.push({ ...changes, from: changes.from + at, sequence: changes.sequence + at, count: Math.min(size, changes.count - at) });
  }
  return found;
}

/** An event of a FIFO queue's messages. https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html */
export function sqsEvent(
  messages: readonly QueueMessage[],
  origin: { readonly arn: string; readonly region: string },
): { readonly Records: readonly object[] } {
  return {
    Records: messages.map((message, i) => ({
      messageId: message.id,
      receiptHandle: message.receipt,
      body: message.body,
      attributes: {
        ApproximateReceiveCount: String(message.receiveCount),
        SentTimestamp: String(message.sentMs),
        SequenceNumber: sequenceOf(i),
        MessageGroupId: message.group,
        SenderId: 'AIDABENCHBENCHBENCHB',
        MessageDeduplicationId: message.id,
        ApproximateFirstReceiveTimestamp: String(message.sentMs + 1),
      },
      messageAttributes: {},
      md5OfBody: '0'.repeat(32),
      eventSource: 'aws:sqs',
      eventSourceARN: origin.arn,
      awsRegion: origin.region,
    })),
  };
}
