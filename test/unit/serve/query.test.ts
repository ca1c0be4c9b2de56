import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SeededChance } from '../../../lib/adapters/memory/chance.ts';
import { ManualClock } from '../../../lib/adapters/memory/clock.ts';
import type { MemoryRegion } from '../../../lib/adapters/memory/cloud.ts';
import { MemoryCloud } from '../../../lib/adapters/memory/cloud.ts';
import type { AttributeValue, Item, Key } from '../../../lib/core/attribute.ts';
import type { ItemCondition } from '../../../lib/core/expression/condition.ts';
import { holds } from '../../../lib/core/expression/condition.ts';
import { position } from '../../../lib/core/formats/position.ts';
import { CONTROL_KEY_SCHEMA, encodeSeat } from '../../../lib/core/formats/rows.ts';
import { metaValue, sealBytes } from '../../../lib/core/formats/seal.ts';
import { tombstoneItem } from '../../../lib/core/formats/tombstone.ts';
import type { KeySchema } from '../../../lib/core/key.ts';
import { keyOf, keyText } from '../../../lib/core/key.ts';
import { compareValues } from '../../../lib/core/values.ts';
import { RemoteError } from '../../../lib/ports/errors.ts';
import type { Runtime } from '../../../lib/ports/runtime.ts';
import type { SortCondition, TablePort } from '../../../lib/ports/table.ts';
import type { ServeContext } from '../../../lib/serve/context.ts';
import type { QueryIntent } from '../../../lib/serve/query.ts';
import { countHere, PAGE_JSON_BYTES_MAX, queryHere, READ_BYTES_MAX } from '../../../lib/serve/query.ts';
import { condition } from '../core/expression/support/small.ts';

/** Queries at one member on the memory cloud: a primary, or a secondary with half-done deletes. */

type SortType = 'S' | 'N' | 'B';
const TABLES = { items: 'items', tombstones: 'tombstones', control: 'control', requests: 'requests' };
const PARTITION: AttributeValue = { S: 'p' };
const FOREVER = Number.POSITIVE_INFINITY;

/** One member with one partition. Calls of its port can be counted and made to fail. */
class Member {
  readonly clock = new ManualClock();
  readonly region: MemoryRegion;
  readonly schema: KeySchema;
  readonly calls = { items: 0, tombstones: 0, byKey: 0, keys: 0, limits: [] as (number | undefined)[] };
  readonly runtime: Runtime;
  /** Called before each query; to fail it, it throws. */
  onQuery: (table: string) => void = () => undefined;

  constructor(sort?: SortType) {
    this.schema = { partition: { name: 'id', type: 'S' }, ...(sort !== undefined && { sort: { name: 'at', type: sort } }) };
    this.region = new MemoryCloud({ clock: this.clock, chance: new SeededChance(1) }).region('eu-central-1');
    for (const name of [TABLES.items, TABLES.tombstones]) this.region.createTable({ name, key: this.schema });
    this.region.createTable({ name: TABLES.control, key: CONTROL_KEY_SCHEMA });
    const metrics = { count: () => undefined, flush: () => undefined };
    const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
    this.runtime = { clock: this.clock, chance: new SeededChance(2), metrics, log };
  }

  get tableId(): string {
    return this.region.tableNamed(TABLES.items).tableId;
  }

  get context(): ServeContext {
    const { table } = this.region;
    const counted: TablePort = Object.create(table) as TablePort;
    counted.query = (request, options) => {
      this.onQuery(request.table);
      this.calls[request.table === TABLES.items ? 'items' : 'tombstones'] += 1;
      if (request.table === TABLES.items) this.calls.limits.push(request.limit);
      return table.query(request, options);
    };
    counted.batchGet = (request, options) => {
      this.calls.byKey += 1;
      this.calls.keys += request.tables.reduce((sum, { keys }) => sum + keys.length, 0);
      return table.batchGet(request, options);
    };
    counted.get = (name, key, options) => table.get(name, key, options);
    return { key: this.schema, tables: TABLES, table: counted } as unknown as ServeContext;
  }

  do<T>(work: Promise<T>): Promise<T> {
    return this.clock.run(work);
  }

