import { zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { lostAnswer } from '../../../lib/adapters/memory/call.ts';
import { SeededChance } from '../../../lib/adapters/memory/chance.ts';
import type { Item } from '../../../lib/core/attribute.ts';
import { rev, revText } from '../../../lib/core/formats/rev.ts';
import { memberNames } from '../../../lib/core/names.ts';
import { RemoteError } from '../../../lib/ports/errors.ts';
import type { ServeContext } from '../../../lib/serve/context.ts';
import { decodeAnswer, decodeForward, encodeAnswer, encodeForward, forward, isForward } from '../../../lib/serve/forward.ts';
import type { ApiRequest } from '../../../lib/serve/http.ts';
import { ITEM_TYPE } from '../../../lib/serve/http.ts';
import type { Sent } from './harness.ts';
import { AP, CITY, city, del, EU, get, put, US, World } from './harness.ts';

const world = async (): Promise<World> => {
  const made = new World();
  await made.seats(EU);
  return made;
};
const stored = (w: World, member: string): readonly Item[] => w.region(member).items(w.tables(member).items);
const invocations = (w: World): string[] => {
  const seen: string[] = [];
  w.cloud.hook = (call) => {
    if (call.op === 'invoke') seen.push(call.region);
  };
  return seen;
};

describe('a write that comes to a secondary', () => {
  it('is done at the primary, and its answer is passed through', async () => {
    const w = await world();
    const seen = invocations(w);
    const created = await w.send(US, put(city()));
    expect(created).toMatchObject({ status: 201, headers: { 'syncline-member': EU } });
    expect(seen).toEqual([EU]);
    expect(stored(w, US)).toEqual([]);
    expect((await w.send(EU, get())).headers['etag']).toBe(created.headers['etag']);
    expect((await w.send(US, put(city('two'), { 'If-Match': created.headers['etag'] as string }))).status).toBe(204);
    expect(await w.send(US, put(city('three'), { 'If-Match': created.headers['etag'] as string }))).toMatchObject({
      status: 412,
      json: { type: 'urn:syncline:problem:precondition-failed' },
    });
    expect((await w.send(AP, del())).status).toBe(204);
    expect(stored(w, EU)).toEqual([]);
  });

  it('follows one better hint', async () => {
    const w = await world();
    // AP still believes in US, which knows better.
    await w.seat(AP, US);
    const seen = invocations(w);
    expect(await w.send(AP, put(city()))).toMatchObject({ status: 201, headers: { 'syncline-member': EU } });
    expect(seen).toEqual([US, EU]);
  });

  it('stops after two hops, and when hints go round', async () => {
    const w = new World();
    await w.seat(EU, US);
    await w.seat(US, AP, { own: 0 });
    await w.seat(AP, EU, { own: 0 });
    const seen = invocations(w);
    expect(await w.send(EU, put(city()))).toMatchObject({
      status: 503,
      headers: { 'retry-after': '1' },
      json: { type: 'urn:syncline:problem:no-primary', detail: expect.stringContaining('Nothing was changed') as unknown },
    });
    expect(seen).toEqual([US, AP]);
  });

  it('a hint that names no member', async () => {
    const w = await world();
    await w.seat(US, 'nowhere');
    expect((await w.send(US, put(city()))).json['type']).toBe('urn:syncline:problem:no-primary');
  });

  it.each(['transient', 'throttled', 'denied', 'missing'] as const)('the primary’s function cannot be called (%s): 503, nothing was changed', async (kind) => {
    const w = await world();
    w.cloud.hook = (call) => (call.op === 'invoke' ? { refuse: new RemoteError(kind, 'X', 'arn:aws:lambda') } : undefined);
    const got = await w.send(US, put(city()));
    expect(got).toMatchObject({
      status: 503,
      json: { type: 'urn:syncline:problem:primary-unreachable', primary: EU, detail: expect.stringContaining('Nothing was changed') as unknown },
    });
    expect(got.headers['retry-after']).toMatch(/^\d+$/);
    expect(got.body).not.toContain('arn:');
  });

  it('the primary does not answer: 503, nothing is known of the write', async () => {
    const w = await world();
    w.cloud.hook = (call) => (call.op === 'invoke' ? { lost: lostAnswer() } : undefined);
    const got = await w.send(US, put(city()));
    expect(got).toMatchObject({
      status: 503,
      headers: { 'retry-after': '1' },
      json: { type: 'urn:syncline:problem:unknown-outcome', detail: expect.stringContaining('nothing is known') as unknown },
    });
    // It was done, in fact: so "nothing was changed" would have been a lie.
    expect(stored(w, EU)).toHaveLength(1);
  });

  it('with an idempotency key may be sent again, by another way, when the primary’s answer is lost', async () => {
    const w = await world();
    const patch = {
      method: 'PATCH',
      query: CITY,
      headers: { 'content-type': ITEM_TYPE, 'idempotency-key': 'k' },
      body: { operations: [{ op: 'increment', path: 'n', value: { N: '1' } }] },
    };
    w.cloud.hook = (call) => (call.op === 'invoke' ? { lost: lostAnswer() } : undefined);
    expect((await w.send(US, patch)).json['type']).toBe('urn:syncline:problem:unknown-outcome');
    w.cloud.hook = undefined;
    for (const member of [US, EU, AP]) {
      const again = await w.send(member, patch);
      expect(again).toMatchObject({ status: 201, json: { n: { N: '1' } }, headers: { 'idempotency-replayed': 'true', 'syncline-member': EU } });
    }
    expect(stored(w, EU)).toMatchObject([{ n: { N: '1' } }]);
  });

  it.each(['null', 'x', '{}', '{"statusCode":200}'])('an answer that is none (%s): unknown', async (answer) => {
    const w = await world();
    const member = w.config.members[0] as (typeof w.config.members)[number];
    w.region(EU).registerFunction(memberNames('cities', member).fn('api'), async () => answer);
    expect((await w.send(US, put(city()))).json['type']).toBe('urn:syncline:problem:unknown-outcome');
  });

  it('the primary’s own problems are passed through', async () => {
    const w = await world();
    w.cloud.hook = (call) => (call.op === 'put' ? { refuse: new RemoteError('throttled', 'X', 'x') } : undefined);
    expect(await w.send(US, put(city()))).toMatchObject({
      status: 503,
      headers: { 'syncline-member': EU },
      json: { type: 'urn:syncline:problem:busy', instance: 'urn:syncline:request:gateway-request' },
    });
  });

  it('the largest bodies fit an invocation', async () => {
    const w = await world();
    const bytes: number[] = [];
    w.cloud.hook = (call) => {
      if (call.op === 'invoke') bytes.push(Buffer.byteLength(call.args[1] as string));
    };
    // The worst that an item can become as JSON: control characters (six bytes of JSON for one), and one-byte values.
    for (const more of [{ t: { S: '\u0001'.repeat(400_000) } }, { l: { L: Array.from({ length: 200_000 }, () => ({ NULL: true })) } }]) {
      expect((await w.send(US, put(city('x', more)))).status).toBeLessThan(300);
    }
    // The worst to compress: a body of nothing but chance.
    const chance = new SeededChance(1);
    const noise = Buffer.from(Uint8Array.from({ length: 290_000 }, () => chance.below(256))).toString('base64');
    expect((await w.send(US, put(city('x', { b: { B: noise } })))).status).toBeLessThan(300);
    expect(stored(w, EU)[0]?.['b']).toEqual({ B: noise });
    expect(bytes).toHaveLength(3);
    expect(Math.max(...bytes)).toBeLessThan(6 * 1_024 * 1_024);
  });

  it.each([
    ['put', put(city('Köln'))],
    [
      'patch',
      { method: 'PATCH', query: CITY, headers: { 'content-type': ITEM_TYPE }, body: { operations: [{ op: 'set', path: 'name', value: { S: 'Köln' } }] } },
    ],
    [
      'batch',
      {
        method: 'POST',
        path: '/batch',
        headers: { 'content-type': ITEM_TYPE },
        body: { writes: [{ put: city('Köln') }, { put: city('Bonn', { cityId: { N: '2' } }) }] },
      },
    ],
    [
      'strong query',
      { method: 'POST', path: '/query', headers: { 'content-type': ITEM_TYPE, 'syncline-consistency': 'strong' }, body: { partition: { S: 'DE' } } },
    ],
    [
      'strong count',
      { method: 'POST', path: '/count', headers: { 'content-type': ITEM_TYPE, 'syncline-consistency': 'strong' }, body: { partition: { S: 'DE' } } },
    ],
  ] as const)('a %s is handed on once, as a whole, and answered as at the primary itself', async (_, sent) => {
    const w = await world();
    await w.send(EU, put(city('Ulm')));
    const seen = invocations(w);
    const there = await w.send(US, sent as Sent);
    expect(seen).toEqual([EU]);
    expect(there.headers['syncline-member']).toBe(EU);
    const direct = new World();
    await direct.seats(EU);
    await direct.send(EU, put(city('Ulm')));
    const here = await direct.send(EU, sent as Sent);
    expect(there.status).toBe(here.status);
    expect(there.body).toBe(here.body);
    expect(here.status).toBeLessThan(300);
  });
});

describe('the receiver', () => {
  it('serves what the previous version sends', async () => {
    const w = await world();
    const request = { method: 'PUT', path: '/items', query: [], headers: [['content-type', ITEM_TYPE]], body: JSON.stringify(city()), id: 'r' };
    expect(await w.invoke(EU, { syncline: 'forward', v: 1, request })).toMatchObject({ syncline: 'answer', v: 1, response: { status: 201 } });
  });

  it.each([
    ['GET', '/items', [['syncline-consistency', 'strong']]],
    ['GET', '/items', [['syncline-consistency', `at-least=${revText(rev(1, 1, 1))}`]]],
    [
      'POST',
      '/query',
      [
        ['syncline-consistency', 'strong'],
        ['content-type', ITEM_TYPE],
      ],
    ],
    ['POST', '/batch', [['content-type', ITEM_TYPE]]],
    ['PATCH', '/items', [['content-type', ITEM_TYPE]]],
  ])('does not hand on a %s of %s with %j either', async (method, path, headers) => {
    const w = await world();
    const bodies: Record<string, unknown> = {
      '/query': { partition: { S: 'DE' } },
      '/batch': { writes: [{ put: city() }] },
      '/items': { operations: [{ op: 'remove', path: 'x' }] },
    };
    const seen = invocations(w);
    const query = path === '/items' ? Object.entries(CITY).map(([k, v]) => [k, [v]]) : [];
    const request = { method, path, query, headers, body: method === 'GET' ? '' : JSON.stringify(bodies[path]), id: 'r' };
    expect(await w.invoke(US, { syncline: 'forward', v: 2, request })).toMatchObject({ response: { status: 421 } });
    expect(seen).toEqual([]);
  });

  it('does not hand on: 421 with its own hint', async () => {
    const w = await world();
    const request = {
      method: 'DELETE',
      path: '/items',
      query: [
        ['country', ['DE']],
        ['cityId', ['1']],
      ],
      headers: [],
      body: '',
      id: 'r1',
    };
    const seen = invocations(w);
    const answer = await w.invoke(US, { syncline: 'forward', v: 1, request });
    expect(answer).toMatchObject({ syncline: 'answer', v: 1, response: { status: 421 } });
    expect(JSON.parse((answer['response'] as { body: string }).body)).toMatchObject({
      type: 'urn:syncline:problem:not-primary',
      primary: EU,
      instance: 'urn:syncline:request:r1',
    });
    expect(seen).toEqual([]);
  });

  it.each([
    ['another version', { syncline: 'forward', v: 3, request: {} }],
    ['a read of the previous version', { syncline: 'forward', v: 1, request: { method: 'GET', path: '/items', query: [], headers: [], body: '', id: 'r' } }],
    ['a body that is none', { syncline: 'forward', v: 2, request: { method: 'PUT', path: '/items', query: [], headers: [], id: 'r' } }],
    ['two bodies', { syncline: 'forward', v: 2, request: { method: 'PUT', path: '/items', query: [], headers: [], body: '', zstd: '', id: 'r' } }],
    ['a body that does not unpack', { syncline: 'forward', v: 2, request: { method: 'PUT', path: '/items', query: [], headers: [], zstd: 'AAAA', id: 'r' } }],
    [
      'a body that unpacks to more than is read',
      {
        syncline: 'forward',
        v: 2,
        request: {
          method: 'PUT',
          path: '/items',
          query: [],
          headers: [],
          zstd: zstdCompressSync(Buffer.alloc(5 * 1_024 * 1_024, 32)).toString('base64'),
          id: 'r',
        },
      },
    ],
    ['nothing', { syncline: 'forward' }],
  ])('%s is refused', async (_, event) => {
    const w = await world();
    expect(await w.invoke(EU, event)).toMatchObject({ syncline: 'answer', response: { status: 400 } });
  });

  it('an unknown path is one there, too', async () => {
    const w = await world();
    const request = { method: 'PUT', path: '/constructor', query: [], headers: [], body: '{}', id: 'r' };
    expect(await w.invoke(EU, { syncline: 'forward', v: 1, request })).toMatchObject({ response: { status: 404 } });
  });

  it('checks the item again', async () => {
    const w = await world();
    const request = {
      method: 'PUT',
      path: '/items',
      query: [],
      headers: [['content-type', 'application/x-amz-json-1.0']],
      body: '{"country":{"S":"DE"},"cityId":{"N":"1"},"_s":{"M":{}}}',
      id: 'r',
    };
    expect(await w.invoke(EU, { syncline: 'forward', v: 1, request })).toMatchObject({ response: { status: 400 } });
    expect(stored(w, EU)).toEqual([]);
  });

  it('a client cannot make such a payload: the gateway wraps what it sends', async () => {
    const w = await world();
    const body = JSON.stringify({ syncline: 'forward', v: 1, request: { method: 'DELETE', path: '/items', query: [], headers: [], body: '', id: 'r' } });
    expect((await w.send(EU, put(body))).status).toBe(400);
  });
});

describe('payloads', () => {
  const request: ApiRequest = {
    method: 'PUT',
    path: '/items',
    query: new Map([['a', ['1', '2']]]),
    headers: new Map([
      ...['content-type', 'accept', 'if-match', 'if-none-match', 'idempotency-key', 'syncline-consistency', 'prefer'].map((name): [string, string] => [
        name,
        `of ${name}`,
      ]),
      ['authorization', 'secret'],
      ['content-encoding', 'gzip'],
    ]),
    body: '{"é":1}',
    id: 'i',
    forwarded: false,
  };

  it('carry a request there, with the headers that operations read and no others', () => {
    const payload = JSON.parse(JSON.stringify(encodeForward(request))) as unknown;
    expect(isForward(payload)).toBe(true);
    const headers = new Map([...request.headers].filter(([name]) => name !== 'authorization' && name !== 'content-encoding'));
    expect(decodeForward(payload)).toEqual({ ...request, headers, forwarded: true });
    expect(headers.size).toBe(7);
    expect(JSON.stringify(payload)).not.toContain('secret');
  });

  it('carry an answer back', () => {
    const response = { status: 204, headers: { etag: '"x"' }, body: '' };
    expect(decodeAnswer(JSON.stringify(encodeAnswer(response)))).toEqual(response);
  });

  it.each(['é"\u0001\\'.repeat(200_000), '\ud800'.repeat(3)])('carry long texts, and those that are hard to write, as they are (%#)', (body) => {
    const there = decodeForward(JSON.parse(JSON.stringify(encodeForward({ ...request, body }))));
    expect(there.body).toBe(body);
    expect(decodeAnswer(JSON.stringify(encodeAnswer({ status: 200, headers: {}, body })))?.body).toBe(body);
  });

  it('of more than Lambda takes are refused, and nothing is sent', async () => {
    const w = await world();
    const seen = invocations(w);
    const headers = new Map([['prefer', 'x'.repeat(7_000_000)]]);
    const context = w.contexts.get(US) as ServeContext;
    const handed = forward(context, w.base(US).runtime, { ...request, headers }, EU, 'writes');
    await expect(handed).rejects.toMatchObject({
      code: 'body-too-large',
      status: 413,
      message: expect.stringMatching(/has 7\d{6} bytes.*at most 6291456/) as unknown,
    });
    expect(seen).toEqual([]);
  });

  it.each([undefined, null, 'forward', 1, [], {}, { httpMethod: 'GET' }])('%j is no handed-on request', (event) => {
    expect(isForward(event)).toBe(false);
  });
});
