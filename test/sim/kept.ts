import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Knobs } from './knobs.ts';
import { checkKnobs } from './options.ts';

/** Seeds that failed once, kept as cases (test/sim/kept/NAME.json): each is run by kept.test.ts for ever. */

export const KEPT_DIRECTORY = join(import.meta.dirname, 'kept');

const schema = z.strictObject({
  /** What was wrong, and what made it right. */
  about: z.string(),
  /** The rule that it broke, and how it said so. */
  rule: z.string(),
  message: z.string(),
  seed: z.number().int().min(0),
  knobs: z.record(z.string(), z.unknown()),
});

export interface Kept {
  readonly name: string;
  readonly about: string;
  readonly rule: string;
  readonly message: string;
  readonly seed: number;
  readonly knobs: Partial<Knobs>;
}

/** A name becomes a file's: lower-case words with hyphens. */
export const isName = (name: string): boolean => /^[a-z0-9]+(-[a-z0-9]+)*$/.test(name);

/** @throws Error that names the file, when one cannot be read. */
export function readKept(directory = KEPT_DIRECTORY): readonly Kept[] {
  return readdirSync(directory)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => {
      try {
        const { knobs, ...rest } = schema.parse(JSON.parse(readFileSync(join(directory, file), 'utf8')));
        return { name: file.slice(0, -'.json'.length), ...rest, knobs: checkKnobs(knobs) };
      } catch (error) {
        throw new Error(`test/sim/kept/${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
      }
    });
}

/** Writes one. Gives its path. @throws Error when there is one of that name. */
export function writeKept({ name, ...rest }: Kept, directory = KEPT_DIRECTORY): string {
  const path = join(directory, `${name}.json`);
  mkdirSync(directory, { recursive: true });
  writeFileSync(path, `${JSON.stringify(rest, null, 2)}\n`, { flag: 'wx' });
  return path;
}
