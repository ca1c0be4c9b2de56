import { SQS_BATCH_ENTRIES, SQS_CALL_BYTES_MAX } from '../../core/constants.ts';
import { RemoteError } from '../../ports/errors.ts';
import type { BatchAnswer, QueueDepth, QueueMessage, QueuePort, SendEntry } from '../../ports/queue.ts';
import type { Clock } from '../../ports/runtime.ts';
import type { Caller, Fault } from './call.ts';
import type { EntryFailure, MemoryQueue } from './queue.ts';
import { VISIBILITY_MAX_S } from './queue.ts';
import { invalid } from './validate.ts';

/** Group and deduplication ids: 1 to 128 alphanumeric and punctuation characters. */
const ID = /^[A-Za-z0-9!-/:-@[-`{-~]{1,128}$/;
/** Entry ids: 1 to 80 letters, digits, hyphens and underscores. */
const ENTRY_ID = /^[A-Za-z0-9_-]{1,80}$/;
/** Attributes of one message. */
const ATTRIBUTES_MAX = 10;
/** Characters that a body must not have: those that XML 1.0 does not know. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that SQS refuses.
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/;

/** SQS of one region of the memory cloud. */
export class MemoryQueuePort implements QueuePort {
  readonly #region: string;
  readonly #queues: ReadonlyMap<string, MemoryQueue>;
  readonly #caller: Caller;
  readonly #clock: Clock;

  /** @param queues by URL. */
  constructor(region: string, queues: ReadonlyMap<string, MemoryQueue>, caller: Caller, clock: Clock) {
    this.#region = region;
    this.#queues = queues;
    this.#caller = caller;
    this.#clock = clock;
  }

  sendBatch(queueUrl: string, entries: readonly SendEntry[]): Promise<BatchAnswer> {
    return this.#batch('sendBatch', queueUrl, entries, (queue, entry) => {
      const problem = sendProblem(entry);
      if (problem === undefined) queue.send(entry, this.#clock.now());
      return problem;
    });
  }

  changeVisibilityBatch(
    queueUrl: string,
    entries: readonly { readonly id: string; readonly receipt: string; readonly seconds: number }[],
  ): Promise<BatchAnswer> {
    return this.#batch('changeVisibilityBatch', queueUrl, entries, (queue, entry) => queue.changeVisibility(entry.receipt, entry.seconds, this.#clock.now()));
  }

  deleteBatch(queueUrl: string, entries: readonly { readonly id: string; readonly receipt: string }[]): Promise<BatchAnswer> {
    return this.#batch('deleteBatch', queueUrl, entries, (queue, entry) => queue.delete(entry.receipt, this.#clock.now()));
  }

  receive(queueUrl: string, options: { readonly max: number; readonly visibilityS: number }): Promise<readonly QueueMessage[]> {
    return this.#call('receive', queueUrl, [queueUrl, options], () => {
      const queue = this.#queue(queueUrl);
      if (!Number.isInteger(options.max) || options.max < 1 || options.max > SQS_BATCH_ENTRIES) {
        throw invalid(
          `Value ${options.max} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and ${SQS_BATCH_ENTRIES}`,
          'InvalidParameterValue',
        );
      }
      if (!Number.isInteger(options.visibilityS) || options.visibilityS < 0 || options.visibilityS > VISIBILITY_MAX_S) {
        throw invalid(
          `Value ${options.visibilityS} for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and ${VISIBILITY_MAX_S}`,
          'InvalidParameterValue',
        );
      }
      return queue.receive(options.max, options.visibilityS, this.#clock.now());
    });
  }

  depth(queueUrl: string): Promise<QueueDepth> {
    return this.#call('depth', queueUrl, [queueUrl], () => this.#queue(queueUrl).depth(this.#clock.now()));
  }

  #batch<E extends { readonly id: string }>(
    op: string,
    queueUrl: string,
    entries: readonly E[],
    one: (queue: MemoryQueue, entry: E) => EntryFailure | undefined,
  ): Promise<BatchAnswer> {
    return this.#call(op, queueUrl, [queueUrl, entries], (fault) => {
      const queue = this.#queue(queueUrl);
      checkBatch(entries);
      const failed: { id: string; code: string; message: string }[] = [];
      entries.forEach((entry, index) => {
        const why = fault.failEntry?.(entry.id, index) ?? one(queue, entry);
        if (why !== undefined) failed.push({ id: entry.id, ...why });
      });
      return { failed };
    });
  }

  #queue(url: string): MemoryQueue {
    const queue = this.#queues.get(url);
    if (queue === undefined) throw new RemoteError('missing', 'QueueDoesNotExist', `The specified queue does not exist: ${url} in ${this.#region}`);
    return queue;
  }

  #call<T>(op: string, queueUrl: string, args: readonly unknown[], effect: (fault: Fault) => T): Promise<T> {
    return this.#caller.call({ region: this.#region, service: 'sqs', op, resources: [this.#queues.get(queueUrl)?.name ?? queueUrl], args }, undefined, effect);
  }
}

