import { describe, expect, it } from 'vitest';
import type { CloudCall, Fault } from '../../../lib/adapters/memory/call.ts';
import { lostAnswer } from '../../../lib/adapters/memory/call.ts';
import type { Item } from '../../../lib/core/attribute.ts';
import { itemHash } from '../../../lib/core/canonical.ts';
import { FENCE_AGE_MAX_MS } from '../../../lib/core/constants.ts';
import { position } from '../../../lib/core/formats/position.ts';
import { revFromText } from '../../../lib/core/formats/rev.ts';
import { metaOf, metaValue, sealBytes } from '../../../lib/core/formats/seal.ts';
import { tombstoneItem } from '../../../lib/core/formats/tombstone.ts';
import { keyText } from '../../../lib/core/key.ts';
import { memberNames } from '../../../lib/core/names.ts';
import type { RemoteErrorKind } from '../../../lib/ports/errors.ts';
import { RemoteError } from '../../../lib/ports/errors.ts';
import { REV_AHEAD_MAX_MS } from '../../../lib/serve/context.ts';
import { ITEM_TYPE } from '../../../lib/serve/http.ts';
import type { Got } from './harness.ts';
import { AP, CITY, city, del, EU, get, KEY, put, US, World } from './harness.ts';

/** Reads as new as they are asked for, at members that are behind, cut off or gone. EU is primary. */

const world = async (): Promise<World> => {
  const made = new World();
  await made.seats(EU);
  return made;
};
const PLACE = 'syncline-consistency';
const strong = get({ [PLACE]: 'strong' });
const query = (level: string): Parameters<World['send']>[1] => ({
  method: 'POST',
  path: '/query',
  headers: { 'content-type': ITEM_TYPE, [PLACE]: level },
  body: { partition: { S: 'DE' } },
});
const revision = (got: Got): string => got.headers['syncline-revision'] as string;
const atLeast = (got: Got): ReturnType<typeof get> => get({ [PLACE]: `at-least=${revision(got)}` });

/** Copies the primary's item to a member, as apply would but for the seal. */
async function copy(w: World, member: string): Promise<void> {
  const item = w.region(EU).items(w.tables(EU).items)[0] as Item;
  await w.clock.run(w.region(member).table.put(w.tables(member).items, item));
}

/** The calls of one region fail; those of others work. */
function fail(w: World, region: string, fault: Fault, only: (call: CloudCall) => boolean = () => true): { calls: CloudCall[] } {
  const seen = { calls: [] as CloudCall[] };
  w.cloud.hook = (call) => {
    if (call.region !== region || !only(call)) return undefined;
    seen.calls.push(call);
    return fault;
  };
  return seen;
}
const refused = (kind: RemoteErrorKind): Fault => ({ refuse: new RemoteError(kind, 'X', 'arn:aws:x') });
const hanging: Fault = { answerMs: 2_500, lost: lostAnswer() };

