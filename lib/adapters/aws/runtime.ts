import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Chance, Clock } from '../../ports/runtime.ts';

/** This host's clocks. */
export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  sleep: async (ms) => {
    await sleep(Math.max(0, ms));
  },
};

/** Bytes of chance in a nonce: 32 hexadecimal characters. */
const NONCE_BYTES = 16;

/** This host's chance. */
export const systemChance: Chance = {
  random: () => Math.random(),
  nonce: () => randomBytes(NONCE_BYTES).toString('hex'),
};
