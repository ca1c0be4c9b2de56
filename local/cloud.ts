import { mkdtempSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { afterFault, type Fault, wipe } from './faults.ts';
import { withLock } from './lock.ts';
import { temporaryRoot } from './paths.ts';
import type { Place } from './place.ts';
import { endGroup, identify, killGroup, type ProcessIdentity, signalGroup } from './processes.ts';
import { ensurePython } from './python.ts';
import {
  allRecords,
  type CloudRecord,
  changeRecord,
  forgetCloud,
  isInUse,
  type RegionRecord,
  readRecord,
  removeCloud,
  sweepAbandoned,
  writeRecord,
} from './record.ts';
import { freePorts, LOCAL_CREDENTIALS, PortTakenError, type RegionSettings, spawnRegion, urlOf, waitReady } from './region.ts';
import { plantSeed } from './seed.ts';

/**
 * The local cloud: one MiniStack process a region. Used by `npm start`, by `npm run local`, by tests and by the bench.
 *
 *     const cloud = await startCloud({ regions: ['eu-central-1', 'us-east-1'] });
 *     try { … cloud.endpoints['us-east-1'] … } finally { await cloud.stop(); }
 *
 * A cloud that has an owner (the default: the process that started it) ends with it, whatever way it ends.
 */

/** The regions that are used when none are named. */
export const DEFAULT_REGIONS = ['eu-central-1', 'us-east-1', 'ap-southeast-2'] as const;
/** More processes than this do not fit a developer's machine. */
export const REGIONS_MAX = 8;
/** A free port may be taken before it is used; then all start anew with others, this many times in all. */
const START_ATTEMPTS = 3;
/** How long a region may take to save its state when it is stopped (ms); with 100,000 items it takes seconds. */
const SAVE_MAX_MS = 60_000;

/** How to start a cloud. */
export interface CloudOptions {
  readonly regions: readonly string[];
  /** Names it for other commands. Default: a name of its own. */
  readonly name?: string;
  /** Whether it stays up after this process, until it is taken down by name. */
  readonly detached?: boolean;
  /** Whether its regions start from their seeds, where there are any (see `makeSeeds`): bootstrapped for the CDK, else empty. */
  readonly seeded?: boolean;
  /** More environment variables of every region and so of every function, for tests. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** A cloud that runs. Its `directory` is where the regions keep state and logs (`REGION/region.log`). */
export interface Cloud extends Place {
  readonly name: string;
  /** Gives a region an outage, or ends one. Returns when it has taken effect. @throws Error when the region's state does not allow it. */
  fault(kind: Fault, region: string): Promise<void>;
  /** Ends all processes and removes all files. Safe to call twice. */
  stop(): Promise<void>;
}

/** Clouds that this process started and that must not outlive it. */
const owned = new Set<string>();

/**
 * Starts a cloud and returns when every region answers.
 *
 * @throws Error when there is no suitable Python, a region does not start (with its log), or the name is in use. Nothing keeps running then.
 */
export async function startCloud(options: CloudOptions): Promise<Cloud> {
  const problem = regionsProblem(options.regions);
  if (problem !== undefined) throw new Error(problem);
  await withLock('venv', async () => ensurePython(options.signal));
  await sweepAbandoned();
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(options);
    } catch (error) {
      if (!(error instanceof PortTakenError) || attempt === START_ATTEMPTS) throw error;
    }
  }
}

/** Says what is wrong with a list of regions, or undefined. Pure. */
export function regionsProblem(regions: readonly string[]): string | undefined {
  if (regions.length < 1 || regions.length > REGIONS_MAX) return `Name 1 to ${REGIONS_MAX} regions; got ${regions.length}.`;
  const bad = regions.find((region) => !/^[a-z]{2}(-[a-z]+)+-\d$/.test(region));
  if (bad !== undefined) return `${JSON.stringify(bad)} is not the name of a region; names look like eu-central-1.`;
  const twice = regions.find((region, i) => regions.indexOf(region) !== i);
  return twice === undefined ? undefined : `The region ${twice} is named twice.`;
}

async function startOnce(options: CloudOptions): Promise<Cloud> {
  const ports = await freePorts(options.regions.length);
  const record = createRecord(options, ports);
  if (options.detached !== true) owned.add(record.name);
  try {
    writeRecord(record);
    if (options.seeded === true) for (const region of options.regions) plantSeed(region, join(record.directory, region));
    await Promise.all(options.regions.map(async (region) => startRegion(record.name, region, options)));
    return cloudOf(record.name, options.environment);
  } catch (error) {
    await end(record.name);
    throw error;
  }
}

function createRecord(options: CloudOptions, ports: readonly number[]): CloudRecord {
  const name = options.name ?? `cloud-${process.pid}-${ports[0]}`;
  const present = readRecord(name);
  if (present !== undefined && isInUse(present)) {
    const who = present.owner === undefined ? 'take it down with `npm run local -- down`' : `it belongs to process ${present.owner.pid}; end that first`;
    throw new Error(`A local cloud named "${name}" is up already: ${who}.`);
  }
  const owner = options.detached === true ? undefined : identify(process.pid);
  return {
    format: 1,
    name,
    ...(owner && { owner }),
    directory: realpathSync(mkdtempSync(join(temporaryRoot(), 'syncline-local-'))),
    regions: Object.fromEntries(options.regions.map((region, i) => [region, { port: ports[i] ?? 0, state: 'starting' as const }])),
  };
}

