import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allCities, type City, type Item, itemOf, keyOf, spread } from '../../local/demo/cities.ts';
import { differences } from '../../local/demo/compare.ts';
import { badDeployment } from './support/archive-shop.ts';
import { ArchiveWorld, clockPasses, EU, REGIONS, type Region, type Told } from './support/archive-world.ts';
import { type Moment, oddItems, Writer } from './support/archive-writer.ts';
import { eventually } from './support/eventually.ts';

/**
 * The archive on deployed stacks: written and snapshotted under live writes, compared with what an independent recorder noted,
 * damaged, and restored from. By hand, `ARCHIVE_SECONDS=600` makes the writer go on for so long.
 */

const CITIES = 1_000;
/** Length of each of the three stretches in which the writer goes on (ms). */
const STRETCH_MS = (Number(process.env['ARCHIVE_SECONDS'] ?? 6) / 3) * 1_000;
/** Changes in a stretch at least, so that a slow machine has something to restore, too. */
const STRETCH_CHANGES = 60;
/** Between two looks at how many items a restore has written (ms). */
const LOOK_MS = 25;
/** Restores that are killed: by hand, since they take minutes (`ARCHIVE_KILLS=10`). In CI unit tests kill one at every request. */
const KILLS = Number(process.env['ARCHIVE_KILLS'] ?? 0);
/** Restores are killed before they have written more than this share of the items. */
const LAST_KILL = 0.7;
/** A scenario is many runs of the command on two cores (ms). */
const SCENARIO_MAX_MS = 180_000 + 6 * STRETCH_MS;

let world: ArchiveWorld;
let cities: readonly City[];
beforeAll(async () => {
  world = await ArchiveWorld.start();
  cities = spread(allCities(), CITIES).chosen;
}, SCENARIO_MAX_MS);
afterAll(async () => {
  await world?.stop();
});

const yes = ['--yes'] as const;
const restored = (at: string, region: Region, to: string): Promise<{ code: number | null; json: Told }> =>
  world.patient(at, ['restore', '--at', at, '--member', region, '--to', to, ...yes]);
const snapshot = (region: Region): Promise<{ code: number | null; json: Told }> => world.document(['snapshot', '--member', region, ...yes]);

