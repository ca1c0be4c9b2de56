import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Item } from '../../../lib/core/attribute.ts';
import { canonicalText } from '../../../lib/core/canonical.ts';
import { shardOf } from '../../../lib/replicate/shards.ts';
import { kindOfFailure } from './table-suite.ts';
import { EVERY_TYPE } from './values.ts';
import type { Difference, TableWorld } from './world.ts';

const KEY = { partition: { name: 'pk', type: 'S' } } as const;
const key = (pk: string): Item => ({ pk: { S: pk } });
const textOf = (item: Item | undefined): string | undefined => (item === undefined ? undefined : canonicalText({ M: item }));

/** What every stream must do, and its port. */
export function streamPortSuite(name: string, make: () => Promise<TableWorld>, differs: readonly Difference[] = []): void {
  describe(`StreamPort on ${name}`, () => {
    let world: TableWorld;
    beforeAll(async () => {
      world = await make();
    });
    afterAll(() => world?.close());

    it('shows every change of a key in order, with both images, and none for what changes nothing', async () => {
      const table = await world.createTable({ key: KEY, stream: true });
      const first = { ...key('a'), ...EVERY_TYPE, ...(differs.includes('empty-map-in-stream') && { list: { L: [{ S: 'no empty map' }] } }) };
      const second = { ...key('a'), v: { N: '2' } };
      await world.table.put(table, first);
      await world.table.put(table, first);
      await world.table.put(table, { ...first, zero: { N: '0.0' } });
      await world.table.batchWrite([{ table, put: second }]);
      await world.table.update(table, key('a'), { set: { v: { N: '3' } } });
      await world.table.update(table, key('a'), { set: { v: { N: '3' } } });
      await world.table.delete(table, key('a'));
      await world.table.delete(table, key('a'));
      await world.table.batchWrite([{ table, delete: key('never') }]);
      await world.table.put(table, key('last'));
      const records = await world.records(table, 5);
      expect(records.map((r) => r.eventName)).toEqual(['INSERT', 'MODIFY', 'MODIFY', 'REMOVE', 'INSERT']);
      const own = records.slice(0, 4);
      expect(own.map((r) => textOf(r.newImage))).toEqual([textOf(first), textOf(second), textOf({ ...key('a'), v: { N: '3' } }), undefined]);
      expect(own.map((r) => textOf(r.oldImage))).toEqual([undefined, textOf(first), textOf(second), textOf({ ...key('a'), v: { N: '3' } })]);
      expect(records.map((r) => textOf(r.keys))).toEqual([...own.map(() => textOf(key('a'))), textOf(key('last'))]);
      for (const record of records) expect(record.sequence).toMatch(/^\d{21,40}$/);
      const numbers = own.map((r) => BigInt(r.sequence));
      expect(numbers.every((n, i) => i === 0 || n > (numbers[i - 1] as bigint))).toBe(true);
    });

    it('makes one record for each write of a batch, in whatever order', async () => {
      const table = await world.createTable({ key: KEY, stream: true });
      const names = Array.from({ length: 25 }, (_, i) => `k${i}`);
      await world.table.batchWrite(names.map((pk) => ({ table, put: key(pk) })));
      await world.table.batchWrite(names.slice(0, 5).map((pk) => ({ table, delete: key(pk) })));
      const records = await world.records(table, 30);
      const named = (event: string): (string | undefined)[] => records.filter((r) => r.eventName === event).map((r) => textOf(r.keys));
      expect(named('INSERT').sort()).toEqual(names.map((pk) => textOf(key(pk))).sort());
      expect(named('REMOVE').sort()).toEqual(
        names
          .slice(0, 5)
          .map((pk) => textOf(key(pk)))
          .sort(),
      );
      expect(records.length).toBe(30);
    });

    it('makes no record for a write whose condition fails', async () => {
      const table = await world.createTable({ key: KEY, stream: true });
      await world.table.put(table, key('a'), { op: 'present', path: ['pk'] });
      await world.table.put(table, key('b'));
      expect((await world.records(table, 1)).map((r) => textOf(r.keys))).toEqual([textOf(key('b'))]);
    });

    it('describes shards, in one of which each record lies', async () => {
      const table = await world.createTable({ key: KEY, stream: true });
      for (let i = 0; i < 10; i += 1) await world.table.put(table, key(`k-${i}`));
      const records = await world.records(table, 10);
      const { streamArn } = await world.table.describe(table);
      const shards = await world.stream.shards(streamArn as string);
      expect(shards.length).toBeGreaterThan(0);
      for (const shard of shards) {
        expect(shard.id).toMatch(/^shardId-/);
        expect(shard.first).toMatch(/^\d+$/);
      }
      for (const record of records) {
        const within = shards.filter((s) => BigInt(s.first) <= BigInt(record.sequence) && (s.last === undefined || BigInt(s.last) >= BigInt(record.sequence)));
        expect(within.length).toBeGreaterThan(0);
        if (shards.length === 1) expect(shardOf(shards, record.sequence)).toBe(shards[0]?.id);
      }
    });

    it('has another ARN after it was disabled and enabled, and the old one stays readable', async () => {
      const table = await world.createTable({ key: KEY, stream: true });
      await world.table.put(table, key('before'));
      await world.records(table, 1);
      const before = (await world.table.describe(table)).streamArn as string;
      await world.replaceStream(table);
      const after = (await world.table.describe(table)).streamArn as string;
      expect(after).not.toBe(before);
      await world.table.put(table, key('after'));
      const records = await world.records(table, 1);
      expect(records.map((r) => textOf(r.keys))).toEqual([textOf(key('after'))]);
      expect(records[0]?.streamArn).toBe(after);
      expect((await world.stream.shards(before)).length).toBeGreaterThan(0);
    });

    it('says that a stream is missing', async () => {
      expect(await kindOfFailure(world.stream.shards('arn:aws:dynamodb:eu-central-1:000000000000:table/never/stream/2026-01-01T00:00:00.000'))).toBe('missing');
    });
  });
}
