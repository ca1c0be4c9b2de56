import { beforeEach, describe, expect, test } from 'vitest';
import { memberNames } from '../../../../lib/core/names.ts';
import type { CheckPorts } from '../../../../lib/reconcile/ports.ts';
import type { DriftFlag } from '../../../../lib/reconcile/proof/fold.ts';
import { openKind } from '../../../../lib/reconcile/proof/open-kind.ts';
import type { ProofPartResult } from '../../../../lib/reconcile/proof/part.ts';
import { proofPart } from '../../../../lib/reconcile/proof/part.ts';
import type { ProofRow } from '../../../../lib/reconcile/proof/row.ts';
import { readProof } from '../../../../lib/reconcile/proof/row.ts';
import { readStanding } from '../../../../lib/reconcile/proof/standing.ts';
import { scanKind } from '../../../../lib/reconcile/scan/kind.ts';
import { freshScan, scanTaskId } from '../../../../lib/reconcile/scan/task.ts';
import { askTask, workOnTasks } from '../../../../lib/reconcile/tasks/work.ts';
import { item, key } from '../../../flows/support/world.ts';
import { Rig } from '../check/rig.ts';

const MINUTE = 60_000;
const WATCHER = { progress: (): void => undefined, stopped: (): boolean => false };

/** A set whose primary looks at its proof each minute. */
class Looks {
  readonly rig: Rig;
  readonly ports: CheckPorts;
  readonly flags: DriftFlag[] = [];

  constructor(rig: Rig) {
    this.rig = rig;
    this.ports = rig.ports();
  }

  static async create(items: number): Promise<Looks> {
    const looks = new Looks(await Rig.create(items));
    await looks.scan();
    return looks;
  }

  /** Scans all members. */
  async scan(): Promise<void> {
    const { runtime } = this.rig.world;
    for (const reach of [this.ports.own, ...this.ports.others.values()]) {
      const fresh = freshScan({ id: scanTaskId(runtime), by: 'a test', asked: runtime.clock.now() });
      await this.rig.beside(askTask(reach, runtime, scanKind, fresh));
      await this.tasks();
    }
  }

  /** Every member works at its tasks until none is open. */
  async tasks(): Promise<void> {
    const { runtime } = this.rig.world;
    const others = new Map([...this.ports.others, [this.ports.own.member.member, this.ports.own]]);
    for (const reach of [this.ports.own, ...this.ports.others.values()]) {
      for (let round = 0; ; round += 1) {
        expect(round).toBeLessThan(50);
        const options = { owner: 'a test', untilMs: runtime.clock.elapsed() + MINUTE };
        const { open } = await this.rig.beside(workOnTasks({ ...reach, others }, runtime, [scanKind, openKind], options, WATCHER));
        if (open === 0) break;
        // A scan waits for its log, which needs time to be sure.
        await this.rig.pass(5_000);
      }
    }
  }

  async look(): Promise<ProofPartResult> {
    const { runtime } = this.rig.world;
    const hear = async (flags: readonly DriftFlag[]): Promise<void> => void this.flags.push(...flags);
    return this.rig.beside(proofPart(this.ports, runtime, runtime.clock.elapsed() + MINUTE, hear));
  }

  /** Looks each minute until one is as wanted. */
  async until(what: (result: ProofPartResult) => boolean): Promise<ProofPartResult> {
    for (let minute = 0; minute < 60; minute += 1) {
      const result = await this.look();
      if (what(result)) return result;
      await this.rig.pass(MINUTE);
      await this.tasks();
    }
    throw new Error(`It did not come in an hour: ${JSON.stringify(await this.row())}`);
  }

  async row(): Promise<ProofRow | undefined> {
    const { table, member } = this.ports.own;
    return this.rig.beside(readProof(table, member.tables.control, this.rig.world.runtime));
  }

  link(result: ProofPartResult): ProofPartResult['links'][string] | undefined {
    return result.links[this.rig.world.secondary];
  }
}

