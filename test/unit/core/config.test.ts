import { describe, expect, test } from 'vitest';
import type { SetConfig } from '../../../lib/core/config.ts';
import { memberNamed, setConfigSchema } from '../../../lib/core/config.ts';
import { LANES_DEFAULT, LANES_MAX } from '../../../lib/core/constants.ts';

const MEMBER = { name: 'eu-central-1', region: 'eu-central-1', account: '111122223333', generation: 1, items: 'syncline-cities-eu-central-1-g1-items' };
const CONFIG = {
  set: 'cities',
  key: { partition: { name: 'country', type: 'S' }, sort: { name: 'cityId', type: 'N' } },
  members: [MEMBER, { ...MEMBER, name: 'us-east-1', region: 'us-east-1' }],
};
/** What is wrong with a configuration: each issue's path and message. */
const problems = (config: unknown): string[] => (setConfigSchema.safeParse(config).error?.issues ?? []).map((i) => `${i.path.join('.')}: ${i.message}`);

describe('a set’s configuration', () => {
  test('is read, and what is left out has its default', () => {
    expect(setConfigSchema.parse(CONFIG)).toEqual({ ...CONFIG, lanes: LANES_DEFAULT, expiry: 'local' });
    expect(setConfigSchema.parse({ ...CONFIG, expiryAttribute: 'ends' }).expiryAttribute).toBe('ends');
    const { sort: _, ...partitionOnly } = CONFIG.key;
    expect(problems({ ...CONFIG, key: partitionOnly })).toEqual([]);
  });

  test.each<[string, unknown, RegExp]>([
    [
      'two attributes of one name',
      { key: { partition: { name: 'id', type: 'S' }, sort: { name: 'id', type: 'S' } } },
      /^key: The partition key and the sort key have the same name/,
    ],
    ['our attribute as a key', { key: { partition: { name: '_s', type: 'S' } } }, /^key\.partition\.name: A key attribute must not be named _s or expiresAt/],
    [
      'the tombstones’ attribute as a sort key',
      { key: { ...CONFIG.key, sort: { name: 'expiresAt', type: 'N' } } },
      /^key\.sort\.name: A key attribute must not be named/,
    ],
    ['__proto__ as a key', { key: { partition: { name: '__proto__', type: 'S' } } }, /^key\.partition\.name: A key attribute must not be named __proto__/],
    ['a key without a name', { key: { partition: { name: '', type: 'S' } } }, /^key\.partition\.name/],
    ['a key of another type', { key: { partition: { name: 'id', type: 'BOOL' } } }, /^key\.partition\.type/],
    ['a name that cannot be one', { set: 'Cities' }, /^set: The set's name must be/],
    ['a member that cannot be one', { members: [{ ...MEMBER, name: 'EU' }] }, /^members\.0\.name: A member's name must be/],
    ['two members of one name', { members: [MEMBER, MEMBER] }, /^: Two members have the same name/],
    ['no member', { members: [] }, /^members/],
    ['a region that is none', { members: [{ ...MEMBER, region: 'europe' }] }, /^members\.0\.region: Not the name of a region/],
    ['an account that is none', { members: [{ ...MEMBER, account: '12345' }] }, /^members\.0\.account: An account is 12 digits/],
    ['a generation of none', { members: [{ ...MEMBER, generation: 0 }] }, /^members\.0\.generation/],
    ['no lanes', { lanes: 0 }, /^lanes/],
    ['too many lanes', { lanes: LANES_MAX + 1 }, /^lanes/],
    ['a TTL attribute without a name', { expiryAttribute: '' }, /^expiryAttribute/],
    ['a TTL attribute with a name that is too long', { expiryAttribute: 'x'.repeat(256) }, /^expiryAttribute/],
    ['an unknown expiry', { expiry: 'never' }, /^expiry/],
    ['a setting that is unknown', { lane: 16 }, /lane/],
  ])('with %s is refused', (_name, change, message) => {
    const found = problems({ ...CONFIG, ...(change as object) });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(message);
  });

  test('gives a member by name, and names those there are', () => {
    const config: SetConfig = setConfigSchema.parse(CONFIG);
    expect(memberNamed(config, 'us-east-1').region).toBe('us-east-1');
    expect(() => memberNamed(config, 'mars')).toThrow('No member "mars" in the set "cities": its members are eu-central-1, us-east-1.');
  });
});
