import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planRestore } from '../../../../lib/archive/restore/plan.ts';
import type { Mark, Piece } from '../../../../lib/archive/restore/state.ts';
import { stateAt, statePieces } from '../../../../lib/archive/restore/state.ts';
import type { Wanted } from '../../../../lib/archive/restore/wanted.ts';
import { wantedKeys, wantedPrefix } from '../../../../lib/archive/restore/wanted.ts';
import type { Change } from './support.ts';
import { Archive, item, KEY, modelAt, START, valuesOf } from './support.ts';

/** Minutes, whole seconds, and now and then a record that is stamped a second early. */
const drawn = fc.record({
  changes: fc.array(
    fc.record({
      key: fc.integer({ min: 0, max: 12 }).map((n) => `k${n}`),
      later: fc.constantFrom(-1_000, 0, 0, 1_000, 1_000, 60_000, 240_000),
      value: fc.option(fc.integer({ min: 0, max: 9 }), { nil: undefined }),
    }),
    { minLength: 1, maxLength: 60 },
  ),
  /** Sizes of segments, in turn. */
  cuts: fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 }),
  /** Where the shard is followed by another, as a share of the changes. */
  rolls: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 2 }),
  /** When the snapshot began and how long it took, as shares. */
  began: fc.double({ min: 0, max: 1, noNaN: true }),
  took: fc.double({ min: 0, max: 0.3, noNaN: true }),
  /** Of each key, where within the snapshot's time it was read. */
  reads: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 13, maxLength: 13 }),
  pass: fc.integer({ min: 1, max: 20 }),
});
type Drawn = typeof drawn extends fc.Arbitrary<infer T> ? T : never;

/** Writes what was drawn. @returns the changes, and when the snapshot ended */
async function written(archive: Archive, d: Drawn): Promise<{ changes: Change[]; endedMs: number; lastMs: number }> {
  let at = START;
  const changes = d.changes.map(({ key, later, value }, i): Change => {
    at = Math.max(START, at + later);
    return { key, at, ...(value !== undefined && { value: `${value} of ${i}` }) };
  });
  const rolls = new Set(d.rolls.map((share) => Math.floor(share * changes.length)));
  let shard = 0;
  for (let from = 0, n = 0; from < changes.length; n += 1) {
    let size = d.cuts[n % d.cuts.length] as number;
    for (let i = from + 1; i < from + size; i += 1) if (rolls.has(i)) size = i - from;
    if (from > 0 && rolls.has(from)) shard += 1;
    await archive.segment(changes.slice(from, from + size), { shard: `shard-${shard}`, ...(shard > 0 && { parent: `shard-${shard - 1}` }) });
    from += size;
  }
  // The snapshot reads each key at some moment of its time: it has the changes up to there.
  const begun = Math.floor(d.began * changes.length);
  const ended = Math.min(changes.length, begun + Math.ceil(d.took * changes.length));
  const time = (i: number): number => (i === 0 ? START : Math.max(...changes.slice(0, i).map((c) => c.at)));
  const items = d.reads.flatMap((share, n) => {
    const upto = begun + Math.round(share * (ended - begun));
    const value = modelAt(changes.slice(0, upto), Number.POSITIVE_INFINITY).get(`k${n}`);
    return value === undefined ? [] : [item(`k${n}`, value)];
  });
  const [startedMs, endedMs] = [time(begun), time(ended) + 2_000];
  await archive.snapshot(items, startedMs, endedMs);
  return { changes, endedMs, lastMs: at };
}

const plan = (archive: Archive, at: number | 'latest') =>
  archive.run(planRestore(archive.place, archive.runtime, { at, rows: [], surely: { untilMs: Number.MAX_SAFE_INTEGER, why: '' } }));