describe('the standing proof', () => {
  let looks: Looks;
  beforeEach(async () => {
    looks = await Looks.create(40);
  });

  test('verifies a link after a scan of each side, and goes on by the logs alone', async () => {
    const { rig } = looks;
    expect(looks.link(await looks.until((r) => looks.link(r)?.state === 'verified'))).toMatchObject({ differing: 0 });
    for (let i = 0; i < 30; i += 1) await rig.world.put(item(`new${i}`, 1));
    await rig.world.remove(key('k3'));
    await rig.pass(10 * MINUTE);
    expect(looks.link(await looks.look())).toEqual({ state: 'verified', differing: 0, hot: 0 });
    const row = await looks.row();
    expect(row?.members[rig.world.primary]).toMatchObject({ items: 69 });
    expect(row?.links[rig.world.secondary]?.asOf).toBeGreaterThan(rig.world.clock.now() - 4 * MINUTE);
  });

  test('finds the keys that differ, and only those, with both sides meeting once a minute', async () => {
    const { rig } = looks;
    await looks.until((r) => looks.link(r)?.state === 'verified');
    const { secondary } = rig.world;
    // The items come to rest.
    await rig.pass(15 * MINUTE);
    await rig.world.put(item('later', 1));
    await rig.plant(secondary, [{ put: item('k5', 1, { n: { N: '-5' } }) }, { put: item('extra', 1) }, { remove: key('k7') }]);
    const { suspicions } = await looks.until((r) => r.suspicions.length > 0);
    const names = suspicions.map(({ key: of, target }) => [(of['pk'] as { S: string }).S, target]).sort();
    expect(names).toEqual(['extra', 'k5', 'k7'].map((name) => [name, secondary]));
    const opened = (await looks.row())?.links[secondary]?.opened;
    expect(opened).toMatchObject({ suspicions: 3, unresolved: 0 });
    expect(opened?.bytes).toBeLessThan(40_000);
    // What is known is not opened again at once.
    await rig.pass(MINUTE);
    expect((await looks.look()).suspicions).toEqual([]);
  });

  test('suspects a key that stays in motion look after look', async () => {
    const { rig } = looks;
    await looks.until((r) => looks.link(r)?.state === 'verified');
    const { secondary } = rig.world;
    await rig.plant(secondary, [{ put: item('k5', 1, { n: { N: '-5' } }) }]);
    // Written lately at the source, too, and not to what the target has.
    const { suspicions } = await looks.until((r) => r.suspicions.length > 0);
    expect(suspicions).toEqual([{ key: key('k5'), target: secondary }]);
    expect(looks.link(await looks.look())).toMatchObject({ state: 'verified', hot: 1 });
  });

  test('says nothing of a link that is paused, and of members without a scan', async () => {
    const bare = new Looks(await Rig.create(3));
    expect(looks.link(await bare.look())?.why).toContain('has not been scanned yet');
    const { world } = looks.rig;
    await looks.until((r) => looks.link(r)?.state === 'verified');
    const control = world.control(world.primary);
    const row = { pk: { S: 'self' }, sk: { S: `link#${world.secondary}` } };
    await world.clock.run(world.table(world.primary).update(control, row, { set: { state: { S: 'paused' } } }));
    expect(looks.link(await looks.look())).toMatchObject({ state: 'unverified', why: 'The link is paused.' });
  });

  test('audits a base by the next one, and tells when the log has not led to it', async () => {
    const { rig } = looks;
    const { world } = rig;
    await looks.until((r) => looks.link(r)?.state === 'verified');
    await rig.world.put(item('one-more', 1));
    await rig.pass(2 * MINUTE);
    await looks.scan();
    const { audits } = await looks.look();
    expect(audits.map(({ member, differing }) => [member, differing])).toEqual([
      [world.primary, []],
      [world.secondary, []],
    ]);
    expect(world.counted.get('ProofAuditDiffers')).toBeUndefined();
  });

  test('begins anew when what it knew is damaged', async () => {
    const { rig } = looks;
    const { world } = rig;
    await looks.until((r) => looks.link(r)?.state === 'verified');
    const { bucket } = memberNames('test', world.named(world.primary));
    const name = `scans/standing/${world.secondary}`;
    const { place } = looks.ports.own;
    world.cloud.region(world.primary).buckets.flipBit(bucket, name, 8 * (world.cloud.region(world.primary).buckets.bytes(bucket, name).length - 3));
    expect(await rig.beside(readStanding(place, world.runtime, world.secondary))).toBeUndefined();
    expect(looks.link(await looks.until((r) => looks.link(r)?.state === 'verified'))).toMatchObject({ differing: 0 });
  });
});
