import { describe, expect, it } from 'vitest';
import type { Item } from '../../../lib/core/attribute.ts';
import { memberNames } from '../../../lib/core/names.ts';
import { RemoteError } from '../../../lib/ports/errors.ts';
import { historyPageSchema } from '../../../lib/serve/answers.ts';
import { HISTORY_BUDGET_MS } from '../../../lib/serve/api-history.ts';
import type { Step } from '../archive/history/story.ts';
import { storeLog, story } from '../archive/history/story.ts';
import type { Got } from './harness.ts';
import { CITY, EU, KEY, US, World } from './harness.ts';

/** GET /items/history, through the handler, on logs in the memory cloud's buckets. */

const START = Date.parse('2026-11-24T10:00:00Z');
const at = (s: number): number => START + s * 1_000;
const city = (name: string, more: Item = {}): Item => ({ country: { S: 'DE' }, cityId: { N: '1' }, name: { S: name }, ...more });
const bucketOf = (world: World, member: string): string =>
  memberNames('cities', world.config.members.find((m) => m.name === member) as (typeof world.config.members)[number]).bucket;

async function store(world: World, member: string, segments: readonly (readonly Step[])[]): Promise<string[]> {
  return world.clock.run(storeLog({ objects: world.region(member).objects, bucket: bucketOf(world, member), set: 'cities', member, key: KEY }, segments));
}

/** Ten changes of one city, a second apart, one a segment. */
const TEN = story(...Array.from({ length: 10 }, (_, i) => [at(i), city(`name ${i}`)] as const)).map((step) => [step]);

const ask = (world: World, query: Readonly<Record<string, string | readonly string[]>> = {}, member: string = EU, headers = {}): Promise<Got> =>
  world.send(member, { method: 'GET', path: '/items/history', query: { ...CITY, ...query }, headers });
const changesOf = (got: Got): { readonly at: number; readonly [name: string]: unknown }[] => historyPageSchema.parse(got.json).changes as never;
const times = (got: Got): number[] => changesOf(got).map((change) => (change.at - START) / 1_000);

