import { describe, expect, it } from 'vitest';
import { forgetRepeated } from '../../../../lib/reconcile/check/forget.ts';
import type { CheckJob } from '../../../../lib/reconcile/check/job.ts';
import { encodeCheck, isOpen, listChecks } from '../../../../lib/reconcile/check/job.ts';
import { CHECKS_LISTED_MAX, FORGOTTEN_PER_RUN, PROOF_CHECKS_KEPT } from '../../../../lib/reconcile/check/limits.ts';
import { BY_PROOF } from '../../../../lib/reconcile/check/request.ts';
import { World } from '../../../flows/support/world.ts';
import { checkPorts } from '../verdict/support.ts';
import { LINK } from './link.ts';

const idOf = (n: number): string => `20260101T${String(n).padStart(6, '0')}Z-abcdef`;

/** A check that is done, of the standing proof. */
const doneJob = (n: number, target = 'b'): CheckJob => ({
  ...{ id: idOf(n), set: 'test', source: 'a', phase: 'done', started: n, since: n, done: n, links: [{ ...LINK, target }], tasks: [], v: 1 },
  request: { mode: 'keys', targets: [target], action: 'ask', by: BY_PROOF },
  ...{ made: 0, next: 0, active: [], round: 0, findings: 0, parts: 0, told: 0 },
});

function openJob(n: number): CheckJob {
  const { done: _, ...job } = doneJob(n);
  return { ...job, phase: 'preview' };
}

async function worldWith(jobs: readonly CheckJob[]): Promise<{ readonly world: World; readonly list: () => Promise<readonly CheckJob[]> }> {
  const world = await World.create();
  const control = world.control(world.primary);
  for (const job of jobs) await world.clock.run(world.table(world.primary).put(control, encodeCheck(job)));
  return { world, list: () => world.clock.run(listChecks(world.table(world.primary), control, world.runtime)) };
}

describe('the list of checks', () => {
  it('has the newest that are done, and every open one, however many came after it', async () => {
    const { list } = await worldWith([openJob(0), ...Array.from({ length: 2 * CHECKS_LISTED_MAX + 30 }, (_, i) => doneJob(i + 1)), openJob(999)]);
    const jobs = await list();
    expect(jobs.filter(isOpen).map(({ id }) => id)).toEqual([idOf(999), idOf(0)]);
    expect(jobs).toHaveLength(CHECKS_LISTED_MAX + 2);
    expect(jobs[1]?.id).toBe(idOf(2 * CHECKS_LISTED_MAX + 30));
  });

  it('loses what the standing proof has found again and again at the same target, and nothing else', async () => {
    const asked: CheckJob = { ...doneJob(0), request: { ...doneJob(0).request, by: 'ada' } };
    const same = Array.from({ length: PROOF_CHECKS_KEPT + FORGOTTEN_PER_RUN + 5 }, (_, i) => doneJob(i + 3));
    const { world, list } = await worldWith([asked, openJob(1), doneJob(2, 'c'), ...same]);
    const reach = checkPorts(world).own;
    expect(await world.clock.run(forgetRepeated(reach, world.runtime, asked))).toBe(0);
    const forgotten: number[] = [];
    for (let i = 0; i < 3; i += 1) forgotten.push(await world.clock.run(forgetRepeated(reach, world.runtime, doneJob(0))));
    expect(forgotten).toEqual([FORGOTTEN_PER_RUN, 5, 0]);
    const kept = same.slice(-PROOF_CHECKS_KEPT).map(({ id }) => id);
    expect((await list()).map(({ id }) => id)).toEqual([...kept.reverse(), idOf(2), idOf(1), idOf(0)]);
  });
});
