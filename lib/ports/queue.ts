/**
 * SQS FIFO of one region. One call is one batch request, at most 10 entries and 1 MiB in all. `sendBatch` may be
 * retried inside with the same deduplication ids (SQS then stores each once); nothing else is.
 *
 * Queues are named by their URL. Every method throws RemoteError when the whole call failed; entries that failed in a
 * call that was answered are listed.
 */
export interface QueuePort {
  sendBatch(queueUrl: string, entries: readonly SendEntry[]): Promise<BatchAnswer>;
  /** Sets how long from now each message stays invisible (s, 0 to 43,200). A superseded receipt handle is refused. */
  changeVisibilityBatch(
    queueUrl: string,
    entries: readonly { readonly id: string; readonly receipt: string; readonly seconds: number }[],
  ): Promise<BatchAnswer>;
  deleteBatch(queueUrl: string, entries: readonly { readonly id: string; readonly receipt: string }[]): Promise<BatchAnswer>;
  /** At most `max` (1 to 10) messages. Does not wait for messages to come (short poll). */
  receive(queueUrl: string, options: { readonly max: number; readonly visibilityS: number }): Promise<readonly QueueMessage[]>;
  depth(queueUrl: string): Promise<QueueDepth>;
}

export interface SendEntry {
  /** Unique within the call. */
  readonly id: string;
  readonly body: string;
  /** The FIFO message group: the lane. */
  readonly group: string;
  /** Deduplication id: at most 128 alphanumeric and punctuation characters. */
  readonly dedup: string;
  /** String attributes. */
  readonly attributes?: Readonly<Record<string, string>>;
}

export interface BatchAnswer {
  readonly failed: readonly { readonly id: string; readonly code: string; readonly message: string }[];
}

export interface QueueMessage {
  readonly id: string;
  readonly receipt: string;
  readonly body: string;
  readonly group: string;
  /** 1 for the first time. */
  readonly receiveCount: number;
  /** When it was first sent to this queue (ms since 1970, by SQS's clocks). */
  readonly sentMs: number;
  readonly attributes: Readonly<Record<string, string>>;
}

/** Approximate numbers, as SQS gives them. */
export interface QueueDepth {
  readonly visible: number;
  readonly inFlight: number;
  readonly delayed: number;
}