describe('GET /items/history', () => {
  it('gives the changes of an item, the newest first, with what differs, and never our own attribute', async () => {
    const world = new World();
    await store(world, EU, [[...story([at(0), city('Ulm')], [at(60), city('Bonn', { n: { N: '1.50' } })], [at(120), undefined])]]);
    const got = await ask(world);
    expect(got.status).toBe(200);
    expect(got.headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'no-store', 'syncline-member': EU });
    expect(got.body).not.toContain('_s');
    expect(got.body).toContain('{"path":"n","after":1.50}');
    expect(got.json).toEqual({
      changes: [
        {
          at: at(120),
          time: '2026-11-24T10:02:00Z',
          sequence: '1003',
          origin: 'local',
          event: 'REMOVE',
          difference: [
            { path: 'cityId', before: 1 },
            { path: 'country', before: 'DE' },
            { path: 'n', before: 1.5 },
            { path: 'name', before: 'Bonn' },
          ],
        },
        expect.objectContaining({
          event: 'MODIFY',
          difference: [
            { path: 'n', after: 1.5 },
            { path: 'name', before: 'Ulm', after: 'Bonn' },
          ],
        }),
        expect.objectContaining({ event: 'INSERT' }),
      ],
    });
  });

  it('gives whole items when they are asked for, in DynamoDB JSON when that is accepted', async () => {
    const world = new World();
    await store(world, EU, [story([at(0), city('Ulm')])]);
    const got = await ask(world, { images: 'true' }, EU, { accept: 'application/x-amz-json-1.0' });
    expect(got.headers['content-type']).toBe('application/x-amz-json-1.0');
    expect(changesOf(got)[0]).toMatchObject({ after: { name: { S: 'Ulm' } }, difference: expect.arrayContaining([{ path: 'name', after: { S: 'Ulm' } }]) });
    expect(got.body).not.toContain('_s');
  });

  it('has an empty history of an item that was never there', async () => {
    expect(await ask(new World())).toMatchObject({ status: 200, json: { changes: [] } });
  });

  it('says once, on the last page, that the log begins later than the time that was asked for', async () => {
    const world = new World();
    await store(world, EU, TEN);
    const began = at(0);
    const since = '2020-01-01T00:00:00Z';
    const first = await ask(world, { since, limit: '6' });
    expect(first.json).not.toHaveProperty('gaps');
    const last = await ask(world, { since, limit: '6', cursor: first.json['next'] as string });
    expect(last.json['gaps']).toEqual([{ from: Date.parse(since), to: began, what: expect.stringContaining('The log begins at 2026-11-24T10:00:00Z') }]);
    expect((await ask(world, { since: '2026-11-24T10:00:30Z' })).json).toEqual({ changes: [] });
    expect((await ask(world)).json).not.toHaveProperty('gaps');
  });

  it('leads from page to page, through every change once, whatever the limit', async () => {
    const world = new World();
    await store(world, EU, TEN);
    for (const limit of [1, 3, 7, 10, 20]) {
      const seen: number[] = [];
      let cursor: string | undefined;
      let pages = 0;
      do {
        const got = await ask(world, { limit: String(limit), ...(cursor !== undefined && { cursor }) });
        expect(got.status).toBe(200);
        expect(times(got).length).toBeLessThanOrEqual(limit);
        seen.push(...times(got));
        cursor = got.json['next'] as string | undefined;
        pages += 1;
      } while (cursor !== undefined && pages < 20);
      expect(seen, `limit ${limit}`).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    }
  });

  it('leads through changes of one second, too', async () => {
    const world = new World();
    await store(world, EU, [story(...Array.from({ length: 9 }, (_, i) => [at(0), city(`name ${i}`)] as const))]);
    const first = await ask(world, { limit: '4' });
    const second = await ask(world, { limit: '4', cursor: first.json['next'] as string });
    const third = await ask(world, { limit: '4', cursor: second.json['next'] as string });
    const names = [first, second, third].flatMap(changesOf).map((change) => change['sequence']);
    expect(names).toEqual(['1009', '1008', '1007', '1006', '1005', '1004', '1003', '1002', '1001']);
    expect(third.json['next']).toBeUndefined();
  });

  it('leads through changes that are stamped a little out of order, too', async () => {
    const world = new World();
    await store(world, EU, [story([at(1), city('a')], [at(5), city('b')], [at(4), city('c')], [at(6), city('d')])]);
    const seen: unknown[] = [];
    let cursor: string | undefined;
    do {
      const got = await ask(world, { limit: '1', ...(cursor !== undefined && { cursor }) });
      seen.push(...changesOf(got).map((change) => change['sequence']));
      cursor = got.json['next'] as string | undefined;
    } while (cursor !== undefined && seen.length < 10);
    expect(seen).toEqual(['1004', '1003', '1002', '1001']);
  });

  it('has only the changes of a time, both ends included', async () => {
    const world = new World();
    await store(world, EU, TEN);
    expect(times(await ask(world, { since: '2026-11-24T10:00:03.5Z', until: '2026-11-24T12:00:05 02:00' }))).toEqual([5, 4, 3]);
    expect(times(await ask(world, { since: '2026-11-24T10:00:20Z' }))).toEqual([]);
  });

  it('asks the member whose log is wanted, and goes on there, whoever is asked for the next page', async () => {
    const world = new World();
    await store(world, US, TEN);
    expect(times(await ask(world))).toEqual([]);
    const got = await ask(world, { member: US, limit: '4' }, EU);
    expect(got.headers['syncline-member']).toBe(US);
    expect(times(got)).toEqual([9, 8, 7, 6]);
    const next = await ask(world, { cursor: got.json['next'] as string, limit: '4' }, EU);
    expect(next.headers['syncline-member']).toBe(US);
    expect(times(next)).toEqual([5, 4, 3, 2]);
    expect((await ask(world, { cursor: got.json['next'] as string, member: EU })).json).toMatchObject({ type: 'urn:syncline:problem:invalid-cursor' });
  });

  it('says so when that member does not answer', async () => {
    const world = new World();
    world.cloud.hook = (call) => (call.service === 'lambda' ? { refuse: new RemoteError('transient', 'ECONNREFUSED', 'gone') } : undefined);
    const got = await ask(world, { member: US });
    expect(got).toMatchObject({ status: 503, json: { type: 'urn:syncline:problem:member-unreachable' } });
    expect(got.headers['retry-after']).toBeDefined();
  });

  it('tells of a part of the log that is damaged, and gives the rest', async () => {
    const world = new World();
    const names = await store(world, EU, TEN);
    await world.clock.run(world.region(EU).objects.delete(bucketOf(world, EU), names[4] as string));
    const [damaged] = [names[7] as string];
    world.region(EU).buckets.flipBit(bucketOf(world, EU), damaged, 8 * 200);
    const got = await ask(world);
    const gaps = historyPageSchema.parse(got.json).gaps ?? [];
    expect(times(got)).not.toContain(7);
    expect(times(got)).toContain(0);
    const said = gaps.map((gap) => gap.what).join('\n');
    expect(said).toContain(damaged);
    // The segment that is gone is in no index: what the next change found shows it.
    expect(said).toContain('Between 2026-11-24T10:00:03Z and 2026-11-24T10:00:05Z a change of this key is missing');
  });

  it('leads on when the time is over, through every change once', async () => {
    const world = new World();
    // Of four hundred segments each eighth has a change of the item.
    const own = story(...Array.from({ length: 50 }, (_, i) => [at(8 * i), city(`name ${i}`)] as const));
    const other = (i: number): Step[] => story([at(i), { country: { S: 'AT' }, cityId: { N: '2' } }]);
    await store(
      world,
      EU,
      Array.from({ length: 400 }, (_, i) => (i % 8 === 0 ? [own[i / 8] as Step] : other(i))),
    );
    // So many reads are quick; then S3 takes all the time that there is.
    let reads = 0;
    world.cloud.hook = (call) => {
      if (call.service === 's3' && call.op === 'get') reads += 1;
      return reads > 150 ? { queueMs: HISTORY_BUDGET_MS } : undefined;
    };
    const seen: number[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const began = world.clock.elapsed();
      reads = 0;
      const got = await ask(world, { limit: '100', ...(cursor !== undefined && { cursor }) });
      expect(got.status).toBe(200);
      expect(world.clock.elapsed() - began).toBeLessThan(2 * HISTORY_BUDGET_MS + 1_000);
      seen.push(...times(got));
      cursor = got.json['next'] as string | undefined;
      pages += 1;
    } while (cursor !== undefined && pages < 40);
    expect(seen).toEqual(Array.from({ length: 50 }, (_, i) => 8 * (49 - i)));
    expect(pages).toBeGreaterThan(1);
  });

  it('does not lead in a circle when there is no time to find anything', async () => {
    const world = new World();
    await store(world, EU, TEN);
    world.cloud.hook = (call) => (call.service === 's3' ? { queueMs: HISTORY_BUDGET_MS + 1 } : undefined);
    expect(await ask(world)).toMatchObject({
      status: 503,
      json: { type: 'urn:syncline:problem:archive-unavailable', detail: expect.stringContaining('"since"') },
    });
  });

  it('says that the archive cannot be reached, while items can be read', async () => {
    const world = new World();
    await world.seats(EU);
    world.cloud.hook = (call) => (call.service === 's3' ? { refuse: new RemoteError('denied', 'AccessDenied', 'no') } : undefined);
    expect(await ask(world)).toMatchObject({ status: 503, json: { type: 'urn:syncline:problem:archive-unavailable' } });
    expect((await world.send(EU, { method: 'GET', query: CITY })).status).toBe(404);
  });

  it.each([
    [{ limit: '0' }, 'invalid-query'],
    [{ since: 'now' }, 'invalid-query'],
    [{ what: '1' }, 'invalid-query'],
    [{ cursor: 'AAAA' }, 'invalid-cursor'],
    [{ cityId: 'x' }, 'invalid-query'],
    [{ country: '' }, 'invalid-key'],
    [{ member: '' }, 'invalid-query'],
    [{ images: ['true', 'true'] }, 'invalid-query'],
  ])('refuses %j', async (query, code) => {
    const got = await ask(new World(), query);
    expect(got).toMatchObject({ status: 400, json: { type: `urn:syncline:problem:${code}` } });
  });

  it('takes GET only, without a body', async () => {
    const got = await new World().send(EU, { method: 'POST', path: '/items/history', query: CITY, body: {} });
    expect(got.status).toBe(405);
    expect(got.headers['allow']).toBe('GET');
  });
});
