import { describe, expect, it } from 'vitest';
import { SynclineClient } from '../../../client/client.ts';
import { ConditionalCheckFailedException, SynclineDocumentClient } from '../../../client/document/client.ts';
import type { SynclineError } from '../../../client/errors.ts';
import type { ClientRuntime } from '../../../client/runtime.ts';
import type { NativeItem } from '../../../client/values.ts';
import { NumberValue } from '../../../client/values.ts';
import { memberNamed } from '../../../lib/core/config.ts';
import { memberNames } from '../../../lib/core/names.ts';
import { storeLog, story } from '../archive/history/story.ts';
import { EU, REGIONS, KEY as SCHEMA, US, World } from '../serve/harness.ts';
import { answer, FakeSet } from './world.ts';

/** The client on the real handlers of the API, over the memory cloud. */

/** Sends a request to a member, or does something else with it. */
type Network = (member: string, send: () => Promise<Response>, signal: AbortSignal) => Promise<Response>;

function clientRuntime(world: World, network: Network = (_, send) => send()): ClientRuntime {
  return {
    ...new FakeSet().runtime(),
    now: () => world.clock.elapsed(),
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
        world.clock.after(ms, resolve);
      }),
    fetch: async (address, init) => {
      const url = new URL(address);
      const send = async (): Promise<Response> => {
        const got = await world.start(url.hostname, {
          method: init.method ?? 'GET',
          path: url.pathname.replace(/^\/v1/, ''),
          query: Object.fromEntries(url.searchParams),
          headers: Object.fromEntries(new Headers(init.headers)),
          ...(init.body !== undefined && { body: init.body as string }),
        });
        return answer(got.status, got.body, got.headers);
      };
      return network(url.hostname, send, init.signal as AbortSignal);
    },
  };
}

/** A client that asks these members, in their order. */
const clientOf = (world: World, regions: readonly string[], network?: Network): SynclineClient =>
  new SynclineClient({
    endpoints: regions.map((region) => `https://${region}/v1`),
    auth: { type: 'bearer', token: async () => 'unused' },
    hedge: false,
    runtime: clientRuntime(world, network),
  });

async function world(): Promise<{ world: World; client: SynclineClient }> {
  const made = new World();
  await made.seats(EU);
  return { world: made, client: clientOf(made, REGIONS) };
}

const KEY = { country: 'DE', cityId: 1 };
const ULM: NativeItem = {
  ...KEY,
  name: 'Ulm',
  digits: new NumberValue('12345678901234567890123456789012345678'),
  bytes: new Uint8Array([1, 2]),
  tags: new Set(['a']),
};

