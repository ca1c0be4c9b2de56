import { describe, expect, it } from 'vitest';
import { CheckSteps } from '../../../cli/check-progress.ts';
import { partOf } from '../../../cli/rewrite-progress.ts';
import { repairQuestion } from '../../../cli/views/check-view.ts';
import type { CheckLink } from '../../../lib/reconcile/check/job.ts';
import { listChecks } from '../../../lib/reconcile/check/job.ts';
import type { LinkReport } from '../../../lib/reconcile/check/report.ts';
import type { CheckProgress } from '../../../lib/reconcile/check/step.ts';
import type { Json } from './world.ts';
import { city, REGIONS, World } from './world.ts';

const [A, B, C] = REGIONS;

async function deployed(items = 3): Promise<World> {
  const world = await new World().deploy().init();
  for (let i = 0; i < items; i += 1) await world.put(A, city(i, `city ${i}`));
  return world;
}
const checks = (world: World) => listChecks(world.region(A).table, world.context(A).tables.control, world.runtime);

describe('check', () => {
  it.each([
    [['--proof', '--sweep'], 'bad-options', /--proof and --sweep: a check compares one thing/],
    [['--sweep', '--key', 'country=DE,cityId=1'], 'bad-options', /--sweep and --key/],
    [['--sweep', '--report-only', '--repair'], 'bad-options', /--report-only and --repair/],
    [['--list', '--show', 'x'], 'bad-options', /--list and --show/],
    [['--resume', 'x', '--sweep'], 'bad-options', /--resume and --sweep: an earlier check is what it was asked for/],
    [['--report-only', '--allow-deletes'], 'bad-options', /deletes nothing/],
    [['--show', 'x', '--repair'], 'bad-options', /--show and --repair: an earlier check/],
    [['--resume', 'x', '--report-only'], 'bad-options', /--resume and --report-only/],
    [['--sweep', '--member', A], 'bad-options', /is the primary/],
    [['--sweep', '--member', 'nowhere'], 'unknown-member', /no member "nowhere"/],
    [['--sample', '2'], 'usage', /a share, more than 0 and at most 1/],
    [['--items-per-s', '-1'], 'usage', /items a second/],
    [['--key', 'town=DE'], 'invalid-key', /country/],
  ] as const)('refuses %j', async (args, code, message) => {
    const world = await deployed(0);
    const { code: exit, json } = await world.run('check', ...args, '--json');
    expect({ exit, code: json.error.code }).toEqual({ exit: 2, code });
    expect(json.error.message).toMatch(message);
    expect(await checks(world)).toEqual([]);
  });

  it('says that a sweep comes first, where the logs alone say nothing', async () => {
    const world = await deployed();
    const { code, json } = await world.run('check', '--json');
    expect({ code, error: json.error.code }).toEqual({ code: 1, error: 'no-base' });
    expect(json.error.message).toContain('syncline check --sweep');
  });

  it('says first what a sweep reads and costs, and begins nothing where nobody can be asked', async () => {
    const world = await deployed();
    const { code, json } = await world.run('check', '--sweep', '--json');
    expect({ code, error: json.error.code }).toEqual({ code: 2, error: 'needs-yes' });
    expect(json.error.plan).toMatchObject({ mode: 'sweep', targets: [B, C], action: 'report', items: 3 });
    expect(json.error.plan.readUnits).toBeGreaterThan(0);
    expect(await checks(world)).toEqual([]);
  });

  it('leaves a check to the functions with --detach, and lists and shows it', async () => {
    const world = await deployed();
    const begun = await world.run('check', '--sweep', '--member', B, '--detach', '--repair', '--yes', '--json');
    expect(begun.code).toBe(0);
    const [job] = await checks(world);
    expect(job).toMatchObject({ id: begun.json.id, phase: 'scan', request: { mode: 'sweep', targets: [B], action: 'repair' } });
    const list = await world.run('check', '--list', '--json');
    expect(list.json.checks.map((c: Json) => [c.id, c.result])).toEqual([[begun.json.id, 'pending']]);
    const text = await world.run('check', '--list');
    expect(text.stdout).toContain(begun.json.id);
    const show = await world.run('check', '--show', begun.json.id, '--json');
    expect({ code: show.code, schema: show.json.schema, links: show.json.links.length }).toEqual({ code: 3, schema: 'syncline.check/1', links: 1 });
  });

  it('names a check that there is not', async () => {
    const world = await deployed(0);
    for (const option of ['--show', '--resume', '--cancel']) {
      const { code, json } = await world.run('check', option, '20261127T000000Z-nobody', '--json');
      expect({ code, error: json.error.code }, option).toEqual({ code: 1, error: 'unknown-check' });
    }
    expect((await world.run('check', '--list')).stdout).toContain('There are no checks.');
  });
});

