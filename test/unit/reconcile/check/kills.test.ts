import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LEASE_MS } from '../../../../lib/job/limits.ts';
import type { CheckJob } from '../../../../lib/reconcile/check/job.ts';
import type { CheckRequest } from '../../../../lib/reconcile/check/request.ts';
import { Killed } from '../../../flows/support/mortal.ts';
import { item, key } from '../../../flows/support/world.ts';
import { Rig } from './rig.ts';

/** Processes that one check may take. */
const LIVES_MAX = 400;

/** Runs a check by processes of which each dies after so many calls, until one ends it. @returns how many died */
async function runByMortals(rig: Rig, id: string, lives: () => { at: number; after: boolean }): Promise<{ readonly job: CheckJob; readonly deaths: number }> {
  for (let deaths = 0; deaths < LIVES_MAX; deaths += 1) {
    try {
      return { job: await rig.run(id, { death: lives() }), deaths };
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
    await rig.pass(LEASE_MS + 1_000);
  }
  throw new Error(`The check is not done after ${LIVES_MAX} lives.`);
}

const life = fc.record({ at: fc.integer({ min: 25, max: 150 }), after: fc.boolean() });

describe('a check that is killed, again and again', () => {
  const cases: [string, Partial<CheckRequest>, number][] = [
    ['a sweep', { mode: 'sweep' }, 6],
    ['of given keys', { mode: 'keys', keys: ['k0', 'k1', 'k2', 'extra'].map((pk) => key(pk)) }, 6],
  ];
  for (const [name, request, numRuns] of cases) {
    it(`${name}: ends with the counts of one that was not, everything repaired, and nothing counted twice`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 1, max: 1e6 }), fc.infiniteStream(life), async (seed, lives) => {
          const rig = await Rig.create(8, { seed });
          const [target = ''] = rig.targets;
          await rig.plant(target, [{ put: item('k1', 1, { n: { S: 'other' } }) }, { remove: key('k2') }, { put: item('extra', 1) }]);
          const { id } = await rig.start(request);
          const { deaths } = await runByMortals(rig, id, () => lives.next().value);
          const report = await rig.report(id);
          const keys = request.mode === 'keys' ? 4 : 9;
          expect(report.links, `${deaths} deaths`).toMatchObject([
            { keys, verified: keys - 3, divergent: 3, changed: 1, missing: 1, extra: 1, unverified: 0, repaired: 3, left: 0, result: 'repaired' },
          ]);
          expect((await rig.findings(id)).map(({ outcome }) => outcome)).toEqual(['repaired', 'repaired', 'repaired']);
          expect(rig.isEqual(target)).toBe(true);
          expect(deaths).toBeGreaterThan(0);
        }),
        { numRuns },
      );
    });
  }
});
