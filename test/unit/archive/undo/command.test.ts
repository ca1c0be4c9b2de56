import { PassThrough } from 'node:stream';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { registerUndo } from '../../../../cli/commands/undo.ts';
import { EXIT, explain } from '../../../../cli/errors.ts';
import { Output } from '../../../../cli/output.ts';
import { openSession } from '../../../../cli/session.ts';
import { undoNotes } from '../../../../cli/undo-notes.ts';
import type { Item } from '../../../../lib/core/attribute.ts';
import { isoSeconds } from '../../../../lib/core/calendar.ts';
import type { Origin } from '../../../../lib/core/formats/log-record.ts';
import { decodeShard, encodeShard, SHARD } from '../../../../lib/core/formats/rows.ts';
import { withoutMeta } from '../../../../lib/core/formats/seal.ts';
import { sha256Base64 } from '../../../../lib/core/formats/segment.ts';
import { observe } from '../../../../lib/observe/observe.ts';
import type { StreamRecord } from '../../../../lib/ports/stream.ts';
import { ShardFinder } from '../../../../lib/replicate/shards.ts';
import type { Json } from '../../cli/world.ts';
import { city, cityKey, collect, NOW, REGIONS, World } from '../../cli/world.ts';

const [EU, US] = REGIONS;
const MINUTE = 60_000;

/** A set whose primary is archived, and the command at it. */
class Archived extends World {
  /** What a person answers; undefined where nobody can be asked. */
  answer: boolean | undefined;
  readonly asked: string[] = [];
  /** Called when the command is about to write. */
  beforeWriting: (() => Promise<void>) | undefined;
  #seen = 0;

  static async make(): Promise<Archived> {
    const world = new Archived();
    world.deploy();
    await world.init();
    return world;
  }

  get items(): string {
    return this.context(EU).tables.items;
  }

  pass(ms: number): void {
    this.clock.wall += ms;
  }

  async change(item: Item): Promise<void> {
    await this.region(EU).table.put(this.items, item);
  }