describe('progress', () => {
  const link = { suspicions: 10, judged: 4, divergent: 1 } as CheckLink;
  /** What is said, one after the other, each so many ms after the one before. */
  const said = (...steps: readonly (readonly [number, CheckProgress])[]): readonly string[] => {
    let now = 0;
    const shown = new CheckSteps(() => now);
    return steps.map(([ms, step]) => {
      now += ms;
      return shown.next(step).words;
    });
  };
  const scan = (member: string, units: number, of?: number): CheckProgress => ({
    phase: 'scan',
    links: [],
    scan: { member, units, ...(of !== undefined && { of }) },
  });

  it('says how much of all tables is read, how fast, and what is left', () => {
    expect(said([0, scan(A, 0, 10_000)], [1_000, scan(B, 0, 10_000)], [1_000, scan(A, 4_000, 10_000)], [2_000, scan(B, 4_000, 10_000)])).toEqual([
      'reading the tables: 0 of about 10,000 items',
      'reading the tables: 0 of about 20,000 items',
      'reading the tables: 4,000 of about 20,000 items, 2,000/s, 8 s left',
      'reading the tables: 8,000 of about 20,000 items, 2,000/s, 6 s left',
    ]);
  });

  it('counts the rate from where this run begins, and not what an earlier one has read', () => {
    expect(said([0, scan(A, 8_000, 10_000)], [1_000, scan(A, 8_500, 10_000)])[1]).toBe('reading the tables: 8,500 of about 10,000 items, 500/s, 3 s left');
  });

  it('does not let the rate fall once all is read, and says what is waited for then', () => {
    const all = { phase: 'scan', links: [] } as const;
    expect(said([0, scan(A, 0, 2_000)], [1_000, scan(A, 2_000, 2_000)], [4_000, all], [2_000, all]).slice(2)).toEqual([
      'reading the tables: 2,000 of about 2,000 items, 2,000/s',
      'reading the tables: 2,000 of about 2,000 items; waiting until the logs reach the end of the scans',
    ]);
  });

  it('takes more items than DynamoDB had counted', () => {
    expect(said([0, scan(A, 3_000, 2_000)])).toEqual(['reading the tables: 3,000 of about 3,000 items']);
    expect(said([0, scan(A, 3_000)])).toEqual(['reading the tables: 3,000 items']);
  });

  it('says how many suspicions have their verdict, and what was found', () => {
    expect(said([0, { phase: 'verdict', links: [link, link] }])).toEqual(['asking in the lanes: 8 of 20 suspicions; 2 keys differ']);
    expect(said([0, { phase: 'repair', links: [link], batches: { done: 1, of: 2 } }])).toEqual(['repairing: 1 of 2 batches; 1 key differs']);
    expect(said([0, { phase: 'compare', links: [] }])).toEqual(['comparing']);
  });

  it('draws a bar only where it is known how much there is', () => {
    expect(partOf(6, 24)).toBe(`${'█'.repeat(6)}${'░'.repeat(18)} `);
    expect([partOf(30, 24), partOf(0, 0), partOf(5, undefined)]).toEqual([`${'█'.repeat(24)} `, `${'░'.repeat(24)} `, '']);
  });
});

describe('the question before a repair', () => {
  const link = (keys: number, divergent: number, extra: number): LinkReport => ({ keys, divergent, extra }) as LinkReport;
  it('says how many keys it is about, and what it deletes', () => {
    expect(repairQuestion([link(10, 1, 0), link(10, 0, 0)], false)).toBe('Repair 1 key?');
    expect(repairQuestion([link(2_000, 7, 5), link(2_000, 3, 0)], false)).toBe('Repair 10 keys, 5 of them by deleting what only the member has?');
    expect(repairQuestion([link(2_000, 307, 300), link(2_000, 3, 1)], false)).toBe(
      'Repair 10 keys, 1 of them by deleting what only the member has (300 deletions held back without --allow-deletes)?',
    );
    expect(repairQuestion([link(2_000, 307, 300)], true)).toBe('Repair 307 keys, 300 of them by deleting what only the member has?');
  });
});

