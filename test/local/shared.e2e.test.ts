import { join } from 'node:path';
import { DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cloud, startCloud } from '../../local/cloud.ts';
import { plainEnvironment, runCommand } from '../../local/command.ts';
import { root } from '../../local/paths.ts';
import { until } from '../../local/processes.ts';
import { freePorts, localClient } from '../../local/region.ts';

/**
 * Three regions behind one endpoint, as LocalStack has them: one MiniStack process that was told of no region, deployed
 * to by `npm run local -- deploy --endpoint`. Nothing of one region may take the place of another's.
 */

const REGIONS = ['eu-central-1', 'us-east-1', 'ap-southeast-2'] as const;
const SET = 'shared';
const DEPLOY_MAX_MS = 240_000;
const REPLICATE_MAX_MS = 60_000;

interface Made {
  readonly endpoint: string;
  readonly primary: string;
  readonly members: readonly { readonly name: string; readonly region: string; readonly api: string }[];
  readonly pretended: readonly unknown[];
}

let cloud: Cloud;
let made: Made;

const local = (args: readonly string[]): Promise<string> =>
  runCommand(process.execPath, ['--disable-warning=ExperimentalWarning', join(root, 'local', 'cli.ts'), ...args], {
    cwd: root,
    env: plainEnvironment(),
    timeoutMs: DEPLOY_MAX_MS,
  });

beforeAll(async () => {
  cloud = await startCloud({ regions: [REGIONS[0]], environment: { SYNCLINE_ENDPOINTS: '' } });
  const endpoint = cloud.endpoints[REGIONS[0]] ?? '';
  const text = await local(['deploy', '--endpoint', endpoint, '--regions', REGIONS.join(','), '--set', SET, '--keys', 'id:S', '--json']);
  made = JSON.parse(text.trim().split('\n').at(-1) ?? '') as Made;
});
afterAll(async () => cloud?.stop());

test('each region has stacks and an API of its own, and nothing was only pretended', () => {
  expect(made.members.map((m) => m.region)).toEqual([...REGIONS]);
  expect(new Set(made.members.map((m) => m.api)).size).toBe(REGIONS.length);
  expect(made).toMatchObject({ primary: REGIONS[0], pretended: [] });
});

test('an item that is written in the first region arrives in the others', async () => {
  const clients = REGIONS.map((region) => new DynamoDBClient(localClient(region, made.endpoint)));
  const table = (i: number): string => `syncline-${SET}-${REGIONS[i]}-g1-items`;
  try {
    await clients[0]?.send(new PutItemCommand({ TableName: table(0), Item: { id: { S: 'a' }, n: { N: '12345678901234567890123456789012345678' } } }));
    const arrived = (i: number) => async (): Promise<boolean> =>
      (await clients[i]?.send(new GetItemCommand({ TableName: table(i), Key: { id: { S: 'a' } } })))?.Item?.['n']?.N ===
      '12345678901234567890123456789012345678';
    for (const i of [1, 2]) expect(await until(arrived(i), REPLICATE_MAX_MS), REGIONS[i]).toBe(true);
  } finally {
    for (const client of clients) client.destroy();
  }
});

test('an endpoint where nobody answers is said so', async () => {
  const [port] = await freePorts(1);
  await expect(local(['deploy', '--endpoint', `http://127.0.0.1:${port}`])).rejects.toThrow(`Nobody answers at http://127.0.0.1:${port} (`);
});
