import { PassThrough } from 'node:stream';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { clockOffset } from '../../../cli/clock-check.ts';
import { registerSnapshot } from '../../../cli/commands/snapshot.ts';
import { explain } from '../../../cli/errors.ts';
import { Output } from '../../../cli/output.ts';
import { openSession } from '../../../cli/session.ts';
import type { SnapshotIo } from '../../../cli/snapshot-run.ts';
import { planText, progressWords } from '../../../cli/views/snapshot-view.ts';
import { saveVerified } from '../../../lib/archive/log/state.ts';
import { estimateSnapshot } from '../../../lib/archive/snapshot/estimate.ts';
import { manifestName } from '../../../lib/core/formats/manifest.ts';
import { PRICE_DATE, pricesOf } from '../../../lib/cost/prices.ts';
import { RemoteError } from '../../../lib/ports/errors.ts';
import type { ExportsPort, ImportRequest, ImportState } from '../../../lib/ports/exports.ts';
import type { Json } from './world.ts';
import { city, collect, REGIONS, World } from './world.ts';

const [A, B] = REGIONS;
const KB = 1_024;

/** A deployed set with some items, whose regions say what time it is. @param offsetMs how far this machine's clock is ahead of theirs */
async function deployed(items = 12, offsetMs = 0): Promise<World> {
  const world = await new World().deploy().init();
  for (let i = 0; i < items; i += 1) await world.put(A, city(i, `city ${i}`));
  world.api = () => new Response('', { headers: { date: new Date(world.clock.now() - offsetMs).toUTCString() } });
  return world;
}
const bucket = (world: World): string => world.context(A).bucket;

describe('snapshot', () => {
  it('says first what it does, takes it, and tells what it came to', async () => {
    const world = await deployed();
    const { code, json, stderr } = await world.run('snapshot', '--yes', '--json');
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(json).toMatchObject({
      state: 'finished',
      member: A,
      items: 12,
      resumed: false,
      plan: { via: 'scan', estimate: { items: 12 }, priceDate: PRICE_DATE },
    });
    expect(json.next_steps.map((n: Json) => n.command)[0]).toMatch(/^syncline snapshot list --member eu-central-1 /);
    const text = await world.run('snapshot', 'take', '--yes');
    expect(text.stderr).toContain('This takes a snapshot of the table');
    expect(text.stderr).toMatch(/reads {4}\d+ units/);
    expect(text.stdout).toMatch(/^Snapshot \d{8}T\d{6}Z-[a-z0-9]{6}: 12 items in \d+ files/);
  });

  it('begins nothing without --yes where nobody can be asked', async () => {
    const world = await deployed();
    const { code, json } = await world.run('snapshot', '--json');
    expect(code).toBe(2);
    expect(json.error.code).toBe('needs-yes');
    expect(world.region(A).buckets.keys(bucket(world))).toEqual([]);
  });

  it('takes the member that is named, and refuses one that is not there', async () => {
    const world = await deployed();
    expect((await world.run('snapshot', '--member', B, '--yes', '--json')).json).toMatchObject({ member: B, items: 0, files: 0 });
    expect((await world.run('snapshot', '--member', 'nowhere', '--yes', '--json')).json.error.code).toBe('unknown-member');
  });

  it('ends when a person says so, with 3, and goes on by the same command', async () => {
    const world = await deployed(40);
    let stop: (() => void) | undefined;
    world.onListen = (end) => {
      stop = end;
    };
    let slept = 0;
    world.clock.onSleep = () => {
      slept += 1;
      if (slept === 4) stop?.();
    };
    const stopped = await world.run('snapshot', '--rate', '4', '--yes', '--json');
    expect(stopped.code).toBe(3);
    expect(stopped.json).toMatchObject({ state: 'stopped' });
    expect(stopped.json.items).toBeLessThan(40);
    const again = await world.run('snapshot', '--yes', '--json');
    expect(again.json).toMatchObject({ state: 'finished', items: 40, resumed: true, id: stopped.json.id, plan: { goesOn: { id: stopped.json.id } } });
  });

  it('refuses a share of a table on demand, and options that do not go together', async () => {
    const world = await deployed();
    expect((await world.run('snapshot', '--share', '0.5', '--yes', '--json')).json.error.code).toBe('on-demand');
    expect(await world.run('snapshot', '--share', '2', '--yes', '--json')).toMatchObject({ code: 2 });
    expect(await world.run('snapshot', '--share', '0.5', '--rate', '7', '--yes', '--json')).toMatchObject({ code: 2 });
    expect((await world.run('snapshot', '--via', 'export', '--rate', '7', '--yes', '--json')).json.error.code).toBe('bad-options');
  });

  it('refuses to say a time when this machine’s clock is off, and adds what it may be ahead', async () => {
    for (const offset of [-10_000, 10_000]) {
      const { code, json } = await (await deployed(3, offset)).run('snapshot', '--yes', '--json');
      expect(code).toBe(1);
      expect(json.error).toMatchObject({ code: 'clock-off' });
      expect(json.error.message).toContain(offset > 0 ? 'ahead of' : 'behind');
    }
    const behind = await deployed(3, -1_500);
    const { json } = await behind.run('snapshot', '--yes', '--json');
    // The region's clock: the snapshot must not serve a time before the last page.
    expect(Date.parse(json.serves)).toBeGreaterThanOrEqual(behind.clock.now() + 1_500 + 1_000);
    const silent = await deployed(3);
    silent.api = () => {
      throw new TypeError('fetch failed');
    };
    expect((await silent.run('snapshot', '--yes', '--json')).json.error.code).toBe('clock-unknown');
  });

  it('lists all members’ snapshots, the unfinished and the damaged ones, too', async () => {
    const world = await deployed();
    expect((await world.run('snapshot', 'list')).stdout).toContain('There are no snapshots.');
    const { json } = await world.run('snapshot', '--yes', '--json');
    await world.run('snapshot', '--member', B, '--yes');
    const listed = await world.run('snapshot', 'list', '--json');
    expect(listed.code).toBe(0);
    expect(listed.json.snapshots).toMatchObject([
      { id: json.id, member: A, state: 'finished', items: 12, serves: json.serves, via: 'scan' },
      { member: B, state: 'finished', items: 0 },
    ]);
    expect((await world.run('snapshot', 'list', '--member', B, '--json')).json.snapshots).toHaveLength(1);
    const verified = { at: world.clock.now(), deepAt: Date.parse(json.serves) + 1, segments: 0, findings: 0, first: [] };
    await saveVerified({ table: world.region(A).table, control: world.context(A).tables.control }, world.runtime, verified, Number.POSITIVE_INFINITY);
    expect((await world.run('snapshot', 'list', '--json')).json.snapshots.map((s: Json) => s.verified !== undefined)).toEqual([true, false]);
    await world.region(A).objects.put(bucket(world), 'scans/20200101T000000Z-aaaaaa/data/x', new Uint8Array(), {
      sha256: '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=',
    });
    world.region(A).buckets.flipBit(bucket(world), manifestName(json.id), 80);
    const wrong = await world.run('snapshot', 'list', '--json');
    expect(wrong.code).toBe(3);
    expect(wrong.json.snapshots.map((s: Json) => s.state)).toEqual(['unfinished', 'damaged', 'finished']);
    expect(wrong.json.snapshots[1].why).toContain(manifestName(json.id));
    expect((await world.run('snapshot', 'list')).stdout).toContain('is damaged');
  });
});

