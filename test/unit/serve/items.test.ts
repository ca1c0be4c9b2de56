import { describe, expect, it } from 'vitest';
import type { AttributeValue, Item } from '../../../lib/core/attribute.ts';
import { canonicalItem, itemHash } from '../../../lib/core/canonical.ts';
import { position } from '../../../lib/core/formats/position.ts';
import { revFromText, revParts } from '../../../lib/core/formats/rev.ts';
import { metaOf, metaValue, sealBytes } from '../../../lib/core/formats/seal.ts';
import { tombstoneItem } from '../../../lib/core/formats/tombstone.ts';
import { keyText } from '../../../lib/core/key.ts';
import { etagOf } from '../../../lib/serve/etag.ts';
import { city, del, EU, get, KEY, put, US, World } from './harness.ts';

const world = async (): Promise<World> => {
  const made = new World();
  await made.seats(EU);
  return made;
};
const stored = (w: World, member: string): readonly Item[] => w.region(member).items(w.tables(member).items);

describe('put, get, delete', () => {
  it('creates, shows, replaces and deletes', async () => {
    const w = await world();
    const created = await w.send(EU, put(city()));
    expect(created).toMatchObject({ status: 201, body: '', headers: { 'syncline-member': EU } });
    const etag = created.headers['etag'] as string;
    const shown = await w.send(EU, get());
    expect(shown).toMatchObject({
      status: 200,
      json: city(),
      headers: { etag, 'content-type': 'application/x-amz-json-1.0', 'syncline-revision': created.headers['syncline-revision'] as string },
    });
    expect(shown.body).not.toContain('_s');
    const replaced = await w.send(EU, put(city('Köln')));
    expect(replaced.status).toBe(204);
    expect(replaced.headers['etag']).not.toBe(etag);
    expect((await w.send(EU, get())).json).toEqual(city('Köln'));
    expect((await w.send(EU, del())).status).toBe(204);
    expect(await w.send(EU, get())).toMatchObject({ status: 404, json: { type: 'urn:syncline:problem:not-found' } });
    // Deleting is idempotent.
    expect((await w.send(EU, del())).status).toBe(204);
  });

  it('puts a rev of the primary’s epoch on the item, later at each write', async () => {
    const w = await world();
    const revs: Buffer[] = [];
    for (let i = 0; i < 5; i += 1) {
      const got = await w.send(EU, put(city(`n${i}`)));
      revs.push(revFromText(got.headers['syncline-revision'] as string));
      expect(metaOf(stored(w, EU)[0] as Item)).toEqual({ rev: revs.at(-1), seal: undefined });
    }
    expect(revs.map((r) => revParts(r).epoch)).toEqual([1, 1, 1, 1, 1]);
    expect([...revs].sort(Buffer.compare)).toEqual(revs);
    expect(new Set(revs.map(String)).size).toBe(5);
  });

  it('removes the version whose rev a replica’s tombstone will name', async () => {
    const w = await world();
    const { headers } = await w.send(EU, put(city()));
    await w.send(EU, del());
    const removal = w.region(EU).streamRecords(w.tables(EU).items).at(-1);
    expect(removal?.eventName).toBe('REMOVE');
    expect(metaOf(removal?.oldImage as Item).rev).toEqual(revFromText(headers['syncline-revision'] as string));
  });

  it('takes the key in the query as well, when it is the same', async () => {
    const w = await world();
    expect((await w.send(EU, { ...put(city()), query: { country: 'DE', cityId: '1.0' } })).status).toBe(201);
  });

  it('answers HEAD like GET, without a body', async () => {
    const w = await world();
    const { headers } = await w.send(EU, put(city()));
    expect(await w.send(EU, { ...get(), method: 'HEAD' })).toMatchObject({ status: 200, body: '', headers: { etag: headers['etag'] } });
    expect(await w.send(EU, { method: 'HEAD', query: { country: 'FR', cityId: '1' } })).toMatchObject({ status: 404, body: '' });
  });

  it('takes content types with parameters, header names in any case, and a slash at the end', async () => {
    const w = await world();
    expect((await w.send(EU, { ...put(city()), path: '/items/', headers: { 'CONTENT-type': 'Application/X-Amz-Json-1.0; charset=utf-8' } })).status).toBe(201);
  });

  it('writes one line to the log in every invocation', async () => {
    const w = await world();
    await w.send(EU, put(city()));
    await w.send(EU, { path: '/nowhere' });
    expect(w.logged.filter((l) => l.message === 'done')).toHaveLength(2);
  });

  it('shows its health', async () => {
    const w = new World();
    expect((await w.send(EU, { path: '/health' })).json).toEqual({
      status: 'ok',
      set: 'cities',
      member: EU,
      region: EU,
      role: 'none',
      primary: null,
      epoch: null,
    });
    await w.seats(EU);
    expect((await w.send(EU, { path: '/health' })).json).toMatchObject({ role: 'primary', primary: EU, epoch: 1 });
    expect((await w.send(US, { path: '/health' })).json).toMatchObject({ role: 'secondary', primary: EU, epoch: 1 });
  });
});

