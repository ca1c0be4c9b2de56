import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AttributeValue, Item } from '../../../lib/core/attribute.ts';
import { canonicalText } from '../../../lib/core/canonical.ts';
import { ITEM_BYTES_MAX } from '../../../lib/core/constants.ts';
import { itemBytes } from '../../../lib/core/size.ts';
import { RemoteError } from '../../../lib/ports/errors.ts';
import type { Condition, TablePort } from '../../../lib/ports/table.ts';
import { EVERY_TYPE, nested } from './values.ts';
import type { Difference, TableWorld } from './world.ts';

const KEY = { partition: { name: 'pk', type: 'S' }, sort: { name: 'sk', type: 'S' } } as const;
const key = (pk: string, sk = 'x'): Item => ({ pk: { S: pk }, sk: { S: sk } });
const same = (a: Item | undefined, b: Item): boolean => a !== undefined && canonicalText({ M: a }) === canonicalText({ M: b });

/** The kind of error that a call fails with; fails when it does not. */
export async function kindOfFailure(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof RemoteError) return error.kind;
    throw error;
  }
  throw new Error('The call succeeded; it should have failed.');
}

/** What every TablePort must do, whatever stands behind it. */
export function tablePortSuite(name: string, make: () => Promise<TableWorld>, differs: readonly Difference[] = []): void {
  describe(`TablePort on ${name}`, () => {
    let world: TableWorld;
    let port: TablePort;
    let table: string;
    let other: string;
    beforeAll(async () => {
      world = await make();
      port = world.table;
      table = await world.createTable({ key: KEY });
      other = await world.createTable({ key: { partition: { name: 'n', type: 'N' } }, index: { name: 'city', type: 'S' } });
    });
    afterAll(() => world?.close());

    it('round-trips every type bit for bit, by put, batch write, get, batch get and query', async () => {
      const types = EVERY_TYPE;
      const one = { ...key('types', 'put'), ...types };
      const two = { ...key('types', 'batch'), ...types };
      expect(await port.put(table, one)).toEqual({ ok: true });
      expect(await port.batchWrite([{ table, put: two }])).toEqual({ unprocessed: [] });
      const read = await port.get(table, key('types', 'put'));
      expect(sorted(read)).toEqual(sorted(one));
      const both = await port.batchGet({ tables: [{ table, keys: [key('types', 'put'), key('types', 'batch')] }] });
      expect((both.items.get(table) ?? []).toSorted(bySk).map(sorted)).toEqual([sorted(two), sorted(one)]);
      const queried = await port.query({ table, partition: { name: 'pk', value: { S: 'types' } } });
      expect(queried.items.map(sorted)).toEqual([sorted(two), sorted(one)]);
    });

    it('reads numbers back normalised, equal by value', async () => {
      await port.put(table, {
        ...key('numbers'),
        a: { N: '00012.3400' },
        b: { N: '-1.0000E-5' },
        c: { N: '1E3' },
        d: { NS: ['1.0', '2'] },
        e: { N: '-0' },
        f: { N: '1E125' },
        g: { N: '1E-130' },
      });
      const read = await port.get(table, key('numbers'));
      expect(read?.['a']).toEqual({ N: '12.34' });
      expect(read?.['b']).toEqual({ N: '-0.00001' });
      expect(read?.['c']).toEqual({ N: '1000' });
      expect(canonicalText(read?.['d'] as AttributeValue)).toBe('n{1e0,2e0}');
      expect(read?.['e']).toEqual({ N: '0' });
      expect(canonicalText(read?.['f'] as AttributeValue)).toBe('N1e125');
      expect(canonicalText(read?.['g'] as AttributeValue)).toBe('N1e-130');
    });

    it('takes keys of every type, and finds a number key by any of its spellings', async () => {
      await port.put(other, { n: { N: '1.50' }, v: { S: 'x' } });
      expect(await port.get(other, { n: { N: differs.includes('number-keys-by-text') ? '1.5' : '15E-1' } })).toEqual({ n: { N: '1.5' }, v: { S: 'x' } });
      const binary = await world.createTable({ key: { partition: { name: 'b', type: 'B' }, sort: { name: 's', type: 'B' } } });
      await port.put(binary, { b: { B: '/wAA' }, s: { B: 'AA==' }, v: { N: '1' } });
      expect(await port.get(binary, { b: { B: '/wAA' }, s: { B: 'AA==' } })).toEqual({ b: { B: '/wAA' }, s: { B: 'AA==' }, v: { N: '1' } });
    });

    it('gives nothing for what is not there, and deletes it in peace', async () => {
      expect(await port.get(table, key('absent'))).toBeUndefined();
      expect(await port.delete(table, key('absent'))).toEqual({ ok: true });
      const answer = await port.batchGet({ tables: [{ table, keys: [key('absent')] }] });
      expect(answer.items.get(table) ?? []).toEqual([]);
      expect([...answer.unprocessed.values()].flat()).toEqual([]);
    });

    it('reads and writes many tables in one batch, and deletes', async () => {
      await port.batchWrite([
        { table, put: { ...key('batch', '1'), v: { N: '1' } } },
        { table, put: { ...key('batch', '2'), v: { N: '2' } } },
        { table: other, put: { n: { N: '77' }, v: { N: '3' } } },
      ]);
      await port.batchWrite([
        { table, delete: key('batch', '1') },
        { table, put: { ...key('batch', '2'), v: { N: '22' } } },
      ]);
      const read = await port.batchGet({
        tables: [
          { table, keys: [key('batch', '1'), key('batch', '2')] },
          { table: other, keys: [{ n: { N: '77' } }] },
        ],
      });
      expect(read.items.get(table)).toEqual([{ ...key('batch', '2'), v: { N: '22' } }]);
      expect(read.items.get(other)).toEqual([{ n: { N: '77' }, v: { N: '3' } }]);
    });

    it('projects paths into maps', async () => {
      await port.put(table, { ...key('project'), _s: { M: { p: { B: 'AAA=' }, r: { B: 'BBA=' } } }, v: { S: 'big' } });
      await port.put(table, key('project', 'bare'));
      const read = await port.batchGet({ tables: [{ table, keys: [key('project'), key('project', 'bare')], project: [['pk'], ['sk'], ['_s', 'p']] }] });
      expect([...(read.items.get(table) ?? [])].sort(bySk)).toEqual([key('project', 'bare'), { ...key('project'), _s: { M: { p: { B: 'AAA=' } } } }]);
    });

    it.each<[string, Condition, boolean]>([
      ['absent attribute', { op: 'absent', path: ['nope'] }, true],
      ['present attribute', { op: 'present', path: ['v'] }, true],
      ['absent path', { op: 'absent', path: ['_s', 'q'] }, true],
      ['absent below what is no map', { op: 'absent', path: ['v', 'q'] }, true],
      ['equal number in another spelling', { op: '=', path: ['v'], value: { N: '5.0' } }, true],
      ['equal map', { op: '=', path: ['_s'], value: { M: { p: { B: 'AQ==' } } } }, true],
      ['equal set in another order', { op: '=', path: ['set'], value: { SS: ['b', 'a'] } }, true],
      ['other type', { op: '=', path: ['v'], value: { S: '5' } }, false],
      ['not equal', { op: '<>', path: ['v'], value: { N: '6' } }, true],
      ['not equal to what is absent', { op: '<>', path: ['nope'], value: { N: '6' } }, true],
      ['less by value, not by text', { op: '<', path: ['v'], value: { N: '10' } }, true],
      ['not less than itself', { op: '<', path: ['v'], value: { N: '5' } }, false],
      ['at most', { op: '<=', path: ['v'], value: { N: '5' } }, true],
      ['greater, of another type', { op: '>', path: ['v'], value: { S: '' } }, false],
      ['greater binary, unsigned', { op: '>', path: ['_s', 'p'], value: { B: 'AP8=' } }, true],
      ['less than absent', { op: '<', path: ['nope'], value: { N: '1' } }, false],
      ['at least string, by UTF-8', { op: '>=', path: ['text'], value: { S: '\uffff' } }, true],
      [
        'and',
        {
          op: 'and',
          of: [
            { op: 'present', path: ['v'] },
            { op: 'absent', path: ['nope'] },
          ],
        },
        true,
      ],
      [
        'and with a false part',
        {
          op: 'and',
          of: [
            { op: 'present', path: ['v'] },
            { op: 'present', path: ['nope'] },
          ],
        },
        false,
      ],
      [
        'or',
        {
          op: 'or',
          of: [
            { op: 'present', path: ['nope'] },
            { op: '=', path: ['v'], value: { N: '5' } },
          ],
        },
        true,
      ],
      [
        'or within and',
        {
          op: 'and',
          of: [
            {
              op: 'or',
              of: [
                { op: 'present', path: ['nope'] },
                { op: 'present', path: ['v'] },
              ],
            },
            { op: 'present', path: ['nope'] },
          ],
        },
        false,
      ],
    ])('judges a condition: %s', async (label, condition, expected) => {
      const item: Item = { ...key('condition', label), v: { N: '5' }, _s: { M: { p: { B: 'AQ==' } } }, set: { SS: ['a', 'b'] }, text: { S: '🗼' } };
      await port.put(table, item);
      const next = { ...item, written: { BOOL: true } } as const;
      const answer = await port.put(table, next, condition);
      if (expected) {
        expect(answer).toEqual({ ok: true });
        expect(same(await port.get(table, key('condition', label)), next)).toBe(true);
      } else {
        expect(answer.ok).toBe(false);
        expect(same((answer as { old: Item }).old, item)).toBe(true);
        expect(same(await port.get(table, key('condition', label)), item)).toBe(true);
      }
    });

    it('answers a failed condition with the old item, or with none', async () => {
      const condition: Condition = { op: 'present', path: ['pk'] };
      expect(await port.put(table, { ...key('cond-none'), v: { N: '1' } }, condition)).toEqual({ ok: false, old: undefined });
      expect(await port.delete(table, key('cond-none'), condition)).toEqual({ ok: false, old: undefined });
      expect(await port.update(table, key('cond-none'), { set: { v: { N: '1' } } }, condition)).toEqual({ ok: false, old: undefined });
      const item = { ...key('cond-old'), ...EVERY_TYPE };
      await port.put(table, item);
      const refused = await port.delete(table, key('cond-old'), { op: 'absent', path: ['pk'] });
      expect(refused.ok).toBe(false);
      expect(sorted((refused as { old: Item }).old)).toEqual(sorted(item));
      expect(await port.delete(table, key('cond-old'), condition)).toEqual({ ok: true });
      expect(await port.get(table, key('cond-old'))).toBeUndefined();
    });

    it('updates: creates the row, sets, removes, refuses key attributes', async () => {
      expect(await port.update(table, key('update'), { set: { a: { N: '1' }, b: { S: 'x' } } })).toEqual({ ok: true });
      expect(await port.update(table, key('update'), { set: { a: { N: '2' } }, remove: ['b', 'never'] }, { op: '=', path: ['a'], value: { N: '1' } })).toEqual({
        ok: true,
      });
      expect(await port.get(table, key('update'))).toEqual({ ...key('update'), a: { N: '2' } });
      expect(await port.update(table, key('update', 'bare'), {})).toEqual({ ok: true });
      expect(await port.get(table, key('update', 'bare'))).toEqual(key('update', 'bare'));
      expect(await kindOfFailure(port.update(table, key('update'), { set: { sk: { S: 'y' } } }))).toBe('invalid');
      if (!differs.includes('set-and-remove'))
        expect(await kindOfFailure(port.update(table, key('update'), { set: { a: { N: '1' } }, remove: ['a'] }))).toBe('invalid');
    });

    it('queries what is there now, by the bytes of its sort key', async () => {
      const query = async (): Promise<(string | undefined)[]> =>
        (await port.query({ table, partition: { name: 'pk', value: { S: 'bytes' } } })).items.map((i) => (i['sk'] as { S: string }).S);
      expect(await query()).toEqual([]);
      // By UTF-16 units the tower would come before U+FFFF.
      for (const sk of ['\uffff', 'é', '🗼', 'b', 'ab', 'a']) await port.put(table, key('bytes', sk));
      expect(await query()).toEqual(['a', 'ab', 'b', 'é', '\uffff', '🗼']);
      await port.batchWrite([
        { table, delete: key('bytes', 'ab') },
        { table, put: key('bytes', 'aa') },
        { table, put: { ...key('bytes', 'b'), v: { N: '1' } } },
      ]);
      expect(await query()).toEqual(['a', 'aa', 'b', 'é', '\uffff', '🗼']);
      await port.update(table, key('bytes', 'c'), { set: { v: { N: '1' } } });
      await port.delete(table, key('bytes', 'é'));
      expect(await query()).toEqual(['a', 'aa', 'b', 'c', '\uffff', '🗼']);
    });

    it('queries by prefix, in order, page by page', async () => {
      for (const sk of ['link#b', 'link#a', 'seat', 'link#é', 'link#']) await port.put(table, key('query', sk));
      const seen: string[] = [];
      let after: Item | undefined;
      for (let page = 0; page < 10; page += 1) {
        const answer = await port.query({
          table,
          partition: { name: 'pk', value: { S: 'query' } },
          sort: { name: 'sk', prefix: 'link#' },
          limit: 2,
          ...(after !== undefined && { after }),
        });
        expect(answer.items.length).toBeLessThanOrEqual(2);
        seen.push(...answer.items.map((i) => (i['sk'] as { S: string }).S));
        after = answer.next;
        if (after === undefined) break;
      }
      expect(seen).toEqual(['link#', 'link#a', 'link#b', 'link#é']);
      const all = await port.query({ table, partition: { name: 'pk', value: { S: 'query' } }, sort: { name: 'sk', prefix: '' } });
      expect(all.items.length).toBe(5);
      expect(all.next).toBeUndefined();
    });

    it('takes an item of exactly 400 KB by its own measure, and refuses one byte more', async () => {
      const base: Item = {
        ...key('size'),
        n: { N: '-1234.5' },
        l: { L: [{ S: 'ab' }, { M: { x: { NULL: true } } }] },
        b: { B: 'AAECA/8=' },
        ns: { NS: ['1', '200'] },
        pad: { S: '' },
      };
      const pad = ITEM_BYTES_MAX - itemBytes(base);
      expect(await port.put(table, { ...base, pad: { S: 'a'.repeat(pad) } })).toEqual({ ok: true });
      expect(await kindOfFailure(port.put(table, { ...base, pad: { S: 'a'.repeat(pad + 1) } }))).toBe('invalid');
      expect(await kindOfFailure(port.batchWrite([{ table, put: { ...base, pad: { S: 'a'.repeat(pad + 1) } } }]))).toBe('invalid');
    });

    it.each<[string, (t: { port: TablePort; table: string; other: string }) => Promise<unknown>]>([
      ['an empty partition key', ({ port: p, table: t }) => p.put(t, { pk: { S: '' }, sk: { S: 'x' } })],
      ['an empty sort key', ({ port: p, table: t }) => p.put(t, { pk: { S: 'x' }, sk: { S: '' } })],
      ['a key of another type', ({ port: p, table: t }) => p.put(t, { pk: { N: '1' }, sk: { S: 'x' } })],
      ['an item without its key', ({ port: p, table: t }) => p.put(t, { pk: { S: 'x' } })],
      ['a partition key of 2,049 bytes', ({ port: p, table: t }) => p.put(t, { pk: { S: 'a'.repeat(2_049) }, sk: { S: 'x' } })],
      ['a sort key of 1,025 bytes', ({ port: p, table: t }) => p.put(t, { pk: { S: 'x' }, sk: { S: 'é'.repeat(513) } })],
      ['a get with half a key', ({ port: p, table: t }) => p.get(t, { pk: { S: 'x' } })],
      ['a get with more than the key', ({ port: p, table: t }) => p.get(t, { ...key('x'), v: { S: 'x' } })],
      ['a delete with a key of another type', ({ port: p, table: t }) => p.delete(t, { pk: { S: 'x' }, sk: { N: '1' } })],
      [
        'the same key twice in a batch write',
        ({ port: p, table: t }) =>
          p.batchWrite([
            { table: t, put: key('x') },
            { table: t, delete: key('x') },
          ]),
      ],
      [
        'the same number key in two spellings',
        ({ port: p, other: t }) =>
          p.batchWrite([
            { table: t, put: { n: { N: '1' } } },
            { table: t, put: { n: { N: '1.0' } } },
          ]),
      ],
      ['26 requests in a batch write', ({ port: p, table: t }) => p.batchWrite(Array.from({ length: 26 }, (_, i) => ({ table: t, put: key(`many-${i}`) })))],
      [
        '101 keys in a batch get',
        ({ port: p, table: t }) => p.batchGet({ tables: [{ table: t, keys: Array.from({ length: 101 }, (_, i) => key(`many-${i}`)) }] }),
      ],
      ['the same key twice in a batch get', ({ port: p, table: t }) => p.batchGet({ tables: [{ table: t, keys: [key('x'), key('x')] }] })],
      ['an empty batch write', ({ port: p }) => p.batchWrite([])],
      ['an index key of another type', ({ port: p, other: t }) => p.put(t, { n: { N: '1' }, city: { N: '1' } })],
      ['an empty index key', ({ port: p, other: t }) => p.put(t, { n: { N: '1' }, city: { S: '' } })],
      ['an index key of another type in a batch', ({ port: p, other: t }) => p.batchWrite([{ table: t, put: { n: { N: '1' }, city: { BOOL: true } } }])],
      ['an index key of another type by update', ({ port: p, other: t }) => p.update(t, { n: { N: '1' } }, { set: { city: { N: '1' } } })],
      ['an empty string set', ({ port: p, table: t }) => p.put(t, { ...key('x'), v: { SS: [] } })],
      ['a duplicate in a string set', ({ port: p, table: t }) => p.put(t, { ...key('x'), v: { SS: ['a', 'a'] } })],
      ['a duplicate by value in a number set', ({ port: p, table: t }) => p.put(t, { ...key('x'), v: { NS: ['1', '1.0'] } })],
      ['39 digits', ({ port: p, table: t }) => p.put(t, { ...key('x'), v: { N: '123456789012345678901234567890123456789' } })],
      ['a number that is too large', ({ port: p, table: t }) => p.put(t, { ...key('x'), v: { N: '1E126' } })],
      ['a number that is too small', ({ port: p, table: t }) => p.put(t, { ...key('x'), v: { N: '1E-131' } })],
      ['what is no number', ({ port: p, table: t }) => p.put(t, { ...key('x'), v: { N: 'twelve' } })],
      ['a value of two types', ({ port: p, table: t }) => p.put(t, { ...key('x'), v: { S: 'a', N: '1' } as never })],
      ['a value of no type', ({ port: p, table: t }) => p.put(t, { ...key('x'), v: {} as never })],
      ['32 levels of nesting below an attribute', ({ port: p, table: t }) => p.put(t, { ...key('x'), v: nested(32) })],
      ['a number with a space', ({ port: p, table: t }) => p.put(t, { ...key('x'), v: { N: ' 1' } })],
      [
        'a batch get that names a path twice',
        ({ port: p, table: t }) => p.batchGet({ tables: [{ table: t, keys: [key('x')], project: [['_s'], ['_s', 'p']] }] }),
      ],
    ])('refuses as invalid: %s', async (_label, call) => {
      expect(await kindOfFailure(call({ port, table, other }))).toBe('invalid');
    });

    it.skipIf(differs.includes('names-may-be-empty'))('refuses as invalid: a map member without a name', async () => {
      expect(await kindOfFailure(port.put(table, { ...key('x'), v: { M: { '': { S: 'x' } } } }))).toBe('invalid');
    });

    it('writes nothing of a batch that it refuses', async () => {
      expect(
        await kindOfFailure(
          port.batchWrite([
            { table, put: key('whole') },
            { table, put: { ...key('whole', 'bad'), v: { SS: [] } } },
          ]),
        ),
      ).toBe('invalid');
      expect(await port.get(table, key('whole'))).toBeUndefined();
    });

    it('takes what is just within the limits', async () => {
      await port.put(table, { pk: { S: 'a'.repeat(2_048) }, sk: { S: 'b'.repeat(1_024) } });
      await port.put(table, { ...key('nested'), v: nested(31) });
      await port.batchWrite(Array.from({ length: 25 }, (_, i) => ({ table, put: key(`many-${i}`) })));
      const read = await port.batchGet({ tables: [{ table, keys: Array.from({ length: 100 }, (_, i) => key(`many-${i}`)) }] });
      expect(read.items.get(table)?.length).toBe(25);
    });

    it('says that a table is missing', async () => {
      expect(await kindOfFailure(port.get('no-such-table', key('x')))).toBe('missing');
      expect(await kindOfFailure(port.put('no-such-table', key('x')))).toBe('missing');
      expect(await kindOfFailure(port.batchWrite([{ table: 'no-such-table', put: key('x') }]))).toBe('missing');
      expect(await kindOfFailure(port.describe('no-such-table'))).toBe('missing');
    });

    it('asks admission for each call, and does not send what is refused', async () => {
      let asked = 0;
      const admit = (): void => {
        asked += 1;
      };
      const refuse = {
        admit: (): void => {
          throw new Error('the fence is too old');
        },
      };
      await port.put(table, key('admit'), undefined, { admit });
      await port.batchWrite([{ table, put: key('admit', '2') }], { admit });
      await port.get(table, key('admit'), { admit });
      expect(asked).toBe(3);
      expect(await kindOfFailure(port.put(table, key('refused'), undefined, refuse))).toBe('notIssued');
      expect(await kindOfFailure(port.batchWrite([{ table, put: key('refused') }], refuse))).toBe('notIssued');
      expect(await kindOfFailure(port.delete(table, key('admit'), undefined, refuse))).toBe('notIssued');
      expect(await port.get(table, key('refused'))).toBeUndefined();
      expect(await port.get(table, key('admit'))).toEqual(key('admit'));
      // Calls without admission, before, after and beside, are not touched by another's.
      await Promise.all([port.put(table, key('beside')), kindOfFailure(port.put(table, key('refused'), undefined, refuse)), port.get(table, key('beside'))]);
      expect(await port.get(table, key('beside'))).toEqual(key('beside'));
    });

    it('describes a table', async () => {
      const streamed = await world.createTable({ key: KEY, stream: true });
      const found = await port.describe(streamed);
      expect(found).toMatchObject({
        status: 'ACTIVE',
        key: [
          { name: 'pk', type: 'S' },
          { name: 'sk', type: 'S' },
        ],
        streamEnabled: true,
        streamView: 'NEW_AND_OLD_IMAGES',
      });
      expect(found.streamArn).toContain(`/stream/`);
      if (!differs.includes('no-table-id')) expect(found.tableId).toMatch(/^[0-9a-f-]{36}$/);
      const plain = await port.describe(table);
      expect(plain.streamEnabled).toBe(false);
      expect(plain.streamArn).toBeUndefined();
      if (!differs.includes('no-table-id')) expect(plain.tableId).not.toBe(found.tableId);
    });
  });
}

const bySk = (a: Item, b: Item): number => ((a['sk'] as { S: string }).S < (b['sk'] as { S: string }).S ? -1 : 1);

/** The item with its sets in order: servers keep sets in any order. Everything else stays as it came, so that it is compared bit for bit. */
function sorted(item: Item | undefined): Item | undefined {
  if (item === undefined) return undefined;
  return Object.fromEntries(
    Object.entries(item).map(([name, value]) => {
      for (const type of ['SS', 'NS', 'BS'] as const) {
        const set = (value as unknown as Record<string, string[] | undefined>)[type];
        if (set !== undefined) return [name, { [type]: [...set].sort() } as unknown as AttributeValue];
      }
      return [name, value];
    }),
  );
}
