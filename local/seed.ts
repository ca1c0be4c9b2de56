import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { localDirectory, root } from './paths.ts';

/**
 * The state of a region that has been bootstrapped for the CDK and holds nothing else, kept under .local/seeds. A region
 * that starts from it needs no `cdk bootstrap`, which takes several seconds and is done once in an account's life on AWS, too.
 */

/** What of a region's directory is its state. */
const STATE = ['state', 's3'] as const;

const seedsDirectory = join(localDirectory, 'seeds');

/** A seed is good for the versions of MiniStack and of the CDK that it was made with. */
function versionHash(): string {
  const hash = createHash('sha256');
  for (const file of ['local/ministack/requirements.txt', 'node_modules/aws-cdk/package.json']) hash.update(readFileSync(join(root, file)));
  return hash.digest('hex').slice(0, 16);
}

const seedOf = (region: string): string => join(seedsDirectory, versionHash(), region);

/** Whether there is a seed for the region. */
export const hasSeed = (region: string): boolean => existsSync(seedOf(region));

/** Puts the region's seed, if there is one, where a region that has not started yet will look for its state. */
export function plantSeed(region: string, directory: string): void {
  if (!hasSeed(region)) return;
  for (const part of STATE) if (existsSync(join(seedOf(region), part))) cpSync(join(seedOf(region), part), join(directory, part), { recursive: true });
}

/** Keeps the state of a stopped region as its seed. In one step, so that an interrupted one leaves none. Gives where it is. */
export function keepSeed(region: string, directory: string): string {
  const unfinished = `${seedOf(region)}.${process.pid}.tmp`;
  mkdirSync(unfinished, { recursive: true });
  for (const part of STATE) if (existsSync(join(directory, part))) cpSync(join(directory, part), join(unfinished, part), { recursive: true });
  rmSync(seedOf(region), { recursive: true, force: true });
  renameSync(unfinished, seedOf(region));
  return seedOf(region);
}
