import { keyText } from '../../core/key.ts';
import { heldTargets, sendsUnknown } from '../repair/brake.ts';
import { sendRepairs } from '../repair/send.ts';
import { freshBatch } from '../verdict/batch.ts';
import type { Divergence, KeyVerdict } from '../verdict/suspicion.ts';
import { afterHeld, afterVerify, isToMend, mendedBy } from './counts.ts';
import type { CheckLink } from './job.ts';
import { BATCHES_AT_ONCE, PARTS_PER_STEP, REPAIR_ROUNDS_MAX, WAIT_MS } from './limits.ts';
import { readPart, storeBatch, storeFindings } from './objects.ts';
import { stepBatches } from './phase-verdict.ts';
import type { Finding } from './report.ts';
import type { Step } from './step.ts';
import { inPhase, tell } from './step.ts';

/**
 * Phase "repair": what is divergent is sent down its lane, a part of the findings at a time. Sending again does no harm. What is held back
 * is decided by the totals in the row, which no part changes.
 */
export async function repairPhase(step: Step): Promise<number> {
  const { lease, runtime, ports } = step;
  const { job } = lease;
  const { place } = ports.own;
  if (job.next >= job.made) {
    await lease.save({ next: 0, active: [], ...inPhase('verify', runtime.clock.now()) });
    return 0;
  }
  const part = job.next;
  const found = await readPart(place, runtime, job.id, part);
  const held = heldTargets(job);
  const findings = found.map((one): Finding => (isHeld(one, held) ? { ...one, outcome: 'held' } : one));
  if (findings.some((one, i) => one !== found[i])) await storeFindings(place, runtime, job.id, part, findings);
  const name = `${job.id}/repair-${job.round}-${part}`;
  const due = findings.filter(isToMend).map(divergenceOf);
  // Of a key without a verdict nobody knows whether the source has it: it counts as one that would be deleted, in the brake as here.
  const unknown = sendsUnknown(job)
    ? findings.filter((one) => one.verdict === 'unverified').map((one): Divergence => ({ ...divergenceOf(one), kind: 'extra' }))
    : [];
  if (due.length + unknown.length > 0) {
    const { left } = await sendRepairs(ports, runtime, [...due, ...unknown], { job: name, held }, step.untilMs);
    // The lanes are full, or the time is over: the next step sends the whole part again.
    if (left > 0) return WAIT_MS.failed;
  }
  // Only the first round holds anything back, so it is counted once, also where this step is done again.
  const links = job.round === 1 ? job.links.map((link) => afterHeld(link, findings)) : job.links;
  await lease.save({ links, next: part + 1 });
  tell(step, { batches: { done: part + 1, of: job.made } });
  return 0;
}

const isHeld = (one: Finding, held: ReadonlySet<string>): boolean =>
  one.verdict === 'divergent' && one.kind === 'extra' && one.outcome === undefined && held.has(one.target);

function divergenceOf({ key, target, kind, sourceHash, targetHash, at }: Finding): Divergence {
  return {
    key,
    target,
    kind: kind ?? 'changed',
    ...(sourceHash !== undefined && { sourceHash }),
    ...(targetHash !== undefined && { targetHash }),
    at: at ?? 0,
  };
}

/** Phase "verify": what was repaired gets a second verdict. What is left is repaired again, at most REPAIR_ROUNDS_MAX times. */
export async function verifyPhase(step: Step): Promise<number> {
  const { lease, runtime } = step;
  const { job } = lease;
  if (job.next < job.made && job.active.length < BATCHES_AT_ONCE) {
    await activate(step);
    return 0;
  }
  if (job.active.length === 0) {
    const now = runtime.clock.now();
    const again = job.links.some(isLeft) && job.round < REPAIR_ROUNDS_MAX;
    await lease.save(again ? { round: job.round + 1, next: 0, active: [], ...inPhase('repair', now) } : inPhase('done', now));
    return 0;
  }
  const { done, waitMs } = await stepBatches(step, job.active);
  for (const { n, verdicts } of done) await verified(step, n, verdicts);
  tell(step, { batches: { done: job.next - job.active.length + done.length, of: job.made } });
  return waitMs;
}

const isLeft = (link: CheckLink): boolean => link.left > link.held;

/** Makes batches of the parts that have something to verify, until enough are under way. */
async function activate({ ports, runtime, lease }: Step): Promise<void> {
  const { job } = lease;
  const { place } = ports.own;
  const since = runtime.clock.now();
  const active = [...job.active];
  let part = job.next;
  for (let looked = 0; part < job.made && active.length < BATCHES_AT_ONCE && looked < PARTS_PER_STEP; part += 1, looked += 1) {
    const due = (await readPart(place, runtime, job.id, part)).filter(isToMend);
    if (due.length === 0) continue;
    const n = job.made * job.round + part;
    await storeBatch(
      place,
      runtime,
      job.id,
      freshBatch(
        job.id,
        n,
        due.map(({ key, target }) => ({ key, target })),
      ),
    );
    active.push({ n, since });
  }
  await lease.save({ active, next: part });
}

/** Writes the outcomes into the part that a batch is of, and counts them. */
async function verified({ ports, runtime, lease }: Step, n: number, verdicts: readonly KeyVerdict[]): Promise<void> {
  const { id, made, round } = lease.job;
  const { place, member } = ports.own;
  const part = n - made * round;
  const nameOf = ({ key, target }: { readonly key: Finding['key']; readonly target: string }): string => `${target} ${keyText(key, member.key)}`;
  const byName = new Map(verdicts.map((one) => [nameOf(one), one]));
  const found = await readPart(place, runtime, id, part);
  const findings = found.map((one): Finding => {
    const verdict = byName.get(nameOf(one));
    return verdict === undefined || one.verdict !== 'divergent' ? one : mendedBy(one, verdict);
  });
  await storeFindings(place, runtime, id, part, findings);
  await lease.save((now) => ({
    links: now.links.map((link) => afterVerify(link, verdicts, round)),
    active: now.active.filter((one) => one.n !== n),
  }));
}
