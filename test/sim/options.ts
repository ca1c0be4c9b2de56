import { InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { SeededChance } from '../../lib/adapters/memory/chance.ts';
import { drawKnobs } from './draw.ts';
import { FAULTS } from './faults/all.ts';
import type { Knobs } from './knobs.ts';

/** Reads what the simulator's commands are given. Pure; each function throws InvalidArgumentError, saying what is wrong. */

/** Seeds are numbers of 32 bits. */
export const SEED_MAX = 0xffff_ffff;
/** Seeds of one command: a day on two cores, or so. */
export const SEEDS_MAX = 10_000_000;
export const JOBS_MAX = 256;
export const MINUTES_MAX = 7 * 24 * 60;

/** A whole number within bounds. */
export const wholeNumber =
  (least: number, most: number) =>
  (text: string): number => {
    const n = Number(text);
    if (!/^\d+$/.test(text) || n < least || n > most) throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
    return n;
  };

/** Kinds of fault with their rates; undefined for one that is drawn from the seed. */
export type FaultChoice = ReadonlyMap<string, number | undefined>;

const known = (): string => FAULTS.map((f) => f.name).join(', ');

/** `a,b=0.2`, or `none`. */
export function parseFaults(text: string): FaultChoice {
  const choice = new Map<string, number | undefined>();
  if (text === 'none') return choice;
  for (const part of text.split(',')) {
    const [name = '', rate, ...rest] = part.trim().split('=');
    if (!FAULTS.some((f) => f.name === name)) throw new InvalidArgumentError(`There is no fault "${name}". There are: ${known()}; or "none".`);
    const n = rate === undefined ? undefined : Number(rate);
    if (rest.length > 0 || (n !== undefined && !(rate?.trim() !== '' && n >= 0 && n <= 1)))
      throw new InvalidArgumentError(`The rate of "${name}" must be a number from 0 to 1, not "${part.slice(part.indexOf('=') + 1)}".`);
    choice.set(name, n);
  }
  return choice;
}

/** The faults of a seed: exactly the chosen kinds, with the given rates, or those that the seed draws. */
export function faultsOf(seed: number, choice: FaultChoice): Knobs['faults'] {
  const drawn = drawKnobs(seed).faults;
  const entries = FAULTS.flatMap((kind, i): [string, number][] => {
    if (!choice.has(kind.name)) return [];
    return [[kind.name, choice.get(kind.name) ?? drawn[kind.name] ?? kind.rate(new SeededChance(seed ^ (0xfa17 + i)))]];
  });
  return Object.fromEntries(entries);
}

const count = (least: number): z.ZodNumber => z.number().int().min(least);
/** What `--knobs` may hold. */
const knobsSchema = z
  .strictObject({
    members: count(2).max(3),
    lanes: count(1).max(1_024),
    keys: count(1),
    steps: count(0),
    paceMs: z.number().min(0),
    batchRecords: count(1).max(10_000),
    batchMessages: count(1).max(10),
    concurrency: count(1),
    tickMs: z.number().min(1),
    checkMs: z.number().min(0),
    faults: z.record(z.string(), z.number().min(0).max(1)),
  })
  .partial();

/** Knobs as JSON, any of them. */
export function parseKnobs(text: string): Partial<Knobs> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InvalidArgumentError(`It must be JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  return checkKnobs(value);
}

/** Knobs that came from elsewhere, checked. */
export function checkKnobs(value: unknown): Partial<Knobs> {
  const parsed = knobsSchema.safeParse(value);
  if (!parsed.success) throw new InvalidArgumentError(`It must hold knobs only (test/sim/knobs.ts): ${z.prettifyError(parsed.error)}`);
  for (const name of Object.keys(parsed.data.faults ?? {}))
    if (!FAULTS.some((f) => f.name === name)) throw new InvalidArgumentError(`There is no fault "${name}". There are: ${known()}.`);
  return Object.fromEntries(Object.entries(parsed.data).filter(([, v]) => v !== undefined)) as Partial<Knobs>;
}