describe('prove', () => {
  it.each([
    [[], /--link SOURCE:TARGET, or --all/],
    [['--all', '--link', `${A}:${B}`], /Say which links/],
    [['--link', `${B}:${A}`], /is not the primary/],
    [['--link', A], /--link takes SOURCE:TARGET/],
    [['--all', '--items-per-s', 'many'], /items a second/],
  ] as const)('refuses %j', async (args, message) => {
    const world = await deployed(0);
    const { code, json } = await world.run('prove', ...args, '--json');
    expect(code).toBe(2);
    expect(json.error.message).toMatch(message);
  });

  it('says what it does before it does it', async () => {
    const world = await deployed(0);
    const { code, json } = await world.run('prove', '--all', '--json');
    expect({ code, error: json.error.code, targets: json.error.targets }).toEqual({ code: 2, error: 'needs-yes', targets: [B, C] });
  });
});

describe('diff', () => {
  it('shows an item at the primary and at each member, attribute by attribute', async () => {
    const world = await deployed(1);
    await world.put(B, { ...city(0, 'city 0'), n: { N: '1' } });
    const { code, json } = await world.run('diff', 'country=DE,cityId=0', '--json');
    expect(code).toBe(3);
    expect(json).toMatchObject({ primary: A, item: { name: 'city 0' } });
    expect(json.members).toMatchObject([
      { member: B, state: 'changed', differences: [{ path: 'n', after: 1 }], copy: { counts: false } },
      { member: C, state: 'missing' },
    ]);
    const { stdout } = await world.run('diff', 'country=DE,cityId=0', '--member', B);
    expect(stdout).toMatch(
      /country=DE,cityId=0 at the primary eu-central-1: there\nus-east-1 {2}differs\n {2}no seal of an applier counts: somebody else wrote it\n {2}\+ n {2}1\n/,
    );
  });

  it('equal values written differently are equal, and it says so', async () => {
    const world = await deployed(0);
    await world.put(A, { ...city(0, 'x'), n: { N: '1' } });
    for (const region of [B, C]) await world.put(region, { ...city(0, 'x'), n: { N: '1.0' } });
    const { code, json } = await world.run('diff', 'country=DE,cityId=0', '--json');
    expect(code).toBe(0);
    // The memory cloud keeps numbers as they were written only where DynamoDB would: canonical ones are alike.
    expect(json.members.map((m: Json) => m.state)).toEqual(['equal', 'equal']);
  });

  it('a key that nobody has is equal; a member that is away is told apart', async () => {
    const world = await deployed(0);
    expect((await world.run('diff', 'country=DE,cityId=9', '--json')).code).toBe(0);
    world.down.add(B);
    const { code, json } = await world.run('diff', 'country=DE,cityId=9', '--json');
    expect(code).toBe(4);
    expect(json.members).toMatchObject([
      { member: B, state: 'unread', error: {} },
      { member: C, state: 'equal' },
    ]);
  });
});

describe('orphans', () => {
  it('lists none where there are none, and names one that there is not', async () => {
    const world = await deployed(0);
    const { code, json } = await world.run('orphans', 'list', '--json');
    expect({ code, orphans: json.orphans }).toEqual({ code: 0, orphans: [] });
    expect((await world.run('orphans', 'list')).stdout).toContain('There are no such orphans.');
    for (const what of ['show', 'reapply', 'discard']) {
      const answer = await world.run('orphans', what, 'nobody', '--json');
      expect({ code: answer.code, error: answer.json.error.code }, what).toEqual({ code: 1, error: 'unknown-orphan' });
    }
  });

  it('lists what can be read, when a member is away', async () => {
    const world = await deployed(0);
    world.down.add(B);
    const { code, json } = await world.run('orphans', 'list', '--json');
    expect(code).toBe(4);
    expect(json.unread.map((u: Json) => u.member)).toEqual([B]);
  });
});
