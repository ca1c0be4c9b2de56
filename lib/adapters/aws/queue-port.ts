import type { BatchResultErrorEntry, Message } from '@aws-sdk/client-sqs';
import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
} from '@aws-sdk/client-sqs';
import type { BatchAnswer, QueueDepth, QueueMessage, QueuePort, SendEntry } from '../../ports/queue.ts';
import { remoteError } from './classify.ts';
import type { AwsClients } from './clients.ts';

/** QueuePort on the SDK. */
export class AwsQueuePort implements QueuePort {
  readonly #clients: Pick<AwsClients, 'sqs' | 'sqsSend'>;

  constructor(clients: Pick<AwsClients, 'sqs' | 'sqsSend'>) {
    this.#clients = clients;
  }

  sendBatch(queueUrl: string, entries: readonly SendEntry[]): Promise<BatchAnswer> {
    return answered(async () => {
      const answer = await this.#clients.sqsSend.send(
        new SendMessageBatchCommand({
          QueueUrl: queueUrl,
          Entries: entries.map((entry) => ({
            Id: entry.id,
            MessageBody: entry.body,
            MessageGroupId: entry.group,
            MessageDeduplicationId: entry.dedup,
            ...(entry.attributes !== undefined && {
              MessageAttributes: Object.fromEntries(
                Object.entries(entry.attributes).map(([name, value]) => [name, { DataType: 'String', StringValue: value }]),
              ),
            }),
          })),
        }),
      );
      return batchAnswer(answer.Failed);
    });
  }

  changeVisibilityBatch(
    queueUrl: string,
    entries: readonly { readonly id: string; readonly receipt: string; readonly seconds: number }[],
  ): Promise<BatchAnswer> {
    return answered(async () => {
      const answer = await this.#clients.sqs.send(
        new ChangeMessageVisibilityBatchCommand({
          QueueUrl: queueUrl,
          Entries: entries.map(({ id, receipt, seconds }) => ({ Id: id, ReceiptHandle: receipt, VisibilityTimeout: seconds })),
        }),
      );
      return batchAnswer(answer.Failed);
    });
  }

  deleteBatch(queueUrl: string, entries: readonly { readonly id: string; readonly receipt: string }[]): Promise<BatchAnswer> {
    return answered(async () => {
      const answer = await this.#clients.sqs.send(
        new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries: entries.map(({ id, receipt }) => ({ Id: id, ReceiptHandle: receipt })) }),
      );
      return batchAnswer(answer.Failed);
    });
  }

  receive(queueUrl: string, options: { readonly max: number; readonly visibilityS: number }): Promise<readonly QueueMessage[]> {
    return answered(async () => {
      const answer = await this.#clients.sqs.send(
        new ReceiveMessageCommand({
          QueueUrl: queueUrl,
          MaxNumberOfMessages: options.max,
          VisibilityTimeout: options.visibilityS,
          WaitTimeSeconds: 0,
          MessageSystemAttributeNames: ['ApproximateReceiveCount', 'SentTimestamp', 'MessageGroupId'],
          MessageAttributeNames: ['All'],
        }),
      );
      return (answer.Messages ?? []).map(receivedMessage);
    });
  }

  depth(queueUrl: string): Promise<QueueDepth> {
    return answered(async () => {
      const answer = await this.#clients.sqs.send(
        new GetQueueAttributesCommand({
          QueueUrl: queueUrl,
          AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible', 'ApproximateNumberOfMessagesDelayed'],
        }),
      );
      const count = (name: keyof typeof attributes): number => Number.parseInt(attributes[name] ?? '0', 10);
      const attributes = answer.Attributes ?? {};
      return {
        visible: count('ApproximateNumberOfMessages'),
        inFlight: count('ApproximateNumberOfMessagesNotVisible'),
        delayed: count('ApproximateNumberOfMessagesDelayed'),
      };
    });
  }
}

async function answered<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw remoteError(error);
  }
}

const batchAnswer = (failed: readonly BatchResultErrorEntry[] | undefined): BatchAnswer => ({
  failed: (failed ?? []).map((f) => ({ id: f.Id ?? '', code: f.Code ?? 'Unknown', message: f.Message ?? '' })),
});

function receivedMessage(message: Message): QueueMessage {
  return {
    id: message.MessageId ?? '',
    receipt: message.ReceiptHandle ?? '',
    body: message.Body ?? '',
    group: message.Attributes?.MessageGroupId ?? '',
    receiveCount: Number.parseInt(message.Attributes?.ApproximateReceiveCount ?? '1', 10),
    sentMs: Number.parseInt(message.Attributes?.SentTimestamp ?? '0', 10),
    attributes: Object.fromEntries(Object.entries(message.MessageAttributes ?? {}).map(([name, value]) => [name, value.StringValue ?? ''])),
  };
}