  async seat(role: 'primary' | 'secondary'): Promise<void> {
    const seat = encodeSeat({ fence: 1, own: role === 'primary' ? 1 : 0, primary: 'x', since: 0, stream: 'arn', tableId: this.tableId, v: 1 });
    await this.do(this.region.table.put(TABLES.control, seat));
  }

  /** Puts items as appliers leave them, each with a position. */
  async fill(items: readonly Item[], at = 10): Promise<void> {
    for (const item of items) {
      const seal = sealBytes(this.tableId, keyText(item, this.schema), position(1, String(at)), 'lane', undefined);
      await this.do(this.region.table.put(TABLES.items, { ...item, _s: metaValue(undefined, seal) }));
    }
  }

  /**
   * A tombstone: newer than the items of `fill`, so that an item of its key is half deleted; or older.
   *
   * @param pad bytes; real tombstones are small, and padded ones make few of them much to read.
   */
  async bury(key: Key, at = 20, pad = 0): Promise<void> {
    const text = keyText(key, this.schema);
    const tombstone = tombstoneItem({ key, keyText: text, tableId: this.tableId, position: position(1, String(at)), kind: 'lane', of: undefined, nowMs: 0 });
    await this.do(this.region.table.put(TABLES.tombstones, pad === 0 ? tombstone : { ...tombstone, pad: { S: 'x'.repeat(pad) } }));
  }

  query(intent: Omit<QueryIntent, 'partition'>, until = FOREVER): ReturnType<typeof queryHere> {
    return this.do(queryHere(this.context, this.runtime, { partition: PARTITION, ...intent }, until));
  }

  count(intent: Omit<QueryIntent, 'partition'>, until = FOREVER): ReturnType<typeof countHere> {
    return this.do(countHere(this.context, this.runtime, { partition: PARTITION, ...intent }, until));
  }

  /** All pages. */
  async all(intent: Omit<QueryIntent, 'partition'>): Promise<{ readonly items: Item[]; readonly scanned: number; readonly pages: number }> {
    const items: Item[] = [];
    let scanned = 0;
    for (let after: string | undefined, pages = 1; ; pages += 1) {
      const page = await this.query({ ...intent, ...(after !== undefined && { after }) });
      expect(page.items.length).toBeLessThanOrEqual(intent.limit ?? 100);
      items.push(...page.items);
      scanned += page.scanned;
      after = page.next;
      if (after === undefined) return { items, scanned, pages };
      expect(pages).toBeLessThan(1_000);
    }
  }
}

const SORT_KEYS: Readonly<Record<SortType, readonly AttributeValue[]>> = {
  S: ['a', 'aa', 'ab', 'b', 'ba', 'ä', '\uffff', '😀', 'z', 'zz'].map((S) => ({ S })),
  N: ['-10', '-1', '0', '0.5', '1', '2', '10', '11', '1e20', '1e21'].map((N) => ({ N })),
  B: [[0], [0, 1], [1], [1, 0], [127], [128], [200, 1], [255], [255, 0], [255, 255]].map((b) => ({ B: Buffer.from(b).toString('base64') })),
};

/** A partition of any sort type, some of whose items are half deleted, and a query of it. */
const world = fc.constantFrom<SortType>('S', 'N', 'B').chain((type) => {
  const keys = SORT_KEYS[type];
  const value = fc.constantFrom(...keys);
  const ordered = fc.tuple(value, value).map(([a, b]) => ((compareValues(a, b) ?? 0) <= 0 ? { from: a, to: b } : { from: b, to: a }));
  const sort: fc.Arbitrary<SortCondition | undefined> = fc.oneof(
    fc.constant(undefined),
    fc.record({ name: fc.constant('at'), op: fc.constantFrom('=' as const, '<' as const, '<=' as const, '>' as const, '>=' as const), value }),
    ordered.map((ends) => ({ name: 'at', ...ends })),
    ...(type === 'N' ? [] : [value.map((prefix) => ({ name: 'at', op: 'begins-with' as const, value: prefix }))]),
  );
  return fc.record({
    type: fc.constant(type),
    items: fc.uniqueArray(fc.record({ at: value, a: fc.nat({ max: 3 }).map((n) => ({ N: String(n) })) }), {
      selector: ({ at }) => JSON.stringify(at),
      maxLength: 10,
    }),
    buried: fc.subarray([...keys]),
    revived: fc.subarray([...keys], { maxLength: 2 }),
    sort,
    filter: fc.option(
      fc.oneof(
        condition,
        fc.nat({ max: 3 }).map((n): ItemCondition => ({ path: ['a'], op: '<=', value: { N: String(n) } })),
      ),
      { nil: undefined },
    ),
    limit: fc.integer({ min: 1, max: 4 }),
    descending: fc.boolean(),
    secondary: fc.boolean(),
  });
});

