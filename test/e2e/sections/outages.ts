import { DescribeTableCommand, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, describe, expect, test } from 'vitest';
import { type Status, status, syncline, THE_SET } from '../support/command.ts';
import { eventually } from '../support/eventually.ts';
import { AP, EU, keyOf, type Region, someItems, US, type World } from '../support/world.ts';

/** A target that is stopped, frozen, or lost for good, while the primary goes on. */

/** How long the fault may take to show in the link's row, and its end to clear it (ms): an invocation's time and a lane's wait. */
const SEEN_MAX_MS = 90_000;
/** One of these tests (ms): a fault, the waits above, and equality after it. */
const TEST_MAX_MS = 240_000;

interface FailingRow {
  readonly since: number;
  readonly why: string;
}

/** `link.failing` of the primary's link, read from its row. */
async function failing(world: World, target: Region): Promise<FailingRow | undefined> {
  const { Item } = await world
    .dynamodb(EU)
    .send(new GetItemCommand({ TableName: world.names(EU).control, Key: { pk: { S: 'self' }, sk: { S: `link#${target}` } }, ConsistentRead: true }));
  if (Item === undefined) throw new Error(`The primary has no row of its link to ${target}.`);
  const found = Item['failing']?.M;
  return found === undefined ? undefined : { since: Number(found['since']?.N), why: found['why']?.S ?? '' };
}

const linkOf = (json: Status, target: Region): Status['links'][number] | undefined => json.links.find((l) => l.source === EU && l.target === target);

/** Puts, changes and deletes of a section's own items, each key at most once a round. */
async function churn(world: World, pk: string, round: string): Promise<void> {
  const fresh = someItems(pk, 60, round, round.length * 1_000);
  const changed = someItems(pk, 60, round);
  await world.write(EU, [...fresh, ...changed], someItems(pk, 30, round, 100).map(keyOf));
}

export function outages(of: () => World): void {
  describe.each([
    { fault: 'stop', undo: 'start', target: US, name: 'stopped (connections are refused), then started' },
    { fault: 'freeze', undo: 'resume', target: AP, name: 'frozen (connections hang), then resumed' },
  ] as const)('a target that is $name', ({ fault, undo, target }) => {
    const other = target === US ? AP : US;
    let faulted = false;
    // A failed test leaves no outage to the next ones.
    afterAll(async () => {
      if (faulted) await of().cloud.fault(undo, target);
    });

    test('fills its own queue and disturbs nobody; then it catches up, without a dead letter', { timeout: TEST_MAX_MS }, async () => {
      const world = of();
      const pk = `outage-${fault}`;
      await world.write(EU, someItems(pk, 200, 'before'));
      await world.equal();
      expect(await failing(world, target)).toBeUndefined();

      const began = Date.now();
      await world.cloud.fault(fault, target);
      faulted = true;
      await churn(world, pk, 'during');
      await world.equal([other]);
      const row = await eventually(
        `the link to ${target} is failing`,
        SEEN_MAX_MS,
        () => failing(world, target),
        (f) => f !== undefined,
      );
      // A clock of the same machine: the row may not be older than the fault.
      expect(row?.since).toBeGreaterThanOrEqual(began);
      expect(row?.why).not.toBe('');
      const sick = await status(world);
      expect(sick.code).toBe(3);
      expect(sick.json.healthy).toBe(false);
      expect(linkOf(sick.json, target)).toMatchObject({ state: 'failing', reason: expect.stringContaining(row?.why ?? '–'), deadLetters: 0 });
      expect(linkOf(sick.json, other)).toMatchObject({ deadLetters: 0 });
      expect(linkOf(sick.json, other)?.state).not.toBe('failing');
      expect(sick.json.members.find((m) => m.member === target)?.role).toBe('unreachable');
      expect(sick.json.attention.map((a) => a.code)).toContain('unreachable');
      // What is written late waits behind the heads that were given back.
      await churn(world, pk, 'late');

      await world.cloud.fault(undo, target);
      faulted = false;
      expect(await world.equal()).toBeGreaterThanOrEqual(200);
      await eventually(
        `the link to ${target} works again`,
        SEEN_MAX_MS,
        () => failing(world, target),
        (f) => f === undefined,
      );
      const well = await eventually(
        'status is well',
        SEEN_MAX_MS,
        () => status(world),
        (s) => s.code === 0,
      );
      expect(well.json).toMatchObject({ healthy: true, attention: [] });
      expect(await Promise.all([world.deadLetters(US), world.deadLetters(AP)])).toEqual([0, 0]);
    });
  });
}

/** The last section: after it a member does not hold what it held. */
export function lostRegion(of: () => World): void {
  describe('a region that is lost with all that was in it', () => {
    const pk = 'lost';

    test('comes back empty: its link says why it fails, and nothing is lost at the others', { timeout: TEST_MAX_MS }, async () => {
      const world = of();
      await world.write(EU, someItems(pk, 100, 'before'));
      await world.equal();
      await world.cloud.fault('kill', US);
      await world.write(EU, someItems(pk, 50, 'without it', 1_000));
      await world.cloud.fault('start', US);
      await expect(world.dynamodb(US).send(new DescribeTableCommand({ TableName: world.names(US).items }))).rejects.toMatchObject({
        name: 'ResourceNotFoundException',
      });
      const seen = await eventually(
        'status says that the member is not deployed',
        SEEN_MAX_MS,
        () => status(world),
        (s) => linkOf(s.json, US)?.state === 'failing',
      );
      expect(seen.code).toBe(3);
      expect(seen.json.attention).toContainEqual(expect.objectContaining({ code: 'not-deployed', member: US }));
      expect(seen.json.attention).toContainEqual(expect.objectContaining({ code: 'link-failing', link: `${EU}:${US}` }));
      expect(await world.equal([AP])).toBeGreaterThanOrEqual(150);
      expect(await world.deadLetters(US)).toBe(0);
    });

    test('deployed again, it takes what was written since; what it lost is named by a comparison and comes back by a resync', {
      timeout: TEST_MAX_MS,
    }, async () => {
      const world = of();
      await world.redeploy();
      await world.write(EU, someItems(pk, 10, 'after', 2_000));
      const arrived = await eventually(
        'all that was written since the loss is there',
        SEEN_MAX_MS,
        async () => [...(await world.contents(US)).values()].filter((i) => i['pk']?.S === pk && ['without it', 'after'].includes(i['round']?.S ?? '')).length,
        (n) => n === 60,
      );
      expect(arrived).toBe(60);
      // The backfill of a member is another issue. Until then what it held before is missing there, and one key at a time can be asked for.
      const asked = await syncline(world, ['resync', `pk=${pk},sk=0`, '--link', `${EU}:${US}`, '--wait', '--timeout', '30', ...THE_SET]);
      expect(asked).toMatchObject({ code: 0 });
      const { Item } = await world
        .dynamodb(US)
        .send(new GetItemCommand({ TableName: world.names(US).items, Key: { pk: { S: pk }, sk: { N: '0' } }, ConsistentRead: true }));
      expect(Item).toMatchObject({ round: { S: 'before' } });
      const well = await eventually(
        'status is well',
        SEEN_MAX_MS,
        () => status(world),
        (s) => s.code === 0,
      );
      expect(well.json.members.map((m) => m.role)).toEqual(['primary', 'secondary', 'secondary']);
    });
  });
}
