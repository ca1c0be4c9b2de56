import { hash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isRemote } from '../../../lib/ports/errors.ts';
import type { ObjectPort, ObjectRange, PutAnswer, PutOptions } from '../../../lib/ports/objects.ts';
import { OBJECT_CALL_BYTES_MAX, OBJECT_LIST_MAX } from '../../../lib/ports/objects.ts';
import type { ObjectWorld } from './object-worlds.ts';
import { kindOfFailure } from './table-suite.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const sum = (body: Uint8Array): string => hash('sha256', body, 'base64');
const EVERY_BYTE = Uint8Array.from({ length: 1_024 }, (_, i) => (i * 7) % 256);
/** Callers that race. */
const RACERS = 8;

/** Keys that some client, proxy or server gets wrong, each in its own way. */
const KEYS: readonly (readonly [string, string])[] = [
  ['plain', 'log/eu-central-1/shardId-00000001/000000000000000000042'],
  ['a space', 'a b  c'],
  ['a plus', 'a+b'],
  ['plus and space', 'a+ +b'],
  ['a percent', '100%'],
  ['what looks encoded', 'a%2Fb%20c%25'],
  ['what a URL gives a meaning', 'a?b=c&d#e;f:g@h,i$j!k*l(m)n~'],
  ['quotes, brackets and a backslash', `'"<>[]{}|^\`\\&amp;`],
  ['unicode', 'Zürich/東京/عمان'],
  ['beyond the basic plane', '🗼🧪'],
  ['composed and not', 'é e\u0301'],
  ['a slash at both ends', '/a/'],
  ['two slashes', 'a//b'],
  ['dots', 'a/./b/../..c/...'],
  ['control characters', 'a\u0001b\tc\nd\u007f'],
  ['a space at both ends', ' a '],
  ['1,024 bytes', `${'€'.repeat(341)}x`],
];

