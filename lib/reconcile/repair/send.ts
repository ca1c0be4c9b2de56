import { depthMax } from '../../adopt/pace.ts';
import { isBraked } from '../../archive/rewrite/brake.ts';
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
  /** Deletions at a target that were held back: there are so many that a human has to allow them. */
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
 * The brake: deletions at one target beyond DELETE_COUNT_FREE and DELETE_SHARE_MAX of its items are held back.
 *
 * @param options.job for the messages, so that a log shows where they come from.
 * @param options.deletesAllowed somebody has allowed any number of deletions.
 * @param untilMs elapsed time (ms) after which nothing more is sent.
 * @throws InputError "not-primary" · RemoteError
 */
export async function sendRepairs(
  ports: CheckPorts,
  runtime: Runtime,
  divergences: readonly Divergence[],
  options: { readonly job: string; readonly deletesAllowed: boolean },
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
    const braked = options.deletesAllowed ? [] : await brakedOf(link, all);
    held.push(...braked);
    const due = braked.length === 0 ? all : all.filter(({ kind }) => kind !== 'extra');
    if (due.length > 0 && (await send(link, due))) sent += due.length;
    else left += due.length;
  }
  return { sent, held, closed, left };

  /** The deletions, when they are too many. A target that cannot say how many items it has counts as one without any. */
  async function brakedOf({ target, targetTables }: LinkContext, all: readonly Divergence[]): Promise<readonly Divergence[]> {
    const extra = all.filter(({ kind }) => kind === 'extra');
    const reach = ports.others.get(target);
    if (!isBraked(extra.length, 0)) return [];
    const items = reach === undefined ? 0 : (await retried(runtime, untilMs, () => reach.table.describe(targetTables.items))).itemCount;
    return isBraked(extra.length, items) ? extra : [];
  }

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