  /** Archives what the stream has. */
  async archive(): Promise<void> {
    const { table, objects, stream } = this.region(EU);
    const records: readonly StreamRecord[] = this.region(EU).streamRecords(this.items).slice(this.#seen);
    this.#seen += records.length;
    const [shard] = await stream.shards(this.region(EU).tableNamed(this.items).streams[0]?.arn ?? '');
    await observe({ records, shardId: shard?.id ?? '' }, this.context(EU), { table, objects, shards: new ShardFinder(stream, this.clock) }, this.runtime);
    // Nothing that was made is younger than A5 by now.
    this.pass(MINUTE);
  }

  table(): Record<string, Item> {
    return Object.fromEntries(
      this.region(EU)
        .items(this.items)
        .map((i) => [(i['cityId'] as { N: string }).N, withoutMeta(i)]),
    );
  }

  async undo(...args: string[]): Promise<{ code: number; json: Json; stdout: string; stderr: string }> {
    const [stdout, stderr] = [collect(), collect()];
    const program = new Command('syncline').exitOverride().configureOutput({ writeErr: () => undefined });
    program.option('--json');
    let code = -1;
    const io = () => ({
      connect: () => {
        throw new Error('not used');
      },
      confirm:
        this.answer === undefined
          ? undefined
          : async (question: string) => {
              this.asked.push(question);
              await this.beforeWriting?.();
              return this.answer === true;
            },
      owner: 'a test',
      stream: new PassThrough(),
    });
    const json = args.includes('--json');
    const out = new Output(stdout.stream, stderr.stream, { json, color: false });
    registerUndo(
      program,
      async (_, body) => {
        code = await body(await openSession({ set: 'cities', regions: REGIONS.join(','), account: '000000000000', timeout: 60 }, this.outside(), out));
      },
      io,
    );
    try {
      await program.parseAsync(['undo', ...args], { from: 'user' });
    } catch (error) {
      const { code: name, message, ending, details } = explain(error);
      return { code: EXIT[ending], json: { error: { code: name, message, ...details } }, stdout: stdout.text(), stderr: stderr.text() };
    }
    return { code, json: json ? JSON.parse(stdout.text()) : undefined, stdout: stdout.text(), stderr: stderr.text() };
  }
}

const at = (ms: number): string => isoSeconds(NOW + ms);
/** The window of the bad deployment. */
const WINDOW = ['--from', at(10 * MINUTE), '--to', at(11 * MINUTE)];

const version = (id: number, name: string, v: string, more: Item = {}): Item => ({ ...city(id, name), v: { S: v }, ...more });

/** Three cities; a bad deployment changes two and removes one; later one is changed rightly. */
async function deployment(): Promise<Archived> {
  const world = await Archived.make();
  for (const [id, name] of [
    [1, 'Ulm'],
    [2, 'Bonn'],
    [3, 'Jena'],
  ] as const)
    await world.change(version(id, name, 'v16'));
  await world.archive();
  world.clock.wall = NOW + 10 * MINUTE + 5_000;
  await world.change(version(1, 'ULM', 'v17'));
  await world.change(version(2, 'BONN', 'v17'));
  await world.region(EU).table.delete(world.items, cityKey(3));
  world.pass(2 * MINUTE);
  await world.change(version(2, 'BONN', 'v17', { mayor: { S: 'Guido' } }));
  await world.archive();
  return world;
}
const BEFORE = { 1: version(1, 'Ulm', 'v16'), 2: version(2, 'Bonn', 'v16', { mayor: { S: 'Guido' } }), 3: version(3, 'Jena', 'v16') };

describe('syncline undo', () => {
  it('shows what it would do, key by key and attribute by attribute, and changes nothing with --dry-run', async () => {
    const world = await deployment();
    const before = world.table();
    const { code, stdout } = await world.undo(...WINDOW, '--dry-run');
    expect(code).toBe(EXIT.ok);
    expect(stdout).toContain('3 items would be written, 0 items deleted, at the primary "eu-central-1"');
    expect(stdout).toContain('3 bad changes from 2027-01-15T08:10:00Z to 2027-01-15T08:11:00Z, of 4 changes since then (1 segment of the log).');
    expect(stdout).toContain('  change country=DE,cityId=1\n    name: "ULM" → "Ulm"\n    v: "v17" → "v16"');
    expect(stdout).toContain('  create country=DE,cityId=3\n    name: (none) → "Jena"');
    expect(stdout).toMatch(/The whole plan: s3:\/\/\S+\/reports\/undo-\S+\/plan\.json/);
    expect(stdout).toMatch(/Nothing was changed\.\n\nNext:\n {2}syncline undo --resume undo-/);
    expect(world.table()).toEqual(before);
  });

  it('asks, writes at the primary, and is taken back by its job; the taking back, too', async () => {
    const world = await deployment();
    const bad = world.table();
    world.answer = true;
    const done = await world.undo(...WINDOW);
    expect(world.asked).toEqual(['Begin?']);
    expect(done.stderr).toContain('change country=DE,cityId=1');
    expect(done.stdout).toMatch(/^Done: 3 items written, 0 items deleted\. Job undo-/);
    expect(done.code).toBe(EXIT.ok);
    expect(world.table()).toEqual(BEFORE);
    // The writes have revs of the seat's epoch: they are fanned out as any other.
    for (const item of world.region(EU).items(world.items)) expect(item['_s']).toBeDefined();
    const job = /undo-\d{8}T\d{6}Z-[a-z0-9]{6}/.exec(done.stdout)?.[0] as string;
    const back = await world.undo('--undo', job, '--json', '--yes');
    expect(back).toMatchObject({ code: EXIT.ok, json: { kind: 'take-back', takesBack: job, state: 'done', counts: { put: 2, deleted: 1 } } });
    expect(world.table()).toEqual(bad);
    const again = await world.undo('--undo', back.json.job, '--json', '--yes');
    expect(again.json.state).toBe('done');
    expect(world.table()).toEqual(BEFORE);
    const told = await world.undo('--resume', job, '--json');
    expect(told).toMatchObject({ code: EXIT.ok, json: { state: 'done-before', done: expect.stringMatching(/Z$/), takenBackBy: back.json.job } });
    const twice = await world.undo('--undo', job, '--json', '--yes');
    expect(twice).toMatchObject({ code: EXIT.failed, json: { error: { code: 'taken-back', message: expect.stringContaining(`--undo ${again.json.job}`) } } });
  });

  it('takes only what --where says, and needs --yes where nobody can be asked', async () => {
    const world = await deployment();
    const where = ['--where', '{"path":"name","op":"=","value":"ULM"}'];
    const refused = await world.undo(...WINDOW, ...where, '--json');
    expect(refused).toMatchObject({ code: EXIT.usage, json: { error: { code: 'needs-yes', puts: 1 } } });
    const done = await world.undo(...WINDOW, ...where, '--json', '--yes');
    expect(done).toMatchObject({ code: EXIT.ok, json: { state: 'done', counts: { put: 1 }, args: { origin: 'local' } } });
    expect(world.table()).toMatchObject({ 1: BEFORE[1], 2: { name: { S: 'BONN' } } });
    expect(world.table()[3]).toBeUndefined();
    const odd = await world.undo(...WINDOW, '--where', '{"path":"name","op":"~","value":1}', '--json');
    expect(odd.json.error.message).toMatch(/^"--where\.op": /);
    const wrong = await world.undo(...WINDOW, '--where', '{"path":"name"}', '--json');
    expect(wrong).toMatchObject({ code: EXIT.usage, json: { error: { code: 'bad-filter' } } });
  });

  it('skips what is written while a person thinks, and says so', async () => {
    const world = await deployment();
    world.answer = true;
    world.beforeWriting = () => world.change(version(1, 'Ulm an der Donau', 'v18'));
    const { code, stdout } = await world.undo(...WINDOW);
    expect(code).toBe(EXIT.attention);
    expect(stdout).toContain('Done: 2 items written, 0 items deleted');
    expect(stdout).toContain('Skipped 1 item: 1 changed since the plan was made.');
    expect(world.table()).toEqual({ ...BEFORE, 1: version(1, 'Ulm an der Donau', 'v18') });
  });

  it('does nothing when a person says no, and goes on with --resume when it was planned only', async () => {
    const world = await deployment();
    const bad = world.table();
    world.answer = false;
    expect((await world.undo(...WINDOW)).stdout).toBe('Nothing was changed.\n');
    expect(world.table()).toEqual(bad);
    const { json } = await world.undo(...WINDOW, '--dry-run', '--json');
    const resumed = await world.undo('--resume', json.job, '--json', '--yes');
    expect(resumed).toMatchObject({ code: EXIT.ok, json: { state: 'done', counts: { put: 3 } } });
    expect(world.table()).toEqual(BEFORE);
  });

  it('says how to go on before it writes, so that a run that is killed has said it', async () => {
    const world = await deployment();
    world.answer = true;
    world.beforeWriting = async () => {
      world.down.add(EU);
    };
    const { code, stderr } = await world.undo(...WINDOW);
    expect(code).toBe(EXIT.unreachable);
    expect(stderr).toMatch(/Job (undo-\S+)\. Should it be killed, this goes on: syncline undo --resume \1 /);
  });

  it('ends when a person wants it, says how to go on, and goes on', async () => {
    const world = await deployment();
    world.onListen = (stop) => stop();
    const { code, json } = await world.undo(...WINDOW, '--json', '--yes');
    expect(code).toBe(EXIT.attention);
    expect(json).toMatchObject({ state: 'stopped', counts: { put: 0 } });
    expect(json.next_steps[0].command).toContain(`undo --resume ${json.job}`);
    world.onListen = undefined;
    const bad = world.table();
    const shown = await world.undo('--resume', json.job, '--dry-run', '--yes');
    expect(shown.stdout).toContain('0 items written, 0 items deleted, 0 items skipped; 3 of 3 are left.');
    expect(await world.undo('--resume', json.job, '--json')).toMatchObject({ code: EXIT.usage, json: { error: { code: 'needs-yes', left: 3 } } });
    expect(world.table()).toEqual(bad);
    expect(await world.undo('--resume', json.job, '--json', '--yes')).toMatchObject({ code: EXIT.ok, json: { state: 'done', resumed: true } });
    expect(world.table()).toEqual(BEFORE);
  });

  it('shows before it asks when nothing was read from the stream for long: later writes may not be in the log', async () => {
    const world = await deployment();
    expect((await world.undo(...WINDOW, '--dry-run', '--json')).json).not.toHaveProperty('quietSince');
    world.pass(2 * 60 * MINUTE);
    const { control } = world.context(EU).tables;
    const rows = world.region(EU).items(control);
    const row = decodeShard(rows.find(({ pk }) => pk !== undefined && 'S' in pk && pk.S === SHARD) as Item);
    const newest = NOW + 12 * MINUTE + 5_000;
    expect(row.seen?.at).toBe(newest);
    // Fan-out has read the same.
    await world.region(EU).table.put(control, encodeShard({ ...row, ...(row.seen && { sent: row.seen }) }));
    world.answer = false;
    const { stderr } = await world.undo(...WINDOW);
    expect(world.asked).toEqual(['Begin?']);
    expect(stderr).toContain(`Nothing has been read from the stream of the table since ${isoSeconds(newest)}. If the table was written since`);
    expect((await world.undo(...WINDOW, '--dry-run', '--json')).json).toMatchObject({ quietSince: isoSeconds(newest) });
  });

  it('refuses a window that is not surely archived, begins before the log, or has a damaged segment; nothing is written', async () => {
    const world = await deployment();
    const bad = world.table();
    const late = await world.undo('--from', at(10 * MINUTE), '--to', 'now', '--json', '--yes');
    expect(late).toMatchObject({ code: EXIT.failed, json: { error: { code: 'undo-refused', message: expect.stringContaining('not yet up to') } } });
    const early = await world.undo('--from', at(-MINUTE), '--to', at(11 * MINUTE), '--json', '--yes');
    expect(early).toMatchObject({ json: { error: { code: 'undo-refused', message: expect.stringContaining('The log begins at 2027-01-15T08:00:00Z') } } });
    const { bucket } = world.context(EU);
    const listed = await world.region(EU).objects.list(bucket, { prefix: 'log/', limit: 10 });
    const last = listed.objects.at(-1)?.key as string;
    await world.region(EU).objects.delete(bucket, last);
    const gone = await world.undo(...WINDOW, '--json', '--yes');
    expect(gone).toMatchObject({ code: EXIT.failed, json: { error: { code: 'undo-refused', findings: [{ kind: 'missing' }] } } });
    expect(world.table()).toEqual(bad);
  });

  it('refuses a log with a flipped byte, and names the object; nothing is written', async () => {
    const world = await deployment();
    const bad = world.table();
    const { bucket } = world.context(EU);
    const { objects } = world.region(EU);
    const name = (await objects.list(bucket, { prefix: 'log/', limit: 10 })).objects.at(-1)?.key as string;
    const body = Buffer.from((await objects.get(bucket, name))?.body ?? []);
    body[20] = (body[20] as number) ^ 1;
    await objects.put(bucket, name, body, { sha256: sha256Base64(body) });
    const { code, json } = await world.undo(...WINDOW, '--json', '--yes');
    expect(code).toBe(EXIT.failed);
    expect(json.error.message).toContain(name);
    expect(world.table()).toEqual(bad);
  });

  it('stops at a mass deletion until so many are allowed', async () => {
    const world = await Archived.make();
    await world.change(version(0, 'Ulm', 'v16'));
    await world.archive();
    world.clock.wall = NOW + 10 * MINUTE + 5_000;
    for (let id = 1; id <= 101; id += 1) await world.change(version(id, 'new', 'v17'));
    world.pass(2 * MINUTE);
    await world.change(version(0, 'Ulm', 'v18'));
    await world.archive();
    const stopped = await world.undo(...WINDOW, '--json', '--yes');
    expect(stopped).toMatchObject({
      code: EXIT.failed,
      json: { error: { code: 'too-many-deletes', message: expect.stringContaining('add --allow-deletes 101') } },
    });
    expect(Object.keys(world.table()).length).toBe(102);
    const done = await world.undo(...WINDOW, '--json', '--yes', '--allow-deletes', '101');
    expect(done.json.counts).toMatchObject({ deleted: 101 });
    expect(world.table()).toEqual({ 0: version(0, 'Ulm', 'v18') });
  });

  it('obeys a lease by the clock of the primary’s region, and says so when this machine’s clock is wrong', async () => {
    const world = await deployment();
    const bad = world.table();
    const seat = { pk: { S: 'self' }, sk: { S: 'seat' } };
    await world.region(EU).table.update(world.context(EU).tables.control, seat, { set: { until: { N: String(world.clock.now() + 10 * MINUTE) } } });
    const asked: string[] = [];
    let ahead = 30_000;
    world.api = (request) => {
      asked.push(request.url);
      return new Response('', { headers: { date: new Date(world.clock.now() + ahead).toUTCString() } });
    };
    expect(await world.undo(...WINDOW, '--json', '--yes')).toMatchObject({ code: EXIT.failed, json: { error: { code: 'clock-off' } } });
    expect(world.table()).toEqual(bad);
    ahead = 0;
    expect((await world.undo(...WINDOW, '--json', '--yes')).json).toMatchObject({ state: 'done', counts: { put: 3 } });
    expect(asked.every((url) => url.includes(EU))).toBe(true);
  });

  it('tells of changes in the window that it leaves to others: copies, and expiry', () => {
    const seen = {
      changes: 50,
      bad: 3,
      others: new Map<Origin, number>([
        ['applier', 7],
        ['expiry', 2],
        ['local', 4],
      ]),
      passes: 1,
    };
    const scope = { segments: [], records: 50, bytes: 1 };
    const bad = { fromMs: NOW, toMs: NOW + MINUTE, origin: 'local' } as const;
    const local = undoNotes(bad, scope, seen, NOW + 5_000);
    expect(local[1]).toBe(
      `7 changes of the window came by replication, while another member was primary, and cannot be taken back here. It is the primary since ${at(5_000)}. To have the keys as they were before them: syncline restore --at TIME --in-place --key …`,
    );
    expect(local[2]).toBe("2 removals of the window by DynamoDB's own expiry stay as they are. --origin expiry takes those back.");
    expect(local.length).toBe(3);
    const expiry = undoNotes({ ...bad, origin: 'expiry' }, scope, seen, 0);
    expect(expiry.slice(2)).toEqual([
      '4 changes of the window written by somebody stay as they are. --origin local takes those back.',
      'DynamoDB will remove the items again, unless their expiry time is moved.',
    ]);
  });

  it('says what cannot be meant', async () => {
    const world = await deployment();
    expect(await world.undo('--json')).toMatchObject({ code: EXIT.usage, json: { error: { code: 'no-window' } } });
    expect(await world.undo('--undo', 'x', '--from', 'now', '--json')).toMatchObject({
      json: { error: { code: 'bad-options', message: expect.stringContaining('--from') } },
    });
    expect(await world.undo('--undo', 'undo-20270115T080000Z-abcdef', '--json')).toMatchObject({ code: EXIT.failed, json: { error: { code: 'unknown-job' } } });
  });

  it('refuses at a member that is not primary any more', async () => {
    const world = await deployment();
    const { json } = await world.undo(...WINDOW, '--dry-run', '--json');
    for (const region of REGIONS) {
      const own = region === US ? 2 : region === EU ? 1 : 0;
      await world
        .region(region)
        .table.update(
          world.context(region).tables.control,
          { pk: { S: 'self' }, sk: { S: 'seat' } },
          { set: { fence: { N: '2' }, own: { N: String(own) }, primary: { S: US } } },
        );
    }
    const resumed = await world.undo('--resume', json.job, '--json');
    expect(resumed).toMatchObject({
      code: EXIT.failed,
      json: { error: { code: 'unknown-job', message: expect.stringContaining('Is us-east-1 the member that it ran at?') } },
    });
  });
});
