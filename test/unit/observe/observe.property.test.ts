import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { CloudCall, Fault } from '../../../lib/adapters/memory/call.ts';
import { lostAnswer } from '../../../lib/adapters/memory/call.ts';
import { RemoteError } from '../../../lib/ports/errors.ts';
import type { StreamRecord } from '../../../lib/ports/stream.ts';
import { item, World } from '../../flows/support/world.ts';
import { faults, segments } from './support/log.ts';

/**
 * The law of the log: however the records of a shard are cut into batches, whatever fails, and however often batches come
 * again, the segments hold each record once, in order, and each names the one before it.
 */

/** What happens to one call of the observer. */
interface Attempt {
  /** Records that it is given, from where its reader is. */
  readonly cut: number;
  /** Its reader begins so many records earlier than it must: its checkpoint stepped back. */
  readonly back: number;
  /** Which of its requests fails (counted from 0), and how: refused, or done without an answer. Beyond its last request: none. */
  readonly fault: { readonly at: number; readonly how: 'refused' | 'lost' | 'throttled' };
  /** A second invocation has the same records, cut shorter by so many, at the same time. */
  readonly twin?: number;
  /** The table splits, or rolls, before it. */
  readonly change: 'none' | 'roll' | 'split';
}

const attempt: fc.Arbitrary<Attempt> = fc.record(
  {
    cut: fc.integer({ min: 1, max: 9 }),
    back: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 20 })),
    fault: fc.record({ at: fc.integer({ min: 0, max: 9 }), how: fc.constantFrom('refused', 'lost', 'throttled') }),
    twin: fc.integer({ min: 0, max: 4 }),
    change: fc.oneof({ weight: 8, arbitrary: fc.constant('none' as const) }, fc.constantFrom('roll' as const, 'split' as const)),
  },
  { requiredKeys: ['cut', 'back', 'fault', 'change'] },
);

/** Fails one request; a throttled one is tried again by the flow itself. */
function failing({ fault: { at, how } }: Attempt): (call: CloudCall) => Fault | undefined {
  let n = 0;
  return () => {
    if (n++ !== at) return undefined;
    if (how === 'lost') return { lost: lostAnswer() };
    return { refuse: new RemoteError(how === 'refused' ? 'denied' : 'throttled', 'Test', 'not now') };
  };
}

it('each record is in the log once, in order, in one chain, whatever is cut, lost, refused, repeated or done twice', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(attempt, { minLength: 1, maxLength: 25 }), fc.integer({ min: 1, max: 1_000 }), async (attempts, seed) => {
      const world = await World.create({ seed });
      const region = world.cloud.region(world.primary);
      const stream = region.tableNamed(world.items(world.primary)).streams.at(-1);
      if (stream === undefined) throw new Error('no stream');
      /** Records of a shard that its reader has passed. */
      const passed = new Map<string, number>();
      const shardOf = new Map<string, string>();
      let writes = 0;
      const write = async (count: number): Promise<void> => {
        for (let i = 0; i < count; i += 1) {
          writes += 1;
          await world.put(item(`k${writes % 11}`, 1, { n: { N: String(writes) } }));
        }
      };
      /** The next shard that Lambda would read: a child's turn comes when its parent is done. */
      const next = (): { id: string; records: readonly StreamRecord[] } | undefined => {
        for (const id of stream.shardIds(world.clock.now())) {
          const records = stream.read(id, undefined, 10_000, world.clock.now());
          for (const { sequence } of records) shardOf.set(sequence, id);
          if ((passed.get(id) ?? 0) < records.length) return { id, records };
        }
        return undefined;
      };
      const observe = async (a: Attempt): Promise<boolean> => {
        const shard = next();
        if (shard === undefined) return false;
        const at = passed.get(shard.id) ?? 0;
        const from = Math.max(0, at - a.back);
        const to = Math.min(shard.records.length, Math.max(at, from) + a.cut);
        const calls = [world.observeOf(shard.records.slice(from, to), world.primary, shard.id)];
        if (a.twin !== undefined && to - a.twin > from) calls.push(world.observeOf(shard.records.slice(from, to - a.twin), world.primary, shard.id));
        const [first] = await Promise.allSettled(calls);
        if (first?.status === 'fulfilled') passed.set(shard.id, Math.max(at, to));
        return true;
      };

      for (const a of attempts) {
        await write(a.cut);
        const open = stream.shardIds(world.clock.now()).at(-1) as string;
        if (a.change === 'roll') stream.roll(world.clock.now());
        if (a.change === 'split') stream.split(open, world.clock.now());
        world.cloud.hook = failing(a);
        await observe(a);
        world.cloud.hook = undefined;
      }
      for (let rounds = 0; await observe({ cut: 7, back: 0, fault: { at: -1, how: 'lost' }, change: 'none' }); rounds += 1) expect(rounds).toBeLessThan(500);

      expect(faults(world, world.records(), world.primary, ({ sequence }) => shardOf.get(sequence) as string)).toEqual([]);
      // One line: only the very first segment has none before it.
      expect(segments(world).filter(({ head }) => head.previous === undefined)).toHaveLength(1);
      expect(segments(world).map(({ head }) => head.doubt)).toEqual(segments(world).map(() => undefined));
    }),
    { numRuns: 60 },
  );
});
