import { together } from '../../replicate/together.ts';
import type { VerdictBatch } from '../verdict/batch.ts';
import { stepVerdict } from '../verdict/step.ts';
import type { KeyVerdict } from '../verdict/suspicion.ts';
import { afterAllVerdicts, afterVerdicts, findingOf } from './counts.ts';
import type { CheckJob } from './job.ts';
import { BATCHES_AT_ONCE } from './limits.ts';
import { readBatch, storeBatch, storeFindings } from './objects.ts';
import type { Step } from './step.ts';
import { inPhase, tell } from './step.ts';
import { tellDivergences } from './told.ts';

/** A batch whose verdicts are all there. */
export interface Judged {
  readonly n: number;
  readonly verdicts: readonly KeyVerdict[];
}

/**
 * Brings the batches that are under way a step on, BATCHES_AT_ONCE of them side by side.
 *
 * @param active what the row says. ⚠ A batch leaves it only in the write that counts its verdicts.
 * @returns those that are done, and how long to wait for the others (ms)
 */
export async function stepBatches(step: Step, active: CheckJob['active']): Promise<{ readonly done: readonly Judged[]; readonly waitMs: number }> {
  const { ports, runtime, lease, untilMs } = step;
  const { id } = lease.job;
  const { place } = ports.own;
  const steps = await together(
    active.map(async ({ n }) => {
      const before = await readBatch(place, runtime, id, n);
      const { batch, waitMs, verdicts } = await stepVerdict(before, ports, runtime, untilMs);
      if (waitMs > 0 || !isSame(before, batch)) await storeBatch(place, runtime, id, batch);
      return { n, waitMs, verdicts };
    }),
  );
  const done = steps.filter(({ waitMs }) => waitMs === 0);
  const waits = steps.filter(({ waitMs }) => waitMs > 0).map(({ waitMs }) => waitMs);
  return { done, waitMs: waits.length === 0 || done.length > 0 ? 0 : Math.min(...waits) };
}

const isSame = (a: VerdictBatch, b: VerdictBatch): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Phase "verdict": every suspicion gets its verdict; what is not simply equal becomes a finding. */
export async function verdictPhase(step: Step): Promise<number> {
  const { lease, runtime, ports } = step;
  const { job } = lease;
  if (job.active.length < BATCHES_AT_ONCE && job.next < job.made) {
    const more = Math.min(job.made - job.next, BATCHES_AT_ONCE - job.active.length);
    const since = runtime.clock.now();
    const active = [...job.active, ...Array.from({ length: more }, (_, i) => ({ n: job.next + i, since }))];
    await lease.save({ active, next: job.next + more });
  }
  if (lease.job.active.length === 0) {
    await lease.save({ links: job.links.map(afterAllVerdicts), ...inPhase('preview', runtime.clock.now()) });
    return 0;
  }
  const { done, waitMs } = await stepBatches(step, lease.job.active);
  for (const { n, verdicts } of done) {
    const findings = verdicts.flatMap((one) => findingOf(one) ?? []);
    if (findings.length > 0) await storeFindings(ports.own.place, runtime, job.id, n, findings);
    const told = await tellDivergences(step, findings);
    await lease.save((now) => ({
      links: now.links.map((link) => afterVerdicts(link, verdicts)),
      active: now.active.filter((one) => one.n !== n),
      findings: now.findings + findings.length,
      parts: now.parts + (findings.length > 0 ? 1 : 0),
      told: now.told + told,
    }));
  }
  tell(step, { batches: { done: lease.job.next - lease.job.active.length, of: job.made } });
  return waitMs;
}