/** What SQS refuses of a batch as a whole. @throws RemoteError invalid */
function checkBatch(entries: readonly { readonly id: string; readonly body?: string; readonly attributes?: Readonly<Record<string, string>> }[]): void {
  if (entries.length === 0) throw invalid('There should be at least one entry in the request.', 'EmptyBatchRequest');
  if (entries.length > SQS_BATCH_ENTRIES)
    throw invalid(`Maximum number of entries per request are ${SQS_BATCH_ENTRIES}. You have sent ${entries.length}.`, 'TooManyEntriesInBatchRequest');
  if (new Set(entries.map((e) => e.id)).size !== entries.length) throw invalid('Two entries have the same id.', 'BatchEntryIdsNotDistinct');
  for (const { id } of entries) {
    if (!ENTRY_ID.test(id))
      throw invalid(
        `A batch entry id can only contain alphanumeric characters, hyphens and underscores, at most 80; got ${JSON.stringify(id)}.`,
        'InvalidBatchEntryId',
      );
  }
  const bytes = entries.reduce((sum, entry) => sum + messageBytes(entry), 0);
  if (bytes > SQS_CALL_BYTES_MAX)
    throw invalid(`Batch requests cannot be longer than ${SQS_CALL_BYTES_MAX} bytes. You have sent ${bytes} bytes.`, 'BatchRequestTooLong');
}

/** Bytes of a message as SQS counts them: body, and name, type and value of each attribute. */
function messageBytes(entry: { readonly body?: string; readonly attributes?: Readonly<Record<string, string>> }): number {
  let bytes = Buffer.byteLength(entry.body ?? '', 'utf8');
  for (const [name, value] of Object.entries(entry.attributes ?? {}))
    bytes += Buffer.byteLength(name, 'utf8') + 'String'.length + Buffer.byteLength(value, 'utf8');
  return bytes;
}

/** What SQS refuses of one entry. */
function sendProblem(entry: SendEntry): EntryFailure | undefined {
  const bad = (name: string, why: string): EntryFailure => ({ code: 'InvalidParameterValue', message: `The value of ${name} is invalid: ${why}` });
  if (entry.body === '') return { code: 'MissingParameter', message: 'The request must contain the parameter MessageBody.' };
  if (FORBIDDEN.test(entry.body)) return { code: 'InvalidMessageContents', message: 'Invalid characters in the message body.' };
  if (!ID.test(entry.group)) return bad('MessageGroupId', 'it has 1 to 128 alphanumeric and punctuation characters.');
  if (!ID.test(entry.dedup)) return bad('MessageDeduplicationId', 'it has 1 to 128 alphanumeric and punctuation characters.');
  const attributes = Object.entries(entry.attributes ?? {});
  if (attributes.length > ATTRIBUTES_MAX) return bad('MessageAttributes', `a message has at most ${ATTRIBUTES_MAX} attributes.`);
  for (const [name, value] of attributes) {
    if (!/^[A-Za-z0-9_.-]{1,256}$/.test(name)) return bad('MessageAttributes', `the name ${JSON.stringify(name)} is not allowed.`);
    if (value === '') return bad('MessageAttributes', `the attribute ${name} is empty.`);
  }
  return undefined;
}
