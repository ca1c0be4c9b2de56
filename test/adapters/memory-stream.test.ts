import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fifo } from '../../lib/adapters/memory/fifo.ts';
import { compareSequences, SLOTS, slotOf } from '../../lib/adapters/memory/shard.ts';
import { MemoryStream } from '../../lib/adapters/memory/stream.ts';
import { InvariantError } from '../../lib/core/errors.ts';
import type { StreamRecord } from '../../lib/ports/stream.ts';
import { shardOf } from '../../lib/replicate/shards.ts';
import { memoryCloud } from './support/memory-world.ts';

const HOUR = 3_600_000;
const KEY = { partition: { name: 'pk', type: 'S' } } as const;
const keyed = (pk: string) => ({ pk: { S: pk } });
const change = (pk: string) => ({ keys: keyed(pk), oldImage: undefined, newImage: keyed(pk), byTtl: false });
const nameOf = (record: StreamRecord): string => (record.keys['pk'] as { S: string }).S;

function stream(shards = 1): MemoryStream {
  let last = 10n ** 20n;
  return new MemoryStream('arn', shards, {
    next: () => {
      last += 7n;
      return last;
    },
  });
}
const append = (s: MemoryStream, pk: string, now: number): StreamRecord => s.append(change(pk), slotOf(pk), now);

/** Reads everything as Lambda's mapping does: a shard after its parent, in batches. */
function readAll(s: MemoryStream, now: number, limit = 3): StreamRecord[] {
  const all: StreamRecord[] = [];
  const done = new Set<string>();
  for (let turn = 0; done.size < s.shardIds(now).length; turn += 1) {
    if (turn > 1_000) throw new Error('A shard waits for a parent that never ends.');
    for (const id of s.shardIds(now)) {
      const parent = s.shard(id)?.parentId;
      if (done.has(id) || (parent !== undefined && s.shard(parent) !== undefined && !done.has(parent))) continue;
      let after: string | undefined;
      for (let left = s.lag(id, after, now); left > 0; left = s.lag(id, after, now)) {
        const batch = s.read(id, after, limit, now);
        expect(batch.length).toBe(Math.min(limit, left));
        all.push(...batch);
        after = batch.at(-1)?.sequence;
      }
      done.add(id);
    }
  }
  return all;
}