describe('the table at T', () => {
  it('is that of the log by the rule itself, for any T, any cut of the log, and passes of any size', async () => {
    await fc.assert(
      fc.asyncProperty(drawn, fc.array(fc.integer({ min: -5, max: 400 }), { minLength: 3, maxLength: 3 }), async (d, seconds) => {
        const archive = new Archive();
        const { changes, endedMs, lastMs } = await written(archive, d);
        const times = [Math.ceil(endedMs / 1_000) * 1_000, lastMs, lastMs + 60_000, ...seconds.map((s) => Math.ceil((endedMs + s * 1_000) / 1_000) * 1_000)];
        for (const atMs of times.filter((t) => t >= endedMs)) {
          const items = await archive.gather(stateAt(archive.place, archive.runtime, await plan(archive, atMs), { keysPerPass: d.pass }));
          expect(valuesOf(items)).toEqual(modelAt(changes, atMs));
          expect(items.length).toBe(modelAt(changes, atMs).size);
        }
        const latest = await archive.gather(stateAt(archive.place, archive.runtime, await plan(archive, 'latest'), { keysPerPass: d.pass }));
        expect(valuesOf(latest)).toEqual(modelAt(changes, Number.POSITIVE_INFINITY));
      }),
      { numRuns: 60 },
    );
  });

  it('goes on from the place of any piece, and what it gives from there on completes what came before', async () => {
    await fc.assert(
      fc.asyncProperty(drawn, fc.integer({ min: 1, max: 20 }), async (d, otherPass) => {
        const archive = new Archive();
        const { changes } = await written(archive, d);
        const p = await plan(archive, 'latest');
        const pieces: Piece[] = await archive.gather(statePieces(archive.place, archive.runtime, p, { keysPerPass: d.pass }));
        const expected = modelAt(changes, Number.POSITIVE_INFINITY);
        let from: Mark | undefined;
        const before = new Map<string, string>();
        for (const piece of pieces) {
          // The run that goes on may even hold another number of keys in a pass.
          const rest = await archive.gather(stateAt(archive.place, archive.runtime, p, { keysPerPass: otherPass, ...(from && { from }) }));
          expect(new Map([...before, ...valuesOf(rest)])).toEqual(expected);
          for (const [key, value] of valuesOf(piece.items)) before.set(key, value);
          from = piece.next;
        }
        expect(before).toEqual(expected);
      }),
      { numRuns: 25 },
    );
  });

  it('comes in bounded pieces where a file is large', async () => {
    const archive = new Archive();
    const items = Array.from({ length: 1_150 }, (_, i) => item(`k${i}`, `${i} ${'x'.repeat(15_000)}`));
    await archive.snapshot(items, START, START + 2_000, 1_150, 'gzip');
    // Unpacking gzip takes real time, so nothing here runs on the manual clock.
    const p = await planRestore(archive.place, archive.runtime, { at: 'latest' });
    const pieces: Piece[] = [];
    for await (const piece of statePieces(archive.place, archive.runtime, p)) pieces.push(piece);
    expect(pieces.length).toBeGreaterThan(4);
    expect(pieces.map(({ next }) => next?.source)).toEqual([...pieces.slice(1).map(() => 0), undefined]);
    expect(valuesOf(pieces.flatMap((piece) => piece.items))).toEqual(valuesOf(items));
  });

  it('holds the wanted keys only', async () => {
    const archive = new Archive();
    await archive.segment([
      { key: 'a1', at: START + 1_000, value: 'new' },
      { key: 'a2', at: START + 1_000, value: 'new' },
      { key: 'b1', at: START + 1_000 },
    ]);
    await archive.snapshot([item('a1', 'old'), item('b1', 'old'), item('a3', 'old'), item('b2', 'old')], START, START + 2_000);
    const p = await plan(archive, START + 2_000);
    const state = async (wanted: Wanted) => valuesOf(await archive.gather(stateAt(archive.place, archive.runtime, p, { wanted })));
    expect(await state(wantedPrefix('a', KEY))).toEqual(
      new Map([
        ['a1', 'new'],
        ['a2', 'new'],
        ['a3', 'old'],
      ]),
    );
    expect(await state(wantedPrefix('id=b', KEY))).toEqual(new Map([['b2', 'old']]));
    expect(await state(wantedKeys([{ id: { S: 'a2' } }, { id: { S: 'b1' } }, { id: { S: 'b2' } }], KEY))).toEqual(
      new Map([
        ['a2', 'new'],
        ['b2', 'old'],
      ]),
    );
  });
});

describe('a prefix of keys', () => {
  const schema = { partition: { name: 'country', type: 'S' }, sort: { name: 'cityId', type: 'N' } } as const;

  it('is of the partition key or of the named one, and refuses what would silently be about nothing', () => {
    expect(wantedPrefix('D', schema)).toMatchObject({ name: 'country', prefix: 'D' });
    expect(wantedPrefix('country=D', schema)).toMatchObject({ name: 'country', prefix: 'D' });
    expect(() => wantedPrefix('cityId=2', schema)).toThrow('is of type N. Name the keys with --key instead.');
    expect(() => wantedPrefix('nope=X', schema)).toThrow(
      '"nope" is no key attribute; the key has "country" and "cityId". For a text with "=" in it, name the attribute: "country=nope=X".',
    );
    expect(wantedPrefix('country=nope=X', schema)).toMatchObject({ name: 'country', prefix: 'nope=X' });
  });
});
