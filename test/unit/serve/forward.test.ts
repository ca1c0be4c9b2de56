import { describe, expect, it } from 'vitest';
import { lostAnswer } from '../../../lib/adapters/memory/call.ts';
import type { Item } from '../../../lib/core/attribute.ts';
import { memberNames } from '../../../lib/core/names.ts';
import { RemoteError } from '../../../lib/ports/errors.ts';
import { decodeAnswer, decodeForward, encodeAnswer, encodeForward, isForward } from '../../../lib/serve/forward.ts';
import { AP, city, del, EU, get, put, US, World } from './harness.ts';

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
    let bytes = 0;
    w.cloud.hook = (call) => {
      if (call.op === 'invoke') bytes = Buffer.byteLength(call.args[1] as string);
    };
    // The worst that an item can become as JSON: control characters (six bytes of JSON for one), and one-byte values.
    for (const more of [{ t: { S: '\u0001'.repeat(400_000) } }, { l: { L: Array.from({ length: 200_000 }, () => ({ NULL: true })) } }]) {
      expect((await w.send(US, put(city('x', more)))).status).toBeLessThan(300);
      expect(bytes).toBeGreaterThan(2_000_000);
      expect(bytes).toBeLessThan(6 * 1_024 * 1_024);
    }
  });
});

describe('the receiver', () => {
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
    ['another version', { syncline: 'forward', v: 2, request: {} }],
    ['a read', { syncline: 'forward', v: 1, request: { method: 'GET', path: '/items', query: [], headers: [], body: '', id: 'r' } }],
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
  it('carry a request and an answer there and back', () => {
    const request = {
      method: 'PUT',
      path: '/items',
      query: new Map([['a', ['1', '2']]]),
      headers: new Map([
        ['if-match', '"x"'],
        ['authorization', 'secret'],
      ]),
      body: 'raw',
      id: 'i',
      forwarded: false,
    };
    const payload = JSON.parse(JSON.stringify(encodeForward(request, '{"é":1}'))) as unknown;
    expect(isForward(payload)).toBe(true);
    expect(decodeForward(payload)).toEqual({ ...request, headers: new Map([['if-match', '"x"']]), body: '{"é":1}', forwarded: true });
    expect(JSON.stringify(payload)).not.toContain('secret');
    const response = { status: 204, headers: { etag: '"x"' }, body: '' };
    expect(decodeAnswer(JSON.stringify(encodeAnswer(response)))).toEqual(response);
  });

  it.each([undefined, null, 'forward', 1, [], {}, { httpMethod: 'GET' }])('%j is no handed-on request', (event) => {
    expect(isForward(event)).toBe(false);
  });
});
