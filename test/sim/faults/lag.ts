import type { FaultKind } from '../fault.ts';

const HOUR_MS = 3_600_000;

export const lag: FaultKind = {
  name: 'lag',
  about: 'A mapping delivers nothing for minutes or hours, up to nearly a day, while writes go on.',
  share: 0.15,
  rate: (chance) => 0.003 + chance.random() * 0.02,
  make: (at) => ({
    step() {
      if (!at.strikes()) return;
      const { world } = at;
      const mappings = [...world.streams, ...world.queues.values()];
      const mapping = mappings[at.chance.below(mappings.length)];
      if (mapping === undefined) return;
      const ms = at.chance.below(at.chance.random() < 0.6 ? HOUR_MS / 2 : 20 * HOUR_MS);
      world.pause(mapping, ms);
      const name = 'link' in mapping ? `apply of ${mapping.link.id}` : `${mapping.fn} of ${mapping.member}`;
      at.injected(() => `${name} lags by ${Math.round(ms / 60_000)} min`);
      if (at.chance.random() < 0.4) world.jump(at.chance.below(ms));
    },
  }),
};