function sortHolds(sort: SortCondition | undefined, value: AttributeValue): boolean {
  if (sort === undefined) return true;
  if ('prefix' in sort) return false;
  const item = { at: value };
  if ('from' in sort) return holds({ path: ['at'], op: 'between', from: sort.from, to: sort.to }, item);
  return holds({ path: ['at'], op: sort.op, value: sort.value }, item);
}

describe('paging through a query', () => {
  it('gives exactly the items that are shown and match, in order, however it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(world, async ({ type, items, buried, revived, sort, filter, limit, descending, secondary }) => {
        const member = new Member(type);
        await member.seat(secondary ? 'secondary' : 'primary');
        const made = items.map((item): Item => ({ id: PARTITION, ...item }));
        await member.fill(made);
        await member.fill([{ id: { S: 'other' }, at: SORT_KEYS[type][0] as AttributeValue }]);
        const same = (a: AttributeValue) => (b: AttributeValue) => compareValues(a, b) === 0;
        for (const at of buried) await member.bury({ id: PARTITION, at }, revived.some(same(at)) ? 5 : 20);
        const gone = buried.filter((at) => !revived.some(same(at)));
        const expected = made
          .filter((item) => !(secondary && gone.some(same(item['at'] as AttributeValue))))
          .filter((item) => sortHolds(sort, item['at'] as AttributeValue))
          .filter((item) => filter === undefined || holds(filter, item))
          .sort((a, b) => (descending ? -1 : 1) * (compareValues(a['at'] as AttributeValue, b['at'] as AttributeValue) ?? 0));
        const intent = { ...(sort !== undefined && { sort }), ...(filter !== undefined && { filter }), descending };
        const found = await member.all({ ...intent, limit });
        const texts = (of: readonly Item[]): string[] => of.map((item) => `${JSON.stringify(item['a'])} ${keyText(keyOf(item, member.schema), member.schema)}`);
        expect(texts(found.items)).toEqual(texts(expected));
        expect(found.scanned).toBe(made.filter((item) => sortHolds(sort, item['at'] as AttributeValue)).length);
        expect(await member.count(intent)).toEqual({ count: expected.length, scanned: found.scanned });
      }),
      { numRuns: 150 },
    );
  });

  it('reads a table without a sort key', async () => {
    const member = new Member();
    await member.seat('secondary');
    await member.fill([{ id: PARTITION, a: { N: '1' } }]);
    expect(await member.all({ limit: 1 })).toEqual({ items: [{ id: PARTITION, a: { N: '1' } }], scanned: 1, pages: 2 });
    await member.bury({ id: PARTITION });
    expect((await member.query({})).items).toEqual([]);
  });

  it('shows the parts that are selected, and never the metadata', async () => {
    const member = new Member('N');
    await member.seat('primary');
    await member.fill([{ id: PARTITION, at: { N: '1' }, m: { M: { x: { S: 'x' }, y: { S: 'y' } } } }]);
    expect((await member.query({ select: [['at'], ['m', 'y']] })).items).toEqual([{ at: { N: '1' }, m: { M: { y: { S: 'y' } } } }]);
    expect((await member.query({ select: [['_s']] })).items).toEqual([{}]);
    expect((await member.query({ filter: { path: ['_s'], op: 'exists' } })).items).toEqual([]);
    expect(Object.keys((await member.query({})).items[0] as Item)).toEqual(['id', 'at', 'm']);
  });
});

const numbered = (n: number, bytes = 0): Item[] =>
  Array.from({ length: n }, (_, i) => ({ id: PARTITION, at: { N: String(i) }, ...(bytes > 0 && { x: { S: 'x'.repeat(bytes) } }) }));

