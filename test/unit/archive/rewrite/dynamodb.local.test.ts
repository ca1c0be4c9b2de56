import { CreateTableCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { awsClients } from '../../../../lib/adapters/aws/clients.ts';
import { systemChance, systemClock } from '../../../../lib/adapters/aws/runtime.ts';
import { AwsTablePort } from '../../../../lib/adapters/aws/table-port.ts';
import { SeededChance } from '../../../../lib/adapters/memory/chance.ts';
import { MemoryCloud } from '../../../../lib/adapters/memory/cloud.ts';
import type { ArchivePlace } from '../../../../lib/archive/place.ts';
import type { Applied } from '../../../../lib/archive/rewrite/apply.ts';
import { applyPlan } from '../../../../lib/archive/rewrite/apply.ts';
import type { PlanLine } from '../../../../lib/archive/rewrite/change.ts';
import { findOriginal, inverseLines } from '../../../../lib/archive/rewrite/inverse.ts';
import type { RewriteKind, RewritePlan } from '../../../../lib/archive/rewrite/plan.ts';
import { rewriteId, writePlan } from '../../../../lib/archive/rewrite/plan.ts';
import { rewriteContext } from '../../../../lib/archive/rewrite/seats.ts';
import type { Item } from '../../../../lib/core/attribute.ts';
import { encodeSeat } from '../../../../lib/core/formats/rows.ts';
import { withoutMeta } from '../../../../lib/core/formats/seal.ts';
import type { Runtime } from '../../../../lib/ports/runtime.ts';
import type { ServeContext } from '../../../../lib/serve/context.ts';
import { REGION } from '../../../adapters/support/aws-world.ts';
import { dynamoDbLocalTable, javaProblem } from '../../../adapters/support/dynamodb-local.ts';
import { ALL, item, key } from './world.ts';

/** The same on AWS's own DynamoDB Local, by the adapter that is used on AWS: its conditions are the second opinion. */

const TABLE = 'rewritten';
const CONTROL = 'rewritten-control';
const KEYS = 300;
const quiet = (): void => undefined;
const runtime: Runtime = {
  clock: systemClock,
  chance: systemChance,
  metrics: { count: quiet },
  log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
};

describe.skipIf(javaProblem() !== undefined)('a rewrite on DynamoDB Local', () => {
  let server: Awaited<ReturnType<typeof dynamoDbLocalTable>>;
  let table: AwsTablePort;
  let place: ArchivePlace;
  let ctx: ServeContext;
  let tableId: string;

  beforeAll(async () => {
    server = await dynamoDbLocalTable(TABLE);
    await server.client.send(
      new CreateTableCommand({
        TableName: CONTROL,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: ['pk', 'sk'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' as const })),
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
      }),
    );
    table = new AwsTablePort(awsClients({ region: REGION, endpoint: server.endpoint, maxSockets: 8 }).dynamodb);
    ({ tableId } = await table.describe(TABLE));
    await table.put(CONTROL, encodeSeat({ fence: 1, own: 1, primary: REGION, since: 0, stream: 'arn', tableId, v: 1 }));
    const { objects, buckets } = new MemoryCloud({ clock: systemClock, chance: new SeededChance(1) }).region(REGION);
    buckets.createBucket('bucket-of-a-test');
    const schema = { partition: { name: 'id', type: 'S' } } as const;
    place = { objects, bucket: 'bucket-of-a-test', set: 'cities', member: REGION, key: schema };
    const tables = { items: TABLE, control: CONTROL, tombstones: '', requests: '' };
    ctx = rewriteContext(
      { set: 'cities', member: REGION, region: REGION, key: schema, lanes: 1, expiry: 'local', bucket: place.bucket, tables, links: [] },
      place,
      table,
    );
  });
  afterAll(() => server?.stop());

  async function carryOut(kind: RewriteKind, lines: AsyncIterable<PlanLine>): Promise<{ plan: RewritePlan; applied: Applied }> {
    const about = { id: rewriteId(kind, systemClock.now(), systemChance.nonce()), kind, args: {}, table: TABLE, tableId, epoch: 1 };
    const { plan } = await writePlan(place, runtime, about, lines);
    return { plan, applied: await applyPlan(ctx, place, runtime, plan, 'a test', { progress: quiet, stopped: () => false }) };
  }
  const stored = async (): Promise<string[]> =>
    (await table.scan({ table: TABLE })).items.map((found) => JSON.stringify(Object.entries(withoutMeta(found)).sort())).sort();

  it('changes, deletes and creates items of all types, skips what is newer, and is taken back to the very attributes', async () => {
    const before = (n: number): Item => item(`k${n}`, { ...ALL, v: { N: String(n) } });
    const after = (n: number): Item => item(`k${n}`, { v: { S: 'other' }, more: { M: ALL } });
    for (let n = 0; n < KEYS; n += 1) if (n % 3 !== 2) await table.put(TABLE, before(n));
    const whole = await stored();
    async function* lines(): AsyncGenerator<PlanLine> {
      for (let n = 0; n < KEYS; n += 1) yield { key: key(`k${n}`), ...(n % 3 !== 2 && { before: before(n) }), ...(n % 3 !== 0 && { after: after(n) }) };
      yield { key: key('newer'), before: item('newer', { v: { S: 'old' } }) };
    }
    await table.put(TABLE, item('newer', { v: { S: 'new' } }));
    const { plan, applied } = await carryOut('undo', lines());
    expect(applied).toMatchObject({ done: true, counts: { put: 200, deleted: 100, changed: 1, already: 0, refused: 0 } });
    const back = await carryOut('take-back', inverseLines(place, runtime, await findOriginal(ctx, place, runtime, plan.id)));
    expect(back.applied.counts).toMatchObject({ put: 200, deleted: 100, changed: 0 });
    await table.delete(TABLE, key('newer'));
    expect(await stored()).toEqual(whole);
  });
});
