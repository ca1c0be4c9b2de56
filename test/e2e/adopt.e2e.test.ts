import { StreamViewType } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { differences } from '../../local/demo/compare.ts';
import { AdoptWorld, EU, TABLE, US } from './support/adopt-world.ts';
import { eventually } from './support/eventually.ts';

/**
 * A table of the user's own, adopted with the command and the CDK, under live writes. By hand, `ADOPT_ITEMS=100000` runs the
 * same with as many items, and `ADOPT_VIEW=KEYS_ONLY` with a table that has such a stream already.
 */

const ITEMS = Number(process.env['ADOPT_ITEMS'] ?? 2_000);
const VIEW = StreamViewType[(process.env['ADOPT_VIEW'] ?? '') as StreamViewType];
/** The first run is slowed so that it can be killed on its way (keys a second). */
const SLOW = Math.max(200, Math.floor(ITEMS / 10));
/** Until both sides are equal, once nobody writes (ms). */
const EQUAL_MAX_MS = 60_000;
/** The whole scenario (ms): with 2,000 items a minute, with 100,000 many. */
const SCENARIO_MAX_MS = 180_000 + ITEMS * 15;

interface Adopt {
  readonly stage: string;
  readonly stream?: { readonly arn: string; readonly view: string };
  readonly cdk?: string;
  readonly next_steps?: readonly { readonly command: string }[];
  readonly error?: { readonly code: string; readonly message: string };
  readonly plan?: { readonly estimate: { readonly items: number; readonly dollars: number } };
  readonly result?: {
    readonly keys: number;
    readonly resumed: boolean;
    readonly keysPerS: number;
    readonly workedMs: number;
    readonly links: readonly object[];
  };
  readonly proof?: { readonly links: readonly { readonly proven?: number; readonly divergent: number; readonly unverified: number }[] };
}

let world: AdoptWorld;
beforeAll(async () => {
  world = await AdoptWorld.start(ITEMS, VIEW);
}, SCENARIO_MAX_MS);
afterAll(async () => {
  await world?.stop();
});

/** The steps follow each other: each needs what the one before has left. */
describe('adopting a table', { timeout: SCENARIO_MAX_MS }, () => {
  let before: Awaited<ReturnType<AdoptWorld['described']>>;
  const withoutStream = test.runIf(VIEW === undefined);
  let streamArn = '';

  withoutStream('a look changes nothing, and says that a stream is missing', async () => {
    before = await world.described();
    const { code, json } = await world.document<Adopt>(['adopt', TABLE]);
    expect({ code, stage: json.stage, next: json.next_steps?.[0]?.command }).toMatchObject({
      code: 3,
      stage: 'needs-stream',
      next: expect.stringContaining('--enable-stream'),
    });
    expect(await world.described()).toEqual(before);
  });

  withoutStream('the stream is enabled when told to, and nothing else of the table is changed', async () => {
    const { code, json } = await world.document<Adopt>(['adopt', TABLE, '--enable-stream']);
    expect({ code, stage: json.stage, view: json.stream?.view }).toEqual({ code: 0, stage: 'needs-deployment', view: 'NEW_AND_OLD_IMAGES' });
    streamArn = json.stream?.arn ?? '';
    expect(json.cdk).toContain(`existingTable: { tableName: '${TABLE}', streamArn: '${streamArn}' }`);
    const { StreamSpecification, LatestStreamArn, LatestStreamLabel, ...after } = await world.described();
    expect(after).toEqual(before);
    expect({ StreamSpecification, LatestStreamArn }).toEqual({
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
      LatestStreamArn: streamArn,
    });
    expect(LatestStreamLabel).toBeTypeOf('string');
  });

  test('deployed, it is copied under live writes; killed on the way, it goes on; at the end both sides are equal', async () => {
    // Where there is a stream already, it is taken as it is.
    const ready = await world.document<Adopt>(['adopt', TABLE]);
    expect({ stage: ready.json.stage, view: ready.json.stream?.view }).toEqual({ stage: 'needs-deployment', view: VIEW ?? 'NEW_AND_OLD_IMAGES' });
    streamArn = ready.json.stream?.arn ?? '';
    await world.cdk('deploy', streamArn);
    const described = await world.described();
    const writer = world.write(ITEMS);
    const refused = await world.document<Adopt>(['adopt', TABLE]);
    expect({ code: refused.code, error: refused.json.error?.code }).toEqual({ code: 2, error: 'needs-yes' });
    expect(refused.json.error?.message).toContain('write units');

    const run = world.syncline(['adopt', TABLE, '--yes', '--rate', String(SLOW)]);
    const killedAt = await eventually(
      'a part is copied',
      60_000 + ITEMS,
      () => world.saved(),
      (keys) => (keys ?? 0) > ITEMS / 10,
    );
    run.kill();
    expect((await run.outcome).signal).toBe('SIGKILL');
    expect(killedAt).toBeLessThan(ITEMS);

    // Until its lease is over, the killed run keeps others out.
    const { code, json } = await eventually(
      'the next run goes on and comes to its end',
      SCENARIO_MAX_MS,
      () => world.document<Adopt>(['adopt', TABLE, '--yes']),
      (seen) => seen.json.error?.code !== 'job-taken',
    );
    const writes = await writer.end();
    expect(writes).toBeGreaterThan(10);
    expect({ stage: json.stage, resumed: json.result?.resumed, error: json.error }).toEqual({ stage: 'adopted', resumed: true, error: undefined });
    // It ends with a proof, beside the writes.
    expect({
      code,
      proven: json.proof?.links.map((link) => ({ proven: link.proven !== undefined, divergent: link.divergent, unverified: link.unverified })),
    }).toEqual({
      code: 0,
      proven: [{ proven: true, divergent: 0, unverified: 0 }],
    });
    expect(json.result?.keys).toBeGreaterThan(ITEMS / 2);

    const items = await eventually(
      `${US} equals ${EU}`,
      EQUAL_MAX_MS + ITEMS,
      async () => {
        const source = await world.contents(EU);
        return { found: differences(source, await world.contents(US)).slice(0, 5), items: source.size };
      },
      (seen) => seen.found.length === 0,
    );
    process.stdout.write(
      `adopted ${items.items} items beside ${writes} live writes: ${json.result?.keysPerS} keys/s, ${((json.result?.workedMs ?? 0) / 1_000).toFixed(1)} s, killed after ${killedAt} keys\n`,
    );
    expect(await world.described()).toEqual(described);
    expect([...(await world.contents(EU)).values()].filter((item) => '_s' in item)).toEqual([]);
  });

  test('once adopted it says so, and copies nothing twice', async () => {
    const { code, json } = await world.document<Adopt>(['adopt', TABLE, '--yes']);
    expect({ code, stage: json.stage, result: json.result }).toEqual({ code: 0, stage: 'adopted', result: undefined });
  });

  test('destroying the stacks leaves the table and its items', async () => {
    const [described, held] = await Promise.all([world.described(), world.contents(EU)]);
    await world.cdk('destroy', streamArn);
    expect(await world.described()).toEqual(described);
    expect(differences(held, await world.contents(EU))).toEqual([]);
    expect(held.size).toBeGreaterThan(ITEMS / 2);
  });
});