describe('an eventual read', () => {
  it('is this member’s, however far behind it is', async () => {
    const w = await world();
    await w.send(EU, put(city('one')));
    await copy(w, US);
    await w.send(EU, put(city('two')));
    expect(await w.send(US, get())).toMatchObject({ status: 200, json: city('one'), headers: { 'syncline-member': US, [PLACE]: 'eventual' } });
  });

  it.each(['throttled', 'transient', 'denied', 'missing'] as const)(
    'comes from another member when the table here fails (%s): the primary first',
    async (kind) => {
      const w = await world();
      await w.send(EU, put(city('one')));
      await w.send(AP, get());
      fail(w, AP, refused(kind));
      expect(await w.send(AP, get())).toMatchObject({ status: 200, json: city('one'), headers: { 'syncline-member': EU, [PLACE]: 'eventual' } });
      const page = await w.send(AP, query('eventual'));
      expect(page).toMatchObject({ status: 200, headers: { 'syncline-member': EU } });
      expect(page.json['items']).toEqual([city('one')]);
    },
  );

  it('comes in time when the table here hangs, and another member fails', async () => {
    const w = await world();
    await w.send(EU, put(city('one')));
    await copy(w, US);
    w.cloud.hook = (call) => (call.region === AP ? hanging : call.region === EU ? refused('transient') : undefined);
    const began = w.clock.elapsed();
    expect(await w.send(AP, get())).toMatchObject({ status: 200, headers: { 'syncline-member': US } });
    expect(w.clock.elapsed() - began).toBeLessThan(5_000);
  });

  it('shows what that member shows: not what it has half deleted', async () => {
    const w = await world();
    await w.send(EU, put(city('one')));
    const { rev } = metaOf(w.region(EU).items(w.tables(EU).items)[0] as Item);
    const { tableId } = w.region(US).tableNamed(w.tables(US).items);
    const text = keyText(city() as Item, KEY);
    const sealed = { ...city('one'), _s: metaValue(rev, sealBytes(tableId, text, position(1, '5'), 'lane', itemHash(city('one') as Item))) } as Item;
    await w.clock.run(w.region(US).table.put(w.tables(US).items, sealed));
    const removed = tombstoneItem({ key: keyOf(), keyText: text, tableId, position: position(1, '6'), kind: 'lane', of: rev, nowMs: w.clock.now() });
    await w.clock.run(w.region(US).table.put(w.tables(US).tombstones, removed));
    w.cloud.hook = (call) => (call.region === US ? undefined : refused('transient'));
    expect(await w.send(AP, get())).toMatchObject({ status: 404, headers: { 'syncline-member': US } });
  });

  it('fails when no member can be read, and says nothing of what is inside', async () => {
    const w = await world();
    w.cloud.hook = () => refused('transient');
    const got = await w.send(US, get());
    expect(got).toMatchObject({ status: 503, json: { type: 'urn:syncline:problem:store-unavailable' } });
    expect(got.headers['retry-after']).toBeDefined();
    expect(got.body).not.toContain('arn:');
  });

  it('asks nobody else for a request that is at fault itself', async () => {
    const w = await world();
    const seen = fail(w, US, refused('invalid'));
    expect((await w.send(US, get())).status).toBe(400);
    expect(seen.calls).toHaveLength(1);
  });
});