describe('every attribute type, through the whole handler', () => {
  const values: Record<string, AttributeValue> = {
    S: { S: 'Größe 😀 "quoted" \\ \u0000\u2028' },
    emptyS: { S: '' },
    N38: { N: '12345678901234567890123456789012345678' },
    Nsmall: { N: '-1.5E-130' },
    Nbig: { N: '9.9999999999999999999999999999999999999E125' },
    N0: { N: '0.000' },
    B: { B: Buffer.from([0, 255, 128, 10]).toString('base64') },
    emptyB: { B: '' },
    T: { BOOL: true },
    F: { BOOL: false },
    NULL: { NULL: true },
    SS: { SS: ['b', 'a', ''] },
    NS: { NS: ['3', '-1.50', '1e2'] },
    BS: { BS: ['AA==', '/w==', ''] },
    L: { L: [{ S: 'x' }, { L: [] }, { M: {} }, { N: '1' }] },
    M: { M: { 'a b': { M: { c: { L: [{ NULL: true }] } } }, __proto__x: { S: 'x' } } },
  };
  it.each(Object.entries(values))('%s', async (_, value) => {
    const w = await world();
    const item = city('Ulm', { value }) as Item;
    const created = await w.send(EU, put(item));
    expect(created.status).toBe(201);
    const shown = await w.send(EU, get());
    expect(canonicalItem(shown.json as Item)).toBe(canonicalItem(item));
    expect(shown.headers['etag']).toBe(created.headers['etag']);
    // What was read can be written back, on the condition that it is what was read.
    expect((await w.send(EU, put(shown.json, { 'If-Match': shown.headers['etag'] as string }))).status).toBe(204);
    expect((await w.send(EU, del({ 'If-Match': (await w.send(EU, get())).headers['etag'] as string }))).status).toBe(204);
  });

  it('an attribute named as the prototype', async () => {
    const w = await world();
    const body = '{"country":{"S":"DE"},"cityId":{"N":"1"},"__proto__":{"S":"x"}}';
    expect((await w.send(EU, put(body))).status).toBe(201);
    expect((await w.send(EU, get())).body).toContain('"__proto__":{"S":"x"}');
  });
});