async function startRegion(name: string, region: string, options: Pick<CloudOptions, 'environment' | 'signal'>): Promise<void> {
  const settings = settingsOf(mustRead(name), region, options.environment ?? {});
  const leader = spawnRegion(settings);
  // Written before it is ready: an interrupted start must find it.
  changeRegion(name, region, (r) => ({ ...r, state: 'starting', process: leader }));
  await waitReady(settings, leader, options.signal);
  changeRegion(name, region, (r) => ({ ...r, state: 'up' }));
}

function settingsOf(record: CloudRecord, region: string, extra: Readonly<Record<string, string>>): RegionSettings {
  return {
    region,
    port: regionOf(record, region).port,
    directory: join(record.directory, region),
    endpoints: endpointsOf(record),
    owner: record.owner?.pid,
    extra,
  };
}

const endpointsOf = (record: CloudRecord): Record<string, string> =>
  Object.fromEntries(Object.entries(record.regions).map(([region, { port }]) => [region, urlOf(port)]));

/** @throws Error naming the regions there are. */
function regionOf(record: CloudRecord, region: string): RegionRecord {
  const found = record.regions[region];
  if (found === undefined)
    throw new Error(`No region "${region}" in the local cloud "${record.name}": its regions are ${Object.keys(record.regions).join(', ')}.`);
  return found;
}

function mustRead(name: string): CloudRecord {
  const record = readRecord(name);
  if (record === undefined) throw new Error(`The local cloud "${name}" is not up any more.`);
  return record;
}

function changeRegion(name: string, region: string, change: (r: RegionRecord) => RegionRecord): void {
  changeRecord(name, (record) => ({ ...record, regions: { ...record.regions, [region]: change(regionOf(record, region)) } }));
}

/** A cloud that is up, by name: of this process or of another. @throws Error when there is none, saying how to start one. */
export function openCloud(name: string): Cloud {
  const record = readRecord(name);
  if (record === undefined || !isInUse(record)) {
    const others = allRecords()
      .filter(isInUse)
      .map((r) => r.name);
    throw new Error(
      `No local cloud "${name}" is up. ${others.length === 0 ? 'Start one with `npm start` or `npm run local -- up`.' : `Up are: ${others.join(', ')} (choose with --cloud).`}`,
    );
  }
  return cloudOf(name);
}

function cloudOf(name: string, extra: Readonly<Record<string, string>> = {}): Cloud {
  const record = mustRead(name);
  const endpoints = endpointsOf(record);
  return {
    name,
    regions: Object.keys(record.regions),
    endpoints,
    directory: record.directory,
    environment: (region) => environmentOf(endpoints, region),
    fault: async (kind, region) => fault(name, region, kind, extra),
    stop: async () => end(name),
  };
}

/** What commands and SDK clients need to use the cloud, seen from one region. Pure. */
export function environmentOf(endpoints: Readonly<Record<string, string>>, region: string): Record<string, string> {
  const endpoint = endpoints[region];
  if (endpoint === undefined) throw new Error(`No region "${region}" in this local cloud: its regions are ${Object.keys(endpoints).join(', ')}.`);
  return {
    AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_ENDPOINT_URL: endpoint,
    AWS_ENDPOINT_URL_S3: endpoint,
    SYNCLINE_ENDPOINTS: JSON.stringify(endpoints),
  };
}

async function fault(name: string, region: string, kind: Fault, extra: Readonly<Record<string, string>>): Promise<void> {
  const record = mustRead(name);
  const { state, process: leader } = regionOf(record, region);
  const next = afterFault(region, state, kind);
  if (kind === 'start') return startRegion(name, region, { environment: extra });
  if (leader === undefined) throw new Error(`The region ${region} has no process.`);
  await FAULT_EFFECTS[kind](leader);
  if (kind === 'kill') wipe(join(record.directory, region));
  changeRegion(name, region, ({ port, process: p }) => ({ port, state: next, ...(next === 'up' || next === 'frozen' ? p && { process: p } : {}) }));
}

/** Freezing stops the functions with their region: while they run on, it would not be an outage of the region. */
const FAULT_EFFECTS: Readonly<Record<Exclude<Fault, 'start'>, (leader: ProcessIdentity) => Promise<unknown>>> = {
  freeze: async (leader) => signalGroup(leader, 'SIGSTOP'),
  resume: async (leader) => signalGroup(leader, 'SIGCONT'),
  stop: async (leader) => endGroup(leader, SAVE_MAX_MS),
  kill: async (leader) => endGroup(leader, 0),
};

async function end(name: string): Promise<void> {
  owned.delete(name);
  const record = readRecord(name);
  // Nothing is saved: the files go with the cloud. So the processes are killed, which nothing can delay.
  if (record !== undefined) await removeCloud(record);
}

/** The last resort of a process that ends without `stop()`: kills its clouds' processes and removes their files, without waiting. */
export function killOwned(): void {
  for (const name of owned) {
    const record = readRecord(name);
    if (record === undefined) continue;
    for (const region of Object.values(record.regions)) if (region.process !== undefined) killGroup(region.process);
    try {
      forgetCloud(record);
    } catch {
      // A killed process may still be ending. Then the record stays, and the next start clears up.
    }
  }
}
process.on('exit', killOwned);
