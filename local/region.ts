import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { modulesDirectory } from './paths.ts';
import { identify, isAlive, type ProcessIdentity, until } from './processes.ts';
import { launcher, venvPython } from './python.ts';

/** One region of the local cloud: one MiniStack process with its own port, state and temporary files. */

/** How long a region may take to answer (ms). It takes 0.3 s, and a few seconds on a busy machine. */
const READY_MAX_MS = 60_000;
/** One question whether it is ready (ms). */
const PROBE_MS = 1_000;
/** How much of a failed region's log is shown (characters). */
const LOG_SHOWN = 2_000;

/** The account that the local cloud's resources are in. */
export const LOCAL_ACCOUNT = '000000000000';
/** The local cloud takes any key; one of 12 digits would name another account. */
export const LOCAL_CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local' } as const;

/**
 * Settings of every SDK client of the local cloud. The empty logger spares the SDK from walking every input for its
 * default one, which writes nothing.
 */
export const localClient = (
  region: string,
  endpoint: string | undefined,
): { region: string; endpoint: string; credentials: typeof LOCAL_CREDENTIALS; logger: Console } => ({
  region,
  endpoint: endpoint ?? '',
  credentials: LOCAL_CREDENTIALS,
  logger: {} as Console,
});

/** What a region's process is started with. */
export interface RegionSettings {
  readonly region: string;
  readonly port: number;
  /** Its own directory: state, temporary files, log. */
  readonly directory: string;
  /** The URLs of all regions, by name. */
  readonly endpoints: Readonly<Record<string, string>>;
  /** The process that it must not outlive. */
  readonly owner: number | undefined;
  /** More variables, for tests. */
  readonly extra: Readonly<Record<string, string>>;
}

/** The port is taken by somebody else; another one may work. */
export class PortTakenError extends Error {}

/** The URL of a port of this machine. */
export const urlOf = (port: number): string => `http://127.0.0.1:${port}`;

/** Variables that a region's process and the functions in it inherit from ours; nothing else, credentials least of all. */
const INHERITED = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ'] as const;

/**
 * The environment of a region's process. Functions inherit it as a whole. Pure.
 *
 * The project's Node comes first in PATH, because MiniStack runs functions on whatever `node` it finds.
 */
export function regionEnvironment(settings: RegionSettings, own: NodeJS.ProcessEnv, node: string): Record<string, string> {
  const inherited = Object.fromEntries(INHERITED.flatMap((name) => (own[name] === undefined ? [] : [[name, own[name]]])));
  return {
    ...inherited,
    PATH: `${node}:${own['PATH'] ?? ''}`,
    TMPDIR: join(settings.directory, 'tmp'),
    STATE_DIR: join(settings.directory, 'state'),
    S3_DATA_DIR: join(settings.directory, 's3'),
    PERSIST_STATE: '1',
    S3_PERSIST: '1',
    GATEWAY_PORT: String(settings.port),
    BIND_HOST: '127.0.0.1',
    MINISTACK_REGION: settings.region,
    IOT_MTLS_ENABLED: '0',
    LOG_LEVEL: 'WARNING',
    PYTHONDONTWRITEBYTECODE: '1',
    PYTHONUNBUFFERED: '1',
    AWS_REGION: settings.region,
    AWS_DEFAULT_REGION: settings.region,
    AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
    SYNCLINE_ENDPOINTS: JSON.stringify(settings.endpoints),
    ...(settings.owner === undefined ? {} : { SYNCLINE_LOCAL_OWNER: String(settings.owner) }),
    ...settings.extra,
  };
}

/** Where a region writes what it has to say. */
export const logFile = (directory: string): string => join(directory, 'region.log');

/** Starts a region's process. It is not ready yet; `waitReady` says when. */
export function spawnRegion(settings: RegionSettings): ProcessIdentity {
  for (const name of ['tmp', 'state', 's3']) mkdirSync(join(settings.directory, name), { recursive: true });
  const log = openSync(logFile(settings.directory), 'a');
  try {
    // Detached: the process leads a group of its own, so that Ctrl-C in the terminal reaches us first and we end it in order.
    const child = spawn(venvPython, [launcher], {
      cwd: settings.directory,
      detached: true,
      stdio: ['ignore', log, log],
      env: regionEnvironment(settings, process.env, nodeDirectory()),
    });
    child.on('error', () => undefined);
    child.unref();
    const identity = child.pid === undefined ? undefined : identify(child.pid);
    if (identity === undefined) throw new Error(`The region ${settings.region} did not start.${logTail(settings.directory)}`);
    return identity;
  } finally {
    closeSync(log);
  }
}

/** The directory of the Node that functions run on: the project's own where it came with the dependencies, else the present one. */
function nodeDirectory(): string {
  const own = join(modulesDirectory, `node-${process.platform}-${process.arch}`, 'bin');
  return identifyNode(own) ? own : dirname(process.execPath);
}

function identifyNode(directory: string): boolean {
  try {
    closeSync(openSync(join(directory, 'node'), 'r'));
    return true;
  } catch {
    return false;
  }
}

/**
 * Waits until the region answers, and makes sure that it is this very process that does.
 *
 * @throws PortTakenError when another program has the port; Error when the process ends or is not ready in time, with its log.
 */
export async function waitReady(settings: RegionSettings, leader: ProcessIdentity, signal?: AbortSignal): Promise<void> {
  const ready = async (): Promise<boolean> => {
    signal?.throwIfAborted();
    if (!isAlive(leader)) {
      const log = logTail(settings.directory);
      if (/already in use/i.test(log)) throw new PortTakenError(`Port ${settings.port} of region ${settings.region} is in use by another program.`);
      throw new Error(`The region ${settings.region} ended while it started.${log}`);
    }
    return (await askPid(settings.port)) === leader.pid;
  };
  if (await until(ready, READY_MAX_MS)) return;
  throw new Error(`The region ${settings.region} does not answer at ${urlOf(settings.port)} after ${READY_MAX_MS / 1_000} s.${logTail(settings.directory)}`);
}

/** The id of the process that serves this port, or undefined. */
export async function askPid(port: number): Promise<number | undefined> {
  try {
    const answer = await fetch(`${urlOf(port)}/_syncline/process`, { signal: AbortSignal.timeout(PROBE_MS) });
    return ((await answer.json()) as { pid?: number }).pid;
  } catch {
    return undefined;
  }
}

function logTail(directory: string): string {
  try {
    const text = readFileSync(logFile(directory), 'utf8').trim();
    return text === '' ? '' : ` Its log ends:\n${text.slice(-LOG_SHOWN)}`;
  } catch {
    return '';
  }
}

/** Free ports of this machine, all different. Somebody else may take one before it is used. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const server = createServer().on('error', reject).listen(0, '127.0.0.1', resolve);
      await promise;
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map(async (server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