describe('the client on the API', () => {
  it('writes, reads and deletes an item, bit for bit', async () => {
    const { world: w, client } = await world();
    const written = await w.clock.run(client.put(ULM));
    expect(written).toMatchObject({ created: true, replayed: false });
    const read = await w.clock.run(client.get(KEY, { consistency: 'strong' }));
    expect(read.item).toEqual({ ...ULM });
    expect(String(read.item?.['digits'])).toBe('12345678901234567890123456789012345678');
    expect(read.etag).toBe(written.etag);
    expect((await w.clock.run(client.put(ULM, { ifMatch: '"other"' }).catch((e: SynclineError) => e.code))) as unknown).toBe('precondition-failed');
    await w.clock.run(client.delete(KEY, { ifMatch: written.etag as string }));
    expect((await w.clock.run(client.get(KEY, { consistency: 'strong' }))).item).toBeUndefined();
  });

  it('changes parts of an item, once for each idempotency key', async () => {
    const { world: w, client } = await world();
    await w.clock.run(client.put({ ...KEY, n: 1, list: [] }));
    const patch = {
      operations: [{ op: 'increment', path: 'n', value: 2 } as const, { op: 'append', path: 'list', value: ['x'] } as const],
      if: { path: 'n', op: '<', value: 100 } as const,
    };
    const first = await w.clock.run(client.patch(KEY, patch, { idempotencyKey: 'one' }));
    expect(first.item).toEqual({ ...KEY, n: 3, list: ['x'] });
    const again = await w.clock.run(client.patch(KEY, patch, { idempotencyKey: 'one' }));
    expect(again).toMatchObject({ replayed: true, item: { n: 3 } });
    await w.clock.run(client.patch(KEY, { operations: [{ op: 'set', path: 'other', value: true }] }));
    const late = await w.clock.run(client.patch(KEY, patch, { idempotencyKey: 'one' }));
    expect(late).toMatchObject({ replayed: true, revision: first.revision });
    expect(late.item).toBeUndefined();
    expect((await w.clock.run(client.get(KEY, { consistency: 'strong' }))).item).toEqual({ ...KEY, n: 3, list: ['x'], other: true });
  });

  it('queries a partition page by page, and counts it', async () => {
    const { world: w, client } = await world();
    const { results } = await w.clock.run(client.batchWrite(Array.from({ length: 25 }, (_, i) => ({ put: { country: 'FR', cityId: i, even: i % 2 === 0 } }))));
    expect(results.every((r) => r.status === 201)).toBe(true);
    const query = { partition: 'FR', filter: { path: 'even', op: '=', value: true }, limit: 4, descending: true } as const;
    const seen: unknown[] = [];
    await w.clock.run(
      (async () => {
        for await (const item of client.queryAll(query, { consistency: 'strong' })) seen.push(item['cityId']);
      })(),
    );
    expect(seen).toEqual([24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0]);
    expect(await w.clock.run(client.count({ partition: 'FR' }, { consistency: 'strong' }))).toBe(25);
  });

  it('reads its own writes in a session, though a secondary is nearest and has nothing yet; elsewhere, too, by a token', async () => {
    const { world: w } = await world();
    const near = clientOf(w, [US]);
    const session = near.session();
    await w.clock.run(session.put(ULM));
    expect((await w.clock.run(near.get(KEY))).item).toBeUndefined();
    expect((await w.clock.run(session.get(KEY))).item?.['name']).toBe('Ulm');
    const elsewhere = near.session(session.token());
    expect((await w.clock.run(elsewhere.get(KEY))).item?.['name']).toBe('Ulm');
    await w.clock.run(session.delete(KEY));
    expect((await w.clock.run(session.get(KEY))).item).toBeUndefined();
    expect(() => near.session('nonsense')).toThrow('not the token');
  });

  it('makes each write once, however often requests and answers are lost, by whichever member', async () => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const { world: w } = await world();
      let chance = seed;
      const next = (): number => {
        chance = (chance * 48_271) % 0x7fff_ffff;
        return chance / 0x7fff_ffff;
      };
      const never = (signal: AbortSignal): Promise<never> =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }));
      const fates = { lost: 0, unanswered: 0, refused: 0, busy: 0 };
      const client = clientOf(w, REGIONS, async (_, send, signal) => {
        const fate = next();
        if (fate < 0.1) {
          fates.lost += 1;
          return never(signal);
        }
        if (fate < 0.25) {
          fates.unanswered += 1;
          await send();
          return never(signal);
        }
        if (fate < 0.3) {
          fates.refused += 1;
          throw new TypeError('fetch failed');
        }
        if (fate < 0.35) {
          fates.busy += 1;
          return answer(502, '<html>Bad gateway</html>');
        }
        return send();
      });
      const codes: string[] = [];
      const write = async (n: number): Promise<void> => {
        const idempotencyKey = `${seed}-${n}`;
        const patch = { operations: [{ op: 'increment', path: 'n', value: 1 } as const] };
        for (let tries = 0; tries < 20; tries += 1) {
          try {
            await client.patch({ ...KEY, cityId: n % 4 }, patch, { idempotencyKey });
            return;
          } catch (error) {
            codes.push((error as SynclineError).code);
          }
        }
        throw new Error('It was never answered.');
      };
      const writes = Array.from({ length: 40 }, (_, n) => n);
      await w.clock.run(
        Promise.all(
          [0, 1, 2, 3].map(async (writer) => {
            for (const n of writes.filter((i) => i % 4 === writer)) await write(n);
          }),
        ),
      );
      const calm = clientOf(w, [EU]);
      let total = 0;
      for (let i = 0; i < 4; i += 1) total += (await w.clock.run(calm.get({ ...KEY, cityId: i }, { consistency: 'strong' }))).item?.['n'] as number;
      expect(total, `seed ${seed}: ${JSON.stringify(fates)}`).toBe(writes.length);
      expect(codes.filter((c) => !['unknown-outcome', 'timeout', 'unreachable'].includes(c))).toEqual([]);
      expect(fates.lost * fates.unanswered * fates.refused).toBeGreaterThan(0);
    }
  });

  it('gives items as DynamoDB JSON, too, where that is asked for', async () => {
    const { world: w, client } = await world();
    await w.clock.run(client.put({ ...KEY, n: new NumberValue('12345678901234567890.5') }));
    const read = await w.clock.run(client.get(KEY, { raw: true, consistency: 'strong' }));
    expect(read.raw).toEqual({ country: { S: 'DE' }, cityId: { N: '1' }, n: { N: '12345678901234567890.5' } });
    const page = await w.clock.run(client.query({ partition: 'DE' }, { raw: true, consistency: 'strong' }));
    expect(page.raw).toEqual([read.raw]);
    expect(await w.clock.run(client.get(KEY))).not.toHaveProperty('raw');
  });

  it('names what came of each write of a batch, and makes those that were made only once', async () => {
    const { world: w, client } = await world();
    await w.clock.run(client.put({ ...KEY, n: 1 }));
    const writes = [
      { put: { ...KEY, cityId: 2 }, ifNoneMatch: '*' },
      { put: { ...KEY, n: 2 }, ifNoneMatch: '*' },
      { patch: { key: { ...KEY, cityId: 3 }, operations: [{ op: 'increment', path: 'n', value: 1 }] } },
      { patch: { key: { ...KEY, cityId: 4 }, operations: [{ op: 'set', path: 'n', value: 1 }] }, ifMatch: '*' },
      { delete: { ...KEY, cityId: 5 } },
    ] as const;
    const first = await w.clock.run(client.batchWrite(writes));
    expect(first.results.map((r) => r.status)).toEqual([201, 412, 201, 412, 204]);
    expect(first.results[1]?.problem?.type).toBe('urn:syncline:problem:precondition-failed');
    const { idempotencyKey } = first;
    const again = await w.clock.run(client.batchWrite(writes, { idempotencyKey }));
    expect(again.results.map((r) => [r.status, r.replayed])).toEqual([
      [201, true],
      [412, undefined],
      [201, true],
      [412, undefined],
      [204, true],
    ]);
    expect((await w.clock.run(client.get({ ...KEY, cityId: 3 }, { consistency: 'strong' }))).item?.['n']).toBe(1);
  });

  it('gives no item after a change that asked for none', async () => {
    const { world: w, client } = await world();
    const outcome = await w.clock.run(client.patch(KEY, { operations: [{ op: 'set', path: 'n', value: 1 }] }, { returnItem: false }));
    expect(outcome.revision).toBeDefined();
    expect(outcome).not.toHaveProperty('item');
  });

  it.each(['a b+c', 'a/b%2Fc?d=e&f#g', 'ü😀', "'!*()~", '\u0000 ', '.'])('takes a key of %j', async (country) => {
    const { world: w, client } = await world();
    await w.clock.run(client.put({ country, cityId: -1.5, v: 1 }));
    expect((await w.clock.run(client.get({ country, cityId: -1.5 }, { consistency: 'strong' }))).item).toEqual({ country, cityId: -1.5, v: 1 });
  });

  it('reads its own writes through a document client on a session', async () => {
    const { world: w } = await world();
    const near = clientOf(w, [US]);
    const documents = SynclineDocumentClient.from(near.session());
    await w.clock.run(documents.put({ Item: ULM }));
    expect((await w.clock.run(near.get(KEY))).item).toBeUndefined();
    expect((await w.clock.run(documents.get({ Key: KEY }))).Item?.['name']).toBe('Ulm');
    const { Items } = await w.clock.run(documents.query({ KeyConditionExpression: 'country = :c', ExpressionAttributeValues: { ':c': 'DE' } }));
    expect(Items).toHaveLength(1);
  });

  it('serves those who know the AWS SDK’s document client', async () => {
    const { world: w, client } = await world();
    const documents = SynclineDocumentClient.from(client);
    const run = <T>(promise: Promise<T>): Promise<T> => w.clock.run(promise);
    await run(documents.put({ Item: { ...ULM, visits: 0 }, ConditionExpression: 'attribute_not_exists(country)' }));
    const again = documents.put({ Item: ULM, ConditionExpression: 'attribute_not_exists(country)' });
    await expect(run(again.catch((e: unknown) => e))).resolves.toBeInstanceOf(ConditionalCheckFailedException);
    const { Attributes } = await run(
      documents.update({
        Key: KEY,
        UpdateExpression: 'SET #n = :name, visits = visits + :one REMOVE tags',
        ConditionExpression: 'visits < :max',
        ExpressionAttributeNames: { '#n': 'name' },
        ExpressionAttributeValues: { ':name': 'Ulm an der Donau', ':one': 1, ':max': 10 },
        ReturnValues: 'ALL_NEW',
      }),
    );
    expect(Attributes).toMatchObject({ name: 'Ulm an der Donau', visits: 1 });
    expect(Attributes).not.toHaveProperty('tags');
    const failing = documents.update({ Key: KEY, UpdateExpression: 'SET a = :a', ConditionExpression: 'visits > :a', ExpressionAttributeValues: { ':a': 5 } });
    await expect(run(failing.catch((e: Error) => e.name))).resolves.toBe('ConditionalCheckFailedException');
    const page = await run(
      documents.query({
        KeyConditionExpression: 'country = :c AND cityId BETWEEN :low AND :high',
        FilterExpression: 'begins_with(#n, :u)',
        ProjectionExpression: '#n, visits',
        ExpressionAttributeNames: { '#n': 'name' },
        ExpressionAttributeValues: { ':c': 'DE', ':low': 0, ':high': 9, ':u': 'U' },
        ConsistentRead: true,
      }),
    );
    expect(page).toMatchObject({ Count: 1, Items: [{ name: 'Ulm an der Donau', visits: 1 }] });
    expect(await run(documents.get({ Key: KEY, ConsistentRead: true }))).toMatchObject({ Item: { visits: 1 } });
    await run(documents.delete({ Key: KEY, ConditionExpression: 'attribute_exists(country)' }));
    expect(await run(documents.get({ Key: KEY, ConsistentRead: true }))).toEqual({});
  });
});

