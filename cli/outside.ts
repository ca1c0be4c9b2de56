import { randomUUID } from 'node:crypto';
import { systemChance, systemClock } from '../lib/adapters/aws/runtime.ts';
import type { Log, Runtime } from '../lib/ports/runtime.ts';
import { DEFAULT_CLOUD, isInUse, readRecord } from '../local/record.ts';
import { LOCAL_ACCOUNT } from './context.ts';
import type { CliPorts } from './session.ts';
import type { LocalCloud } from './where.ts';

/** The real outside of the command: AWS's SDK, the local cloud's record, this host's clock, stderr. */

/** Connections of the command to one service of one region. */
const SOCKETS_MAX = 8;

/**
 * Ports of one region. The SDK is loaded here and not before, so that help and mistakes answer at once.
 *
 * @param local the endpoint is this machine's: it gets made-up credentials, so that those of a real account stay here.
 */
export async function connect(region: string, endpoint: string | undefined, local: boolean): Promise<CliPorts> {
  if (local) useLocalCredentials();
  const [{ awsClients }, { AwsTablePort }, { AwsQueuePort }, { stacksOf }] = await Promise.all([
    import('../lib/adapters/aws/clients.ts'),
    import('../lib/adapters/aws/table-port.ts'),
    import('../lib/adapters/aws/queue-port.ts'),
    import('./stacks.ts'),
  ]);
  const clients = awsClients({ region, maxSockets: SOCKETS_MAX, ...(endpoint !== undefined && { endpoint }) });
  return { table: new AwsTablePort(clients.dynamodb), queue: new AwsQueuePort(clients), stacks: stacksOf(region, endpoint) };
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
