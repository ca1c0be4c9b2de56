import { SetPropsError } from './set.ts';

const DAY_HOURS = 24;

/** Reads how often something is done: hours, or `off`. @throws SetPropsError naming the setting, and what it must look like. */
export function parseEvery(name: string, value: string): 'off' | number {
  if (value === 'off') return 'off';
  const [, count, unit] = /^(\d{1,6})([hd])$/.exec(value) ?? [];
  if (count === undefined) throw new SetPropsError(`-c ${name} must be hours like "6h", days like "7d", or "off"; got ${JSON.stringify(value)}.`);
  return Number(count) * (unit === 'd' ? DAY_HOURS : 1);
}
