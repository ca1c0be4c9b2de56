import type { DynamoDBRecord, DynamoDBStreamEvent, SQSEvent } from 'aws-lambda';
import type { Item, Key } from '../../core/attribute.ts';
import { FormatError } from '../../core/errors.ts';
import type { QueueMessage } from '../../ports/queue.ts';
import type { StreamBatch, StreamRecord } from '../../ports/stream.ts';

/** Lambda's events, as the flows take them. Pure: the DynamoDB JSON in them is passed on as it is. */

/** Who removed an item, in a record of DynamoDB's own TTL. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html */
const TTL_PRINCIPAL = 'dynamodb.amazonaws.com';

/** A DynamoDB stream event as a batch. @throws FormatError when a record is not of a DynamoDB stream with images. */
export function fromStreamEvent(event: DynamoDBStreamEvent & { readonly shardId?: string }): StreamBatch {
  return {
    records: event.Records.map(streamRecord),
    ...(event.shardId !== undefined && { shardId: event.shardId }),
  };
}

function streamRecord(record: DynamoDBRecord): StreamRecord {
  const { eventName, eventSourceARN: streamArn, dynamodb } = record;
  const sequence = dynamodb?.SequenceNumber;
  const keys = dynamodb?.Keys as Key | undefined;
  if (eventName === undefined || streamArn === undefined || sequence === undefined || keys === undefined) {
    throw new FormatError(
      `Not a record of a DynamoDB stream: it has ${Object.keys(record).join(', ') || 'no fields'}, and of "dynamodb" ${Object.keys(dynamodb ?? {}).join(', ') || 'nothing'}. Connect the function to a table's stream.`,
    );
  }
  const identity = record.userIdentity as { readonly principalId?: string; readonly PrincipalId?: string } | undefined;
  return {
    eventName,
    streamArn,
    sequence,
    // Lambda gives seconds, whole or not.
    createdMs: Math.round((dynamodb?.ApproximateCreationDateTime ?? 0) * 1_000),
    keys,
    ...(dynamodb?.NewImage !== undefined && { newImage: dynamodb.NewImage as Item }),
    ...(dynamodb?.OldImage !== undefined && { oldImage: dynamodb.OldImage as Item }),
    byTtl: eventName === 'REMOVE' && (identity?.principalId ?? identity?.PrincipalId) === TTL_PRINCIPAL,
    ...(dynamodb?.StreamViewType !== undefined && dynamodb.StreamViewType !== 'NEW_AND_OLD_IMAGES' && { view: dynamodb.StreamViewType }),
  };
}

/** An SQS event: the queue that all its messages come from, and the messages in their order. @throws FormatError for an empty or a mixed one. */
export function fromSqsEvent(event: SQSEvent): { readonly queueArn: string; readonly messages: readonly QueueMessage[] } {
  const queueArn = event.Records[0]?.eventSourceARN;
  if (queueArn === undefined) throw new FormatError('Not an event of an SQS queue: it has no records.');
  const messages = event.Records.map((record): QueueMessage => {
    if (record.eventSourceARN !== queueArn) throw new FormatError(`Messages of two queues in one event: ${queueArn} and ${record.eventSourceARN}.`);
    return {
      id: record.messageId,
      receipt: record.receiptHandle,
      body: record.body,
      group: record.attributes.MessageGroupId ?? '',
      receiveCount: Number.parseInt(record.attributes.ApproximateReceiveCount, 10),
      sentMs: Number.parseInt(record.attributes.SentTimestamp, 10),
      attributes: Object.fromEntries(Object.entries(record.messageAttributes).map(([name, value]) => [name, value.stringValue ?? ''])),
    };
  });
  return { queueArn, messages };
}
