import { InvalidArgumentError } from 'commander';

/** How options are read that several commands of the checker have. */

/** Largest rate (items/s): beyond it nothing is held back. */
const RATE_MAX = 10_000_000;

/** Gathers an option that may be repeated. */
export const repeated = (text: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), text];

/** Items a second. @throws InvalidArgumentError */
export function itemsPerSecond(text: string): number {
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || !(value > 0 && value <= RATE_MAX)) {
    throw new InvalidArgumentError(`It must be a number of items a second, more than 0 and at most ${RATE_MAX}.`);
  }
  return value;
}
