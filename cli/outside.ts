import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { AwsClientsOptions } from '../lib/adapters/aws/clients.ts';
import { systemChance, systemClock } from '../lib/adapters/aws/runtime.ts';
import type { EventPort } from '../lib/ports/events.ts';
import type { Log, Runtime } from '../lib/ports/runtime.ts';
import { DEFAULT_CLOUD, isInUse, readRecord } from '../local/record.ts';
import { LOCAL_ACCOUNT } from './context.ts';
import type { FactsPort } from './doctor/facts.ts';
import { CliError } from './errors.ts';
import type { CliPorts, Credentials } from './session.ts';
import type { LocalCloud } from './where.ts';

/** The real outside of the command: AWS's SDK, the local cloud's record, this host's clock, stderr. */

/** Connections of the command to one service of one region. */
const SOCKETS_MAX = 8;

/** One request to S3 from wherever the command runs (ms): 8 MB that do not pack, over a line of 3 Mbit/s. */
const OBJECT_TIMEOUT_MS = 30_000;

/**
 * Ports of one region. The SDK is loaded here and not before, so that help and mistakes answer at once.
 *
 * @param local the endpoint is this machine's: it gets made-up credentials, so that those of a real account stay here.
 */
export async function connect(region: string, endpoint: string | undefined, local: boolean): Promise<CliPorts> {
  if (local) useLocalCredentials();
  const [{ awsClients, objectClient }, { AwsTablePort }, { AwsQueuePort }, { AwsStreamPort }, { AwsObjectPort }, { stacksOf }] = await Promise.all([
    import('../lib/adapters/aws/clients.ts'),
    import('../lib/adapters/aws/table-port.ts'),
    import('../lib/adapters/aws/queue-port.ts'),
    import('../lib/adapters/aws/stream-port.ts'),
    import('../lib/adapters/aws/object-port.ts'),
    import('./stacks.ts'),
  ]);
  const options = { region, maxSockets: SOCKETS_MAX, ...(endpoint !== undefined && { endpoint }) };
  const clients = awsClients(options);
  return {
    table: new AwsTablePort(clients.dynamodb),
    queue: new AwsQueuePort(clients),
    stream: new AwsStreamPort(clients.streams),
    objects: new AwsObjectPort(objectClient({ ...options, timeouts: { requestMs: OBJECT_TIMEOUT_MS } }).s3),
    events: eventsOf(options),
    stacks: stacksOf(region, endpoint),
  };
}

/** EventBridge of one region. Its client is loaded with the first event: few commands send any. */
function eventsOf(options: AwsClientsOptions): EventPort {
  let made: Promise<EventPort> | undefined;
  const make = async (): Promise<EventPort> => {
    const { AwsEventPort, eventClient } = await import('../lib/adapters/aws/event-port.ts');
    return new AwsEventPort(eventClient(options));
  };
  return {
    put: async (events) => {
      made ??= make();
      return (await made).put(events);
    },
  };
}

/** What `doctor` looks at in one region; the SDK is loaded here. @param local see `connect`. */
export async function facts(region: string, endpoint: string | undefined, local: boolean): Promise<FactsPort> {
  if (local) useLocalCredentials();
  const { factsOf } = await import('./doctor/facts-aws.ts');
  return factsOf(region, endpoint);
}

/** The caller's AWS credentials, found as the SDK finds them; made-up ones for a local cloud. */
export async function credentials(local: boolean): Promise<Credentials> {
  if (local) useLocalCredentials();
  const { defaultProvider } = await import('@aws-sdk/credential-provider-node');
  return defaultProvider()();
}

/** @throws CliError (usage) when the file cannot be read. */
export async function readText(file: string): Promise<string> {
  try {
    return file === '-' ? await text(process.stdin) : await readFile(file, 'utf8');
  } catch (cause) {
    throw new CliError(
      'usage',
      'unreadable-file',
      `The file ${JSON.stringify(file)} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}.`,
    );
  }
}

/** Keys that end a live view: q, Q, Ctrl-C, Ctrl-D. In raw mode a terminal sends Ctrl-C as a key, not as a signal. */
const STOP_KEYS: ReadonlySet<string> = new Set(['q', 'Q', '\u0003', '\u0004']);

/** Listens for a person who wants to end; the terminal is put back as it was when that is taken back. */
export function onStop(stop: () => void): () => void {
  const { stdin } = process;
  const keys = stdin.isTTY === true;
  const onKey = (chunk: Buffer): void => {
    if ([...chunk.toString('utf8')].some((key) => STOP_KEYS.has(key))) stop();
  };
  if (keys) {
    stdin.setRawMode(true);
    stdin.on('data', onKey);
  }
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return () => {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
    if (!keys) return;
    stdin.off('data', onKey);
    stdin.setRawMode(false);
    stdin.pause();
  };
}

/** Local clouds take the account from the access key, and check nothing else. */
function useLocalCredentials(): void {
  for (const name of ['AWS_PROFILE', 'AWS_SESSION_TOKEN']) delete process.env[name];
  process.env['AWS_ACCESS_KEY_ID'] = LOCAL_ACCOUNT;
  process.env['AWS_SECRET_ACCESS_KEY'] = randomUUID();
}

/** The local cloud that runs in this checkout (`npm start`, `npm run local -- up`), if one does. */
export function localCloud(): LocalCloud | undefined {
  const record = readRecord(DEFAULT_CLOUD);
  if (record === undefined || !isInUse(record)) return undefined;
  return {
    endpoints: Object.fromEntries(Object.entries(record.regions).map(([region, { port }]) => [region, `http://127.0.0.1:${port}`])),
    ...(record.deployment !== undefined && { deployed: record.deployment.config }),
  };
}

const line =
  (level: string) =>
  (message: string, fields?: Readonly<Record<string, unknown>>): void => {
    process.stderr.write(`${level}: ${message}${fields === undefined ? '' : ` ${JSON.stringify(fields)}`}\n`);
  };

/** Warnings and errors only: a person reads them. */
const log: Log = { debug: () => undefined, info: () => undefined, warn: line('warning'), error: line('error') };

/** Metrics are the functions' business. */
export const runtime: Runtime = { clock: systemClock, chance: systemChance, metrics: { count: () => undefined }, log };
