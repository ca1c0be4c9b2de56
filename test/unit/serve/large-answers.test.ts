import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fittingPage } from '../../../lib/serve/api-read.ts';
import { ANSWER_BYTES_MAX, fitsAnswer, JSON_TYPE } from '../../../lib/serve/http.ts';
import type { QueryIntent } from '../../../lib/serve/query.ts';
import { city, EU, put, US, World } from './harness.ts';

/** Answers stay within what Lambda hands over, whatever items hold. */

describe('whether a body can be handed over', () => {
  it('is a matter of its length as JSON within JSON', () => {
    expect(fitsAnswer('a'.repeat(ANSWER_BYTES_MAX - 2))).toBe(true);
    expect(fitsAnswer('a'.repeat(ANSWER_BYTES_MAX - 1))).toBe(false);
    expect(fitsAnswer('"'.repeat(ANSWER_BYTES_MAX / 2 - 1))).toBe(true);
    expect(fitsAnswer('"'.repeat(ANSWER_BYTES_MAX / 2))).toBe(false);
    expect(fitsAnswer('€'.repeat(ANSWER_BYTES_MAX / 2))).toBe(false);
  });
});

describe('a page that is too long', () => {
  const items = (n: number): { readonly i: { readonly N: string } }[] => Array.from({ length: n }, (_, i) => ({ i: { N: String(i) } }));

  it('is read again with fewer items, until it fits', async () => {
    const size = ANSWER_BYTES_MAX / 10;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 1_000 }), fc.integer({ min: 1, max: 1_000 }), async (stored, limit) => {
        const asked: number[] = [];
        const read = (intent: QueryIntent) => {
          asked.push(intent.limit ?? 0);
          return Promise.resolve({ items: items(Math.min(stored, intent.limit ?? 0)), scanned: 0 });
        };
        let longest = 0;
        const text = await fittingPage({ partition: { S: 'a' }, limit }, read, (page) => {
          longest = page.items.length;
          // Long texts are not made here: fitsAnswer has its own test.
          return page.items.length * size > ANSWER_BYTES_MAX ? TOO_LONG : `${page.items.length}`;
        });
        expect(text).not.toBe(TOO_LONG);
        expect(longest).toBeGreaterThanOrEqual(Math.min(stored, limit, 5));
        expect(asked.length).toBeLessThanOrEqual(8);
      }),
      { numRuns: 8 },
    );
  });

  it('of a single item is given as it is: an item always fits', async () => {
    const read = () => Promise.resolve({ items: items(1), scanned: 1 });
    expect(await fittingPage({ partition: { S: 'a' } }, read, () => TOO_LONG)).toBe(TOO_LONG);
  });

  const TOO_LONG = 'a'.repeat(ANSWER_BYTES_MAX);
});

it('items full of control characters and quotes come page by page, none twice, none lost', async () => {
  const world = new World();
  await world.seats(EU);
  // Each character takes one byte in DynamoDB, six in JSON, and seven in JSON within JSON.
  for (let n = 1; n <= 3; n += 1) await world.send(EU, put(city('\u0001'.repeat(390_000), { cityId: { N: String(n) } })));
  await world.send(EU, put(city('"\\'.repeat(195_000), { cityId: { N: '4' } })));
  const seen: unknown[] = [];
  let after: unknown;
  for (let page = 0; page < 10; page += 1) {
    const body = { partition: 'DE', select: ['cityId', 'name'], limit: 1_000, ...(after !== undefined && { after }) };
    // At a secondary that asks the primary: the answer must fit twice.
    const got = await world.send(US, { method: 'POST', path: '/query', headers: { 'Content-Type': JSON_TYPE, 'Syncline-Consistency': 'strong' }, body });
    expect(got.status).toBe(200);
    expect(Buffer.byteLength(JSON.stringify(got.body))).toBeLessThanOrEqual(ANSWER_BYTES_MAX);
    seen.push(...(got.json['items'] as { cityId: unknown }[]).map((item) => item.cityId));
    after = got.json['next'];
    if (after === undefined) break;
  }
  expect(seen).toEqual([1, 2, 3, 4]);
});