describe('snapshot list', () => {
  it('calls a snapshot damaged when the last deep verification found a file of it so, a later quick one or not', async () => {
    const world = await deployed();
    const { json } = await world.run('snapshot', '--yes', '--json');
    world.clock.wall += 60_000;
    const data = world
      .region(A)
      .buckets.keys(bucket(world))
      .find((key) => key.includes('/data/')) as string;
    world.region(A).buckets.flipBit(bucket(world), data, 80);
    for (const deep of [['--deep'], []]) {
      await world.run('archive', 'verify', ...deep);
      world.clock.wall += 60_000;
      const listed = await world.run('snapshot', 'list', '--json');
      expect(listed.code).toBe(3);
      expect(listed.json.snapshots).toMatchObject([{ id: json.id, state: 'damaged', why: expect.stringContaining(data) }]);
      expect(listed.json.snapshots[0]).not.toHaveProperty('verified');
    }
    expect((await world.run('snapshot', 'list')).stdout).toMatch(/ damaged +damaged/);
    world.region(A).buckets.flipBit(bucket(world), data, 80);
    await world.run('archive', 'verify', '--deep');
    expect((await world.run('snapshot', 'list', '--json')).json.snapshots).toMatchObject([{ state: 'finished', verified: expect.any(String) }]);
  });

  it('shows the others’ snapshots when one member does not answer, and ends with 4', async () => {
    const world = await deployed();
    await world.run('snapshot', '--yes');
    world.down.add(B);
    const { code, json } = await world.run('snapshot', 'list', '--json');
    expect(code).toBe(4);
    expect(json.snapshots).toMatchObject([{ member: A }]);
    expect(json.failed).toMatchObject([{ member: B, error: { code: 'unreachable' } }]);
    expect((await world.run('snapshot', 'list')).stdout).toContain(`${B}: No answer`);
  });

  it('says a whole second from which a restore is possible, and no age of 0 ms', async () => {
    const world = await deployed();
    // Time goes on while the table is read, so that the end is no whole second.
    world.cloud.witness = (call) => {
      if (call.op === 'scan') world.clock.wall += 137;
    };
    const { json } = await world.run('snapshot', '--yes', '--json');
    const id = json.id as string;
    const manifest = JSON.parse(new TextDecoder().decode((await world.region(A).objects.get(bucket(world), manifestName(id)))?.body));
    expect(manifest.endedMs % 1_000).not.toBe(0);
    expect(Date.parse(json.serves)).toBeGreaterThan(manifest.endedMs);
    expect(Date.parse(json.serves) - manifest.endedMs).toBeLessThan(1_000);
    const { stdout } = await world.run('snapshot', 'list');
    expect(stdout).toContain(json.serves);
    expect(stdout).toContain('just now');
  });
});

