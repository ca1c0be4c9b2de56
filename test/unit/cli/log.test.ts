import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { main } from '../../../cli/program.ts';
import type { Step } from '../archive/history/story.ts';
import { SHARD } from '../archive/history/story.ts';
import { archiveSteps, cityStory } from './archived.ts';
import type { Json } from './world.ts';
import { collect, NOW, REGIONS, World } from './world.ts';

const [A, B] = REGIONS;
const HOUR = 3_600;

const lines = (stdout: string): Json[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

/** Ulm is founded, renamed and given up, within three segments; beside it the others live. */
async function archived(): Promise<World> {
  const world = await new World().deploy().init();
  const ulm = cityStory(1, [3 * HOUR, 'Ulm'], [2 * HOUR, 'Neu-Ulm'], [HOUR, undefined]);
  const origins = ['local', 'applier', 'expiry'] as const;
  const [founded, renamed, gone] = ulm.map((step, i) => [{ ...step, origin: origins[i] ?? 'local' }]) as [Step[], Step[], Step[]];
  await archiveSteps(world, A, [[...founded, ...cityStory(2, [3 * HOUR - 1, 'Bonn'])], renamed, gone]);
  return world;
}

describe('syncline log', () => {
  it('writes each change of the time as a line of JSON, in order, with both images and without our own attribute', async () => {
    const { code, stdout } = await (await archived()).run('log', '--since', '-1d');
    expect(code).toBe(0);
    expect(stdout).not.toContain('_s');
    expect(lines(stdout).map(({ event, key }) => `${event} ${key.cityId}`)).toEqual(['INSERT 1', 'INSERT 2', 'MODIFY 1', 'REMOVE 1']);
    expect(lines(stdout)[2]).toEqual({
      at: NOW - 2 * HOUR * 1_000,
      time: '2027-01-15T06:00:00Z',
      sequence: '1003',
      origin: 'applier',
      event: 'MODIFY',
      key: { country: 'DE', cityId: 1 },
      before: { country: 'DE', cityId: 1, name: 'Ulm' },
      after: { country: 'DE', cityId: 1, name: 'Neu-Ulm' },
      shard: SHARD,
      segment: expect.stringMatching(/^log\/2027-01-15T07-00-00\.000\/shardId-1\/0{36}1003\.20270115T060000Z\.jsonl\.zst$/),
    });
  });

  it('is the same with --json: always lines', async () => {
    const world = await archived();
    const stdout = collect();
    expect(await main(['log', '--since', '-1d', '--json', ...world.args], world.outside(), stdout.stream, collect().stream)).toBe(0);
    expect(stdout.text()).toBe((await world.run('log', '--since', '-1d')).stdout);
  });

  it('has exactly the changes of the time, both ends included', async () => {
    const world = await archived();
    const { stdout } = await world.run('log', '--since', '-2h', '--until', '-1h');
    expect(lines(stdout).map((l) => l.event)).toEqual(['MODIFY', 'REMOVE']);
    expect(lines((await world.run('log', '--since', '-7199s', '--until', '-3601s')).stdout)).toEqual([]);
  });

  it('has only the changes that are wanted: by origin, and by a condition on the item as it was left, or was', async () => {
    const world = await archived();
    expect(lines((await world.run('log', '--since', '-1d', '--origin', 'local,expiry')).stdout).map((l) => l.event)).toEqual(['INSERT', 'INSERT', 'REMOVE']);
    const filter = '{"path":"name","op":"begins-with","value":"Neu"}';
    expect(lines((await world.run('log', '--since', '-1d', '--filter', filter)).stdout).map((l) => l.event)).toEqual(['MODIFY', 'REMOVE']);
  });

  it('gives DynamoDB JSON, when that is asked for', async () => {
    const { stdout } = await (await archived()).run('log', '--since', '-1d', '--form', 'dynamodb');
    expect(lines(stdout)[0]).toMatchObject({ key: { cityId: { N: '1' } }, after: { name: { S: 'Ulm' } } });
  });

  it('reads the log of the member that is named, and an empty log is no failure', async () => {
    const world = await archived();
    expect(await world.run('log', '--since', '-1d', '--member', B)).toMatchObject({ code: 0, stdout: '' });
    expect((await world.run('log', '--since', '-1d', '--member', 'moon')).code).toBe(2);
  });

  it('says on stderr what is missing between two segments, when it comes to it, writes the rest, and ends with 3', async () => {
    const world = await new World().deploy().init();
    const names = await archiveSteps(
      world,
      A,
      Array.from({ length: 4 }, (_, i) => cityStory(i, [(4 - i) * HOUR, `city ${i}`])),
    );
    const { bucket } = world.context(A);
    await world.region(A).objects.delete(bucket, names[2] as string);
    const { code, stdout, stderr } = await world.run('log', '--since', '-1d');
    expect(code).toBe(3);
    expect(lines(stdout).map((l) => l.key.cityId)).toEqual([0, 1, 3]);
    expect(stderr).toContain(`gap: ${names[2]} is missing`);
    // Outside of the time that was asked for it is nobody's concern; at its end the next segment tells.
    expect((await world.run('log', '--since', '-1d', '--until', '-200m')).code).toBe(0);
    expect((await world.run('log', '--since', '-59m')).code).toBe(0);
    const end = await world.run('log', '--since', '-1d', '--until', '-100m');
    expect(end.code).toBe(3);
    expect(end.stderr).toContain(`gap: ${names[2]} is missing`);
  });

  it('says up to when the log is sure, where a later time was asked for, and nothing where not', async () => {
    const world = await archived();
    expect((await world.run('log', '--since', '-30m')).stderr).toMatch(
      new RegExp(`^The log of ${A} is sure from \\S+ to \\S+: what was changed later may not be in it`),
    );
    expect((await world.run('log', '--since', '-30m', '--until', '-20m')).stderr).toBe('');
  });

  it('names the object that is damaged, and fails', async () => {
    const world = await new World().deploy().init();
    const [name] = await archiveSteps(world, A, [cityStory(1, [HOUR, 'Ulm'])]);
    const { bucket } = world.context(A);
    world.region(A).buckets.flipBit(bucket, name as string, 40);
    const { code, stderr } = await world.run('log', '--since', '-1d');
    expect(code).toBe(1);
    expect(stderr).toContain(name);
    expect(stderr).toContain('syncline archive verify');
  });

  it('reads no further than its lines are taken, and ends quietly when nobody takes them', async () => {
    const world = await new World().deploy().init();
    const large = 'x'.repeat(70_000);
    await archiveSteps(
      world,
      A,
      Array.from({ length: 20 }, (_, i) => cityStory(i, [HOUR - i, large])),
    );
    let read = 0;
    world.cloud.witness = (call) => {
      if (call.service === 's3' && call.op === 'get') read += 1;
    };
    let taken = 0;
    const stdout = new Writable({
      highWaterMark: 1,
      write: (chunk: Buffer, _encoding, done) => {
        taken += chunk.toString().split('\n').length - 1;
        // It takes a few lines, and goes away.
        if (taken >= 3) stdout.destroy();
        else setImmediate(done);
      },
    });
    expect(await main(['log', '--since', '-1d', ...world.args], world.outside(), stdout, collect().stream)).toBe(0);
    expect(taken).toBeLessThan(6);
    expect(read).toBeGreaterThan(2);
    expect(read).toBeLessThan(10);
  });

  it.each([
    [['log'], /--since/],
    [['log', '--since', 'yesterday'], /--since takes a time/],
    [['log', '--since', '-1h', '--filter', 'x'], /--filter is not JSON/],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await (await archived()).run(...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });
});
