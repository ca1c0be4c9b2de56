import { DEAD_LETTERS_PER_RUN, DLQ_VISIBILITY_S, SQS_BATCH_ENTRIES } from '../core/constants.ts';
import type { LaneMessage, ResyncKey } from '../core/formats/message.ts';
import { isDelete } from '../core/formats/message.ts';
import { position } from '../core/formats/position.ts';
import type { KeySchema } from '../core/key.ts';
import { keyOf } from '../core/key.ts';
import { isRemote, whyText } from '../ports/errors.ts';
import type { QueueMessage, QueuePort } from '../ports/queue.ts';
import type { Runtime } from '../ports/runtime.ts';
import { readMessage } from '../replicate/apply/lane-work.ts';
import type { LinkContext } from '../replicate/context.ts';
import { planResync } from '../replicate/fanout-plan.ts';
import { sendToLanes } from '../replicate/send.ts';

/** The message group of dead letters that nobody can read: by themselves, so that they block no lane's. */
export const UNREADABLE_GROUP = 'unreadable';

/** What a run did with one link's dead letters. */
export interface DrainResult {
  /** Dead letters that became resyncs. */
  readonly redriven: number;
  readonly keys: number;
  /** Dead letters that this version cannot read: they stay, for a human. */
  readonly unreadable: number;
  /** Why the run ended early, if it did. What is left comes again. */
  readonly stopped?: string;
}

/**
 * Drains a link's dead letters into resyncs of their keys, in their lanes. ⚠ The images in them are never replayed: the
 * source is read anew. A dead letter is deleted only when its resync is surely stored.
 *
 * @param epoch the own epoch of the sender's seat; it must be primary.
 * @param until elapsed time (ms) after which no more are received.
 */
export async function drainDeadLetters(link: LinkContext, epoch: number, queue: QueuePort, runtime: Runtime, until: number): Promise<DrainResult> {
  let redriven = 0;
  let keys = 0;
  const unreadable = new Set<string>();
  const result = (stopped?: string): DrainResult => ({ redriven, keys, unreadable: unreadable.size, ...(stopped !== undefined && { stopped }) });
  for (let seen = 0; seen < DEAD_LETTERS_PER_RUN; ) {
    if (runtime.clock.elapsed() >= until) return result('out of time');
    const letters = await queue.receive(link.dlqUrl, { max: SQS_BATCH_ENTRIES, visibilityS: DLQ_VISIBILITY_S });
    if (letters.length === 0) return result();
    seen += letters.length;
    const read = letters.map((letter) => ({ letter, content: readDeadLetter(letter, link, epoch) }));
    for (const { letter, content } of read) {
      if (typeof content !== 'string') continue;
      // One that is set aside now is received again, under its new id, and counted then.
      if (letter.group === UNREADABLE_GROUP || !(await setAside(link, queue, letter, content, runtime))) unreadable.add(letter.id);
    }
    const readable = read.flatMap(({ letter, content }) => (typeof content === 'string' ? [] : [{ letter, keys: content }]));
    const sends = planResync(
      readable.flatMap((r) => [...r.keys]),
      { set: link.set, epoch, source: link.source, lanes: link.lanes, sent: runtime.clock.now() },
      link.key,
    );
    const { failed } = await sendToLanes(queue, link.queueUrl, sends, () => runtime.chance.nonce());
    const why = failed.values().next().value;
    if (why !== undefined) return result(`resyncs could not be sent: ${whyText(why)}`);
    await remove(
      queue,
      link.dlqUrl,
      readable.map((r) => r.letter),
    );
    redriven += readable.length;
    keys += readable.reduce((sum, r) => sum + r.keys.length, 0);
  }
  return result('enough for one run');
}

/** The keys of a dead letter, or why it cannot be read. A position is believed only if it is of the present epoch. Pure. */
export function readDeadLetter(
  letter: Pick<QueueMessage, 'body'>,
  link: { readonly set: string; readonly source: string; readonly key: KeySchema },
  epoch: number,
): readonly ResyncKey[] | string {
  const message = readMessage(letter.body, link);
  if (typeof message === 'string') return message;
  try {
    return keysOf(message, link.key, epoch);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function keysOf(message: LaneMessage, schema: KeySchema, epoch: number): readonly ResyncKey[] {
  // A question that was never answered asks for no repair.
  if (message.kind === 'resync') return message.mode === 'report' ? [] : message.keys;
  return message.changes.map((change) => {
    const k = isDelete(change) ? keyOf(change.k, schema) : keyOf(change.i, schema);
    return message.epoch === epoch ? { k, p: position(epoch, change.q).toString('base64') } : { k };
  });
}

/** Moves an unreadable letter to its own group, so that those behind it can be received. */
async function setAside(link: LinkContext, queue: QueuePort, letter: QueueMessage, reason: string, runtime: Runtime): Promise<boolean> {
  runtime.log.error('A dead letter cannot be read; it stays in the dead-letter queue. See "syncline dlq show".', { link: link.target, id: letter.id, reason });
  try {
    const attributes = { ...letter.attributes, reason: letter.attributes['reason'] ?? reason };
    const { failed } = await queue.sendBatch(link.dlqUrl, [{ id: '0', body: letter.body, group: UNREADABLE_GROUP, dedup: runtime.chance.nonce(), attributes }]);
    if (failed.length === 0) await remove(queue, link.dlqUrl, [letter]);
    return failed.length === 0;
  } catch (error) {
    if (!isRemote(error)) throw error;
    runtime.log.warn('A dead letter could not be set aside; the next run tries again.', { why: whyText(error) });
    return false;
  }
}

/** Deletes letters. One that could not be deleted comes again, and its resync with it: harmless. */
async function remove(queue: QueuePort, dlqUrl: string, letters: readonly QueueMessage[]): Promise<void> {
  if (letters.length > 0)
    await queue.deleteBatch(
      dlqUrl,
      letters.map((l, i) => ({ id: String(i), receipt: l.receipt })),
    );
}