describe('every key schema', () => {
  const bytes = Buffer.from([251, 255, 254, 0]);
  it.each([
    ['a string with everything in it', { partition: { name: 'id', type: 'S' } }, { id: { S: 'a/b c?d=e&f%2F#+ü😀' } }, { id: 'a/b c?d=e&f%2F#+ü😀' }],
    ['a number', { partition: { name: 'id', type: 'N' } }, { id: { N: '-0.50' } }, { id: '-5e-1' }],
    ['a binary, base64url', { partition: { name: 'id', type: 'B' } }, { id: { B: bytes.toString('base64') } }, { id: bytes.toString('base64url') }],
    ['a binary, base64', { partition: { name: 'id', type: 'B' } }, { id: { B: bytes.toString('base64') } }, { id: bytes.toString('base64') }],
    [
      'a binary, base64 with spaces for its plus signs',
      { partition: { name: 'id', type: 'B' } },
      { id: { B: bytes.toString('base64') } },
      { id: bytes.toString('base64').replaceAll('+', ' ') },
    ],
    ['binary and number', { partition: { name: 'b', type: 'B' }, sort: { name: 'n', type: 'N' } }, { b: { B: 'AA==' }, n: { N: '7' } }, { b: 'AA', n: '7' }],
  ] as const)('%s', async (_, key, item, query) => {
    const w = new World(key);
    await w.seats(EU);
    expect((await w.send(EU, put(item))).status).toBe(201);
    expect(await w.send(EU, { query })).toMatchObject({ status: 200 });
    expect((await w.send(EU, { method: 'DELETE', query })).status).toBe(204);
    expect((await w.send(EU, { query })).status).toBe(404);
  });
});

describe('preconditions', () => {
  it('If-Match: the item is as it was read, or nothing is written', async () => {
    const w = await world();
    const first = (await w.send(EU, put(city('one')))).headers['etag'] as string;
    const second = (await w.send(EU, put(city('two'), { 'If-Match': first }))).headers['etag'] as string;
    const stale = await w.send(EU, put(city('three'), { 'If-Match': first }));
    expect(stale).toMatchObject({ status: 412, headers: { etag: second }, json: { type: 'urn:syncline:problem:precondition-failed' } });
    expect((await w.send(EU, get())).json).toEqual(city('two'));
    expect((await w.send(EU, del({ 'If-Match': first }))).status).toBe(412);
    expect((await w.send(EU, put(city('three'), { 'If-Match': `${first}, ${second}` }))).status).toBe(204);
    expect((await w.send(EU, put(city('four'), { 'If-Match': `W/${second}` }))).status).toBe(412);
    expect((await w.send(EU, del({ 'If-Match': '*' }))).status).toBe(204);
    expect((await w.send(EU, del({ 'If-Match': '*' }))).status).toBe(412);
    expect((await w.send(EU, put(city(), { 'If-Match': '*' }))).status).toBe(412);
  });

  it('If-None-Match: * creates only', async () => {
    const w = await world();
    expect((await w.send(EU, put(city('one'), { 'If-None-Match': '*' }))).status).toBe(201);
    expect((await w.send(EU, put(city('two'), { 'If-None-Match': '*' }))).status).toBe(412);
    expect((await w.send(EU, get())).json).toEqual(city('one'));
  });

  it('If-None-Match on a read: 304 while it is the same', async () => {
    const w = await world();
    const etag = (await w.send(EU, put(city()))).headers['etag'] as string;
    expect(await w.send(EU, get({ 'If-None-Match': etag }))).toMatchObject({ status: 304, body: '', headers: { etag } });
    await w.send(EU, put(city('two')));
    expect((await w.send(EU, get({ 'If-None-Match': etag }))).status).toBe(200);
  });

  it('of two writers with one tag one wins', async () => {
    const w = await world();
    const etag = (await w.send(EU, put(city('one')))).headers['etag'] as string;
    const both = ['a', 'b'].map((n) => w.start(EU, put(city(n), { 'If-Match': etag })));
    const statuses = (await w.clock.run(Promise.all(both))).map((g) => g.status).sort();
    expect(statuses).toEqual([204, 412]);
  });

  it('a direct SDK write changes the tag: without a rev, or with the old rev carried along', async () => {
    const w = await world();
    const { items } = w.tables(EU);
    const etag = (await w.send(EU, put(city('one')))).headers['etag'] as string;
    const item = stored(w, EU)[0] as Item;
    await w.clock.run(w.region(EU).table.put(items, { ...item, name: { S: 'carried' } }));
    expect((await w.send(EU, put(city('two'), { 'If-Match': etag }))).status).toBe(412);
    await w.clock.run(w.region(EU).table.put(items, city('direct') as Item));
    const shown = await w.send(EU, get());
    expect(shown.headers['etag']).toMatch(/^"-\.[\w-]+"$/);
    expect(shown.headers['syncline-revision']).toBeUndefined();
    expect((await w.send(EU, put(city('two'), { 'If-Match': shown.headers['etag'] as string }))).status).toBe(204);
  });

  it('a direct SDK write between our read and our write is seen, though it carries the rev along', async () => {
    const w = await world();
    const { items } = w.tables(EU);
    const etag = (await w.send(EU, put(city('one')))).headers['etag'] as string;
    const item = stored(w, EU)[0] as Item;
    let meddled = false;
    w.cloud.hook = async (call) => {
      if (call.op !== 'put' || meddled) return;
      meddled = true;
      await w.region(EU).table.put(items, { ...item, name: { S: 'direct' } });
    };
    expect((await w.send(EU, put(city('two'), { 'If-Match': etag }))).status).toBe(412);
    expect(meddled).toBe(true);
    expect((await w.send(EU, get())).json).toEqual(city('direct'));
  });
});

