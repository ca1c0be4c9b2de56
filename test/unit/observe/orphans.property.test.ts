import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { CloudCall, Fault } from '../../../lib/adapters/memory/call.ts';
import { lostAnswer } from '../../../lib/adapters/memory/call.ts';
import { ORPHAN, orphanId } from '../../../lib/core/formats/orphan-row.ts';
import { decodeSegment } from '../../../lib/core/formats/segment.ts';
import { RemoteError } from '../../../lib/ports/errors.ts';
import { item, key, World } from '../../flows/support/world.ts';
import { bucketOf, faults, segments } from './support/log.ts';

/**
 * The law of orphans: however the records of a secondary are cut into batches, whatever request fails, and however often batches come again,
 * each record of drift has its row, and no other has.
 */

const attempt = fc.record({
  cut: fc.integer({ min: 1, max: 6 }),
  back: fc.integer({ min: 0, max: 4 }),
  /** Which of its requests fails, and how. */
  fault: fc.record({ at: fc.integer({ min: 0, max: 14 }), how: fc.constantFrom('refused', 'lost', 'throttled') }),
});
/** What happens at the secondary: by hand, or by a write at the primary and its applier. */
const deed = fc.record({ by: fc.constantFrom('hand', 'hand', 'applier'), remove: fc.boolean(), pk: fc.constantFrom('a', 'b', 'c', 'd') });

function failing({ fault: { at, how } }: { fault: { at: number; how: string } }): (call: CloudCall) => Fault | undefined {
  let n = 0;
  return () => {
    if (n++ !== at) return undefined;
    return how === 'lost' ? { lost: lostAnswer() } : { refuse: new RemoteError(how === 'refused' ? 'denied' : 'throttled', 'Test', 'not now') };
  };
}

it('each record of drift has its row, whatever is cut, lost, refused or repeated', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(deed, { minLength: 1, maxLength: 14 }), fc.array(attempt, { maxLength: 12 }), async (deeds, attempts) => {
      const world = await World.create();
      const { secondary, primary } = world;
      const byHand = { put: 0, removed: 0 };
      for (const [i, { by, remove, pk }] of deeds.entries()) {
        const at = by === 'hand' ? secondary : primary;
        const before = world.records(secondary).length;
        if (remove) await world.remove(key(pk), at);
        else await world.put(item(pk, 1, { n: { N: String(i) } }), at);
        if (by === 'hand') byHand[remove ? 'removed' : 'put'] += world.records(secondary).length - before;
        else await world.drain();
      }
      const records = world.records(secondary);
      let passed = 0;
      for (const a of attempts) {
        if (passed >= records.length) break;
        const to = Math.min(records.length, passed + a.cut);
        world.cloud.hook = failing(a);
        const [done] = await Promise.allSettled([world.observeOf(records.slice(Math.max(0, passed - a.back), to), secondary)]);
        world.cloud.hook = undefined;
        if (done?.status === 'fulfilled') passed = to;
      }
      await world.observeOf(records.slice(passed), secondary);

      expect(faults(world, records, secondary)).toEqual([]);
      const drift = segments(world, secondary).flatMap(({ name }) => {
        const { footer, records: read } = decodeSegment(world.cloud.region(secondary).buckets.bytes(bucketOf(world, secondary), name));
        const entries = Array.from({ length: footer.index.length }, (_, i) => footer.index.entry(i)).filter((entry) => entry.drift);
        return entries.map((entry) => ({ removed: entry.removed, id: orphanId(entry.keyHash, read[entry.ordinal]?.sequence ?? '') }));
      });
      const page = await world.clock.run(world.table(secondary).query({ table: world.control(secondary), partition: { name: 'pk', value: { S: ORPHAN } } }));
      expect(page.items.map((row) => (row['sk'] as { S: string }).S).toSorted()).toEqual(drift.map(({ id }) => id).toSorted());
      expect(drift.filter(({ removed }) => !removed)).toHaveLength(byHand.put);
      // A removal by hand may have a tombstone of an older or a later delete, which explains it as well.
      expect(drift.filter(({ removed }) => removed).length).toBeLessThanOrEqual(byHand.removed);
    }),
    { numRuns: 60 },
  );
});
