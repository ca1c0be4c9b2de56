import { describe, expect, it } from 'vitest';
import { archivePlace } from '../../../../lib/archive/place.ts';
import { applyPlan } from '../../../../lib/archive/rewrite/apply.ts';
import type { PlanLine } from '../../../../lib/archive/rewrite/change.ts';
import { rewriteId, writePlan } from '../../../../lib/archive/rewrite/plan.ts';
import { rewriteContext } from '../../../../lib/archive/rewrite/seats.ts';
import type { Item } from '../../../../lib/core/attribute.ts';
import { withoutMeta } from '../../../../lib/core/formats/seal.ts';
import { keyOf } from '../../../../lib/core/key.ts';
import { memberContext } from '../../../../lib/replicate/context.ts';
import { item, World } from '../../../flows/support/world.ts';

describe('a rewrite of the primary', () => {
  it('replicates as any other write: the secondary has what the primary has, deletions too', async () => {
    const world = await World.create();
    for (let i = 0; i < 30; i += 1) await world.put(item(`k${i}`, 1));
    await world.drain();
    const { primary, secondary } = world;
    const member = memberContext(world.config, world.member(0));
    const region = world.cloud.region(primary);
    const before = region.items(world.items(primary)).map(withoutMeta);
    const place = archivePlace(member, region.objects);
    async function* lines(): AsyncGenerator<PlanLine> {
      for (const [n, found] of before.entries()) {
        yield { key: keyOf(found, member.key), before: found, ...(n % 3 !== 0 && { after: { ...found, again: { N: String(n) } } }) };
      }
    }
    const { tableId } = region.tableNamed(world.items(primary));
    const about = {
      id: rewriteId('undo', world.clock.now(), world.runtime.chance.nonce()),
      kind: 'undo',
      args: {},
      table: world.items(primary),
      tableId,
      epoch: 1,
    } as const;
    const { plan } = await world.clock.run(writePlan(place, world.runtime, about, lines()));
    const quiet = { progress: () => undefined, stopped: () => false };
    const { counts } = await world.clock.run(applyPlan(rewriteContext(member, place, region.table), place, world.runtime, plan, 'a test', quiet));
    expect(counts).toMatchObject({ put: 20, deleted: 10 });
    await world.drain();
    const of = (name: string): readonly Item[] =>
      world.cloud
        .region(name)
        .items(world.items(name))
        .map(withoutMeta)
        .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
    expect(of(secondary)).toEqual(of(primary));
    expect(of(secondary).length).toBe(20);
  });
});