describe('a history', () => {
  const at = Date.parse('2026-11-24T10:00:00Z');
  const stored = async (member: string): Promise<{ world: World; client: SynclineClient }> => {
    const made = await world();
    const images = Array.from({ length: 5 }, (_, i) => [at + i * 1_000, { country: { S: 'DE' }, cityId: { N: '1' }, visits: { N: `${i}` } }] as const);
    const place = { objects: made.world.region(member).objects, bucket: memberNames('cities', memberNamed(made.world.config, member)).bucket };
    await made.world.clock.run(storeLog({ ...place, set: 'cities', member, key: SCHEMA }, [story(...images)]));
    return made;
  };

  it('has values as JavaScript has them, the newest change first', async () => {
    const { world: made, client } = await stored(EU);
    const page = await made.clock.run(client.history(KEY, { images: true, since: new Date(at), until: new Date(at + 1_000) }));
    expect(page).toEqual({
      member: EU,
      gaps: [],
      changes: [
        {
          at: new Date(at + 1_000),
          sequence: '1002',
          origin: 'local',
          event: 'MODIFY',
          difference: [{ path: 'visits', before: 0, after: 1 }],
          before: { ...KEY, visits: 0 },
          after: { ...KEY, visits: 1 },
        },
        expect.objectContaining({ event: 'INSERT', after: { ...KEY, visits: 0 } }),
      ],
    });
  });

  it('is read page by page, from the member whose log the first page was of', async () => {
    const { world: made, client } = await stored(US);
    const seen: unknown[] = [];
    await made.clock.run(
      (async () => {
        for await (const change of client.historyAll(KEY, { limit: 2, member: US })) seen.push(change.difference.at(-1)?.after);
      })(),
    );
    expect(seen).toEqual([4, 3, 2, 1, 0]);
  });

  it('refuses a date that is none before anything is sent', async () => {
    const { world: made, client } = await world();
    await expect(made.clock.run(client.history(KEY, { since: new Date('never') }))).rejects.toMatchObject({ code: 'invalid-value' });
  });
});