describe('the command line of snapshot', () => {
  it('names the word that is no command', async () => {
    const { code, json } = await (await deployed()).run('snapshot', 'foo', '--json');
    expect(code).toBe(2);
    expect(json.error.message).toContain('"snapshot" has no command "foo". It has take, list, import');
  });

  it('shows the options of its own examples in its help', async () => {
    const { stdout } = await (await deployed()).run('snapshot', '--help');
    for (const option of ['--member <member>', '--rate <items>', '--yes']) expect(stdout).toContain(option);
  });
});

describe('snapshot import', () => {
  const request: ImportRequest[] = [];
  const states: ImportState[] = [];
  let withoutPitr = false;
  const fake: ExportsPort = {
    beginExport: async () => {
      if (withoutPitr) throw new RemoteError('invalid', 'PointInTimeRecoveryUnavailableException', 'It is off.');
      return 'arn';
    },
    describeExport: async () => ({ status: 'failed', why: 'no' }),
    beginImport: async (one) => {
      if (one.table === 'nothing') throw new RemoteError('invalid', 'Unsupported', 'The service has no ImportTable: UnknownOperationException: .');
      request.push(one);
      return 'arn';
    },
    describeImport: async () => states.shift() ?? { status: 'done', imported: 12, processed: 12, errors: 0, bytes: 1 },
  };

  let endpoint: readonly string[] | undefined;

  async function run(world: World, asked: string[] | undefined, ...args: string[]): Promise<{ code: number; json: Json; stderr: string }> {
    const [stdout, stderr] = [collect(), collect()];
    const confirm = async (question: string): Promise<boolean> => {
      asked?.push(question);
      return false;
    };
    const io = (): SnapshotIo => ({ exports: () => fake, owner: 'a test', stream: new PassThrough(), confirm: asked && confirm });
    const program = new Command('syncline').exitOverride().option('--json');
    let code = -1;
    registerSnapshot(
      program,
      async (_, body) => {
        const out = new Output(stdout.stream, stderr.stream, { json: args.includes('--json'), color: false });
        const options = {
          set: 'cities',
          regions: REGIONS.join(','),
          account: '000000000000',
          keys: 'country:S,cityId:N',
          timeout: 60,
          ...(endpoint && { endpoint }),
        };
        code = await body(await openSession(options, world.outside(), out, {}));
      },
      io,
    );
    try {
      await program.parseAsync(['snapshot', ...args], { from: 'user' });
    } catch (error) {
      const { code: name, message } = explain(error);
      return { code: 1, json: { error: { code: name, message } }, stderr: stderr.text() };
    }
    return { code, json: args.includes('--json') ? JSON.parse(stdout.text()) : stdout.text(), stderr: stderr.text() };
  }

  it('has DynamoDB load the snapshot, and shows how that goes', async () => {
    const world = await deployed();
    const { json } = await world.run('snapshot', '--yes', '--json');
    states.push({ status: 'running', imported: 4, processed: 4, errors: 0, bytes: 1 });
    const done = await run(world, undefined, 'import', json.id, '--to', 'copy', '--yes', '--json');
    expect(done).toMatchObject({ code: 0, json: { state: 'done', table: 'copy', imported: 12 } });
    expect(request.at(-1)).toMatchObject({ table: 'copy', bucket: bucket(world), prefix: `scans/${json.id}/data/`, compression: 'zstd' });
  });

  it('does not go on with an export that DynamoDB refused, and status does not call it running', async () => {
    const world = await deployed();
    withoutPitr = true;
    expect((await run(world, undefined, '--via', 'export', '--yes', '--json')).json.error.code).toBe('no-pitr');
    expect((await world.run('status', '--json')).json.members[0].archive).not.toHaveProperty('running');
    expect((await world.run('snapshot', '--via', 'export', '--json')).json.error.plan).not.toHaveProperty('goesOn');
    withoutPitr = false;
  });

  it('warns of the local cloud’s import, which reads no zstd, before it asks and when it has failed', async () => {
    const world = await deployed();
    const { json } = await world.run('snapshot', '--yes', '--json');
    const gzip = await world.run('snapshot', '--compression', 'gzip', '--yes', '--json');
    const importOf = (id: string, ...more: string[]) => run(world, [], 'import', id, '--to', 'copy', ...more);
    expect((await importOf(json.id)).stderr).not.toContain('zstd');
    endpoint = ['http://127.0.0.1:4566'];
    expect((await importOf(json.id)).stderr).toContain('syncline snapshot --compression gzip');
    expect((await importOf(gzip.json.id)).stderr).not.toContain('--compression');
    states.push({ status: 'failed', why: 'InputCompressionTypeNotSupported', imported: 0, processed: 0, errors: 0, bytes: 0 });
    expect((await importOf(json.id, '--yes', '--json')).json.error.message).toContain('syncline snapshot --compression gzip');
    endpoint = undefined;
  });

  it('asks first, and does nothing when the answer is no', async () => {
    const world = await deployed();
    const { json } = await world.run('snapshot', '--yes', '--json');
    const asked: string[] = [];
    const before = request.length;
    const { code, stderr } = await run(world, asked, 'import', json.id, '--to', 'copy');
    expect([code, asked]).toEqual([0, ['Begin?']]);
    expect(stderr).toContain('12 in');
    expect(request).toHaveLength(before);
  });

  it('says what is wrong: an id, a table, a service without the call, an import or export that failed', async () => {
    const world = await deployed();
    const { json } = await world.run('snapshot', '--yes', '--json');
    const code = async (...args: string[]): Promise<string> => (await run(world, undefined, ...args, '--yes', '--json')).json.error.code;
    expect(await code('import', 'x', '--to', 'copy')).toBe('bad-id');
    expect(await code('import', '20200101T000000Z-aaaaaa', '--to', 'copy')).toBe('no-such-snapshot');
    expect(await code('import', json.id, '--to', '!')).toBe('bad-table');
    expect(await code('import', json.id, '--to', 'nothing')).toBe('unsupported');
    states.push({ status: 'failed', why: 'ItemValidationError: bad', imported: 3, processed: 12, errors: 9, bytes: 1 });
    expect(await code('import', json.id, '--to', 'copy')).toBe('import-failed');
    expect(await code('--via', 'export')).toBe('export-failed');
  });
});

