import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DifferenceOptions } from '../../../../lib/archive/restore/difference.ts';
import { difference } from '../../../../lib/archive/restore/difference.ts';
import { planRestore } from '../../../../lib/archive/restore/plan.ts';
import { wantedKeys, wantedPrefix } from '../../../../lib/archive/restore/wanted.ts';
import type { Rewrite } from '../../../../lib/archive/rewrite/change.ts';
import { Archive, item, KEY, START, withoutSeal } from './support.ts';

const TABLE = 'items';

/** The archive says `then`, half of it in the log; the table holds `now`. */
async function town(then: ReadonlyMap<string, string>, now: ReadonlyMap<string, string>): Promise<Archive> {
  const archive = new Archive();
  archive.region.createTable({ name: TABLE, key: KEY });
  const entries = [...then];
  await archive.snapshot([...entries.map(([key, value], i) => item(key, i % 2 === 0 ? value : 'older')), item('gone', 'gone')], START, START + 2_000);
  await archive.segment([
    ...entries.filter((_, i) => i % 2 === 1).map(([key, value]) => ({ key, value, at: START + 10_000 })),
    { key: 'gone', at: START + 11_000 },
  ]);
  for (const [key, value] of now) await archive.run(archive.region.table.put(TABLE, item(key, value)));
  return archive;
}

async function differences(archive: Archive, options: DifferenceOptions = {}): Promise<Rewrite[]> {
  const plan = await archive.run(
    planRestore(archive.place, archive.runtime, { at: 'latest', rows: [], surely: { untilMs: Number.MAX_SAFE_INTEGER, why: '' } }),
  );
  const current = { table: archive.region.table, name: TABLE, key: KEY };
  return archive.gather(difference(archive.place, archive.runtime, plan, current, options));
}

const keyed = (rewrites: readonly Rewrite[]): Map<string, Omit<Rewrite, 'key'>> =>
  new Map(rewrites.map(({ key, ...rest }) => [(key['id'] as { S: string }).S, rest]));

/** By the rule itself. */
function model(then: ReadonlyMap<string, string>, now: ReadonlyMap<string, string>): Map<string, Omit<Rewrite, 'key'>> {
  const found = new Map<string, Omit<Rewrite, 'key'>>();
  for (const key of new Set([...then.keys(), ...now.keys()])) {
    const [before, after] = [now.get(key), then.get(key)];
    if (before === after) continue;
    found.set(key, {
      ...(before !== undefined && { before: withoutSeal(item(key, before)) }),
      ...(after !== undefined && { after: withoutSeal(item(key, after)) }),
    });
  }
  return found;
}

const state = fc
  .array(
    fc.tuple(
      fc.integer({ min: 0, max: 30 }).map((n) => `k${n}`),
      fc.constantFrom('red', 'green', 'blue'),
    ),
    { maxLength: 30 },
  )
  .map((entries) => new Map(entries));

describe('the difference between the table at T and as it is', () => {
  it('is what the rule says, in passes of any size, each key once', async () => {
    await fc.assert(
      fc.asyncProperty(state, state, fc.integer({ min: 1, max: 40 }), async (then, now, keysPerPass) => {
        const rewrites = await differences(await town(then, now), { keysPerPass });
        expect(keyed(rewrites)).toEqual(model(then, now));
        expect(rewrites.length).toBe(model(then, now).size);
      }),
      { numRuns: 80 },
    );
  });

  it('is of the wanted keys only; where they are known it does not read the table', async () => {
    const then = new Map([
      ['a1', 'red'],
      ['a2', 'red'],
      ['b1', 'red'],
    ]);
    const now = new Map([
      ['a1', 'red'],
      ['a3', 'red'],
      ['b1', 'blue'],
      ['b2', 'blue'],
    ]);
    const archive = await town(then, now);
    const all = model(then, now);
    const pick = (...keys: string[]) => new Map(keys.map((key) => [key, all.get(key)]));
    expect(keyed(await differences(archive, { wanted: wantedPrefix('a', KEY) }))).toEqual(pick('a2', 'a3'));
    const wanted = wantedKeys([{ id: { S: 'a1' } }, { id: { S: 'b1' } }, { id: { S: 'b2' } }, { id: { S: 'none' } }], KEY);
    const scan = async (): Promise<never> => {
      throw new Error('it read the whole table');
    };
    const { table } = archive.region;
    const port = new Proxy(table, { get: (t, name) => (name === 'scan' ? scan : (Reflect.get(t, name) as () => void).bind(t)) });
    const plan = await archive.run(planRestore(archive.place, archive.runtime, { at: 'latest' }));
    const rewrites = await archive.gather(difference(archive.place, archive.runtime, plan, { table: port, name: TABLE, key: KEY }, { wanted }));
    expect(keyed(rewrites)).toEqual(pick('b1', 'b2'));
  });

  it('reads the table a second time only when it has keys that were not there', async () => {
    const scans = async (now: ReadonlyMap<string, string>): Promise<number> => {
      const archive = await town(new Map([['a', 'red']]), now);
      let seen = 0;
      const { table } = archive.region;
      const port = new Proxy(table, {
        get: (t, name) => {
          if (name === 'scan') seen += 1;
          return (Reflect.get(t, name) as () => void).bind(t);
        },
      });
      const plan = await archive.run(planRestore(archive.place, archive.runtime, { at: 'latest' }));
      await archive.gather(difference(archive.place, archive.runtime, plan, { table: port, name: TABLE, key: KEY }));
      return seen;
    };
    expect(await scans(new Map([['a', 'blue']]))).toBe(1);
    expect(
      await scans(
        new Map([
          ['a', 'blue'],
          ['b', 'blue'],
        ]),
      ),
    ).toBe(2);
  });

  it('says what was there when it was read, though the table changes meanwhile', async () => {
    const archive = await town(
      new Map([
        ['a', 'red'],
        ['b', 'red'],
        ['c', 'red'],
      ]),
      new Map([
        ['a', 'blue'],
        ['b', 'red'],
        ['d', 'blue'],
      ]),
    );
    const plan = await archive.run(planRestore(archive.place, archive.runtime, { at: 'latest' }));
    const { table } = archive.region;
    let first = true;
    const scan: typeof table.scan = async (request) => {
      const page = await table.scan(request);
      if (first) {
        first = false;
        await table.put(TABLE, item('a', 'red'));
        await table.put(TABLE, item('c', 'green'));
        await table.delete(TABLE, { id: { S: 'd' } });
      }
      return page;
    };
    const port = new Proxy(table, { get: (t, name) => (name === 'scan' ? scan : (Reflect.get(t, name) as () => void).bind(t)) });
    const rewrites = await archive.gather(difference(archive.place, archive.runtime, plan, { table: port, name: TABLE, key: KEY }));
    expect(keyed(rewrites)).toEqual(model(new Map([['c', 'red']]), new Map([['c', 'green']])));
  });
});