describe('a stream in memory', () => {
  it('keeps the records of a key in one chain of shards, in order, whatever splits and rolls', () => {
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.record({ do: fc.constant('put' as const), key: fc.nat(20) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('split' as const), which: fc.nat(50) }) },
      { weight: 1, arbitrary: fc.constant({ do: 'roll' as const }) },
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step, { maxLength: 80 }), (shards, steps) => {
        const s = stream(shards);
        const written = new Map<string, string[]>();
        let now = 1_000_000;
        for (const one of steps) {
          now += 1_000;
          if (one.do === 'roll') s.roll(now);
          else if (one.do === 'split') {
            const open = s.shardIds(now).filter((id) => s.shard(id)?.closed === false);
            s.split(open[one.which % open.length] as string, now);
          } else {
            const record = append(s, `k${one.key}`, now);
            written.set(`k${one.key}`, [...(written.get(`k${one.key}`) ?? []), record.sequence]);
          }
        }
        const read = readAll(s, now);
        for (const [name, sequences] of written) expect(read.filter((r) => nameOf(r) === name).map((r) => r.sequence)).toEqual(sequences);
        expect(read.length).toBe([...written.values()].flat().length);
        // The open shards divide the whole key space.
        const open = s
          .shardIds(now)
          .flatMap((id) => s.shard(id) ?? [])
          .filter((shard) => !shard.closed)
          .sort((a, b) => a.fromSlot - b.fromSlot);
        expect(open[0]?.fromSlot).toBe(0);
        expect(open.at(-1)?.toSlot).toBe(SLOTS);
        for (const [i, shard] of open.slice(1).entries()) expect(shard.fromSlot).toBe(open[i]?.toSlot);
        // Each record lies in the shard that its description says, and a parent ends before its child begins.
        const described = s.describe(now);
        for (const { id, first, last } of described) {
          for (const { sequence } of s.read(id, undefined, 1_000, now)) {
            expect(compareSequences(first, sequence)).toBeLessThan(0);
            if (last !== undefined) expect(compareSequences(sequence, last)).toBeLessThan(0);
          }
        }
        for (const { id, parentId, first } of described) {
          const parent = described.find((d) => d.id === parentId);
          if (parent !== undefined) expect(BigInt(parent.last ?? 0)).toBeLessThan(BigInt(first));
          if (parentId !== undefined) expect(s.shard(parentId)?.childIds).toContain(id);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('splits a shard into two children of half its slots each', () => {
    const s = stream();
    const [root] = s.shardIds(0) as [string];
    append(s, 'a', 0);
    s.split(root, 1_000);
    const children = s.shard(root)?.childIds ?? [];
    expect(children.map((id) => s.shard(id))).toMatchObject([
      { parentId: root, fromSlot: 0, toSlot: SLOTS / 2, closed: false },
      { parentId: root, fromSlot: SLOTS / 2, toSlot: SLOTS, closed: false },
    ]);
    expect(s.shard(root)?.closed).toBe(true);
    expect(s.shardOf(SLOTS / 2 - 1).id).toBe(children[0]);
    expect(s.shardOf(SLOTS / 2).id).toBe(children[1]);
    expect(() => s.split(root, 2_000)).toThrow(InvariantError);
    expect(() => s.split('never', 2_000)).toThrow(InvariantError);
  });

  it('spreads keys over its shards', () => {
    const counts = new Map<string, number>();
    const s = stream(4);
    for (let i = 0; i < 4_000; i += 1) {
      const { id } = s.shardOf(slotOf(`S5:k${i}`));
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    expect([...counts.values()].length).toBe(4);
    for (const count of counts.values()) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  });

  it('reads on from the oldest kept record when the one it read last was trimmed', () => {
    const s = stream();
    const [id] = s.shardIds(0) as [string];
    const records = Array.from({ length: 5_000 }, (_, i) => append(s, 'k', i * 60_000));
    const now = 4_999 * 60_000;
    const kept = records.filter((r) => r.createdMs >= now - 24 * HOUR);
    expect(s.oldest(id, now)?.sequence).toBe(kept[0]?.sequence);
    expect(s.lag(id, undefined, now)).toBe(kept.length);
    expect(s.lag(id, records[3]?.sequence, now)).toBe(kept.length);
    expect(s.read(id, records[3]?.sequence, 2, now)).toEqual(kept.slice(0, 2));
    expect(s.read(id, kept[10]?.sequence, 3, now)).toEqual(kept.slice(11, 14));
    expect(s.lag(id, kept.at(-1)?.sequence, now)).toBe(0);
    expect(s.read(id, kept.at(-1)?.sequence, 3, now)).toEqual([]);
    expect(s.records(now)).toEqual(kept);
    expect(s.records(now + 25 * HOUR)).toEqual([]);
  });

  it('describes a closed shard for 24 h, gives nothing of it after, and knows what never was', () => {
    const s = stream();
    const [root] = s.shardIds(0) as [string];
    append(s, 'k', 0);
    s.roll(HOUR);
    expect(s.shardIds(25 * HOUR)).toContain(root);
    expect(s.shard(root)?.closed).toBe(true);
    expect(s.shardIds(25 * HOUR + 1)).not.toContain(root);
    expect(s.shard(root)).toBeUndefined();
    expect(s.read(root, undefined, 10, 25 * HOUR + 1)).toEqual([]);
    expect(s.lag(root, undefined, 25 * HOUR + 1)).toBe(0);
    expect(() => s.read('never', undefined, 10, 0)).toThrow(InvariantError);
  });

  it('takes no record once it is disabled', () => {
    const s = stream(2);
    append(s, 'k', 0);
    s.disable(1_000);
    expect(s.shardIds(1_000).every((id) => s.shard(id)?.closed === true && s.shard(id)?.childIds.length === 0)).toBe(true);
    expect(readAll(s, 1_000).length).toBe(1);
    expect(() => append(s, 'k', 2_000)).toThrow(InvariantError);
  });

  it('compares sequence numbers by value', () => {
    const text = fc.tuple(fc.bigInt({ min: 0n, max: 10n ** 40n - 1n }), fc.nat(3)).map(([n, zeros]) => '0'.repeat(zeros) + n.toString());
    fc.assert(fc.property(text, text, (a, b) => Math.sign(compareSequences(a, b)) === (BigInt(a) < BigInt(b) ? -1 : BigInt(a) > BigInt(b) ? 1 : 0)));
  });
});

describe('a list that is shortened at its front', () => {
  it('is as an array, however much was taken away', () => {
    // Sizes beyond the slack after which it moves its elements up.
    const step = fc.record({ push: fc.nat(2_000), shift: fc.nat(2_000) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const fifo = new Fifo<number>();
        let plain: number[] = [];
        let next = 0;
        for (const { push, shift } of steps) {
          for (let i = 0; i < push; i += 1, next += 1) {
            fifo.push(next);
            plain.push(next);
          }
          for (let i = 0; i < shift; i += 1) fifo.shift();
          plain = plain.slice(shift);
          expect(fifo.length).toBe(plain.length);
          expect(fifo.first).toBe(plain[0]);
          const middle = plain.length >> 1;
          if (plain.length > 0) expect([fifo.at(0), fifo.at(middle), fifo.at(plain.length - 1)]).toEqual([plain[0], plain[middle], plain.at(-1)]);
          expect(fifo.slice(middle, middle + 3)).toEqual(plain.slice(middle, middle + 3));
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('a stream that replaces another of its table', () => {
  it('may have smaller sequence numbers, in order by themselves', async () => {
    const { clock, region } = memoryCloud();
    const table = region.createTable({ name: 't', key: KEY, stream: true });
    await region.table.put('t', { ...keyed('a'), v: { N: '1' } });
    const [before] = region.streamRecords('t');
    table.disableStream(clock.now());
    const replaced = table.enableStream(clock.now(), { fromSequence: 10n ** 20n / 2n });
    for (const v of ['2', '3', '4']) await region.table.put('t', { ...keyed('a'), v: { N: v } });
    const after = replaced.records(clock.now());
    expect(after.map((r) => r.newImage?.['v'])).toEqual([{ N: '2' }, { N: '3' }, { N: '4' }]);
    for (const record of after) {
      expect(BigInt(record.sequence)).toBeLessThan(BigInt(before?.sequence ?? 0));
      expect(record.streamArn).not.toBe(before?.streamArn);
    }
    expect(after.map((r) => BigInt(r.sequence)).every((n, i, all) => i === 0 || n > (all[i - 1] as bigint))).toBe(true);
    const shards = await region.stream.shards(replaced.arn);
    expect(shardOf(shards, after[1]?.sequence ?? '')).toBe(shards[0]?.id);
    expect(() => table.enableStream(clock.now(), { fromSequence: 1n })).toThrow(/has an enabled stream/);
    table.disableStream(clock.now());
    expect(() => table.enableStream(clock.now(), { fromSequence: -1n })).toThrow(InvariantError);
  });
});