describe('what one request reads', () => {
  it('asks DynamoDB for no more than the limit where nothing is dropped', async () => {
    const member = new Member('N');
    await member.seat('primary');
    await member.fill(numbered(50));
    const page = await member.query({ limit: 10 });
    expect(page).toMatchObject({ scanned: 10 });
    expect(member.calls.limits).toEqual([10]);
    expect(member.calls.tombstones + member.calls.byKey).toBe(0);
  });

  it('asks for more and more where a filter drops much', async () => {
    const member = new Member('N');
    await member.seat('primary');
    await member.fill(numbered(600));
    const page = await member.query({ limit: 1, filter: { path: ['at'], op: '>=', value: { N: '599' } } });
    expect(page.items).toHaveLength(1);
    expect(page.scanned).toBe(600);
    expect(member.calls.limits).toEqual([100, 400, 1_600]);
  });

  it('ends before its answer is too large for Lambda, and goes on at that item', async () => {
    const member = new Member('N');
    await member.seat('primary');
    await member.fill(numbered(12, 380_000));
    const page = await member.query({});
    expect(JSON.stringify(page.items).length).toBeLessThanOrEqual(PAGE_JSON_BYTES_MAX);
    expect(page.items.length).toBeGreaterThanOrEqual(7);
    expect(page.next).toBeDefined();
    const all = await member.all({});
    expect(all.items).toHaveLength(12);
    expect(all.pages).toBe(2);
  });

  it('ends after the bytes that one request may read, and counts on from there', async () => {
    const member = new Member('N');
    await member.seat('primary');
    await member.fill(numbered(40, 380_000));
    const first = await member.count({});
    expect(first.count).toBeGreaterThanOrEqual(Math.floor(READ_BYTES_MAX / 390_000));
    expect(first.count).toBeLessThan(40);
    const second = await member.count({ after: first.next as string });
    expect(first.count + second.count).toBe(40);
    expect(second.next).toBeUndefined();
  });

  it('counts up to a limit', async () => {
    const member = new Member('N');
    await member.seat('primary');
    await member.fill(numbered(5));
    expect(await member.count({ limit: 3 })).toMatchObject({ count: 3, scanned: 3, next: expect.any(String) as string });
  });

  it('ends when its time is over, with what it has', async () => {
    const member = new Member('N');
    await member.seat('primary');
    await member.fill(numbered(12, 380_000));
    const none: ItemCondition = { path: ['none'], op: 'exists' };
    const page = await member.query({ filter: none }, member.clock.elapsed());
    expect(page).toMatchObject({ items: [], next: expect.any(String) as string });
    expect(member.calls.items).toBe(1);
    expect(page.scanned).toBeLessThan(12);
  });

  it('gives what it has when a later page fails, and throws when the first one does', async () => {
    const member = new Member('N');
    await member.seat('primary');
    await member.fill(numbered(12, 200_000));
    const filter: ItemCondition = { path: ['at'], op: '<>', value: { N: '0' } };
    member.onQuery = () => {
      if (member.calls.items >= 1) throw new RemoteError('throttled', 'X', 'too much');
    };
    const page = await member.query({ filter });
    expect(page.items.length).toBeGreaterThan(0);
    expect(page.next).toBeDefined();
    await expect(member.query({ filter })).rejects.toThrow('too much');
    member.onQuery = () => undefined;
    const rest = await member.query({ filter, after: page.next as string });
    expect(page.items.length + rest.items.length).toBe(11);
  });
});

