import { isRemote, whyText } from '../../ports/errors.ts';
import type { CheckPorts } from '../ports.ts';
import { markProven } from '../prove/proven.ts';
import { forgetRepeated } from './forget.ts';
import type { CheckJob, CheckLink } from './job.ts';
import { APPROVE_MAX_MS, REPORT_FINDINGS_MAX, WAIT_MS } from './limits.ts';
import { makeReport } from './make-report.ts';
import { readFindings, storeReport } from './objects.ts';
import type { Finding } from './report.ts';
import type { Step } from './step.ts';
import { inPhase, tell } from './step.ts';
import { tellEnd, tellMore } from './told.ts';

/** Whether a check has something to repair. Pure. */
export const isToRepair = ({ links, request }: CheckJob): boolean =>
  links.some(({ divergent, unverified, refused }) => divergent > 0 || (request.purpose === 'prove' && unverified > refused));

/** Phase "preview": what was found is shown, and waits for somebody's approval where it was asked for so. */
export async function previewPhase(step: Step): Promise<number> {
  const { lease, runtime, ports } = step;
  const { job } = lease;
  const now = runtime.clock.now();
  const { action } = job.request;
  if (action === 'report' || !isToRepair(job) || (action === 'ask' && job.approved === undefined && now - job.since > APPROVE_MAX_MS)) {
    await tellMore(step);
    await lease.save(inPhase('done', now));
    return 0;
  }
  if (action === 'repair' || job.approved !== undefined) {
    await tellMore(step);
    await lease.save({ round: 1, next: 0, active: [], ...inPhase('repair', now) });
    return 0;
  }
  await storeReport(ports.own.place, runtime, makeReport(job, await firstFindings(ports, step, job.id)));
  tell(step);
  return WAIT_MS.approve;
}

async function firstFindings({ own }: CheckPorts, { runtime }: Step, id: string): Promise<readonly Finding[]> {
  const first: Finding[] = [];
  for await (const finding of readFindings(own.place, runtime, id)) {
    first.push(finding);
    if (first.length >= REPORT_FINDINGS_MAX) break;
  }
  return first;
}

/** Whether a comparison of the whole table found nothing that differs, and nothing unknown but keys that the target refuses. Pure. */
export const isProof = (link: CheckLink): boolean =>
  link.stage === 'ended' && link.why === undefined && link.asOfMs !== undefined && link.divergent === 0 && link.unverified === link.refused;

/** Phase "done": proofs are noted, the report is stored, the end is told; then, last, the row says so. */
export async function endPhase(step: Step, failed?: string): Promise<number> {
  const { lease, runtime, ports } = step;
  const { prove, purpose } = lease.job.request;
  if (failed === undefined && purpose === 'prove' && prove !== undefined) {
    for (const { target } of lease.job.links.filter((link) => isProof(link) && link.provenMs === undefined)) {
      const noted = await markProven(ports.own, runtime, target, prove);
      if (!noted.ok) runtime.log.warn('A link that was found equal is not proven.', { link: target, why: noted.why });
      const change = noted.ok ? { provenMs: prove.at } : { why: `not proven: ${noted.why}` };
      await lease.save(({ links }) => ({ links: links.map((link) => (link.target === target ? { ...link, ...change } : link)) }));
    }
  }
  const job: CheckJob = { ...lease.job, phase: 'done', done: runtime.clock.now(), ...(failed !== undefined && { failed }) };
  await storeReport(ports.own.place, runtime, makeReport(job, await firstFindings(ports, step, job.id)));
  await tellEnd({ ...step, job });
  await lease.save({ phase: 'done', since: runtime.clock.now(), done: runtime.clock.now(), ...(failed !== undefined && { failed }) });
  tell(step);
  await forgetRepeated(ports.own, runtime, job).catch((error: unknown) => {
    if (!isRemote(error)) throw error;
    runtime.log.warn('Rows of old checks are not forgotten yet; the end of the next one tries again.', { check: job.id, why: whyText(error) });
  });
  return 0;
}
