import { brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import type { APIGatewayProxyResult } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { position } from '../../../lib/core/formats/position.ts';
import { encodeRefused } from '../../../lib/core/formats/refused-row.ts';
import { encodeLink, LINK_PREFIX } from '../../../lib/core/formats/rows.ts';
import { batchResultsSchema, discoverySchema, healthSchema, problemSchema, statusSchema } from '../../../lib/serve/answers.ts';
import { ITEM_TYPE, JSON_TYPE } from '../../../lib/serve/http.ts';
import { ROUTES } from '../../../lib/serve/operations.ts';
import { AP, CITY, city, EU, put, US, World } from './harness.ts';

/** What the API says of itself, and what the gateway's side of it does: compression, paths, problems. */

async function world(): Promise<World> {
  const made = new World();
  await made.seats(EU);
  return made;
}

const valid = (schema: z.ZodType, json: unknown): unknown => schema.parse(json);

/** An event as the gateway makes it, sent to a member; the bytes of the answer. */
async function raw(of: World, event: object): Promise<APIGatewayProxyResult> {
  const base = { resource: '/{proxy+}', httpMethod: 'GET', path: '/items', headers: {}, queryStringParameters: null, body: null, isBase64Encoded: false };
  return (await of.invoke(EU, { ...base, stageVariables: { auth: 'iam' }, requestContext: { requestId: 'r' }, ...event })) as unknown as APIGatewayProxyResult;
}

describe('discovery', () => {
  it('names all members with their URLs as they were announced, and the primary', async () => {
    const of = await world();
    await of.seat(US, EU, { urls: { [EU]: 'https://eu/v1', [US]: 'https://us/v1' } });
    const got = await of.send(US, { path: '/.well-known/syncline' });
    expect(valid(discoverySchema, got.json)).toEqual({
      set: 'cities',
      members: [
        { member: EU, region: EU, url: 'https://eu/v1', role: 'primary' },
        { member: US, region: US, url: 'https://us/v1', role: 'secondary' },
        { member: AP, region: AP, url: null, role: 'secondary' },
      ],
      primary: EU,
      epoch: 1,
      key: { partition: { name: 'country', type: 'S' }, sort: { name: 'cityId', type: 'N' } },
    });
    expect(got.headers).toMatchObject({ 'content-type': JSON_TYPE, 'cache-control': 'no-store' });
  });

  it('gives its own URL from where the request came in, whatever the Host header says', async () => {
    const of = await world();
    const answer = await raw(of, {
      path: '/base/.well-known/syncline',
      pathParameters: { proxy: '.well-known/syncline' },
      headers: { Host: 'evil.example' },
      stageVariables: { auth: 'iam' },
      requestContext: { requestId: 'r', domainName: 'api.example.com', path: '/base/.well-known/syncline' },
    });
    expect(valid(discoverySchema, JSON.parse(answer.body))).toMatchObject({ members: [{ url: 'https://api.example.com/base' }, { url: null }, { url: null }] });
  });

  it('does not take a member for primary that was deposed just now', async () => {
    const of = await world();
    await of.seat(US, EU, { own: 1, fence: 2, primary: US });
    expect((await of.send(US, { path: '/.well-known/syncline' })).json).toMatchObject({
      primary: null,
      members: [{ role: 'unknown' }, { role: 'unknown' }, { role: 'unknown' }],
    });
  });

  it('says so when the set was not initialised', async () => {
    const got = await new World().send(EU, { path: '/.well-known/syncline' });
    expect(valid(discoverySchema, got.json)).toMatchObject({ primary: null, epoch: null });
  });
});

describe('the gateway of an API whose callers sign', () => {
  it.each([[undefined], [null], [{}], [{ auth: 'jwt' }]])(
    'must say that it checks signatures: with the stage variables %j nothing is served or written',
    async (stageVariables) => {
      const of = await world();
      const sent = { httpMethod: 'PUT', headers: { 'content-type': ITEM_TYPE }, body: JSON.stringify(city()), stageVariables };
      const answer = await raw(of, sent);
      expect(answer).toMatchObject({ statusCode: 503, headers: { 'retry-after': '10' } });
      expect(valid(problemSchema, JSON.parse(answer.body))).toMatchObject({ type: 'urn:syncline:problem:deploying' });
      expect(of.region(EU).tableNamed(of.tables(EU).items).size).toBe(0);
      expect(await raw(of, { ...sent, stageVariables: { auth: 'iam' } })).toMatchObject({ statusCode: 201 });
    },
  );
});

describe('health', () => {
  it.each([
    [EU, 'primary'],
    [US, 'secondary'],
  ])('of %s: %s', async (member, role) => {
    const got = await (await world()).send(member, { path: '/health' });
    expect(got.status).toBe(200);
    expect(valid(healthSchema, got.json)).toMatchObject({ member, role, primary: EU, epoch: 1 });
  });

  it('is 503 when this member cannot read its own rows', async () => {
    const of = await world();
    of.region(EU).deleteTable(of.tables(EU).control);
    const got = await of.send(EU, { path: '/health' });
    expect(got).toMatchObject({ status: 503, headers: { 'retry-after': '10' } });
    expect(valid(problemSchema, got.json)).toMatchObject({ type: 'urn:syncline:problem:store-unavailable' });
  });

  it('has no body for HEAD', async () => {
    expect(await (await world()).send(EU, { method: 'HEAD', path: '/health' })).toMatchObject({ status: 200, body: '' });
  });
});

describe('status', () => {
  it('shows seat, links and how many keys were refused', async () => {
    const of = await world();
    const { control } = of.tables(EU);
    const { table } = of.region(EU);
    const link = { target: US, state: 'stale', why: 'w', since: 5, failing: { since: 6, why: 'f' }, mark: { sent: 7, arrived: 8 } } as const;
    await of.clock.run(table.put(control, encodeLink(link)));
    await of.clock.run(table.put(control, encodeLink({ target: AP, state: 'open', since: 1 })));
    for (const hash of ['aa', 'bb']) {
      const refused = { key: { country: { S: 'DE' } }, reason: 'r', position: position(1, '1'), link: US, since: 1, tried: 1 };
      await of.clock.run(table.put(control, encodeRefused(hash, refused)));
    }
    const got = await of.send(EU, { path: '/status' });
    expect(valid(statusSchema, got.json)).toEqual({
      set: 'cities',
      member: EU,
      region: EU,
      role: 'primary',
      seat: { fence: 1, own: 1, primary: EU, since: 0, leaseUntil: null },
      links: [
        { target: AP, state: 'open', why: null, since: 1, failing: null, refusing: null, mark: null },
        { target: US, state: 'stale', why: 'w', since: 5, failing: link.failing, refusing: null, mark: link.mark },
      ],
      refused: { count: 2, more: false },
    });
    expect(LINK_PREFIX).toBe('link#');
  });

  it('of a member without a seat says that it has none', async () => {
    expect(valid(statusSchema, (await new World().send(EU, { path: '/status' })).json)).toMatchObject({
      role: 'none',
      seat: null,
      links: [],
      refused: { count: 0 },
    });
  });
});

describe('the document and the page', () => {
  it('are served, with the servers that are known', async () => {
    const of = await world();
    await of.seat(EU, EU, { urls: { [US]: 'https://us/v1' } });
    const document = await of.send(EU, { path: '/openapi.json' });
    expect(document).toMatchObject({
      status: 200,
      headers: { 'content-type': JSON_TYPE },
      json: { openapi: '3.1.1', servers: [{ url: 'https://us/v1', description: US }] },
    });
    const page = await of.send(EU, { path: '/docs' });
    expect(page).toMatchObject({ status: 200, headers: { 'content-type': 'text/html; charset=utf-8', 'x-content-type-options': 'nosniff' } });
    expect(page.headers['content-security-policy']).toContain("default-src 'none'");
    expect(page.body).toContain('https://us/v1');
  });

  it('are served, too, when the table does not answer', async () => {
    const of = await world();
    of.region(EU).deleteTable(of.tables(EU).control);
    expect((await of.send(EU, { path: '/openapi.json' })).json).toMatchObject({ servers: [{ url: '.' }] });
    expect((await of.send(EU, { path: '/docs' })).status).toBe(200);
  });
});

describe('bodies', () => {
  it('may be compressed and base64, as the gateway hands them over', async () => {
    const of = await world();
    const body = gzipSync(JSON.stringify(city())).toString('base64');
    const headers = { 'Content-Type': ITEM_TYPE, 'Content-Encoding': 'gzip' };
    expect(await raw(of, { httpMethod: 'PUT', headers, body, isBase64Encoded: true })).toMatchObject({ statusCode: 201 });
    expect((await of.send(EU, { method: 'GET', query: CITY, headers: { Accept: ITEM_TYPE } })).json).toEqual(city());
  });

  it('that are compressed at a secondary reach the primary as they are meant', async () => {
    const of = await world();
    const body = gzipSync(JSON.stringify(city())).toString('base64');
    const event = {
      resource: '/{proxy+}',
      httpMethod: 'PUT',
      path: '/items',
      headers: { 'Content-Type': ITEM_TYPE, 'Content-Encoding': 'gzip' },
      body,
      isBase64Encoded: true,
    };
    expect(await of.invoke(US, { ...event, stageVariables: { auth: 'iam' }, requestContext: { requestId: 'r' } })).toMatchObject({ statusCode: 201 });
  });

  it('of answers are compressed for those who accept it', async () => {
    const of = await world();
    const name = 'x'.repeat(3_000);
    await of.send(EU, put(city(name)));
    const query = { queryStringParameters: CITY };
    const accepts = (coding: string): object => ({ ...query, headers: { Accept: ITEM_TYPE, 'Accept-Encoding': coding } });
    for (const [coding, unpack] of [
      ['gzip', gunzipSync],
      ['br', brotliDecompressSync],
    ] as const) {
      const answer = await raw(of, accepts(coding));
      expect(answer).toMatchObject({ isBase64Encoded: true, headers: { 'content-encoding': coding, vary: 'accept, accept-encoding' } });
      expect(JSON.parse(unpack(Buffer.from(answer.body, 'base64')).toString())).toEqual(city(name));
    }
    expect(await raw(of, { ...query, headers: { Accept: ITEM_TYPE } })).not.toHaveProperty('isBase64Encoded');
  });

  it('that are not UTF-8 are refused', async () => {
    const of = await world();
    const body = Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]).toString('base64');
    const answer = await raw(of, { httpMethod: 'PUT', headers: { 'Content-Type': ITEM_TYPE }, body, isBase64Encoded: true });
    expect(JSON.parse(answer.body)).toMatchObject({ type: 'urn:syncline:problem:invalid-body', status: 400 });
  });
});

