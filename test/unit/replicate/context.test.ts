import { describe, expect, test } from 'vitest';
import { setConfigSchema } from '../../../lib/core/config.ts';
import { memberContext } from '../../../lib/replicate/context.ts';

const MEMBER = { name: 'eu-central-1', region: 'eu-central-1', account: '111122223333', generation: 1, items: 'cities' };
const contextOf = (more: object) => {
  const config = setConfigSchema.parse({ set: 'cities', key: { partition: { name: 'id', type: 'S' } }, members: [MEMBER], ...more });
  return memberContext(config, MEMBER);
};

describe('a member’s TTL attribute', () => {
  test('is known where each member expires its own copies', () => {
    expect(contextOf({ expiryAttribute: 'ends' }).expiryAttribute).toBe('ends');
  });

  test.each([
    ['nothing expires', {}],
    ['removals by TTL are replicated as all others are', { expiry: 'replicate', expiryAttribute: 'ends' }],
  ])('is none where %s', (_, more) => {
    expect(contextOf(more)).not.toHaveProperty('expiryAttribute');
  });
});