describe('a strong read', () => {
  it('is the primary’s, wherever it comes in, with its tag and revision', async () => {
    const w = await world();
    const { headers } = await w.send(EU, put(city('one', { b: { B: 'AA==' }, l: { L: [{ N: '1.5' }] } })));
    for (const member of [EU, US, AP]) {
      expect(await w.send(member, strong)).toMatchObject({
        status: 200,
        json: city('one', { b: { B: 'AA==' }, l: { L: [{ N: '1.5' }] } }),
        headers: { 'syncline-member': EU, [PLACE]: 'strong', etag: headers['etag'], 'syncline-revision': headers['syncline-revision'] },
      });
      expect((await w.send(member, get({ [PLACE]: 'strong', 'If-None-Match': headers['etag'] as string }))).status).toBe(304);
    }
    expect(await w.send(US, { method: 'GET', query: CITY, headers: { [PLACE]: 'strong' } })).toMatchObject({ json: { name: 'one', l: [1.5] } });
    await w.send(EU, del());
    for (const member of [EU, US]) expect(await w.send(member, strong)).toMatchObject({ status: 404, headers: { 'syncline-member': EU, [PLACE]: 'strong' } });
  });

  it('shows an item that a direct writer made, without a revision', async () => {
    const w = await world();
    await w.clock.run(w.region(EU).table.put(w.tables(EU).items, city('direct') as Item));
    const got = await w.send(US, strong);
    expect(got).toMatchObject({ status: 200, json: city('direct') });
    expect(got.headers['syncline-revision']).toBeUndefined();
    expect(got.headers['etag']).toBe((await w.send(EU, get())).headers['etag']);
  });

  it.each(['a/b c?d=e&f%2F#+ü😀', '\u0000', '-'])('of any key: %j', async (id) => {
    const w = new World({ partition: { name: 'id', type: 'S' }, sort: { name: 'b', type: 'B' } });
    await w.seats(EU);
    await w.send(EU, put({ id: { S: id }, b: { B: '+/8=' } }));
    expect((await w.send(US, { query: { id, b: '+/8=' }, headers: { [PLACE]: 'strong' } })).status).toBe(200);
  });

  it.each(['transient', 'denied', 'missing'] as const)('fails with 503 when the primary cannot be called (%s); eventual reads go on', async (kind) => {
    const w = await world();
    await w.send(EU, put(city('one')));
    await copy(w, US);
    w.cloud.hook = (call) => (call.op === 'invoke' ? refused(kind) : undefined);
    for (const sent of [strong, query('strong')]) {
      const got = await w.send(US, sent);
      expect(got).toMatchObject({ status: 503, json: { type: 'urn:syncline:problem:primary-unreachable', primary: EU } });
      expect(got.headers['retry-after']).toMatch(/^\d+$/);
    }
    expect((await w.send(US, get())).status).toBe(200);
  });

  it('fails with 503 when the primary does not answer, or with what is no answer', async () => {
    const w = await world();
    w.cloud.hook = (call) => (call.op === 'invoke' ? { lost: lostAnswer() } : undefined);
    expect((await w.send(US, strong)).json['type']).toBe('urn:syncline:problem:primary-unreachable');
    w.cloud.hook = undefined;
    const name = memberNames('cities', w.config.members[0] as never).fn('api');
    const answer = (status: number, body: string): string => JSON.stringify({ syncline: 'answer', v: 1, response: { status, headers: {}, body } });
    const asked = JSON.stringify({ type: 'urn:syncline:problem:invalid-body', detail: 'of another version' });
    for (const text of ['null', answer(400, asked), answer(200, 'x'), answer(404, 'x'), answer(404, '{"type":"urn:syncline:problem:no-route","detail":"x"}')]) {
      w.region(EU).registerFunction(name, async () => text);
      expect(await w.send(US, strong)).toMatchObject({ status: 503, json: { type: 'urn:syncline:problem:primary-unreachable' } });
    }
  });

  it('passes the primary’s own 503 on', async () => {
    const w = await world();
    fail(w, EU, refused('throttled'), (call) => call.op === 'batchGet');
    expect(await w.send(US, strong)).toMatchObject({ status: 503, headers: { 'retry-after': '1' }, json: { type: 'urn:syncline:problem:busy' } });
  });

  it('⚠ is no answer once the lease is over, and at a primary near its end it is one still', async () => {
    const w = await world();
    await w.send(EU, put(city('one')));
    await w.seat(EU, EU, { until: w.clock.now() + 3_000 });
    expect((await w.send(EU, strong)).status).toBe(200);
    // The answer of the table comes when the lease is over.
    w.cloud.hook = (call) => (call.op === 'batchGet' || call.op === 'query' ? { answerMs: 2_500 } : undefined);
    expect(await w.send(EU, strong)).toMatchObject({ status: 503, json: { type: 'urn:syncline:problem:no-primary' } });
    await w.seat(EU, EU, { until: w.clock.now() + 3_000 });
    expect(await w.send(EU, query('strong'))).toMatchObject({ status: 503, json: { type: 'urn:syncline:problem:no-primary' } });
    w.cloud.hook = undefined;
    expect((await w.send(EU, get())).status).toBe(200);
  });

  it('⚠ reads the seat again when the reading took longer than W, and goes to the new primary', async () => {
    const w = await world();
    await w.send(EU, put(city('old')));
    await w.clock.run(w.region(US).table.put(w.tables(US).items, city('new') as Item));
    let slow = true;
    w.cloud.hook = async (call) => {
      if (!slow || call.op !== 'batchGet' || call.region !== EU) return undefined;
      slow = false;
      await w.region(EU).table.update(w.tables(EU).control, { pk: { S: 'self' }, sk: { S: 'seat' } }, { set: { fence: { N: '2' }, primary: { S: US } } });
      await w
        .region(US)
        .table.update(w.tables(US).control, { pk: { S: 'self' }, sk: { S: 'seat' } }, { set: { fence: { N: '2' }, own: { N: '2' }, primary: { S: US } } });
      return { answerMs: FENCE_AGE_MAX_MS + 1 };
    };
    expect(await w.send(EU, strong)).toMatchObject({ status: 200, json: city('new'), headers: { 'syncline-member': US } });
  });

  it('says that nobody is primary when nobody is', async () => {
    const w = new World();
    expect((await w.send(EU, strong)).json['type']).toBe('urn:syncline:problem:not-initialised');
    await w.seat(EU, US);
    await w.seat(US, AP, { own: 0 });
    await w.seat(AP, EU, { own: 0 });
    expect(await w.send(EU, strong)).toMatchObject({ status: 503, headers: { 'retry-after': '1' }, json: { type: 'urn:syncline:problem:no-primary' } });
  });
});

