import { SQS_BATCH_ENTRIES, SQS_CALL_BYTES_MAX } from '../core/constants.ts';
import { laneGroup } from '../core/lanes.ts';
import { RemoteError } from '../ports/errors.ts';
import type { QueuePort } from '../ports/queue.ts';
import { together } from './together.ts';

/** One message for a lane. */
export interface LaneSend {
  readonly lane: number;
  readonly body: string;
}

/** What became of a send. */
export interface SendOutcome {
  /** Messages that the queue has surely stored, by their place in the input. */
  readonly stored: ReadonlySet<number>;
  /** Why the rest was not, or may not have been, stored; one entry a lane. */
  readonly failed: ReadonlyMap<number, RemoteError>;
}

/** Calls of one send in flight at a time. */
const CALLS_IN_FLIGHT = 8;

/**
 * Sends messages to a link's lanes, in their order within each lane.
 *
 * ⚠ A call carries at most one message of a lane (a batch call may store any subset of its entries, in any order of
 * answers), at most 10 messages and 1 MiB in all. A lane's next message is sent only after its previous one is stored;
 * after a failed or unanswered send nothing more goes to that lane in this attempt.
 *
 * ⚠ The deduplication id is minted for this attempt and never derived from the content: when a checkpoint steps back,
 * the newest change would be dropped as a duplicate, and the lane would end with an old one.
 *
 * Never throws for the queue's sake: the outcome says what was not stored.
 */
export async function sendToLanes(queue: QueuePort, queueUrl: string, sends: readonly LaneSend[], nonce: () => string): Promise<SendOutcome> {
  const stored = new Set<number>();
  const failed = new Map<number, RemoteError>();
  const attempt = nonce();
  const waiting = new Map<number, number[]>();
  sends.forEach(({ lane }, index) => {
    const list = waiting.get(lane);
    if (list === undefined) waiting.set(lane, [index]);
    else list.push(index);
  });

  // Each round takes one message of each lane; it ends when every lane is empty or has failed, so it is bounded by the input.
  while (waiting.size > 0) {
    const round: number[] = [];
    for (const [lane, list] of waiting) {
      round.push(list.shift() as number);
      if (list.length === 0) waiting.delete(lane);
    }
    const calls = packCalls(round, (index) => (sends[index] as LaneSend).body.length);
    for (let at = 0; at < calls.length; at += CALLS_IN_FLIGHT) {
      await together(calls.slice(at, at + CALLS_IN_FLIGHT).map(sendCall));
    }
    for (const lane of failed.keys()) waiting.delete(lane);
  }
  return { stored, failed };

  async function sendCall(indexes: readonly number[]): Promise<void> {
    try {
      const answer = await queue.sendBatch(
        queueUrl,
        indexes.map((index) => {
          const send = sends[index] as LaneSend;
          return { id: String(index), body: send.body, group: laneGroup(send.lane), dedup: `${attempt}-${index}` };
        }),
      );
      const refused = new Map(answer.failed.map((f) => [f.id, f]));
      for (const index of indexes) {
        const why = refused.get(String(index));
        if (why === undefined) stored.add(index);
        else failed.set((sends[index] as LaneSend).lane, new RemoteError('transient', why.code, why.message));
      }
    } catch (error) {
      if (!(error instanceof RemoteError)) throw error;
      for (const index of indexes) failed.set((sends[index] as LaneSend).lane, error);
    }
  }
}

/** Packs messages into calls: first fit in order, within the limits of a call. Pure. */
export function packCalls(indexes: readonly number[], bytesOf: (index: number) => number): number[][] {
  const calls: number[][] = [];
  let call: number[] = [];
  let bytes = 0;
  for (const index of indexes) {
    const size = bytesOf(index);
    if (call.length > 0 && (call.length === SQS_BATCH_ENTRIES || bytes + size > SQS_CALL_BYTES_MAX)) {
      calls.push(call);
      call = [];
      bytes = 0;
    }
    call.push(index);
    bytes += size;
  }
  if (call.length > 0) calls.push(call);
  return calls;
}
