import type { CheckProps } from './check.ts';
import { parseEvery } from './context-every.ts';
import type { Text } from './context-text.ts';
import { SetPropsError } from './set.ts';

/** Reads what `cdk -c name=value` says about the checker. Pure. Whether the values can be used is checked where they are (check.ts). */

/** @throws SetPropsError naming the setting, what was seen, and what it must look like. */
export function parseCheck(text: Text): CheckProps | undefined {
  const sweepEvery = text('sweepEvery');
  const budget = text('sweepMonthlyUsd');
  const repair = text('repair');
  if ([sweepEvery, budget, repair].every((value) => value === undefined)) return undefined;
  if (repair !== undefined && repair !== 'auto' && repair !== 'ask' && repair !== 'off') {
    throw new SetPropsError(`-c repair must be "auto", "ask" or "off"; got ${JSON.stringify(repair)}.`);
  }
  if (budget !== undefined && !/^\d{1,7}(\.\d{1,2})?$/.test(budget)) {
    throw new SetPropsError(`-c sweepMonthlyUsd must be US dollars, like 25 or 2.50; got ${JSON.stringify(budget)}.`);
  }
  return {
    ...(sweepEvery !== undefined && { sweepEvery: parseEvery('sweepEvery', sweepEvery) }),
    ...(budget !== undefined && { monthlyUsd: Number(budget) }),
    ...(repair !== undefined && { repair }),
  };
}
