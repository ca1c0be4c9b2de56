import { beforeEach, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { archivePlace } from '../../../lib/archive/place.ts';
import type { Item } from '../../../lib/core/attribute.ts';
import type { Orphan } from '../../../lib/core/formats/orphan-row.ts';
import { encodeOrphan, orphanId } from '../../../lib/core/formats/orphan-row.ts';
import { encodeLink } from '../../../lib/core/formats/rows.ts';
import { RemoteError } from '../../../lib/ports/errors.ts';
import { encodeCheck } from '../../../lib/reconcile/check/job.ts';
import { makeReport } from '../../../lib/reconcile/check/make-report.ts';
import { storeFindings, storeReport } from '../../../lib/reconcile/check/objects.ts';
import type { Finding } from '../../../lib/reconcile/check/report.ts';
import { encodeDrift } from '../../../lib/reconcile/drift/row.ts';
import { encodeProof } from '../../../lib/reconcile/proof/row.ts';
import { memberContext } from '../../../lib/replicate/context.ts';
import {
  checkListSchema,
  checkSchema,
  diffSchema,
  findingsPageSchema,
  orphanPageSchema,
  orphanSchema,
  proofSchema,
} from '../../../lib/serve/answers-checks.ts';
import { storeLog, story } from '../archive/history/story.ts';
import { DIFFERS, idAt, job, looked, MINUTE, proof } from '../status/support.ts';
import type { Got } from './harness.ts';
import { AP, CITY, EU, US, World } from './harness.ts';

/** What the API tells of checks, of the proof, of orphans, and of one item at every member. EU is the primary. */

let world: World;
const ID = idAt(60 * MINUTE);
const runtime = () => world.base(EU).runtime;
const place = (member: string) => {
  const config = world.config.members.find(({ name }) => name === member) as (typeof world.config.members)[number];
  return archivePlace(memberContext(world.config, config), world.region(member).objects);
};
const row = (member: string, item: Item): Promise<unknown> => world.clock.run(world.region(member).table.put(world.tables(member).control, item));
const get = (path: string, query: Readonly<Record<string, string>> = {}, member: string = EU, headers = {}): Promise<Got> =>
  world.send(member, { method: 'GET', path, query, headers });
/** An answer as its schema has it, which has nothing that the schema does not name. */
function exact<T extends z.ZodType>(schema: T, json: unknown): z.output<T> {
  const parsed = schema.parse(json);
  expect(parsed).toEqual(json);
  return parsed;
}
const problem = ({ status, json }: Got): unknown => [status, String(json['type']).split(':').at(-1)];

const finding = (n: number): Finding => ({ key: { country: { S: 'DE' }, cityId: { N: String(n) } }, target: US, verdict: 'divergent', kind: 'changed', at: 1 });

beforeEach(async () => {
  world = new World();
  await world.seats(EU);
});

describe('GET /checks', () => {
  it('lists the newest checks, the newest first, at the primary and through any other member', async () => {
    await row(EU, encodeCheck(job(60 * MINUTE, DIFFERS)));
    await row(EU, encodeCheck(job(5 * MINUTE)));
    for (const member of [EU, AP]) {
      const got = await get('/checks', {}, member);
      expect(got).toMatchObject({ status: 200, headers: { 'syncline-member': EU, 'cache-control': 'no-store' } });
      const { checks, source } = exact(checkListSchema, got.json);
      expect(checks.map(({ id, result }) => [id, result])).toEqual([
        [idAt(5 * MINUTE), 'equal'],
        [ID, 'divergent'],
      ]);
      expect(source).toBe(EU);
    }
  });

  it('takes no parameters, and needs a primary', async () => {
    expect(problem(await get('/checks', { member: US }))).toEqual([400, 'invalid-query']);
    await world.seat(US, US, { own: 0 });
    expect(problem(await get('/checks', {}, US))).toEqual([503, 'no-primary']);
  });
});

describe('GET /checks/{id}', () => {
  it('gives the report as it stands, with the first findings where they are stored', async () => {
    const of = job(60 * MINUTE, DIFFERS, { findings: 3, parts: 1 });
    await row(EU, encodeCheck(of));
    expect(exact(checkSchema, (await get(`/checks/${ID}`)).json)).toMatchObject({ id: ID, findings: 3, first: [] });
    await world.clock.run(storeReport(place(EU), runtime(), makeReport({ ...of, phase: 'preview' }, [finding(1)])));
    const got = await get(`/checks/${ID}`, {}, US);
    expect(exact(checkSchema, got.json)).toEqual({ ...makeReport(of, [finding(1)]) });
  });

  it('gives the stored report of a check whose row is forgotten', async () => {
    await world.clock.run(storeReport(place(EU), runtime(), makeReport(job(60 * MINUTE), [])));
    expect(exact(checkSchema, (await get(`/checks/${ID}`)).json).id).toBe(ID);
  });

  it.each([ID, 'x', '..', '%2e%2e', `${ID}%2F..`, '__proto__'])('is 404 for %s, which is none', async (id) => {
    const [status, code] = problem(await get(`/checks/${id}`)) as [number, string];
    expect(status).toBe(404);
    expect(['unknown-check', 'no-route']).toContain(code);
    expect(problem(await get(`/checks/${id}/findings`))).toEqual([404, code]);
  });

  it('says that a stored report is damaged', async () => {
    const { objects, bucket } = place(EU);
    const { hash } = await import('node:crypto');
    const body = Buffer.from('{}');
    await world.clock.run(objects.put(bucket, `reports/${ID}/report.json`, body, { sha256: hash('sha256', body, 'base64') }));
    expect(problem(await get(`/checks/${ID}`))).toEqual([500, 'archive-damaged']);
  });

  it('is at its path alone, by GET alone', async () => {
    expect(problem(await get('/checks/a/b'))).toEqual([404, 'no-route']);
    expect(problem(await get('/checks/'))).not.toEqual([404, 'unknown-check']);
    expect(await world.send(EU, { method: 'PUT', path: `/checks/${ID}`, body: {} })).toMatchObject({ status: 405, headers: { allow: 'GET' } });
  });
});

describe('GET /checks/{id}/findings', () => {
  const all = Array.from({ length: 30 }, (_, n) => finding(n));

  beforeEach(async () => {
    await row(EU, encodeCheck(job(60 * MINUTE, DIFFERS)));
    // Batches that found nothing leave no part.
    for (const [n, at] of [0, 3, 4, 7, 8, 9, 11, 12, 13, 14, 15, 16, 19, 25].entries())
      await world.clock.run(storeFindings(place(EU), runtime(), ID, at, all.slice(2 * n, n === 13 ? 30 : 2 * n + 2)));
  });

  it.each([1, 2, 3, 7, 20, 30, 1_000])('leads from page to page through all of them once, %i at a time', async (limit) => {
    const seen: Finding[] = [];
    let next: string | undefined;
    let pages = 0;
    do {
      const page = exact(
        findingsPageSchema,
        (await get(`/checks/${ID}/findings`, { limit: String(limit), ...(next !== undefined && { cursor: next }) }, US)).json,
      );
      expect(page.findings.length).toBeLessThanOrEqual(limit);
      seen.push(...page.findings);
      next = page.next;
      pages += 1;
    } while (next !== undefined && pages < 60);
    expect(seen).toEqual(all);
  });

  it('refuses a cursor of another check, and one that is damaged', async () => {
    const { next } = exact(findingsPageSchema, (await get(`/checks/${ID}/findings`, { limit: '1' })).json);
    const other = idAt(5 * MINUTE);
    await row(EU, encodeCheck(job(5 * MINUTE)));
    for (const [id, cursor] of [
      [other, next ?? ''],
      [ID, 'x'],
      [ID, ''],
    ] as const)
      expect(problem(await get(`/checks/${id}/findings`, { cursor }))).toEqual([400, 'invalid-cursor']);
    expect(problem(await get(`/checks/${ID}/findings`, { limit: '1001' }))).toEqual([400, 'invalid-query']);
  });
});

describe('GET /proof', () => {
  it('says for each link how far it is known to be equal, and what needs a person', async () => {
    const now = runtime().clock.now();
    const shift = <T extends object>(of: T): T =>
      JSON.parse(JSON.stringify(of), (_, v: unknown) => (typeof v === 'number' && v > 1e12 ? v - (1_800_000_000_000 - now) : v)) as T;
    await row(EU, encodeProof(shift(proof(looked(), { [EU]: { asOf: now, base: 'b' }, [US]: { asOf: now, base: 'b', why: 'a segment is missing.' } }))));
    await row(EU, encodeCheck(job(60 * MINUTE)));
    await row(EU, encodeDrift({ since: now - 60_000, at: now, members: { [US]: { found: 3, sent: 3, held: 0, over: 0 } } }));
    await row(EU, encodeLink({ target: US, state: 'open', since: 0, proven: 7 }));
    const got = await get('/proof', {}, AP);
    const said = exact(proofSchema, got.json);
    expect(got.headers['syncline-member']).toBe(EU);
    expect(said.links).toEqual([
      expect.objectContaining({
        target: US,
        state: 'verified',
        cells: 256,
        equalCells: 256,
        hot: 2,
        proven: 7,
        last: expect.objectContaining({ id: ID }),
        drift: expect.objectContaining({ found: 3 }),
      }),
      { target: AP, state: 'none', cells: 0, equalCells: 0, hot: 0 },
    ]);
    expect(said.attention.map(({ code }) => code)).toEqual(['log-gap']);
  });
});

describe('GET /orphans', () => {
  const written = { country: { S: 'DE' }, cityId: { N: '1' }, name: { S: 'by hand' } };
  const orphan = (n: number, more: Partial<Orphan> = {}): Orphan => ({
    id: orphanId(Buffer.alloc(16, n), String(n)),
    key: { country: { S: 'DE' }, cityId: { N: String(n) } },
    cause: 'hand-write',
    at: 1,
    segment: 'log/none',
    ordinal: 0,
    itemHash: 'h',
    state: 'open',
    since: 2,
    ...more,
  });
  const keysOf = (got: Got): unknown[] => (exact(orphanPageSchema, got.json).orphans as { key: { cityId: unknown } }[]).map(({ key }) => key.cityId);

  it('lists those of the member that is asked, or named, by their state', async () => {
    for (const one of [orphan(1), orphan(2, { state: 'discarded', note: 'no' }), orphan(3)]) await row(US, encodeOrphan(one));
    expect(keysOf(await get('/orphans', {}, US))).toEqual([1, 3]);
    expect(keysOf(await get('/orphans', { state: 'all', member: US }))).toEqual([1, 2, 3]);
    expect(keysOf(await get('/orphans', { state: 'discarded', member: US }, AP))).toEqual([2]);
    expect(keysOf(await get('/orphans'))).toEqual([]);
    const typed = await get('/orphans', { limit: '1' }, US, { accept: 'application/x-amz-json-1.0' });
    expect(keysOf(typed)).toEqual([{ N: '1' }]);
  });

  it.each([1, 2, 3, 100])('leads from page to page through all of them once, %i at a time', async (limit) => {
    for (let n = 1; n <= 7; n += 1) await row(US, encodeOrphan(orphan(n, n % 3 === 0 ? { state: 'reapplied' } : {})));
    const seen: unknown[] = [];
    let next: string | undefined;
    let pages = 0;
    do {
      const got = await get('/orphans', { member: US, limit: String(limit), ...(next !== undefined && { cursor: next }) });
      seen.push(...keysOf(got));
      next = got.json['next'] as string | undefined;
      pages += 1;
    } while (next !== undefined && pages < 20);
    expect(seen).toEqual([1, 2, 4, 5, 7]);
  });

  it('goes on past many that are of another state, and passes over what it cannot read', async () => {
    const table = world.tables(US).control;
    for (let n = 1; n <= 250; n += 1) {
      const hash = Buffer.alloc(16);
      hash.writeUInt16BE(n);
      const of = encodeOrphan(orphan(n, { id: orphanId(hash, '1'), ...(n < 250 && { state: 'discarded' as const }) }));
      await world.clock.run(world.region(US).table.put(table, n === 7 ? { ...of, state: { S: 'else' } } : of));
    }
    expect(keysOf(await get('/orphans', {}, US))).toEqual([250]);
    expect(keysOf(await get('/orphans', { state: 'all', limit: '1000' }, US))).toHaveLength(249);
  });

  it('refuses states, members and cursors that are none', async () => {
    await row(EU, encodeOrphan(orphan(1)));
    await row(EU, encodeOrphan(orphan(2)));
    const next = (await get('/orphans', { limit: '1' })).json['next'] as string;
    expect(problem(await get('/orphans', { state: 'lost' }))).toEqual([400, 'invalid-query']);
    expect(problem(await get('/orphans', { member: 'mars' }))).toEqual([400, 'invalid-query']);
    expect(problem(await get('/orphans', { cursor: next, state: 'all' }))).toEqual([400, 'invalid-cursor']);
    expect(problem(await get('/orphans', { cursor: next, member: US }))).toEqual([400, 'invalid-cursor']);
  });

  it('shows one with what was written and what it replaced, as long as the log has it', async () => {
    const [segment = ''] = await world.clock.run(storeLog(place(US), [story([1_000, { ...written, name: { S: 'Ulm' } }], [2_000, written])]));
    await row(US, encodeOrphan(orphan(1, { segment, ordinal: 1 })));
    await row(US, encodeOrphan(orphan(2)));
    const [id, lost] = [orphan(1).id, orphan(2).id].map((text) => text.replace('#', '-'));
    const got = await get(`/orphans/${id}`, { member: US });
    expect(exact(orphanSchema, got.json)).toMatchObject({
      member: US,
      kept: true,
      key: { country: 'DE', cityId: 1 },
      written: { country: 'DE', cityId: 1, name: 'by hand' },
      replaced: { name: 'Ulm' },
      log: { segment, line: 1 },
    });
    expect(got.body).not.toContain('_s');
    // As the id is; a gateway may have decoded the path, or not.
    for (const path of [orphan(1).id, orphan(1).id.replace('#', '%23')]) expect((await get(`/orphans/${path}`, {}, US)).status).toBe(200);
    const gone = await get(`/orphans/${lost}`, {}, US);
    expect(exact(orphanSchema, gone.json)).toMatchObject({ kept: false });
    expect(gone.json).not.toHaveProperty('written');
    expect(problem(await get(`/orphans/${id}`))).toEqual([404, 'unknown-orphan']);
    expect(problem(await get('/orphans/nothing'))).toEqual([404, 'unknown-orphan']);
  });
});

describe('GET /items/diff', () => {
  const put = (member: string, item: Item): Promise<unknown> => world.clock.run(world.region(member).table.put(world.tables(member).items, item));
  const city = (more: Item = {}): Item => ({ country: { S: 'DE' }, cityId: { N: '1' }, ...more });
  const members = (got: Got): Record<string, unknown>[] => exact(diffSchema, got.json).members as Record<string, unknown>[];

  it('says attribute by attribute what differs at each member, from any of them', async () => {
    await put(EU, city({ name: { S: 'Ulm' }, n: { N: '1' }, _s: { M: {} } }));
    await put(US, city({ name: { S: 'Bonn' }, n: { N: '1.0' } }));
    for (const member of [EU, US, AP]) {
      const got = await get('/items/diff', CITY, member);
      expect(got.json).toMatchObject({ set: 'cities', primary: EU, item: { name: 'Ulm', n: 1 }, key: { country: 'DE', cityId: 1 } });
      const byName = new Map(members(got).map((one) => [one['member'], one]));
      expect(byName.get(US)).toMatchObject({ state: 'changed', differences: [{ path: 'name', before: 'Ulm', after: 'Bonn' }], copy: { counts: false } });
      expect(byName.get(AP)).toMatchObject({ state: 'missing', differences: expect.arrayContaining([{ path: 'name', before: 'Ulm' }]) });
      expect(byName.has(EU)).toBe(false);
      expect(got.body).not.toContain('"_s"');
    }
  });

  it('is even where nobody has the item, or values are only written differently', async () => {
    const none = await get('/items/diff', CITY);
    expect(none.status).toBe(200);
    expect(members(none).map(({ state }) => state)).toEqual(['equal', 'equal']);
    expect(none.json).not.toHaveProperty('item');
    for (const [member, n] of [
      [EU, '1'],
      [US, '1.0'],
      [AP, '1'],
    ] as const)
      await put(member, city({ n: { N: n } }));
    expect(members(await get('/items/diff', CITY, EU, { accept: 'application/x-amz-json-1.0' })).map(({ state }) => state)).toEqual(['equal', 'equal']);
  });

  it('goes on without a member that does not answer, but not without the primary', async () => {
    await put(EU, city());
    world.cloud.hook = ({ region }) => {
      if (region === AP) throw new RemoteError('denied', 'AccessDenied', 'no');
    };
    expect(members(await get('/items/diff', CITY)).map(({ member, state }) => [member, state])).toEqual([
      [US, 'missing'],
      [AP, 'unread'],
    ]);
    world.cloud.hook = ({ region }) => {
      if (region === EU) throw new RemoteError('denied', 'AccessDenied', 'no');
    };
    expect(problem(await get('/items/diff', CITY, US))).toEqual([503, 'primary-unreachable']);
  });

  it('leaves values out where an answer could not hold them, and says so', async () => {
    // Quotes and backslashes take the most bytes.
    const large = (text: string): Item => city({ a: { S: text.repeat(190_000) }, b: { S: text.repeat(190_000) } });
    await put(EU, large('"'));
    for (const member of [US, AP]) await put(member, large('\\'));
    const got = await get('/items/diff', CITY);
    expect(got).toMatchObject({ status: 200, json: { cut: true } });
    expect(members(got)[0]).toMatchObject({ state: 'changed', differences: [{ path: 'a' }, { path: 'b' }] });
  });

  it('needs exactly a key', async () => {
    expect(problem(await get('/items/diff', { country: 'DE' }))).toEqual([400, 'invalid-query']);
    expect(problem(await get('/items/diff', { ...CITY, member: US }))).toEqual([400, 'invalid-query']);
  });
});