describe('what it will take', () => {
  const prices = pricesOf('us-east-1', {});
  it('is reckoned by what DynamoDB says, by a rate, or by what was measured', () => {
    const load = { items: 1_000, bytes: 4_000 * KB, via: 'scan', rate: {} } as const;
    expect(estimateSnapshot(load, prices)).toMatchObject({ readUnits: 1_000, files: 1, secondsBy: 'model' });
    expect(estimateSnapshot({ ...load, rate: { itemsPerS: 10 } }, prices)).toMatchObject({ seconds: 100, secondsBy: 'limit' });
    expect(estimateSnapshot({ ...load, rate: { unitsPerS: 5 } }, prices)).toMatchObject({ seconds: 200, secondsBy: 'limit' });
    expect(estimateSnapshot({ ...load, measured: { items: 10, worked: 500 } }, prices)).toMatchObject({ seconds: 50, secondsBy: 'measured' });
    expect(estimateSnapshot({ ...load, via: 'export' }, prices)).toMatchObject({ readUnits: 0 });
    expect(estimateSnapshot({ ...load, via: 'export' }, prices)).not.toHaveProperty('seconds');
    expect(estimateSnapshot({ ...load, items: 0, bytes: 0 }, prices)).toMatchObject({ files: 0, readUnits: 0, storedBytes: 0 });
  });

  it('is said in words', () => {
    const estimate = estimateSnapshot({ items: 1_000_000, bytes: 1_024 ** 3, via: 'scan', rate: { unitsPerS: 100 } }, prices);
    const text = planText('the table t (eu)', 'b', {
      via: 'scan',
      estimate,
      rate: { unitsPerS: 100 },
      priceDate: 'd',
      priceRegion: 'r',
      goesOn: { id: 'i', items: 3 },
    });
    expect(text).toContain('items    about 1,000,000, 1.0 GB');
    expect(text).toContain('goes on  i, 3 items');
    expect(text).toContain('at most 100 read units/s');
    expect(progressWords({ phase: 'scan', items: 500, rawBytes: 2_048, worked: 1_000 }, 1_000)).toBe('500 of about 1,000 items, 2 KB, 500/s, 1 s left');
    expect(progressWords({ phase: 'scan', items: 1_500, rawBytes: 2_048, worked: 1_000 }, 1_000)).not.toContain('left');
  });

  it('knows how far a clock may be off', () => {
    expect(clockOffset(10_500, 10_700, 10_000)).toEqual({ atLeastMs: -500, atMostMs: 700 });
  });
});
