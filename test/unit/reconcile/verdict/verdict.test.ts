import { describe, expect, it } from 'vitest';
import type { Item } from '../../../../lib/core/attribute.ts';
import { item, key } from '../../../flows/support/world.ts';
import { Court, words } from './support.ts';

const n = (value: number) => ({ n: { N: String(value) } });

describe('a verdict', () => {
  it('calls what is equal verified, at once', async () => {
    const court = await Court.create();
    await court.world.put(item('a', 1, n(1)));
    await court.settle();
    expect(words(await court.judge([key('a'), key('nowhere')]))).toEqual({ a: 'verified', nowhere: 'verified' });
    expect(court.batches.at(-1)?.round).toBe(1);
  });

  for (const live of [true, false]) {
    it(`finds what was changed, removed and added behind the pipeline's back, ${live ? 'while others write' : 'on a table that nobody writes'}`, async () => {
      const court = await Court.create();
      const { world } = court;
      for (const pk of ['changed', 'hand', 'missing', 'deleted', 'same']) await world.put(item(pk, 1, n(1)));
      await court.settle();
      await world.remove(key('deleted'));
      await court.settle();
      const old = (await world.get(key('changed'))) as Item;
      await world.put({ ...old, ...n(2) }, world.secondary);
      await world.put(item('hand', 1, n(3)), world.secondary);
      await world.remove(key('missing'), world.secondary);
      await world.put(item('deleted', 1, n(1)), world.secondary);
      await world.put(item('extra', 1, n(1)), world.secondary);
      if (live) court.during = () => court.alive();
      const verdicts = await court.judge(['changed', 'hand', 'missing', 'deleted', 'same', 'extra'].map((pk) => key(pk)));
      expect(words(verdicts)).toEqual({
        changed: 'divergent changed',
        hand: 'divergent changed',
        missing: 'divergent missing',
        deleted: 'divergent extra',
        same: 'verified',
        extra: 'divergent extra',
      });
    });
  }

  it('finds a copy that an old backup brought back, seal and all', async () => {
    const court = await Court.create();
    const { world } = court;
    await world.put(item('a', 1, n(1)));
    await world.put(item('b', 1, n(1)));
    await court.settle();
    const [a, b] = [(await world.get(key('a'))) as Item, (await world.get(key('b'))) as Item];
    await world.put(item('a', 1, n(2)));
    await world.remove(key('b'));
    await court.settle();
    await world.put(a, world.secondary);
    await world.put(b, world.secondary);
    expect(words(await court.judge([key('a'), key('b')]))).toEqual({ a: 'divergent changed', b: 'divergent extra' });
  });
});
