import { isRemote, whyText } from '../../ports/errors.ts';
import type { OutgoingEvent } from '../../ports/events.ts';
import { EVENTS_PER_CALL } from '../../ports/events.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { CheckPorts } from '../ports.ts';
import type { CheckJob } from './job.ts';
import { EVENTS_PER_CHECK } from './limits.ts';
import { resultOf } from './make-report.ts';
import type { Finding } from './report.ts';
import type { Step } from './step.ts';

/** What a check tells on the user's event bus, and counts. Nothing rests on an event: one that is lost is in the report, and one may come twice. */

export const FOUND_EVENT = 'Syncline Divergence Found';
export const REPAIRED_EVENT = 'Syncline Divergence Repaired';
export const FINISHED_EVENT = 'Syncline Check Finished';

/** Sends events; what the bus does not take is logged. */
export async function sendEvents({ events }: CheckPorts, runtime: Runtime, out: readonly OutgoingEvent[]): Promise<void> {
  for (let at = 0; at < out.length; at += EVENTS_PER_CALL) {
    try {
      const { refused } = await events.put(out.slice(at, at + EVENTS_PER_CALL));
      if (refused > 0) runtime.log.warn('The event bus has refused events.', { refused });
    } catch (error) {
      if (!isRemote(error)) throw error;
      runtime.log.warn('Events could not be sent; the report says the same.', { events: out.length - at, why: whyText(error) });
      return;
    }
  }
}

const about = ({ id, set, source, request }: CheckJob): Readonly<Record<string, unknown>> => ({ set, source, check: id, mode: request.mode, by: request.by });

/** Tells divergent keys of a batch, as long as the check has told fewer than EVENTS_PER_CHECK. @returns how many it told */
export async function tellDivergences({ ports, runtime, lease: { job } }: Step, findings: readonly Finding[]): Promise<number> {
  const divergent = findings.filter(({ verdict }) => verdict === 'divergent');
  const room = Math.max(0, EVENTS_PER_CHECK - job.told);
  const some = divergent.slice(0, room);
  await sendEvents(
    ports,
    runtime,
    some.map(({ key, target, kind, at }) => ({ type: FOUND_EVENT, detail: { ...about(job), target, key, kind, at } })),
  );
  return some.length;
}

/** Tells how many divergent keys there are beyond those that were told one by one. */
export async function tellMore({ ports, runtime, lease: { job } }: Step): Promise<void> {
  const divergent = job.links.reduce((sum, link) => sum + link.divergent, 0);
  if (divergent <= job.told) return;
  await sendEvents(ports, runtime, [{ type: FOUND_EVENT, detail: { ...about(job), more: divergent - job.told, report: `reports/${job.id}/` } }]);
}

/** Tells the end, link by link, and counts. */
export async function tellEnd({ ports, runtime, job }: Pick<Step, 'ports' | 'runtime'> & { readonly job: CheckJob }): Promise<void> {
  const events: OutgoingEvent[] = [];
  for (const link of job.links) {
    const { target, keys, verified, divergent, unverified, repaired, left, held, why } = link;
    const counts = { keys, verified, divergent, unverified, repaired, left, held };
    for (const [name, value] of [['DivergentKeys', divergent] as const, ['RepairedKeys', repaired] as const, ['UnverifiedKeys', unverified] as const])
      runtime.metrics.count(name, value, { link: target });
    if (repaired > 0) events.push({ type: REPAIRED_EVENT, detail: { ...about(job), target, repaired, left, held } });
    const result = job.failed === undefined ? resultOf(link, true) : 'failed';
    events.push({ type: FINISHED_EVENT, detail: { ...about(job), target, result, ...counts, ...(why !== undefined && { why }) } });
  }
  runtime.metrics.count('ChecksFinished', 1);
  await sendEvents(ports, runtime, events);
}
