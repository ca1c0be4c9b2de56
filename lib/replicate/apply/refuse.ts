import type { Change, Envelope } from '../../core/formats/message.ts';
import { encodeMessage } from '../../core/formats/message.ts';
import { isRemote, whyText } from '../../ports/errors.ts';
import type { LaneWork } from './lane-work.ts';
import type { Pass } from './pass.ts';

/** Attributes of a message in a dead-letter queue. */
export const REASON = 'reason';
export const AT = 'at';
/** Longest reason (characters). */
const REASON_MAX = 500;

/** Something that the target will never take as it is. */
export interface Refusal {
  readonly lane: LaneWork;
  readonly reason: string;
  /** The change, or the raw body where nothing could be read. */
  readonly what: { readonly change: Change; readonly envelope: Envelope } | { readonly body: string };
}

/**
 * Sends what the target refuses to the dead-letter queue at once, with its reason; the lane goes on only when it is
 * stored there. The minute run turns it into a resync.
 */
export async function sendRefusals(pass: Pass, refusals: readonly Refusal[]): Promise<void> {
  for (let at = 0; at < refusals.length; at += 1) {
    const refusal = refusals[at] as Refusal;
    const body =
      'body' in refusal.what ? refusal.what.body : encodeMessage({ ...envelopeOf(refusal.what.envelope), kind: 'changes', changes: [refusal.what.change] });
    const attributes = { [REASON]: refusal.reason.slice(0, REASON_MAX), [AT]: String(pass.runtime.clock.now()) };
    try {
      // A change that came in a message fits into one; were it not so, the lane would wait with it, in its queue.
      if (body === undefined) throw new Error('a refused change is larger than a queue takes');
      const dedup = pass.runtime.chance.nonce();
      const { failed } = await pass.ports.queue.sendBatch(pass.link.dlqUrl, [{ id: '0', body, group: refusal.lane.group, dedup, attributes }]);
      const first = failed[0];
      if (first !== undefined) pass.fail(refusal.lane, { cause: 'queue', why: `${first.code}: ${first.message}` });
      else pass.counts.refused += 1;
    } catch (error) {
      if (isRemote(error)) pass.fail(refusal.lane, { cause: 'queue', why: whyText(error) });
      else throw error;
    }
    pass.runtime.log.warn('A change was refused; it is a dead letter now.', {
      link: pass.link.target,
      lane: refusal.lane.group,
      reason: refusal.reason.slice(0, REASON_MAX),
    });
  }
}

/** The fields of an envelope only, whatever message they come from. */
function envelopeOf(m: Envelope): Envelope {
  return { set: m.set, epoch: m.epoch, source: m.source, lane: m.lane, lanes: m.lanes, sent: m.sent, ...(m.shard !== undefined && { shard: m.shard }) };
}