describe('a batch', () => {
  it('answers for each write, in order, by the schema of the document', async () => {
    const of = await world();
    for (const n of ['2', '6']) await of.send(EU, put(city('Ulm', { cityId: { N: n } })));
    const key = (n: string): object => ({ country: { S: 'DE' }, cityId: { N: n } });
    const writes = [
      { put: city() },
      { put: city('Ulm', { cityId: { N: '2' } }), ifNoneMatch: '*' },
      { delete: key('3') },
      { delete: key('4'), ifMatch: '*' },
      { patch: { key: key('5'), operations: [{ op: 'set', path: 'a', value: { S: 'x' } }] } },
      { patch: { key: key('6'), operations: [{ op: 'increment', path: 'name', value: { N: '1' } }] } },
    ];
    const got = await of.send(US, { method: 'POST', path: '/batch', headers: { 'Content-Type': ITEM_TYPE }, body: { writes } });
    expect(got).toMatchObject({ status: 200, headers: { 'content-type': ITEM_TYPE, 'syncline-member': EU } });
    expect(valid(batchResultsSchema, got.json)).toMatchObject({
      results: [
        { status: 201, etag: expect.stringMatching(/^"/) as unknown, revision: expect.any(String) as unknown },
        { status: 412, problem: { type: 'urn:syncline:problem:precondition-failed', instance: 'urn:syncline:request:gateway-request' } },
        { status: 204 },
        { status: 412 },
        { status: 201 },
        { status: 400, problem: { type: 'urn:syncline:problem:invalid-patch' } },
      ],
      succeeded: 3,
      failed: 3,
    });
  });
});

describe('the table of routes', () => {
  it('has each route once, and a scope that fits what it does', () => {
    const names = ROUTES.map((route) => `${route.method} ${route.path}`);
    expect(new Set(names).size).toBe(names.length);
    for (const route of ROUTES) if (route.writes) expect(route.scope, route.id).toBe('write');
  });

  it('hands on between members only what the primary must do', async () => {
    expect(ROUTES.filter((route) => route.forwardable).map((route) => route.path)).not.toContain('/status');
    const of = await world();
    const event = { syncline: 'forward', v: 2, request: { method: 'GET', path: '/status', query: [], headers: [], body: '', id: 'x' } };
    const answer = (await of.invoke(EU, event)) as { response: { status: number; body: string } };
    expect(answer.response.status).toBe(405);
  });
});