/** What every ObjectPort must do, whatever stands behind it. */
export function objectPortSuite(name: string, make: () => Promise<ObjectWorld>): void {
  describe(`ObjectPort on ${name}`, () => {
    let world: ObjectWorld;
    let port: ObjectPort;
    let bucket: string;
    beforeAll(async () => {
      world = await make();
      port = world.objects;
      bucket = await world.createBucket();
    });
    afterAll(() => world?.close());
    const put = (key: string, body: Uint8Array, condition: Omit<PutOptions, 'sha256'> = {}, into = bucket): Promise<PutAnswer> =>
      port.put(into, key, body, { sha256: sum(body), ...condition });
    const etagOf = (answer: PutAnswer): string => {
      if (!answer.ok) throw new Error('The put was refused; it should have been stored.');
      return answer.etag;
    };
    /** Several puts at once: how many were stored. A conflict with one that is under way (409) is a put that was not. */
    const race = async (puts: readonly Promise<PutAnswer>[]): Promise<readonly boolean[]> =>
      Promise.all(
        puts.map(async (one) => {
          try {
            return (await one).ok;
          } catch (error) {
            if (isRemote(error, 'transient')) return false;
            throw error;
          }
        }),
      );
    const bytes = async (key: string, range?: ObjectRange): Promise<Uint8Array | undefined> => (await port.get(bucket, key, range && { range }))?.body;

    describe('put, get, head', () => {
      it('gives back every byte, with size, etag and SHA-256', async () => {
        const etag = etagOf(await put('every-byte', EVERY_BYTE));
        expect(etag).toMatch(/^".+"$/);
        const facts = { etag, size: EVERY_BYTE.length, sha256: sum(EVERY_BYTE) };
        const read = await port.get(bucket, 'every-byte');
        expect(Buffer.from(read?.body ?? []).equals(EVERY_BYTE)).toBe(true);
        expect(read).toMatchObject(facts);
        expect(await port.head(bucket, 'every-byte')).toEqual(facts);
        expect(await port.list(bucket, { prefix: 'every-byte', limit: 10 })).toEqual({ objects: [{ key: 'every-byte', etag, size: EVERY_BYTE.length }] });
      });

      it('stores an empty body', async () => {
        const etag = etagOf(await put('empty', new Uint8Array()));
        expect(await port.get(bucket, 'empty')).toEqual({ body: new Uint8Array(), etag, size: 0, sha256: sum(new Uint8Array()) });
        expect(await port.head(bucket, 'empty')).toMatchObject({ size: 0 });
      });

      it('stores what a view shows, no more', async () => {
        await put('view', EVERY_BYTE.subarray(10, 20));
        expect(await bytes('view')).toEqual(EVERY_BYTE.slice(10, 20));
        await put('buffer', Buffer.from('xabcx').subarray(1, 4));
        expect(Buffer.from((await bytes('buffer')) ?? []).toString()).toBe('abc');
      });

      it('keeps its bytes to itself: what a caller does with its own changes nothing', async () => {
        const body = Buffer.from('before');
        await put('own', body);
        body.fill('x');
        const read = await bytes('own');
        expect(read).toEqual(text('before'));
        read?.fill(0);
        expect(await bytes('own')).toEqual(text('before'));
      });

      it('carries megabytes', async () => {
        const body = Buffer.alloc(8 * 1_024 * 1_024, EVERY_BYTE);
        await put('large', body);
        expect(Buffer.from((await bytes('large')) ?? []).equals(body)).toBe(true);
      });

      it('shows the newest at once', async () => {
        for (let i = 0; i < 5; i += 1) {
          const body = text(`version ${i}`);
          const etag = etagOf(await put('newest', body));
          expect(await port.get(bucket, 'newest')).toMatchObject({ body, etag });
          expect(await port.head(bucket, 'newest')).toMatchObject({ etag, sha256: sum(body) });
          expect((await port.list(bucket, { prefix: 'newest', limit: 1 })).objects[0]?.etag).toBe(etag);
        }
      });

      it('knows no object that is not there', async () => {
        expect(await port.get(bucket, 'never')).toBeUndefined();
        expect(await port.get(bucket, 'never', { range: { last: 5 } })).toBeUndefined();
        expect(await port.head(bucket, 'never')).toBeUndefined();
      });

      it('refuses a body whose SHA-256 is another, and stores nothing', async () => {
        expect(await kindOfFailure(port.put(bucket, 'wrong-sum', text('a'), { sha256: sum(text('b')) }))).toBe('invalid');
        expect(await port.head(bucket, 'wrong-sum')).toBeUndefined();
        await put('wrong-sum', text('first'));
        expect(await kindOfFailure(port.put(bucket, 'wrong-sum', text('a'), { sha256: sum(text('b')) }))).toBe('invalid');
        expect(await bytes('wrong-sum')).toEqual(text('first'));
      });

      it.each(['', 'YQ==', 'not base64', hash('sha256', 'a', 'hex'), `${sum(text('a')).slice(0, -2)}B=`])('refuses %j as a SHA-256', async (sha256) => {
        expect(await kindOfFailure(port.put(bucket, 'bad-sum', text('a'), { sha256 }))).toBe('invalid');
      });

      it('refuses more than one call carries', async () => {
        const body = new Uint8Array(OBJECT_CALL_BYTES_MAX + 1);
        expect(await kindOfFailure(put('too-large', body))).toBe('invalid');
        expect(await port.head(bucket, 'too-large')).toBeUndefined();
      });
    });

    describe('conditions', () => {
      it('ifNoneMatch: stores only where nothing is, and again after a delete', async () => {
        etagOf(await put('once', text('first'), { ifNoneMatch: '*' }));
        expect(await put('once', text('second'), { ifNoneMatch: '*' })).toEqual({ ok: false });
        expect(await put('once', text('first'), { ifNoneMatch: '*' })).toEqual({ ok: false });
        expect(await bytes('once')).toEqual(text('first'));
        await port.delete(bucket, 'once');
        etagOf(await put('once', text('third'), { ifNoneMatch: '*' }));
        expect(await bytes('once')).toEqual(text('third'));
      });

      it('ifMatch: stores only over the etag named', async () => {
        expect(await put('match', text('x'), { ifMatch: '"d41d8cd98f00b204e9800998ecf8427e"' })).toEqual({ ok: false });
        expect(await port.head(bucket, 'match')).toBeUndefined();
        const first = etagOf(await put('match', text('1')));
        const second = etagOf(await put('match', text('2'), { ifMatch: first }));
        expect(second).not.toBe(first);
        expect(await put('match', text('3'), { ifMatch: first })).toEqual({ ok: false });
        expect(await bytes('match')).toEqual(text('2'));
      });

      it('of puts that race to create a key one is stored', async () => {
        const bodies = Array.from({ length: RACERS }, (_, i) => text(`racer ${i}`));
        const stored = await race(bodies.map((body) => put('race-create', body, { ifNoneMatch: '*' })));
        expect(stored.filter(Boolean)).toHaveLength(1);
        expect(await bytes('race-create')).toEqual(bodies[stored.indexOf(true)]);
      });

      it('of puts that race over one etag one is stored', async () => {
        const etag = etagOf(await put('race-match', text('start')));
        const bodies = Array.from({ length: RACERS }, (_, i) => text(`racer ${i}`));
        const stored = await race(bodies.map((body) => put('race-match', body, { ifMatch: etag })));
        expect(stored.filter(Boolean)).toHaveLength(1);
        expect(await bytes('race-match')).toEqual(bodies[stored.indexOf(true)]);
      });

      it('refuses both conditions together', async () => {
        expect(await kindOfFailure(put('both', text('a'), { ifNoneMatch: '*', ifMatch: '"x"' }))).toBe('invalid');
      });
    });

    describe('keys', () => {
      it.each(KEYS)('%s', async (_label, key) => {
        const body = text(`body of ${key}`);
        const etag = etagOf(await put(key, body, { ifNoneMatch: '*' }));
        expect(await bytes(key)).toEqual(body);
        expect(await bytes(key, { last: 3 })).toEqual(body.slice(-3));
        expect(await port.head(bucket, key)).toMatchObject({ etag, size: body.length });
        expect((await port.list(bucket, { prefix: key, limit: 1 })).objects).toEqual([{ key, etag, size: body.length }]);
        expect((await port.list(bucket, { prefix: key, after: key, limit: 1 })).objects).toEqual([]);
        await port.delete(bucket, key);
        expect(await port.head(bucket, key)).toBeUndefined();
      });

      it.each([
        ['empty', ''],
        ['of 1,025 bytes', 'x'.repeat(1_025)],
        ['of 1,025 bytes in fewer characters', `${'é'.repeat(512)}x`],
        ['that is not well-formed', 'a\ud800b'],
      ])('refuses one %s', async (_label, key) => {
        expect(await kindOfFailure(put(key, text('a')))).toBe('invalid');
        expect(await kindOfFailure(port.get(bucket, key))).toBe('invalid');
        expect(await kindOfFailure(port.head(bucket, key))).toBe('invalid');
        expect(await kindOfFailure(port.delete(bucket, key))).toBe('invalid');
      });
    });

    describe('ranges', () => {
      const BODY = text('0123456789');
      beforeAll(async () => {
        await put('ten', BODY);
        await put('none', new Uint8Array());
      });

      it.each<[ObjectRange, string]>([
        [{ from: 0, to: 1 }, '0'],
        [{ from: 0, to: 10 }, '0123456789'],
        [{ from: 3, to: 7 }, '3456'],
        [{ from: 9, to: 10 }, '9'],
        [{ from: 8, to: 1_000 }, '89'],
        [{ last: 1 }, '9'],
        [{ last: 4 }, '6789'],
        [{ last: 10 }, '0123456789'],
        [{ last: 1_000 }, '0123456789'],
      ])('%j', async (range, expected) => {
        const read = await port.get(bucket, 'ten', { range });
        expect(Buffer.from(read?.body ?? []).toString()).toBe(expected);
        expect(read).toEqual({ body: read?.body, size: 10, etag: (await port.head(bucket, 'ten'))?.etag });
      });

      it.each<[string, ObjectRange]>([
        ['ten', { from: 10, to: 11 }],
        ['ten', { from: 1_000, to: 2_000 }],
        ['none', { from: 0, to: 1 }],
        ['none', { last: 1 }],
        ['ten', { last: 0 }],
        ['ten', { last: -1 }],
        ['ten', { from: 5, to: 5 }],
        ['ten', { from: 6, to: 5 }],
        ['ten', { from: -1, to: 5 }],
        ['ten', { from: 0.5, to: 5 }],
        ['ten', { from: 0, to: Number.NaN }],
        ['ten', { from: Number.NaN, to: 5 }],
      ])('of %j there is no %j', async (key, range) => {
        await expect(port.get(bucket, key, { range })).rejects.toMatchObject({ kind: 'invalid', code: 'InvalidRange' });
      });

      it('refuses one longer than a call carries', async () => {
        const range = { last: OBJECT_CALL_BYTES_MAX + 1 };
        await expect(port.get(bucket, 'ten', { range })).rejects.toMatchObject({ kind: 'invalid', code: 'EntityTooLarge' });
      });
    });

    describe('list', () => {
      /** In the order of their UTF-8 bytes; by UTF-16 the last two change places. */
      const ORDERED = ['A', 'B', 'Z', 'a', 'a b', 'a+b', 'a/', 'a/1', 'a/10', 'a/2', 'a/é', 'aa', 'é', '東', '\uff5e', '🗼'];
      let own: string;
      beforeAll(async () => {
        own = await world.createBucket();
        for (const key of ORDERED.toReversed()) await put(key, text(key), {}, own);
      });
      const keys = async (request: { prefix?: string; after?: string; limit?: number }): Promise<readonly string[]> =>
        (await port.list(own, { prefix: '', limit: OBJECT_LIST_MAX, ...request })).objects.map((o) => o.key);

      it('keeps the order of UTF-8 bytes', async () => {
        expect(await port.list(own, { prefix: '', limit: OBJECT_LIST_MAX })).toMatchObject({
          objects: ORDERED.map((key) => ({ key, size: text(key).length })),
        });
        expect((await port.list(own, { prefix: '', limit: OBJECT_LIST_MAX })).next).toBeUndefined();
      });

      it.each([
        [{ prefix: 'a' }, ['a', 'a b', 'a+b', 'a/', 'a/1', 'a/10', 'a/2', 'a/é', 'aa']],
        [{ prefix: 'a/' }, ['a/', 'a/1', 'a/10', 'a/2', 'a/é']],
        [{ prefix: 'a/1' }, ['a/1', 'a/10']],
        [{ prefix: '🗼' }, ['🗼']],
        [{ prefix: 'none' }, []],
        [{ prefix: 'a/', after: 'a/10' }, ['a/2', 'a/é']],
        [{ prefix: 'a/', after: 'a/15' }, ['a/2', 'a/é']],
        [{ prefix: 'a/', after: 'A' }, ['a/', 'a/1', 'a/10', 'a/2', 'a/é']],
        [{ prefix: 'a/', after: 'b' }, []],
        [{ prefix: '', after: '\uff5e' }, ['🗼']],
        [{ prefix: '', after: '🗼' }, []],
        [{ prefix: 'a', after: '', limit: 2 }, ['a', 'a b']],
      ])('%j', async (request, expected) => {
        expect(await keys(request)).toEqual(expected);
      });

      it.each([1, 3, 5, 16, 17])('goes page by page, %i keys at most, each key once', async (limit) => {
        const seen: string[] = [];
        let after: string | undefined;
        let pages = 0;
        do {
          const page = await port.list(own, { prefix: '', limit, ...(after !== undefined && { after }) });
          expect(page.objects.length).toBeLessThanOrEqual(limit);
          expect(page.next).toBe(page.next === undefined ? undefined : page.objects.at(-1)?.key);
          seen.push(...page.objects.map((o) => o.key));
          after = page.next;
          pages += 1;
        } while (after !== undefined && pages < 100);
        expect(seen).toEqual(ORDERED);
        // The last page says so itself, also when it is full.
        expect(pages).toBe(Math.ceil(ORDERED.length / limit));
      });

      it.each([0, -1, 1.5, OBJECT_LIST_MAX + 1])('refuses a page of %d', async (limit) => {
        expect(await kindOfFailure(port.list(own, { prefix: '', limit }))).toBe('invalid');
      });

      it('finds nothing in an empty bucket', async () => {
        expect(await port.list(await world.createBucket(), { prefix: '', limit: 10 })).toEqual({ objects: [] });
      });
    });

    describe('delete', () => {
      it('removes the object and no other; once more is no failure', async () => {
        await put('delete/1', text('a'));
        await put('delete/1/2', text('b'));
        expect((await port.list(bucket, { prefix: 'delete/', limit: 10 })).objects).toHaveLength(2);
        await port.delete(bucket, 'delete/1');
        await port.delete(bucket, 'delete/1');
        expect(await port.get(bucket, 'delete/1')).toBeUndefined();
        expect((await port.list(bucket, { prefix: 'delete/', limit: 10 })).objects.map((o) => o.key)).toEqual(['delete/1/2']);
      });
    });

    it('keeps buckets apart, in calls at the same time, too', async () => {
      const buckets = [bucket, await world.createBucket(), await world.createBucket()];
      const jobs = Array.from({ length: 30 }, (_, i) => ({ into: buckets[i % 3] as string, key: `apart-${i}`, body: text(`apart ${i}`) }));
      await Promise.all(jobs.map(({ into, key, body }) => put(key, body, {}, into)));
      const read = await Promise.all(jobs.map(({ into, key }) => port.get(into, key)));
      expect(read.map((r) => r?.body)).toEqual(jobs.map((j) => j.body));
      for (const one of buckets) {
        const expected = jobs.filter((j) => j.into === one).map((j) => j.key);
        expect((await port.list(one, { prefix: 'apart-', limit: 100 })).objects.map((o) => o.key)).toEqual(expected.toSorted());
      }
    });

    it('says that a bucket is missing, except to head, which cannot know', async () => {
      const missing = 'no-such-bucket-0000';
      expect(await kindOfFailure(put('a', text('a'), {}, missing))).toBe('missing');
      expect(await kindOfFailure(put('a', text('a'), { ifMatch: '"x"' }, missing))).toBe('missing');
      expect(await kindOfFailure(port.get(missing, 'a'))).toBe('missing');
      expect(await kindOfFailure(port.list(missing, { prefix: '', limit: 1 }))).toBe('missing');
      expect(await kindOfFailure(port.delete(missing, 'a'))).toBe('missing');
      expect(await port.head(missing, 'a')).toBeUndefined();
    });

    it.each(['', 'ab', 'A-bucket', 'a/b', 'a_b', '-ab', 'a'.repeat(64)])('refuses %j as the name of a bucket', async (name) => {
      expect(await kindOfFailure(put('a', text('a'), {}, name))).toBe('invalid');
      expect(await kindOfFailure(port.list(name, { prefix: '', limit: 1 }))).toBe('invalid');
    });

    it('does not send what is not admitted', async () => {
      const admit = (): void => {
        throw new Error('too late');
      };
      await put('admit', text('there'));
      const body = text('never');
      expect(await kindOfFailure(port.put(bucket, 'admit', body, { sha256: sum(body) }, { admit }))).toBe('notIssued');
      expect(await kindOfFailure(port.delete(bucket, 'admit', { admit }))).toBe('notIssued');
      expect(await kindOfFailure(port.get(bucket, 'admit', undefined, { admit }))).toBe('notIssued');
      expect(await kindOfFailure(port.head(bucket, 'admit', { admit }))).toBe('notIssued');
      expect(await kindOfFailure(port.list(bucket, { prefix: '', limit: 1 }, { admit }))).toBe('notIssued');
      expect(await bytes('admit')).toEqual(text('there'));
      let asked = 0;
      await port.get(bucket, 'admit', undefined, { admit: () => (asked += 1) });
      expect(asked).toBe(1);
    });
  });
}
