import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AttributeValue, Item } from '../../../lib/core/attribute.ts';
import type { Page, QueryRequest, ScanRequest, SortCondition, TablePort } from '../../../lib/ports/table.ts';
import { kindOfFailure } from './table-suite.ts';
import type { Difference, TableWorld } from './world.ts';

/** Longest run of pages that a test follows. */
const PAGES_MAX = 100;

/** What every TablePort must do of queries, scans and transactions, whatever stands behind it. */
export function pagesAndTransactionsSuite(name: string, make: () => Promise<TableWorld>, differs: readonly Difference[] = []): void {
  describe(`pages and transactions of TablePort on ${name}`, () => {
    let world: TableWorld;
    let port: TablePort;
    let numbers: string;
    let binaries: string;
    let texts: string;
    beforeAll(async () => {
      world = await make();
      port = world.table;
      numbers = await world.createTable({ key: { partition: { name: 'p', type: 'S' }, sort: { name: 'n', type: 'N' } } });
      binaries = await world.createTable({ key: { partition: { name: 'p', type: 'S' }, sort: { name: 'b', type: 'B' } } });
      texts = await world.createTable({ key: { partition: { name: 'p', type: 'S' }, sort: { name: 's', type: 'S' } } });
      for (const n of ['-5', '0', '2', '10', '10.5', '300']) await port.put(numbers, { p: { S: 'a' }, n: { N: n } });
      for (const b of [[0], [1, 2], [1, 255], [128], [255, 0]]) await port.put(binaries, { p: { S: 'a' }, b: { B: Buffer.from(b).toString('base64') } });
      for (const s of ['a', 'ab', 'abc', 'b', 'ä', '😀', '\uffee']) await port.put(texts, { p: { S: 'a' }, s: { S: s }, v: { N: '1' }, w: { S: 'x' } });
    });
    afterAll(() => world?.close());

    const ofNumbers = async (sort: SortCondition, more: Partial<QueryRequest> = {}): Promise<string[]> => {
      const { items } = await port.query({ table: numbers, partition: { name: 'p', value: { S: 'a' } }, sort, ...more });
      return items.map((item) => (item['n'] as { N: string }).N);
    };
    const n = (value: string): AttributeValue => ({ N: value });

    it('finds items by every condition on a number key, by value', async () => {
      expect(await ofNumbers({ name: 'n', op: '=', value: n('10') })).toEqual(['10']);
      expect(await ofNumbers({ name: 'n', op: '<', value: n('2') })).toEqual(['-5', '0']);
      expect(await ofNumbers({ name: 'n', op: '<=', value: n('2') })).toEqual(['-5', '0', '2']);
      expect(await ofNumbers({ name: 'n', op: '>', value: n('10') })).toEqual(['10.5', '300']);
      expect(await ofNumbers({ name: 'n', op: '>=', value: n('10') })).toEqual(['10', '10.5', '300']);
      expect(await ofNumbers({ name: 'n', from: n('0'), to: n('10') })).toEqual(['0', '2', '10']);
      expect(await ofNumbers({ name: 'n', from: n('0'), to: n('10') }, { descending: true })).toEqual(['10', '2', '0']);
    });

    it('finds items by prefix and order on text and binary keys', async () => {
      const ask = async (table: string, key: 's' | 'b', sort: SortCondition): Promise<string[]> =>
        (await port.query({ table, partition: { name: 'p', value: { S: 'a' } }, sort })).items.map((item) => Object.values(item[key] as object)[0] as string);
      expect(await ask(texts, 's', { name: 's', op: 'begins-with', value: { S: 'ab' } })).toEqual(['ab', 'abc']);
      expect(await ask(texts, 's', { name: 's', prefix: '' })).toHaveLength(7);
      const bytes = (...of: number[]): AttributeValue => ({ B: Buffer.from(of).toString('base64') });
      expect(await ask(binaries, 'b', { name: 'b', op: 'begins-with', value: bytes(1) })).toEqual([
        Buffer.from([1, 2]).toString('base64'),
        Buffer.from([1, 255]).toString('base64'),
      ]);
      expect(await ask(binaries, 'b', { name: 'b', op: '>', value: bytes(1, 255) })).toHaveLength(2);
    });

    it('goes through a partition page by page, either way, missing nothing and repeating nothing', async () => {
      for (const descending of [false, true]) {
        const seen: string[] = [];
        let after: Item | undefined;
        for (let page = 0; page < PAGES_MAX; page += 1) {
          const answer: Page = await port.query({ table: numbers, partition: { name: 'p', value: { S: 'a' } }, limit: 2, descending, ...(after && { after }) });
          seen.push(...answer.items.map((item) => (item['n'] as { N: string }).N));
          after = answer.next;
          if (after === undefined) break;
        }
        const sorted = ['-5', '0', '2', '10', '10.5', '300'];
        expect(seen).toEqual(descending ? sorted.toReversed() : sorted);
      }
    });

    it('scans a table whole, by pages, by segments, and by the attributes that are asked for', async () => {
      const all = async (request: Omit<ScanRequest, 'table'>): Promise<Item[]> => {
        const items: Item[] = [];
        let after: Item | undefined;
        for (let page = 0; page < PAGES_MAX; page += 1) {
          const answer: Page = await port.scan({ table: texts, ...request, ...(after && { after }) });
          items.push(...answer.items);
          after = answer.next;
          if (after === undefined) return items;
        }
        throw new Error('the scan does not end');
      };
      const keys = (items: readonly Item[]): string[] => items.map((item) => (item['s'] as { S: string }).S).sort();
      const expected = ['a', 'ab', 'abc', 'b', 'ä', '😀', '\uffee'].sort();
      expect(keys(await all({}))).toEqual(expected);
      expect(keys(await all({ limit: 2 }))).toEqual(expected);
      expect(keys([...(await all({ segment: { index: 0, of: 2 } })), ...(await all({ segment: { index: 1, of: 2 }, limit: 1 }))])).toEqual(expected);
      const projected = await all({ project: [['p'], ['s'], ['v']] });
      expect(projected.map((item) => Object.keys(item).sort())).toEqual(expected.map(() => ['p', 's', 'v']));
    });

    it('refuses queries and scans that DynamoDB refuses', async () => {
      const partition = { name: 'p', value: { S: 'a' } };
      expect(await kindOfFailure(port.query({ table: numbers, partition: { name: 'other', value: { S: 'a' } } }))).toBe('invalid');
      expect(await kindOfFailure(port.query({ table: numbers, partition, limit: 0 }))).toBe('invalid');
      expect(await kindOfFailure(port.query({ table: numbers, partition, sort: { name: 'n', op: '=', value: { S: '1' } } }))).toBe('invalid');
      expect(await kindOfFailure(port.scan({ table: numbers, segment: { index: 2, of: 2 } }))).toBe('invalid');
      expect(await kindOfFailure(port.scan({ table: 'there-is-no-such-table' }))).toBe('missing');
    });

    it('does all parts of a transaction, over tables, or none', async () => {
      const one = (v: string): Item => ({ p: { S: 't' }, s: { S: 'one' }, v: { S: v } });
      const absent = { op: 'absent', path: ['p'] } as const;
      expect(
        await port.transact([
          { table: texts, put: one('first'), condition: absent },
          { table: numbers, put: { p: { S: 't' }, n: { N: '1' } }, condition: absent },
        ]),
      ).toEqual({ ok: true });
      const refused = await port.transact([
        { table: texts, put: one('second'), condition: { op: '=', path: ['v'], value: { S: 'first' } } },
        { table: numbers, put: { p: { S: 't' }, n: { N: '1' } }, condition: absent },
      ]);
      expect(refused).toEqual({ ok: false, failed: [{ index: 1, old: { p: { S: 't' }, n: { N: '1' } } }] });
      expect(await port.get(texts, { p: { S: 't' }, s: { S: 'one' } })).toEqual(one('first'));
      expect(
        await port.transact([
          { table: texts, delete: { p: { S: 't' }, s: { S: 'one' } }, condition: { op: '=', path: ['v'], value: { S: 'first' } } },
          { table: numbers, check: { p: { S: 't' }, n: { N: '2' } }, condition: absent },
        ]),
      ).toEqual({ ok: true });
      expect(await port.get(texts, { p: { S: 't' }, s: { S: 'one' } })).toBeUndefined();
    });

    it('names every part whose condition does not hold, with what is there', async () => {
      const absent = { op: 'absent', path: ['p'] } as const;
      const answer = await port.transact([
        { table: numbers, check: { p: { S: 'a' }, n: { N: '2' } }, condition: absent },
        { table: numbers, put: { p: { S: 'x' }, n: { N: '1' } } },
        { table: numbers, delete: { p: { S: 'x' }, n: { N: '2' } }, condition: { op: 'present', path: ['p'] } },
      ]);
      expect(answer).toEqual({
        ok: false,
        failed: [
          { index: 0, old: { p: { S: 'a' }, n: { N: '2' } } },
          { index: 2, old: undefined },
        ],
      });
      expect(await port.get(numbers, { p: { S: 'x' }, n: { N: '1' } })).toBeUndefined();
    });

    it('refuses a transaction that DynamoDB refuses, and one that is not admitted', async () => {
      const put = { table: numbers, put: { p: { S: 'r' }, n: { N: '1' } } };
      expect(await kindOfFailure(port.transact([put, put]))).toBe('invalid');
      if (!differs.includes('transaction-key-unchecked'))
        expect(await kindOfFailure(port.transact([{ table: numbers, put: { p: { S: 'r' } } }]))).toBe('invalid');
      expect(await kindOfFailure(port.transact([{ ...put, table: 'there-is-no-such-table' }]))).toBe('missing');
      const admit = (): void => {
        throw new Error('no');
      };
      expect(await kindOfFailure(port.transact([put], { admit }))).toBe('notIssued');
      expect(await port.get(numbers, { p: { S: 'r' }, n: { N: '1' } })).toBeUndefined();
    });

    it('puts the writes of a transaction into the stream, each as its own record', async () => {
      const streamed = await world.createTable({ key: { partition: { name: 'p', type: 'S' } }, stream: true });
      await port.transact([
        { table: streamed, put: { p: { S: 'a' }, v: { N: '1' } } },
        { table: streamed, put: { p: { S: 'b' }, v: { N: '1' } } },
      ]);
      const records = await world.records(streamed, 2);
      expect(records.map((r) => (r.keys['p'] as { S: string }).S).sort()).toEqual(['a', 'b']);
    });
  });
}
