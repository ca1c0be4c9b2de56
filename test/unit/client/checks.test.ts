import { beforeEach, describe, expect, expectTypeOf, it } from 'vitest';
import type { z } from 'zod';
import type { CheckReport, DiffPage, FindingsPage, OrphanPage, Proof } from '../../../client/checks-types.ts';
import { SynclineClient } from '../../../client/client.ts';
import { archivePlace } from '../../../lib/archive/place.ts';
import type { Item } from '../../../lib/core/attribute.ts';
import { memberNamed } from '../../../lib/core/config.ts';
import { encodeOrphan, orphanId } from '../../../lib/core/formats/orphan-row.ts';
import { encodeCheck } from '../../../lib/reconcile/check/job.ts';
import { makeReport } from '../../../lib/reconcile/check/make-report.ts';
import { storeFindings, storeReport } from '../../../lib/reconcile/check/objects.ts';
import type { Finding } from '../../../lib/reconcile/check/report.ts';
import { memberContext } from '../../../lib/replicate/context.ts';
import type { checkSchema, diffSchema, findingsPageSchema, orphanPageSchema, proofSchema } from '../../../lib/serve/answers-checks.ts';
import { storeLog, story } from '../archive/history/story.ts';
import { EU, REGIONS, US, World } from '../serve/harness.ts';
import { DIFFERS, idAt, job, MINUTE } from '../status/support.ts';
import { answer, FakeSet } from './world.ts';

/** What the client gives of checks, on the real handlers of the API. */

let world: World;
let client: SynclineClient;
const ID = idAt(60 * MINUTE);
const place = (member: string) => archivePlace(memberContext(world.config, memberNamed(world.config, member)), world.region(member).objects);
const row = (member: string, item: Item): Promise<unknown> => world.clock.run(world.region(member).table.put(world.tables(member).control, item));
const run = <T>(call: Promise<T>): Promise<T> => world.clock.run(call);
const key = (n: number): Item => ({ country: { S: 'DE' }, cityId: { N: String(n) } });

beforeEach(async () => {
  world = new World();
  await world.seats(EU);
  client = new SynclineClient({
    endpoints: [`https://${US}/v1`],
    auth: { type: 'bearer', token: async () => 'unused' },
    hedge: false,
    runtime: {
      ...new FakeSet().runtime(),
      now: () => world.clock.elapsed(),
      sleep: (ms) => new Promise((resolve) => world.clock.after(ms, resolve)),
      fetch: async (address, init) => {
        const url = new URL(address);
        const sent = { method: init.method ?? 'GET', path: url.pathname.replace(/^\/v1/, ''), query: Object.fromEntries(url.searchParams) };
        const got = await world.start(url.hostname, { ...sent, headers: Object.fromEntries(new Headers(init.headers)) });
        return answer(got.status, got.body, got.headers);
      },
    },
  });
});

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const value of values) found.push(value);
  return found;
}

describe('client.checks', () => {
  const findings = Array.from({ length: 7 }, (_, n): Finding => ({ key: key(n), target: US, verdict: 'divergent', kind: 'missing', at: 1 }));

  beforeEach(async () => {
    const of = job(60 * MINUTE, DIFFERS, { findings: 7, parts: 2 });
    await row(EU, encodeCheck(of));
    await run(storeReport(place(EU), world.base(EU).runtime, makeReport(of, findings.slice(0, 2))));
    await run(storeFindings(place(EU), world.base(EU).runtime, ID, 0, findings.slice(0, 4)));
    await run(storeFindings(place(EU), world.base(EU).runtime, ID, 2, findings.slice(4)));
  });

  it('lists them, and has each with its first findings, keys as JavaScript has them', async () => {
    expect((await run(client.checks.list())).map(({ id, result }) => [id, result])).toEqual([[ID, 'divergent']]);
    expect(await run(client.checks.get(ID))).toMatchObject({ id: ID, findings: 7, first: [{ key: { country: 'DE', cityId: 0 } }, { key: { cityId: 1 } }] });
    await expect(run(client.checks.get(idAt(MINUTE)))).rejects.toMatchObject({ code: 'unknown-check', status: 404 });
  });

  it('goes through all findings, whatever the page', async () => {
    for (const limit of [1, 3, 100])
      expect((await run(all(client.checks.findingsAll(ID, { limit })))).map((one) => one.key['cityId'])).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it('says how far the members are known to be equal', async () => {
    expect(await run(client.checks.proof())).toMatchObject({
      source: EU,
      links: [{ target: US, state: 'none', last: { divergent: 3 } }, {}],
      attention: [{ code: 'divergence' }],
    });
  });
});

describe('client.checks, of orphans', () => {
  it('goes through those of a member, and shows what was written', async () => {
    const image = { ...key(1), name: { S: 'by hand' } };
    const [segment = ''] = await run(storeLog(place(US), [story([1_000, image])]));
    const of = (n: number) => ({
      id: orphanId(Buffer.alloc(16, n), '1'),
      key: key(n),
      cause: 'hand-write' as const,
      at: 1,
      segment,
      ordinal: 0,
      state: 'open' as const,
      since: 1,
    });
    for (let n = 1; n <= 5; n += 1) await row(US, encodeOrphan(of(n)));
    expect((await run(all(client.checks.orphansAll({ member: US, limit: 2 })))).map((one) => one.key['cityId'])).toEqual([1, 2, 3, 4, 5]);
    expect(await run(client.checks.orphan(of(1).id, { member: US }))).toMatchObject({ kept: true, key: { cityId: 1 }, written: { name: 'by hand' } });
    await expect(run(client.checks.orphan(of(1).id, { member: EU }))).rejects.toMatchObject({ code: 'unknown-orphan' });
  });
});

describe('client.diff', () => {
  it('has values as JavaScript has them', async () => {
    for (const [n, member] of REGIONS.entries()) await run(world.region(member).table.put(world.tables(member).items, { ...key(1), n: { N: String(n) } }));
    expect(await run(client.diff({ country: 'DE', cityId: 1 }))).toMatchObject({
      primary: EU,
      key: { country: 'DE', cityId: 1 },
      item: { n: 0 },
      members: [
        { member: US, state: 'changed', differences: [{ path: 'n', before: 0, after: 1 }] },
        { state: 'changed', differences: [{ path: 'n', before: 0, after: 2 }] },
      ],
    });
  });
});

it('its types are those of the API', () => {
  // What the API answers fits what the client says that it gives.
  expectTypeOf<keyof z.infer<typeof proofSchema>>().toEqualTypeOf<keyof Proof>();
  expectTypeOf<keyof z.infer<typeof proofSchema>['links'][number]>().toEqualTypeOf<keyof Proof['links'][number]>();
  expectTypeOf<keyof z.infer<typeof checkSchema>>().toEqualTypeOf<keyof CheckReport>();
  expectTypeOf<keyof z.infer<typeof checkSchema>['links'][number]>().toEqualTypeOf<keyof CheckReport['links'][number]>();
  expectTypeOf<keyof z.infer<typeof findingsPageSchema>['findings'][number]>().toEqualTypeOf<keyof FindingsPage['findings'][number]>();
  expectTypeOf<Exclude<keyof OrphanPage['orphans'][number], 'kept' | 'written' | 'replaced'>>().toEqualTypeOf<
    keyof z.infer<typeof orphanPageSchema>['orphans'][number]
  >();
  expectTypeOf<keyof z.infer<typeof diffSchema>>().toEqualTypeOf<keyof DiffPage>();
});