describe('a member whose own tables cannot be read', () => {
  const gone = (w: World, region: string, fault: Fault): void => {
    w.cloud.hook = (call) => (call.region === region && call.service === 'dynamodb' ? fault : undefined);
  };

  it.each([
    ['refuses', refused('transient')],
    ['hangs', hanging],
  ])('still hands on what the primary must do, whether or not it has seen who that is (its table %s)', async (_, fault) => {
    for (const known of [true, false]) {
      const w = await world();
      if (known) await w.send(AP, get());
      gone(w, AP, fault);
      expect(await w.send(AP, put(city('one')))).toMatchObject({ status: 201, headers: { 'syncline-member': EU } });
      for (const sent of [strong, query('strong')]) expect(await w.send(AP, sent)).toMatchObject({ status: 200, headers: { 'syncline-member': EU } });
    }
  });

  it('says so when it is the primary itself, or when nobody knows another', async () => {
    for (const known of [true, false]) {
      const w = await world();
      if (known) await w.send(EU, get());
      gone(w, EU, refused('transient'));
      for (const sent of [put(city('one')), strong]) {
        expect(await w.send(EU, sent)).toMatchObject({ status: 503, json: { type: 'urn:syncline:problem:store-unavailable' } });
      }
    }
  });
});

describe('a read of at least a revision', () => {
  it('is this member’s when it has that, or a later one', async () => {
    const w = await world();
    const one = await w.send(EU, put(city('one')));
    const two = await w.send(EU, put(city('two')));
    await copy(w, US);
    const invoked = fail(w, EU, {}, (call) => call.op === 'invoke');
    for (const of of [one, two]) {
      expect(await w.send(US, atLeast(of))).toMatchObject({
        status: 200,
        json: city('two'),
        headers: { 'syncline-member': US, [PLACE]: `at-least=${revision(of)}` },
      });
    }
    expect(invoked.calls).toHaveLength(0);
  });

  it('is the primary’s when this member is behind, or has nothing', async () => {
    const w = await world();
    await w.send(EU, put(city('one')));
    await copy(w, US);
    const two = await w.send(EU, put(city('two')));
    for (const member of [US, AP]) {
      expect(await w.send(member, atLeast(two))).toMatchObject({ status: 200, json: city('two'), headers: { 'syncline-member': EU, [PLACE]: 'strong' } });
    }
  });

  it('after a delete never shows what was deleted', async () => {
    const w = await world();
    await w.send(EU, put(city('one')));
    await copy(w, US);
    const gone = await w.send(EU, del());
    expect(await w.send(US, atLeast(gone))).toMatchObject({ status: 404, headers: { 'syncline-member': EU } });
    expect((await w.send(US, get())).status).toBe(200);
    const absent = await w.send(EU, del());
    expect((await w.send(US, atLeast(absent))).status).toBe(404);
  });

  it('is answered by a tombstone that knows of a later version', async () => {
    const w = await world();
    const one = await w.send(EU, put(city('one')));
    const removed = (of: string): Item => {
      const { tableId } = w.region(US).tableNamed(w.tables(US).items);
      const rev = revFromText(of);
      return tombstoneItem({ key: keyOf(), keyText: keyText(keyOf(), KEY), tableId, position: position(1, '6'), kind: 'lane', of: rev, nowMs: w.clock.now() });
    };
    await w.clock.run(w.region(US).table.put(w.tables(US).tombstones, removed(revision(one))));
    expect(await w.send(US, atLeast(one))).toMatchObject({ status: 404, headers: { 'syncline-member': US } });
    // An item beside it that has no revision may be of any time.
    await w.clock.run(w.region(US).table.put(w.tables(US).items, city('direct') as Item));
    expect(await w.send(US, atLeast(one))).toMatchObject({ json: city('one'), headers: { 'syncline-member': EU } });
    await w.clock.run(w.region(US).table.delete(w.tables(US).items, keyOf()));
    const two = await w.send(EU, put(city('two')));
    expect(await w.send(US, atLeast(two))).toMatchObject({ status: 200, headers: { 'syncline-member': EU } });
  });

  it('does not believe a revision that cannot be one of ours', async () => {
    const w = await world();
    const one = await w.send(EU, put(city('one')));
    const far = Buffer.from(revFromText(revision(one)));
    far.writeUIntBE(w.clock.now() + REV_AHEAD_MAX_MS + 60_000, 5, 6);
    await w.clock.run(w.region(US).table.put(w.tables(US).items, { ...city('forged'), _s: metaValue(far, undefined) } as Item));
    expect(await w.send(US, atLeast(one))).toMatchObject({ json: city('one'), headers: { 'syncline-member': EU } });
  });

  it('comes from any member that has it when the primary is gone, and else from none', async () => {
    const w = await world();
    const one = await w.send(EU, put(city('one')));
    await copy(w, AP);
    w.cloud.hook = (call) => (call.region === EU ? refused('transient') : undefined);
    expect(await w.send(US, atLeast(one))).toMatchObject({ status: 200, headers: { 'syncline-member': AP, [PLACE]: `at-least=${revision(one)}` } });
    w.cloud.hook = undefined;
    const two = await w.send(EU, put(city('two')));
    w.cloud.hook = (call) => (call.region === EU ? refused('transient') : undefined);
    expect(await w.send(US, atLeast(two))).toMatchObject({ status: 503, json: { type: 'urn:syncline:problem:primary-unreachable' } });
  });

  it('comes from another member when the tables here and at the primary refuse; when one hangs, it fails in time', async () => {
    const w = await world();
    const one = await w.send(EU, put(city('one')));
    await copy(w, AP);
    w.cloud.hook = (call) => (call.region === EU ? refused('transient') : call.region === US ? hanging : undefined);
    const began = w.clock.elapsed();
    expect(await w.send(US, atLeast(one))).toMatchObject({ status: 503 });
    expect(w.clock.elapsed() - began).toBeLessThanOrEqual(5_000);
    w.cloud.hook = (call) => (call.region === EU || call.region === US ? refused('transient') : undefined);
    expect(await w.send(US, atLeast(one))).toMatchObject({ status: 200, headers: { 'syncline-member': AP } });
  });

  it('asks the primary when the table here fails', async () => {
    const w = await world();
    const one = await w.send(EU, put(city('one')));
    fail(w, US, refused('throttled'), (call) => call.op === 'batchGet');
    expect(await w.send(US, atLeast(one))).toMatchObject({ status: 200, headers: { 'syncline-member': EU } });
  });
});

const keyOf = (): Item => ({ country: { S: 'DE' }, cityId: { N: '1' } });
