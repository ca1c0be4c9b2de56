import type { FaultKind } from '../fault.ts';

/** Open shards that a stream has, at most. */
const SHARDS_MAX = 8;

export const shardSplit: FaultKind = {
  name: 'shard-split',
  about: 'A shard splits, or rolls over to a child, with a backlog in it.',
  share: 0.25,
  rate: (chance) => 0.01 + chance.random() * 0.06,
  make: (at) => ({
    step() {
      if (!at.strikes()) return;
      const { world } = at;
      const member = world.set.members[at.chance.below(world.set.members.length)] as string;
      const stream = world.set.items(member).stream;
      const now = world.nowAt(member);
      const open = world.openShards(member);
      if (stream === undefined || open.length === 0) return;
      const split = open.length < SHARDS_MAX && at.chance.random() < 0.6;
      at.injected(() => (split ? 'a shard splits' : 'all shards roll over'), { at: member });
      if (split) stream.split(open[at.chance.below(open.length)] as string, now);
      else stream.roll(now);
      world.kickAll();
    },
  }),
};
