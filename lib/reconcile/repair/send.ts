import { depthMax } from '../../adopt/pace.ts';
import { InputError } from '../../core/errors.ts';
import { isPrimary } from '../../core/formats/rows.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { LinkContext } from '../../replicate/context.ts';
import { planResync } from '../../replicate/fanout-plan.ts';
import { retried } from '../../replicate/retry.ts';
import { readSelf } from '../../replicate/self.ts';
import { sendToLanes } from '../../replicate/send.ts';
import type { CheckPorts } from '../ports.ts';
import type { Divergence } from '../verdict/suspicion.ts';

/** What became of some repairs. Together they are all that were asked for. */
export interface RepairsSent {
  /** Keys whose resync is surely in the lanes. */
  readonly sent: number;
  /** Deletions at targets where nothing is to be deleted. */
  readonly held: readonly Divergence[];
  /** Keys of links that are not open: nothing is sent to them. */
  readonly closed: number;
  /** Keys that are to be sent later, all of them again: a queue is long, refuses, or the time is over. */
  readonly left: number;
}

/**
 * Sends repairs: `resync` in mode `repair`, down the lanes of the keys. The lane reads both sides anew, so nothing newer is ever undone, a key that
 * has become equal is left alone, and a repair that is sent twice does no harm.
 *
 * ⚠ It has no brake of its own, since it sees a part of a repair only: who repairs decides by the whole which targets are `held` (brake.ts).
 *
 * @param options.job for the messages, so that a log shows where they come from.
 * @param options.held targets at which nothing is deleted.
 * @param untilMs elapsed time (ms) after which nothing more is sent.
 * @throws InputError "not-primary" · RemoteError
 */
export async function sendRepairs(
  ports: CheckPorts,
  runtime: Runtime,
  divergences: readonly Divergence[],
  options: { readonly job: string; readonly held: ReadonlySet<string> },
  untilMs: number,
): Promise<RepairsSent> {
  const { member, table } = ports.own;
  const { seat, links } = await retried(runtime, untilMs, () => readSelf(table, member.tables.control));
  if (seat === undefined || !isPrimary(seat)) {
    throw new InputError('not-primary', `${member.member} is not the primary: repairs are sent by the primary alone. Nothing was sent.`);
  }
  const epoch = seat.own;
  let [sent, closed, left] = [0, 0, 0];
  const held: Divergence[] = [];
  for (const [target, all] of Map.groupBy(divergences, (one) => one.target)) {
    const link = member.links.find((one) => one.target === target);
    if (link === undefined || links.get(target)?.state !== 'open') {
      closed += all.length;
      continue;
    }
    const isHeld = ({ kind }: Divergence): boolean => kind === 'extra' && options.held.has(target);
    held.push(...all.filter(isHeld));
    const due = all.filter((one) => !isHeld(one));
    if (due.length > 0 && (await send(link, due))) sent += due.length;
    else left += due.length;
  }
  return { sent, held, closed, left };

  /** Whether all were stored. */
  async function send(link: LinkContext, due: readonly Divergence[]): Promise<boolean> {
    if (runtime.clock.elapsed() >= untilMs) return false;
    const { visible, inFlight, delayed } = await retried(runtime, untilMs, () => ports.queue.depth(link.queueUrl));
    if (visible + inFlight + delayed > depthMax(link.lanes)) return false;
    const envelope = { set: link.set, epoch, source: link.source, lanes: link.lanes, sent: runtime.clock.now() };
    const sends = planResync(
      due.map(({ key }) => ({ k: key })),
      envelope,
      link.key,
      { mode: 'repair', job: options.job },
    );
    const { failed } = await sendToLanes(ports.queue, link.queueUrl, sends, () => runtime.chance.nonce());
    return failed.size === 0;
  }
}
