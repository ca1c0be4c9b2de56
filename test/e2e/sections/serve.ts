import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type Answer, AP, type Call, EU, REGIONS, type Region, US, type World } from '../support/world.ts';

/** What the API does beyond single items in one form, through the gateways of the deployed stacks. */

const JSON_TYPE = 'application/json';
const PLAIN = { accept: JSON_TYPE, 'content-type': JSON_TYPE } as const;

export function serve(of: () => World): void {
  const send = (region: Region, call: Omit<Call, 'body'> & { readonly json?: unknown }): Promise<Answer> => {
    const { json, ...more } = call;
    return of().call(region, {
      ...more,
      headers: { ...PLAIN, ...call.headers },
      ...(json !== undefined && { body: typeof json === 'string' ? json : JSON.stringify(json) }),
    });
  };
  const bodyOf = (answer: Answer): Record<string, unknown> => JSON.parse(answer.body) as Record<string, unknown>;

  describe('the HTTP API beyond single items', () => {
    test('takes and gives plain JSON without losing a digit', async () => {
      const item = '{"pk":"serve-plain","sk":12345678901234567890123456789012345678,"n":0.10000000000000000000000000000000001,"bytes":{"$binary":"AP8="}}';
      expect((await send(US, { method: 'PUT', json: item })).status).toBe(201);
      const read = await send(EU, { key: { pk: 'serve-plain', sk: '12345678901234567890123456789012345678' } });
      expect(read.headers.get('content-type')).toBe(JSON_TYPE);
      for (const part of item.slice(1, -1).split(',"')) expect(read.body).toContain(part.replace(/^"/, ''));
    });

    test('a strong read, and one of a revision, show at a secondary what was written just now', async () => {
      const key = { pk: 'serve-strong', sk: '1' };
      for (let n = 1; n <= 5; n += 1) {
        const written = await send(US, { method: 'PUT', json: { pk: key.pk, sk: 1, n } });
        const revision = written.headers.get('syncline-revision') ?? '';
        const strong = await send(AP, { key, headers: { 'syncline-consistency': 'strong' } });
        expect(bodyOf(strong)['n']).toBe(n);
        expect(strong.headers.get('syncline-member')).toBe(EU);
        expect(bodyOf(await send(AP, { key, headers: { 'syncline-consistency': `at-least=${revision}` } }))['n']).toBe(n);
      }
    });

    test('a repeated request with one idempotency key takes effect once, wherever it comes in', async () => {
      const key = { pk: 'serve-once', sk: '1' };
      const patch = { operations: [{ op: 'increment', path: 'n', value: 1 }] };
      const headers = { 'idempotency-key': 'e2e-once' };
      const [first, ...others] = [
        await send(EU, { method: 'PATCH', key, json: patch, headers }),
        ...(await Promise.all(REGIONS.map((r) => send(r, { method: 'PATCH', key, json: patch, headers })))),
      ];
      expect(first?.status).toBe(201);
      for (const other of others) expect(other.headers.get('idempotency-replayed')).toBe('true');
      expect(bodyOf(await send(EU, { key }))).toEqual({ pk: key.pk, sk: 1, n: 1 });
      const reused = await send(US, { method: 'PATCH', key, json: { operations: [{ op: 'increment', path: 'n', value: 2 }] }, headers });
      expect(reused.status).toBe(422);
    });

    test('a condition that does not hold changes nothing', async () => {
      const key = { pk: 'serve-if', sk: '1' };
      await send(EU, { method: 'PUT', json: { pk: key.pk, sk: 1, stock: 1 } });
      const take = { operations: [{ op: 'increment', path: 'stock', value: -1 }], if: { path: 'stock', op: '>', value: 0 } };
      const [one, two] = [await send(US, { method: 'PATCH', key, json: take }), await send(AP, { method: 'PATCH', key, json: take })];
      expect([one.status, two.status]).toEqual([200, 409]);
      expect(bodyOf(await send(EU, { key }))['stock']).toBe(0);
    });

    test('a batch gives each write its own outcome; a query and a count find them, page by page', async () => {
      const writes = [
        ...Array.from({ length: 30 }, (_, sk) => ({ put: { pk: 'serve-batch', sk, even: sk % 2 === 0 } })),
        { delete: { pk: 'serve-batch', sk: 99 }, ifMatch: '"no"' },
      ];
      const batch = bodyOf(await send(US, { method: 'POST', path: '/batch', json: { writes } }));
      expect(batch).toMatchObject({ succeeded: 30, failed: 1 });
      expect((batch['results'] as { status: number }[]).at(-1)?.status).toBe(412);
      const strong = { 'syncline-consistency': 'strong' };
      const seen: unknown[] = [];
      let after: unknown;
      for (let page = 0; page < 10; page += 1) {
        const query = {
          partition: 'serve-batch',
          sort: { op: '>=', value: 4 },
          filter: { path: 'even', op: '=', value: true },
          limit: 4,
          ...(after !== undefined && { after }),
        };
        const answer = bodyOf(await send(AP, { method: 'POST', path: '/query', json: query, headers: strong }));
        seen.push(...(answer['items'] as { sk: number }[]).map((item) => item.sk));
        after = answer['next'];
        if (after === undefined) break;
      }
      expect(seen).toEqual([4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28]);
      expect(bodyOf(await send(AP, { method: 'POST', path: '/count', json: { partition: 'serve-batch' }, headers: strong }))['count']).toBe(30);
    });

    test('takes packed bodies, and packs large answers when asked', async () => {
      const world = of();
      const text = 'compressible '.repeat(1_000);
      const item = JSON.stringify({ pk: 'serve-gzip', sk: 1, text });
      const put = await fetch(world.url(EU, '/items'), {
        method: 'PUT',
        headers: await world.signed(EU, 'PUT', '/items', { 'content-type': JSON_TYPE, 'content-encoding': 'gzip' }, gzipSync(item)),
        body: gzipSync(item),
      });
      expect(put.status).toBe(201);
      const read = await world.raw(EU, '/items?pk=serve-gzip&sk=1', { accept: JSON_TYPE, 'accept-encoding': 'gzip' });
      expect(read.headers['content-encoding']).toBe('gzip');
      expect(read.body.length).toBeLessThan(text.length / 10);
      expect(JSON.parse(gunzipSync(read.body).toString('utf8'))).toMatchObject({ text });
    });

    test.each(REGIONS)('%s says what it is: discovery with all URLs, OpenAPI, a page, its health', async (region) => {
      const world = of();
      const discovery = bodyOf(await send(region, { path: '/.well-known/syncline' }));
      expect(discovery['primary']).toBe(EU);
      expect(discovery['members']).toEqual(REGIONS.map((r) => ({ member: r, region: r, url: world.url(r, ''), role: r === EU ? 'primary' : 'secondary' })));
      expect(bodyOf(await send(region, { path: '/openapi.json' }))['openapi']).toMatch(/^3\.1/);
      const page = await send(region, { path: '/docs', headers: { accept: 'text/html' } });
      expect(page.headers.get('content-type')).toContain('text/html');
      expect(page.body).toContain('/items');
      expect((await send(region, { path: '/health' })).status).toBe(200);
    });
  });
}