describe('what a secondary shows', () => {
  const KEYTEXT = keyText(city() as Item, KEY);
  const sealed = (w: World, sequence: string): Item => {
    const item = city() as Item;
    return {
      ...item,
      _s: metaValue(undefined, sealBytes(w.region(US).tableNamed(w.tables(US).items).tableId, KEYTEXT, position(1, sequence), 'lane', itemHash(item))),
    };
  };
  const tombstone = (w: World, sequence: string): Item =>
    tombstoneItem({
      key: { country: { S: 'DE' }, cityId: { N: '1' } },
      keyText: KEYTEXT,
      tableId: w.region(US).tableNamed(w.tables(US).items).tableId,
      position: position(1, sequence),
      kind: 'lane',
      of: undefined,
      nowMs: w.clock.now(),
    });
  const write = (w: World, table: string, item: Item): Promise<unknown> => w.clock.run(w.region(US).table.put(table, item));

  it('a copy, with the tag that it has at the primary', async () => {
    const w = await world();
    const { headers } = await w.send(EU, put(city()));
    const { rev } = metaOf(stored(w, EU)[0] as Item);
    const copy = sealed(w, '5');
    await write(w, w.tables(US).items, { ...copy, _s: metaValue(rev, metaOf(copy).seal) });
    expect(await w.send(US, get())).toMatchObject({ status: 200, json: city(), headers: { etag: headers['etag'], 'syncline-member': US } });
  });

  it('not an item that is older than its tombstone: a half-done delete', async () => {
    const w = await world();
    await write(w, w.tables(US).items, sealed(w, '5'));
    await write(w, w.tables(US).tombstones, tombstone(w, '6'));
    expect((await w.send(US, get())).status).toBe(404);
  });

  it('an item that is newer than its tombstone, and one written by hand', async () => {
    const w = await world();
    await write(w, w.tables(US).tombstones, tombstone(w, '6'));
    await write(w, w.tables(US).items, sealed(w, '7'));
    expect((await w.send(US, get())).status).toBe(200);
    await write(w, w.tables(US).items, city() as Item);
    expect((await w.send(US, get())).status).toBe(200);
  });

  it('reads what a BatchGetItem left unread again', async () => {
    const w = await world();
    await write(w, w.tables(US).items, sealed(w, '5'));
    let reads = 0;
    w.cloud.hook = (call) => {
      if (call.op !== 'batchGet') return undefined;
      reads += 1;
      return reads <= 2 ? { unprocessed: (i) => i === 0 } : undefined;
    };
    expect((await w.send(US, get())).status).toBe(200);
    expect(reads).toBe(3);
  });

  it('tags do not depend on the seal', async () => {
    const w = await world();
    expect(etagOf(sealed(w, '5'))).toBe(etagOf(sealed(w, '6')));
  });
});
