import { describe, expect, it } from 'vitest';
import { archiveSteps, cityStory } from './archived.ts';
import type { Json } from './world.ts';
import { NOW, REGIONS, World } from './world.ts';

const [A, B] = REGIONS;
const HOUR = 3_600;
const KEY = 'country=DE,cityId=1';

/** Ulm is founded, renamed and given up; others live beside it. */
async function archived(): Promise<World> {
  const world = await new World().deploy().init();
  const [founded, renamed, gone] = cityStory(1, [3 * HOUR, 'Ulm'], [2 * HOUR, 'Neu-Ulm'], [HOUR, undefined]).map((step, i) => [
    { ...step, epoch: 1, origin: (['local', 'applier', 'expiry'] as const)[i] ?? 'local' },
  ]);
  await archiveSteps(world, A, [
    [...(founded ?? []), ...cityStory(2, [3 * HOUR - 1, 'Bonn'])],
    [...(renamed ?? []), ...Array.from({ length: 300 }, (_, i) => cityStory(i + 10, [2 * HOUR - 1, 'x'.repeat(500)])).flat()],
    gone ?? [],
  ]);
  return world;
}

describe('syncline history', () => {
  it('shows each change with its time, position, origin and what differs, the newest last', async () => {
    const { code, stdout, stderr } = await (await archived()).run('history', KEY);
    expect(code).toBe(0);
    expect(stdout).toBe(
      [
        '2027-01-15T05:00:00Z  created by a write at this member  position 1/1001',
        '  + cityId   1',
        '  + country  "DE"',
        '  + name     "Ulm"',
        '2027-01-15T06:00:00Z  changed by a copy from the primary  position 1/1003',
        '  ~ name  "Ulm" → "Neu-Ulm"',
        '2027-01-15T07:00:00Z  deleted by DynamoDB’s own expiry (TTL)  position 1/1304',
        '  - cityId   1',
        '  - country  "DE"',
        '  - name     "Neu-Ulm"',
        '',
      ].join('\n'),
    );
    expect(stderr).toMatch(
      new RegExp(
        `^The log of ${A} is sure from \\S+ to \\S+: what was changed later may not be in it\\.\nFrom the log of ${A}: \\d+ requests, \\d+ (KB|bytes) read\\.\n$`,
      ),
    );
  });

  it('is a document with --json, with both images, and says what it read', async () => {
    const { code, json } = await (await archived()).run('history', KEY, '--json', '--since', '-2h', '--until', '-90m');
    expect(code).toBe(0);
    expect(json).toMatchObject({ set: 'cities', member: A, findings: [], read: { requests: expect.any(Number), bytes: expect.any(Number) } });
    expect(json.keys).toEqual([
      {
        key: { country: 'DE', cityId: 1 },
        changes: [
          {
            at: NOW - 2 * HOUR * 1_000,
            time: '2027-01-15T06:00:00Z',
            sequence: '1003',
            position: '1/1003',
            origin: 'applier',
            event: 'MODIFY',
            difference: [{ path: 'name', before: 'Ulm', after: 'Neu-Ulm' }],
            before: { country: 'DE', cityId: 1, name: 'Ulm' },
            after: { country: 'DE', cityId: 1, name: 'Neu-Ulm' },
            shard: 'shardId-1',
            segment: expect.stringMatching(/^log\//),
          },
        ],
        more: false,
      },
    ]);
  });

  it('says which times the log surely covers, where another one was asked for', async () => {
    const world = await archived();
    const notes = async (...args: string[]): Promise<string> => (await world.run('history', KEY, ...args)).stderr;
    expect(await notes('--since', '-30m', '--until', '-20m')).not.toContain('is sure');
    expect(await notes('--since', '-30d', '--until', '-20m')).toContain('sure from 2027-01-15T05:00:00Z to 2027-01-15T07:5');
    expect(await notes('--since', '-30d', '--until', '-20m')).toContain('what was changed before may not be in it');
    expect(await notes('--since', '-30d')).toContain('before or later');
    const { json } = await world.run('history', KEY, '--json');
    expect(json.log).toEqual({ from: '2027-01-15T05:00:00Z', until: expect.stringMatching(/^2027-01-15T07:5/) });
  });

  it('shows the newest changes up to a limit, and says that there are more', async () => {
    const world = await archived();
    const { stdout } = await world.run('history', KEY, '--limit', '1');
    expect(stdout.split('\n')[0]).toContain('there are older changes');
    expect(stdout).toContain('deleted');
    expect(stdout).not.toContain('changed');
    expect((await world.run('history', KEY, '--limit', '1', '--json')).json.keys[0].more).toBe(true);
  });

  it('takes several keys, in any form, each once, and says whose history is whose', async () => {
    const { stdout } = await (await archived()).run('history', KEY, '{"country":{"S":"DE"},"cityId":{"N":"2"}}', 'country=DE,cityId=1.0');
    expect(stdout.match(/^country=DE,cityId=\d/gm)).toEqual(['country=DE,cityId=1', 'country=DE,cityId=2']);
  });

  it('says when there is nothing, and which times the log has', async () => {
    const world = await archived();
    expect((await world.run('history', 'country=AT,cityId=1')).stdout).toBe('country=AT,cityId=1: no change is in the log in this time.\n');
    const { json } = await world.run('history', KEY, '--member', B, '--json');
    expect(json).toMatchObject({ member: B, keys: [{ changes: [] }], next_steps: [{ command: expect.stringContaining('archive status') }] });
  });

  it('shows the rest of a log of which a part is damaged, names the object, and ends with 3', async () => {
    const world = await archived();
    const { bucket } = world.context(A);
    const [name] = (await world.region(A).objects.list(bucket, { prefix: 'log/', limit: 1 })).objects.map((o) => o.key);
    await world
      .region(A)
      .objects.put(bucket, name as string, Buffer.from('x'.repeat(500)), { sha256: (await import('node:crypto')).hash('sha256', 'x'.repeat(500), 'base64') });
    const { code, stdout } = await world.run('history', KEY);
    expect(code).toBe(3);
    expect(stdout).toContain('deleted');
    expect(stdout).toContain(name);
    const { json } = await world.run('history', KEY, '--json');
    expect(json.findings).toMatchObject([{ kind: 'damaged', object: name }]);
    expect(json.next_steps.map((s: Json) => s.command)[0]).toContain('archive verify');
  });

  it('notices changes that no index knows of, by what the next one found, and ends with 3', async () => {
    const world = await new World().deploy().init();
    const names = await archiveSteps(
      world,
      A,
      cityStory(1, [3 * HOUR, 'Ulm'], [2 * HOUR, 'Neu-Ulm'], [HOUR, 'Bonn']).map((step) => [step]),
    );
    await world.region(A).objects.delete(world.context(A).bucket, names[1] as string);
    const { code, stdout } = await world.run('history', KEY);
    expect(code).toBe(3);
    expect(stdout).toContain('Between 2027-01-15T05:00:00Z and 2027-01-15T07:00:00Z a change of this key is missing');
  });

  it('makes what a terminal would obey visible', async () => {
    const world = await new World().deploy().init();
    await archiveSteps(world, A, [cityStory(1, [HOUR, '\u001b[31mred'])]);
    const { stdout } = await world.run('history', KEY);
    expect(stdout).not.toContain('\u001b');
  });

  it.each([
    [['history'], 2, /missing required argument/],
    [['history', 'name=x'], 2, /does not begin with "country="/],
    [['history', KEY, '--since', '-1h', '--until', '-2h'], 2, /Give the earlier time/],
    [['history', KEY, '--limit', '0'], 2, /--limit/],
    [['history', KEY, '--member', 'moon'], 2, /no member "moon"/],
    [['history', ...Array.from({ length: 21 }, (_, i) => `country=DE,cityId=${i}`)], 2, /At most 20 keys/],
  ])('refuses %j', async (args, expected, message) => {
    const { code, stderr } = await (await archived()).run(...args);
    expect(code).toBe(expected);
    expect(stderr).toMatch(message);
  });
});
