import { DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { describe, expect, test } from 'vitest';
import { LOCAL_ACCOUNT } from '../../../local/region.ts';
import { document, status, syncline, THE_SET } from '../support/command.ts';
import { eventually } from '../support/eventually.ts';
import { AP, EU, KEYS, REGIONS, type Region, SET, US, type World } from '../support/world.ts';

/** The `syncline` command against the running cloud. */

interface Endpoints {
  readonly set: string;
  readonly members: readonly {
    readonly member: Region;
    readonly region: string;
    readonly endpoint: string;
    readonly apiUrl: string | null;
    readonly tables: Readonly<Record<'items' | 'tombstones' | 'control', string>>;
    readonly queues: Readonly<Record<string, { readonly url: string; readonly dlqUrl: string }>>;
    readonly bucket: string;
  }[];
}

/** Every command, as it works on the deployed set. */
const COMMANDS = [
  ['status'],
  ['endpoints'],
  ['resync', 'pk=a,sk=1'],
  ['dlq', 'list'],
  ['dlq', 'show', '00000000'],
  ['dlq', 'redrive'],
  ['refused', 'list'],
  ['init', '--primary', EU],
].map((args) => ({ args, name: args.join(' ') }));
/** All commands as processes on two cores. */
const TEST_MAX_MS = 120_000;

/** A region that the local cloud does not have. */
const NO_REGION = 'sa-east-1';

export function commands(of: () => World): void {
  describe('the command, on the running cloud', { timeout: TEST_MAX_MS }, () => {
    test('status of a set that was just deployed says that all is well', async () => {
      const { code, json } = await eventually(
        'status is well',
        TEST_MAX_MS / 2,
        () => status(of()),
        (s) => s.code === 0,
      );
      expect(code).toBe(0);
      expect(json.members.map((m) => [m.member, m.role])).toEqual([
        [EU, 'primary'],
        [US, 'secondary'],
        [AP, 'secondary'],
      ]);
      expect(json.attention).toEqual([]);
      const text = await syncline(of(), ['status', ...THE_SET, '--no-color']);
      expect(text.code).toBe(0);
      expect(text.stdout).toContain(`primary ${EU}, epoch 1`);
      expect(text.stdout).toContain('all well');
    });

    test('endpoints --json names things that are there and answer', async () => {
      const world = of();
      const { code, json } = await document<Endpoints>(world, ['endpoints']);
      expect(code).toBe(0);
      expect(json.members.map((m) => m.member)).toEqual([...REGIONS]);
      for (const m of json.members) {
        expect(m.endpoint).toBe(world.cloud.endpoints[m.region]);
        for (const TableName of Object.values(m.tables)) {
          const { Table } = await world.dynamodb(m.member).send(new DescribeTableCommand({ TableName }));
          expect(Table?.TableStatus).toBe('ACTIVE');
        }
        expect(Object.keys(m.queues).sort()).toEqual(REGIONS.filter((r) => r !== m.member).sort());
        for (const QueueUrl of Object.values(m.queues).flatMap((q) => [q.url, q.dlqUrl])) {
          const { Attributes } = await world.sqs(m.member).send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['FifoQueue'] }));
          expect(Attributes?.['FifoQueue']).toBe('true');
        }
        expect((await fetch(`${m.endpoint}/${m.bucket}?location`)).status).toBe(200);
        // The URL is what one can call: unsigned requests are refused, signed ones answered.
        expect((await fetch(`${m.apiUrl?.replace(/\/$/, '')}/health`)).status).toBe(403);
        const health = await world.call(m.member, { path: '/health' });
        expect(health.status).toBe(200);
        expect(JSON.parse(health.body)).toMatchObject({ set: SET, member: m.member, role: m.member === EU ? 'primary' : 'secondary', primary: EU, epoch: 1 });
        expect(world.url(m.member, '')).toBe(m.apiUrl?.replace(/\/$/, ''));
      }
    });

    test.each(COMMANDS)('$name: an unknown set is said to be not deployed, and where it was looked for', async ({ args }) => {
      const { code, stdout } = await syncline(of(), [...args, '--set', 'nosuchset', ...THE_SET.slice(2), '--json', '--timeout', '10']);
      expect(code, stdout).toBe(1);
      expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'not-deployed', message: expect.stringContaining('nosuchset') } });
    });

    test.each(COMMANDS)('$name: a region that there is not is a wrong command line, and named', async ({ args }) => {
      const { code, stdout } = await syncline(of(), [
        ...args,
        '--set',
        SET,
        '--regions',
        NO_REGION,
        '--account',
        LOCAL_ACCOUNT,
        '--keys',
        KEYS,
        '--json',
        '--timeout',
        '10',
      ]);
      expect(code, stdout).toBe(2);
      expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'unknown-region', message: expect.stringContaining(NO_REGION) } });
    });

    test('a second init changes nothing, and does not move the primary', async () => {
      const again = await document<{ members: readonly { seat: string; linksWritten: number }[] }>(of(), ['init', '--primary', EU]);
      expect(again.code).toBe(0);
      for (const m of again.json.members) expect(m).toMatchObject({ seat: 'kept', linksWritten: 0 });
      const moved = await document<{ error: { code: string; message: string } }>(of(), ['init', '--primary', US]);
      expect(moved).toMatchObject({ code: 1, json: { error: { code: 'has-primary', message: expect.stringContaining(EU) } } });
    });
  });
}
