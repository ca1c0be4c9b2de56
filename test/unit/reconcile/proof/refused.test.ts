import { describe, expect, test } from 'vitest';
import { SUSPICIONS_MAX } from '../../../../lib/reconcile/proof/limits.ts';
import { proofPart, withinMost } from '../../../../lib/reconcile/proof/part.ts';
import type { LinkProof } from '../../../../lib/reconcile/proof/row.ts';
import { readProof } from '../../../../lib/reconcile/proof/row.ts';
import { item } from '../../../flows/support/world.ts';
import { Rig } from '../check/rig.ts';

describe('a look', () => {
  test('calls a link verified beside keys that its target refuses, and says how many', async () => {
    const rig = await Rig.create(5, { indexes: [{ name: 'by-g', key: [{ name: 'g', type: 'S' }] }] as never });
    const { world } = rig;
    const { own } = rig.ports();
    const minute = async (n: number): Promise<LinkProof | undefined> => {
      await world.put(item('live', n, { n: { N: String(n) } }));
      await rig.beside(proofPart(rig.ports(), world.runtime, world.clock.elapsed() + 45_000, async () => undefined));
      await rig.pass(60_000);
      return Object.values((await rig.beside(readProof(own.table, own.member.tables.control, world.runtime)))?.links ?? {})[0];
    };
    await rig.check({ mode: 'sweep', action: 'report' });
    // The target has an index by "g", a text: it takes no number there.
    await world.put(item('bad', 1, { g: { N: '7' } }));
    const looks: (LinkProof | undefined)[] = [];
    for (let n = 0; n < 30; n += 1) looks.push(await minute(n));
    expect(looks.at(-1)).toMatchObject({ state: 'verified', refused: 1, differing: 0 });
    expect(looks.some((link) => link?.opening !== undefined)).toBe(false);
  });

  test('says so when more keys differ than it hands to a check', () => {
    const suspicions = Array.from({ length: SUSPICIONS_MAX - 5 }, (_, i) => ({ key: { pk: { S: String(i) } }, target: 'b' }));
    const opened = { at: 1, cells: [1], suspicions: suspicions.length, unresolved: 0, bytes: 0 };
    const proof = { state: 'suspect', at: 1, cells: 256, differing: 1, hot: 0, opened } as const;
    const told: unknown[] = [];
    const count = (name: string, value: number, labels: unknown): number => told.push([name, value, labels]);
    const runtime = { metrics: { count }, log: { warn: (...args: unknown[]) => told.push(args[0]) } } as unknown as Parameters<typeof withinMost>[1];
    const [first, second] = withinMost(
      ['b', 'c'].map((target) => ({ target, proof, suspicions })),
      runtime,
    );
    expect(first?.proof).toBe(proof);
    expect(second?.suspicions).toHaveLength(5);
    expect(second?.proof.opened?.why).toContain(`${SUSPICIONS_MAX - 10} of them were left`);
    expect(told).toEqual([['SuspicionsDropped', SUSPICIONS_MAX - 10, { link: 'c' }], expect.stringContaining('More keys')]);
  });
});