describe('half-done deletes at a secondary', () => {
  it('are found by one query where there are few tombstones', async () => {
    const member = new Member('N');
    await member.seat('secondary');
    await member.fill(numbered(50));
    await member.bury({ id: PARTITION, at: { N: '7' } });
    const page = await member.query({});
    expect(page.items).toHaveLength(49);
    expect(member.calls).toMatchObject({ items: 1, tombstones: 1, byKey: 0 });
    // The limit is one of items: more tombstones than that are read at once, too.
    for (let n = 10; n < 50; n += 1) await member.bury({ id: PARTITION, at: { N: `8.${n}` } });
    expect((await member.query({ sort: { name: 'at', op: '>=', value: { N: '8' } }, limit: 20 })).items).toHaveLength(20);
    expect(member.calls).toMatchObject({ items: 2, tombstones: 2, byKey: 0 });
  });

  it('are asked for by key where the items are few', async () => {
    const member = new Member('N');
    await member.seat('secondary');
    await member.fill(numbered(5));
    await member.bury({ id: PARTITION, at: { N: '4' } });
    expect((await member.query({})).items).toHaveLength(4);
    expect(member.calls).toMatchObject({ items: 1, tombstones: 0, byKey: 1 });
  });

  it('are asked for by key where there are many more tombstones than items', async () => {
    const member = new Member('N');
    await member.seat('secondary');
    await member.fill(numbered(30));
    for (let at = 0; at < 30; at += 1) await member.bury({ id: PARTITION, at: { N: String(at) } }, at % 10 === 0 ? 20 : 5, 100_000);
    const { items } = await member.query({});
    expect(items).toHaveLength(27);
    expect(member.calls).toMatchObject({ items: 1, tombstones: 1, byKey: 1 });
    // Only those that the one page of tombstones did not reach.
    expect(member.calls.keys).toBeLessThan(25);
  });

  it.each([false, true])('are judged as far as one request reads, and the next one goes on there (descending: %s)', async (descending) => {
    const member = new Member('N');
    await member.seat('secondary');
    await member.fill(numbered(700));
    for (let at = 0; at < 700; at += 2) await member.bury({ id: PARTITION, at: { N: String(at) } }, at % 10 === 0 ? 20 : 5, 100_000);
    const first = await member.count({ descending });
    expect(first.next).toBeDefined();
    expect(first.scanned).toBeLessThan(500);
    let { count, next } = first;
    for (let pages = 1; next !== undefined && pages < 20; pages += 1) {
      const page: Awaited<ReturnType<typeof countHere>> = await member.count({ descending, after: next });
      count += page.count;
      next = page.next;
    }
    expect(count).toBe(630);
  });

  it('are judged even where one request reads nothing but tombstones', async () => {
    const member = new Member('N');
    await member.seat('secondary');
    await member.fill(numbered(150).map((item, i) => ({ ...item, at: { N: String(1_000 + i) } })));
    for (let at = 0; at < 150; at += 1) await member.bury({ id: PARTITION, at: { N: String(at) } }, 20, 100_000);
    const first = await member.count({});
    expect(first).toEqual({ count: 0, scanned: 0, next: expect.any(String) as string });
    expect(await member.count({ after: first.next as string })).toEqual({ count: 150, scanned: 150 });
  });

  it('do not hide what was written again after the delete, nor items that no applier wrote', async () => {
    const member = new Member('N');
    await member.seat('secondary');
    await member.fill(numbered(1), 30);
    await member.bury({ id: PARTITION, at: { N: '0' } }, 20);
    await member.do(member.region.table.put(TABLES.items, { id: PARTITION, at: { N: '1' } }));
    await member.bury({ id: PARTITION, at: { N: '1' } }, 20);
    expect((await member.query({})).items).toHaveLength(2);
  });
});

describe('a cursor', () => {
  it('of another partition, sort condition or direction is refused, and so is a damaged one', async () => {
    const member = new Member('N');
    await member.seat('primary');
    await member.fill(numbered(5));
    const { next } = await member.query({ limit: 2 });
    const after = next as string;
    const refused = expect.objectContaining({ code: 'invalid-cursor', path: 'after' }) as unknown;
    await expect(member.query({ after, descending: true })).rejects.toEqual(refused);
    await expect(member.query({ after, sort: { name: 'at', op: '>', value: { N: '0' } } })).rejects.toEqual(refused);
    await expect(member.do(queryHere(member.context, member.runtime, { partition: { S: 'other' }, after }, FOREVER))).rejects.toEqual(refused);
    await expect(member.query({ after: after.slice(0, -1) })).rejects.toEqual(refused);
    await expect(member.query({ after: 'x' })).rejects.toEqual(refused);
    expect((await member.query({ after, filter: { path: ['at'], op: '>', value: { N: '2' } } })).items).toHaveLength(2);
  });
});
