import { describe, expect, test } from 'vitest';
import type { Item } from '../../../lib/core/attribute.ts';
import { DAY_MAX, DAY_NONE, expiryDay, expiryTimeS } from '../../../lib/core/expiry-day.ts';

const item = (ends: Item[string]): Item => ({ id: { S: 'a' }, ends });

describe('the day on which an item expires', () => {
  test.each<[string, Item, number]>([
    ['the first second of a day', item({ N: String(20_000 * 86_400) }), 20_000],
    ['the last second of a day', item({ N: String(20_001 * 86_400 - 1) }), 20_000],
    ['a fraction of a second', item({ N: '1728000000.75' }), 20_000],
    ['a time on the first day of 1970, which is no time for DynamoDB either', item({ N: '5' }), 1],
    ['a time in milliseconds: far beyond what two bytes hold', item({ N: '1795515303000' }), DAY_MAX],
    ['no attribute', { id: { S: 'a' } }, DAY_NONE],
    ['a text', item({ S: '1728000000' }), DAY_NONE],
    ['a map', item({ M: {} }), DAY_NONE],
    ['zero', item({ N: '0' }), DAY_NONE],
    ['a time before 1970', item({ N: '-86400' }), DAY_NONE],
    ['a number beyond what JavaScript holds', item({ N: '9'.repeat(38) }), DAY_MAX],
    ['no number', item({ N: 'NaN' }), DAY_NONE],
  ])('of %s', (_, given, day) => {
    expect(expiryDay(given, 'ends')).toBe(day);
  });

  test('is none where the table has no TTL attribute', () => {
    expect(expiryDay(item({ N: '1728000000' }), undefined)).toBe(DAY_NONE);
    expect(expiryTimeS(item({ N: '1728000000' }), undefined)).toBeUndefined();
    expect(expiryTimeS(item({ N: '1728000000' }), 'ends')).toBe(1_728_000_000);
  });
});
