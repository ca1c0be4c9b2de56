import { describe, expect, it } from 'vitest';
import { SynclineClient } from '../../../client/client.ts';
import { ConditionalCheckFailedException, SynclineDocumentClient } from '../../../client/document/client.ts';
import type { SynclineError } from '../../../client/errors.ts';
import type { ClientRuntime } from '../../../client/runtime.ts';
import type { NativeItem } from '../../../client/values.ts';
import { NumberValue } from '../../../client/values.ts';
import { EU, REGIONS, US, World } from '../serve/harness.ts';
import { answer, FakeSet } from './world.ts';

/** The client on the real handlers of the API, over the memory cloud. */

function clientRuntime(world: World): ClientRuntime {
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
      const got = await world.start(url.hostname, {
        method: init.method ?? 'GET',
        path: url.pathname.replace(/^\/v1/, ''),
        query: Object.fromEntries(url.searchParams),
        headers: Object.fromEntries(new Headers(init.headers)),
        ...(init.body !== undefined && { body: init.body as string }),
      });
      return answer(got.status, got.body, got.headers);
    },
  };
}

/** A client that asks these members, in their order. */
const clientOf = (world: World, regions: readonly string[]): SynclineClient =>
  new SynclineClient({
    endpoints: regions.map((region) => `https://${region}/v1`),
    auth: { type: 'bearer', token: async () => 'unused' },
    hedge: false,
    runtime: clientRuntime(world),
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
    const results = await w.clock.run(client.batchWrite(Array.from({ length: 25 }, (_, i) => ({ put: { country: 'FR', cityId: i, even: i % 2 === 0 } }))));
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