/** The tests follow each other: each needs what those before have left. */
describe('the archive', { timeout: SCENARIO_MAX_MS }, () => {
  const moments: Moment[] = [];
  const [first, second] = [0, 1].map((i) => () => moments[i] as Moment) as [() => Moment, () => Moment];
  /** Objects that were there when the first moment was noted. */
  let segments: readonly string[] = [];
  let firstSnapshot = '';

  test('tables that are written without rest are restored, at both members, to what they were at each noted moment', async () => {
    await world.write([...cities.map(itemOf), ...oddItems()]);
    const writer = new Writer(world, cities);
    try {
      for (const { code, json } of await Promise.all(REGIONS.map(snapshot))) expect({ code, error: json.error }).toEqual({ code: 0, error: undefined });
      [firstSnapshot = ''] = await world.objects(EU, 'scans/');
      for (let stretch = 0; stretch < 3; stretch += 1) {
        const until = Date.now() + STRETCH_MS;
        await writer.progress(STRETCH_CHANGES);
        await clockPasses(until);
        // The last moment is after another snapshot of one member, taken under writes, too.
        if (stretch === 2) expect((await snapshot(EU)).code).toBe(0);
        moments.push(await writer.moment());
        if (stretch === 0) segments = await world.objects(EU, 'log/');
      }
    } finally {
      await writer.end();
    }
    process.stdout.write(`${writer.changes} live changes; ${segments.length} segments at the first moment\n`);
    for (let i = 1; i < moments.length; i += 1) {
      const [before, after] = [moments[i - 1] as Moment, moments[i] as Moment];
      expect(differences(before.held[EU], after.held[EU]).length, 'moments that do not differ show nothing').toBeGreaterThan(STRETCH_CHANGES / 10);
    }
    for (const [i, moment] of moments.entries()) {
      await Promise.all(
        REGIONS.map(async (region) => {
          const to = `noted-${i}`;
          const { code, json } = await restored(moment.at, region, to);
          expect({ code, state: json.state, error: json.error }).toEqual({ code: 0, state: 'done', error: undefined });
          const found = await world.contents(region, to);
          expect(differences(moment.held[region], found).slice(0, 5)).toEqual([]);
          expect([...found.values()].filter((item) => '_s' in item)).toEqual([]);
        }),
      );
    }
  });

  test('an archive with nothing wrong in it is found whole', async () => {
    for (const region of REGIONS) {
      expect({ region, ...(await world.verify(region)) }).toEqual({ region, code: 0, findings: [] });
    }
  });

  test('whatever is damaged is named, by a restore that then writes nothing, and by a deep verification', async () => {
    const objects = await world.objects(EU, `${firstSnapshot.split('/').slice(0, 2).join('/')}/`);
    const manifest = objects.find((name) => name.endsWith('/manifest.json')) ?? '';
    const data = objects.find((name) => name.includes('/data/')) ?? '';
    const middle = segments[Math.floor(segments.length / 2)] ?? '';
    const flipped = (at: number) => (body: Buffer) =>
      Buffer.from(body.with(Math.floor(body.length * at), (body[Math.floor(body.length * at)] as number) ^ 0x04));
    const cases: readonly (readonly [what: string, object: string, damage: (body: Buffer) => Buffer | undefined])[] = [
      ['a bit of a segment is turned', middle, flipped(0.2)],
      ['a segment is deleted', middle, () => undefined],
      ['the footer of a segment is cut off', middle, (body) => body.subarray(0, body.length - 50)],
      ['a bit of a manifest is turned', manifest, flipped(0.5)],
      ['a bit of a snapshot’s file is turned', data, flipped(0.5)],
    ];
    for (const [what, object, damage] of cases) {
      const body = await world.object(EU, object);
      await world.replace(EU, object, damage(body));
      try {
        const to = 'never-made';
        const [refused, verified] = await Promise.all([restored(first().at, EU, to), world.verify(EU)]);
        expect({ what, code: refused.code, error: refused.json.error?.code }).toEqual({ what, code: 1, error: 'restore-refused' });
        expect(
          refused.json.error?.findings?.map((finding) => finding.object),
          what,
        ).toContain(object);
        expect(refused.json.error?.message, what).toContain('Nothing was written.');
        expect(await world.count(EU, to), what).toBeUndefined();
        expect({ what, code: verified.code }).toEqual({ what, code: 3 });
        expect(
          verified.findings?.map((finding) => finding.object),
          what,
        ).toContain(object);
      } finally {
        await world.replace(EU, object, body);
      }
    }
    expect(await world.verify(EU)).toEqual({ code: 0, findings: [] });
  });

  test('a key’s history shows each of its changes, and the log streams them, with every type of attribute as it was', async () => {
    const [odd] = oddItems() as [Item];
    const key = `country=${String(odd['country']?.S)},cityId=${String(odd['cityId']?.N)}`;
    const changed = { ...odd, text: { S: 'changed' } };
    const since = new Date(Date.now() - 1_000).toISOString();
    await world.write([changed]);
    await world.write([], [keyOf({ country: odd['country']?.S, cityId: odd['cityId']?.N } as never)]);
    await world.write([odd]);
    interface History {
      readonly keys: readonly { readonly changes: readonly { readonly event: string; readonly origin: string; readonly time: string }[] }[];
    }
    const { json } = await eventually(
      'all four changes are in the log',
      60_000,
      () => world.document<History>(['history', key]),
      (seen) => (seen.json.keys[0]?.changes.length ?? 0) >= 4,
    );
    expect(json.keys[0]?.changes.map(({ event, origin }) => `${event} ${origin}`)).toEqual(['INSERT local', 'MODIFY local', 'REMOVE local', 'INSERT local']);
    const { code, stdout } = await world.syncline([
      'log',
      '--since',
      since,
      '--form',
      'dynamodb',
      '--filter',
      '{"path":"country","op":"=","value":"~odd/ü #1"}',
    ]).outcome;
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { readonly event: string; readonly after?: object });
    expect({ code, events: lines.map(({ event }) => event) }).toEqual({ code: 0, events: ['MODIFY', 'REMOVE', 'INSERT'] });
    expect(lines[2]?.after).toEqual(JSON.parse(JSON.stringify(odd)));
  });

  test('a restore in place shows what it would do, does it, reaches the secondary, and is taken back', async () => {
    const before = (await world.equal())[EU];
    const asked = ['restore', '--at', second().at, '--in-place', '--allow-deletes', '100000'];
    const dry = await world.patient(second().at, [...asked, '--dry-run']);
    const differing = differences(second().held[EU], before).length;
    expect({ code: dry.code, state: dry.json.state, changes: (dry.json.puts ?? 0) + (dry.json.deletes ?? 0) }).toEqual({
      code: 0,
      state: 'planned',
      changes: differing,
    });
    expect(differences(before, await world.contents(EU))).toEqual([]);

    const done = await world.document([...asked, ...yes]);
    expect({ code: done.code, state: done.json.state, error: done.json.error }).toEqual({ code: 0, state: 'done', error: undefined });
    expect(differences(second().held[EU], (await world.equal())[EU]).slice(0, 5)).toEqual([]);

    const back = await world.document(['restore', '--undo', done.json.job ?? '', '--allow-deletes', '100000', ...yes]);
    expect({ code: back.code, state: back.json.state, error: back.json.error }).toEqual({ code: 0, state: 'done', error: undefined });
    expect(differences(before, (await world.equal())[EU]).slice(0, 5)).toEqual([]);
  });

  test('the changes of a bad deployment are taken back, later good ones are kept, and the undo is undone', async () => {
    const scene = await badDeployment(world);
    const where = ['--where', '{"path":"deployment","op":"=","value":"v17"}'];
    const undone = await world.patient(scene.end, ['undo', '--from', scene.from, '--to', scene.to, ...where, '--dry-run']);
    expect({ code: undone.code, puts: undone.json.puts, deletes: undone.json.deletes }).toEqual({ code: 0, puts: scene.bad, deletes: 0 });
    const done = await world.document(['undo', '--resume', undone.json.job ?? '', ...yes]);
    expect({ code: done.code, state: done.json.state, error: done.json.error }).toEqual({ code: 0, state: 'done', error: undefined });
    expect(differences(scene.wanted, (await world.equal())[EU]).slice(0, 5)).toEqual([]);

    const back = await world.document(['undo', '--undo', undone.json.job ?? '', ...yes]);
    expect({ code: back.code, state: back.json.state, error: back.json.error }).toEqual({ code: 0, state: 'done', error: undefined });
    expect(differences(scene.before, (await world.equal())[EU]).slice(0, 5)).toEqual([]);
  });

  test.runIf(KILLS > 0)('restores that are killed anywhere go on, and end with the same table', async () => {
    // Nobody writes any more, so the next whole second is as good as a noted moment; it is after the last record of either log.
    const held = (await world.equal())[EU];
    const at = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 1_000).toISOString();
    expect((await world.patient(at, ['restore', '--at', at, '--to', 'killed-0', '--dry-run'])).json.state).toBe('planned');
    const runs = Array.from({ length: KILLS }, (_, i) => ({ to: `killed-${i}`, after: Math.floor(Math.random() * LAST_KILL * held.size) }));
    process.stdout.write(`killed after ${runs.map(({ after }) => after).join(', ')} of ${held.size} items\n`);
    const killed = async ({ to, after }: (typeof runs)[number]): Promise<number> => {
      const running = world.syncline(['restore', '--at', at, '--to', to, ...yes]);
      let over = false;
      void running.outcome.then(() => {
        over = true;
      });
      let seen = 0;
      while (!over && seen <= after) {
        await sleep(LOOK_MS);
        seen = (await world.count(EU, to)) ?? -1;
      }
      running.kill();
      // A run that was refused has shown nothing.
      const { code, stdout } = await running.outcome;
      expect([null, 0], stdout).toContain(code);
      return (await world.count(EU, to)) ?? 0;
    };
    const part = await Promise.all(runs.map(killed));
    process.stdout.write(`then there were ${part.join(', ')}\n`);
    expect(part.filter((count) => count > 0 && count < held.size).length, 'runs that were killed on their way').toBeGreaterThanOrEqual(KILLS / 2);
    await Promise.all(
      runs.map(async ({ to }) => {
        await world.released(EU, to);
        const { code, json } = await restored(at, EU, to);
        expect({ to, code, error: json.error }).toEqual({ to, code: 0, error: undefined });
        expect(differences(held, await world.contents(EU, to)).slice(0, 5)).toEqual([]);
      }),
    );
  });
});
