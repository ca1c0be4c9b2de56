import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { lostAnswer } from '../../lib/adapters/memory/call.ts';
import { RemoteError } from '../../lib/ports/errors.ts';
import { memoryObjects } from './support/object-worlds.ts';
import { kindOfFailure } from './support/table-suite.ts';

/** What only the memory cloud's object store can show: faults, damage, and the state behind the port. */

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const sum = (body: Uint8Array): string => hash('sha256', body, 'base64');

function filled(body = text('the body')) {
  const world = memoryObjects();
  world.state.createBucket('bucket');
  world.state.put('bucket', 'key', body, { sha256: sum(body) });
  return { ...world, body };
}

describe('damage', () => {
  it.each([0, 7, 8, 63])('bit %i flipped: a whole get finds it, the rest does not notice', async (bit) => {
    const { port, state, body } = filled();
    const before = await port.head('bucket', 'key');
    state.flipBit('bucket', 'key', bit);
    await expect(port.get('bucket', 'key')).rejects.toMatchObject({ kind: 'unanswered', code: 'ChecksumMismatch' });
    expect(await port.head('bucket', 'key')).toEqual(before);
    const part = (await port.get('bucket', 'key', { range: { from: 0, to: 8 } }))?.body ?? new Uint8Array();
    const changed = [...part].map((byte, i) => byte ^ (body[i] as number));
    expect(changed).toEqual(Array.from({ length: 8 }, (_, i) => (i === Math.floor(bit / 8) ? 1 << (bit % 8) : 0)));
    state.flipBit('bucket', 'key', bit);
    expect((await port.get('bucket', 'key'))?.body).toEqual(body);
  });

  it('is no property of the key: a new object under it is sound', async () => {
    const { port, state } = filled();
    state.flipBit('bucket', 'key', 1);
    await port.put('bucket', 'key', text('new'), { sha256: sum(text('new')) });
    expect((await port.get('bucket', 'key'))?.body).toEqual(text('new'));
  });

  it('needs an object and a bit', () => {
    const { state } = filled();
    expect(() => state.flipBit('bucket', 'key', 64)).toThrow('64 bits');
    expect(() => state.flipBit('bucket', 'key', -1)).toThrow('no bit -1');
    expect(() => state.flipBit('bucket', 'other', 0)).toThrow('no object "other"');
    expect(() => state.flipBit('other', 'key', 0)).toThrow('no bucket other');
  });
});

describe('faults', () => {
  it('name service, method and bucket, and refuse before the effect', async () => {
    const { port, hook, state } = filled();
    const seen: string[] = [];
    hook((call) => {
      seen.push(`${call.region} ${call.service}.${call.op} ${call.resources.join()}`);
      throw new RemoteError('throttled', 'SlowDown', 'slow down');
    });
    expect(await kindOfFailure(port.put('bucket', 'key', text('x'), { sha256: sum(text('x')) }))).toBe('throttled');
    expect(await kindOfFailure(port.get('bucket', 'key'))).toBe('throttled');
    expect(await kindOfFailure(port.head('bucket', 'key'))).toBe('throttled');
    expect(await kindOfFailure(port.list('bucket', { prefix: '', limit: 1 }))).toBe('throttled');
    expect(await kindOfFailure(port.delete('bucket', 'key'))).toBe('throttled');
    expect(seen).toEqual(['put', 'get', 'head', 'list', 'delete'].map((op) => `eu-central-1 s3.${op} bucket`));
    expect(state.bytes('bucket', 'key')).toEqual(text('the body'));
  });

  it('a conditional put whose answer was lost is found by its sum', async () => {
    const { port, hook, state } = filled();
    const body = text('segment');
    hook((call) => (call.number === 1 ? { lost: lostAnswer() } : undefined));
    const own = { sha256: sum(body), ifNoneMatch: '*' } as const;
    expect(await kindOfFailure(port.put('bucket', 'log/1', body, own))).toBe('unanswered');
    expect(state.keys('bucket')).toEqual(['key', 'log/1']);
    expect(await port.put('bucket', 'log/1', body, own)).toEqual({ ok: false });
    expect((await port.head('bucket', 'log/1'))?.sha256).toBe(own.sha256);
  });

  it('a put that takes effect late stores the bytes as they were when it was made, and loses to one that came before', async () => {
    const { port, hook, state, clock } = filled();
    hook((call) => (call.number === 1 ? { lost: lostAnswer(), answerMs: 2_500, effectMs: 2_900 } : undefined));
    const body = Buffer.from('late');
    const kind = kindOfFailure(port.put('bucket', 'late', body, { sha256: sum(body) }));
    await clock.advance(2_500);
    body.fill('x');
    expect(await kind).toBe('unanswered');
    expect(await port.head('bucket', 'late')).toBeUndefined();
    await clock.advance(400);
    expect(state.bytes('bucket', 'late')).toEqual(text('late'));
    hook((call) => (call.number === 3 ? { lost: lostAnswer(), answerMs: 2_500, effectMs: 2_900 } : undefined));
    const second = kindOfFailure(port.put('bucket', 'once', text('first sent'), { sha256: sum(text('first sent')), ifNoneMatch: '*' }));
    expect(await port.put('bucket', 'once', text('first there'), { sha256: sum(text('first there')), ifNoneMatch: '*' })).toMatchObject({ ok: true });
    await clock.advance(3_000);
    expect(await second).toBe('unanswered');
    expect(state.bytes('bucket', 'once')).toEqual(text('first there'));
  });
});

describe('buckets', () => {
  it('are made and deleted with all that is in them', async () => {
    const { port, state } = filled();
    expect(() => state.createBucket('bucket')).toThrow('bucket already');
    state.deleteBucket('bucket');
    expect(() => state.keys('bucket')).toThrow('there are none');
    expect(await kindOfFailure(port.get('bucket', 'key'))).toBe('missing');
    state.createBucket('bucket');
    expect(await port.get('bucket', 'key')).toBeUndefined();
  });

  it('an etag is the MD5 of the bytes, so equal bytes have equal ones, as in S3', async () => {
    const { port } = filled(new Uint8Array());
    expect((await port.head('bucket', 'key'))?.etag).toBe('"d41d8cd98f00b204e9800998ecf8427e"');
  });
});
