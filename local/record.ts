import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { cloudsDirectory } from './paths.ts';
import { endGroup, isAlive } from './processes.ts';

/**
 * What is known about a running cloud: one JSON file each, under .local/clouds. It is written before a process starts and
 * at each change, so that another command can find, disturb and end a cloud, and so that nothing of one is forgotten.
 */

const identity = z.strictObject({ pid: z.int().positive(), started: z.string() });

const regionRecord = z.strictObject({
  port: z.int().min(1).max(65_535),
  /** What the region was told to be; whether its process lives is another question. */
  state: z.enum(['starting', 'up', 'frozen', 'stopped', 'killed']),
  process: identity.exactOptional(),
});

const deploymentRecord = z.strictObject({
  set: z.string(),
  primary: z.string(),
  /** SYNCLINE_CONFIG as the functions have it. */
  config: z.string(),
  /** Each member's API, with its stage. */
  apis: z.record(z.string(), z.string()),
});

const cloudRecord = z.strictObject({
  format: z.literal(1),
  name: z.string(),
  /** The process that the cloud ends with; absent when it stays up until it is taken down. */
  owner: identity.exactOptional(),
  /** Where the regions keep state and logs. */
  directory: z.string(),
  regions: z.record(z.string(), regionRecord),
  deployment: deploymentRecord.exactOptional(),
});

export type CloudRecord = z.infer<typeof cloudRecord>;
export type RegionRecord = z.infer<typeof regionRecord>;
export type DeploymentRecord = z.infer<typeof deploymentRecord>;

/** Name of the cloud that `npm start` and `npm run local -- up` make. */
export const DEFAULT_CLOUD = 'default';

const fileOf = (name: string): string => join(cloudsDirectory, `${name}.json`);

/** Writes a record in one step, so that a reader never sees half of it. */
export function writeRecord(record: CloudRecord): void {
  mkdirSync(cloudsDirectory, { recursive: true });
  const temporary = `${fileOf(record.name)}.${process.pid}.tmp`;
  writeFileSync(temporary, `${JSON.stringify(record, null, 2)}\n`);
  renameSync(temporary, fileOf(record.name));
}

/** The record of that name, or undefined. One that this version cannot read counts as none. */
export function readRecord(name: string): CloudRecord | undefined {
  try {
    return cloudRecord.parse(JSON.parse(readFileSync(fileOf(name), 'utf8')));
  } catch {
    return undefined;
  }
}

/** Changes the record of that name; does nothing when there is none. */
export function changeRecord(name: string, change: (record: CloudRecord) => CloudRecord): void {
  const record = readRecord(name);
  if (record !== undefined) writeRecord(change(record));
}

/** All records. */
export function allRecords(): CloudRecord[] {
  let files: string[];
  try {
    files = readdirSync(cloudsDirectory);
  } catch {
    return [];
  }
  return files
    .filter((file) => file.endsWith('.json'))
    .map((file) => readRecord(file.slice(0, -'.json'.length)))
    .filter((record) => record !== undefined);
}

/** Whether somebody still uses the cloud: its owner lives or, without an owner, one of its regions does, or all were stopped on purpose. */
export function isInUse(record: CloudRecord): boolean {
  if (record.owner !== undefined) return isAlive(record.owner);
  const regions = Object.values(record.regions);
  return (
    regions.some((region) => region.process !== undefined && isAlive(region.process)) ||
    regions.every((region) => region.state === 'stopped' || region.state === 'killed')
  );
}

/** Ends what still runs of a cloud and removes its files; nothing is saved. Safe to repeat. */
export async function removeCloud(record: CloudRecord): Promise<void> {
  await Promise.all(Object.values(record.regions).map((region) => region.process && endGroup(region.process, 0)));
  forgetCloud(record);
}

/** Removes the files of a cloud, its record last. @throws Error when a process of it still writes. */
export function forgetCloud(record: CloudRecord): void {
  rmSync(record.directory, { recursive: true, force: true, maxRetries: 5 });
  rmSync(fileOf(record.name), { force: true });
}

/** Clears away what interrupted runs left behind. Gives the names of the clouds it found. */
export async function sweepAbandoned(): Promise<string[]> {
  const abandoned = allRecords().filter((record) => !isInUse(record));
  await Promise.all(abandoned.map(removeCloud));
  return abandoned.map((record) => record.name);
}
