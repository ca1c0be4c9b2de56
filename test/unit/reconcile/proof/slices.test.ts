import { beforeAll, describe, expect, test } from 'vitest';
import { keyHash, keyText } from '../../../../lib/core/key.ts';
import type { MemberReach } from '../../../../lib/reconcile/ports.ts';
import { readKeys, readSketch, sketchName } from '../../../../lib/reconcile/proof/answers.ts';
import { compareLink } from '../../../../lib/reconcile/proof/compare.ts';
import { foldMember } from '../../../../lib/reconcile/proof/fold.ts';
import { openKind } from '../../../../lib/reconcile/proof/open-kind.ts';
import { freshOpen } from '../../../../lib/reconcile/proof/open-task.ts';
import { beginOpening, stepOpening } from '../../../../lib/reconcile/proof/opening.ts';
import type { Question } from '../../../../lib/reconcile/proof/question.ts';
import { storeQuestion } from '../../../../lib/reconcile/proof/question.ts';
import type { Standing } from '../../../../lib/reconcile/proof/standing.ts';
import { suspectHot } from '../../../../lib/reconcile/proof/suspects.ts';
import type { Base } from '../../../../lib/reconcile/scan/base.ts';
import { newestBase } from '../../../../lib/reconcile/scan/base.ts';
import { scanKind } from '../../../../lib/reconcile/scan/kind.ts';
import { freshScan, scanTaskId } from '../../../../lib/reconcile/scan/task.ts';
import { encodeWatermark } from '../../../../lib/reconcile/segments.ts';
import { askTask, workOnTask } from '../../../../lib/reconcile/tasks/work.ts';
import { item } from '../../../flows/support/world.ts';
import { Rig } from '../check/rig.ts';

/** Segments after the scan, one a minute; each request takes so long (ms), so that the log takes several slices. */
const SEGMENTS = 340;
const LATENCY_MS = 300;
const SLICE_MS = 3_000;
const SLICES_MAX = 20;
const WATCHER = { progress: (): void => undefined, stopped: (): boolean => false };

describe('an opening long after the scan', () => {
  let rig: Rig;
  let base: Base;
  let standing: Standing;

  let theirs: Standing;

  const there = (): MemberReach => rig.ports().others.get(rig.world.secondary) as MemberReach;

  async function scan(reach: MemberReach): Promise<void> {
    const { clock, runtime } = rig.world;
    const id = scanTaskId(runtime);
    await rig.beside(askTask(reach, runtime, scanKind, freshScan({ id, by: 'a test', asked: clock.now() })));
    while ((await rig.beside(workOnTask(reach, runtime, scanKind, id, 'a test', clock.elapsed() + 600_000, WATCHER))) !== 'done') await rig.idle(1);
  }

  async function folded(reach: MemberReach): Promise<{ readonly base: Base; readonly standing: Standing }> {
    const { runtime } = rig.world;
    const found = (await rig.beside(newestBase(reach, runtime))) as Base;
    return { base: found, standing: (await rig.beside(foldMember(reach, undefined, found, runtime, Number.POSITIVE_INFINITY, () => undefined))).standing };
  }

  beforeAll(async () => {
    rig = await Rig.create(50);
    const { world } = rig;
    const { own } = rig.ports();
    await rig.idle(12);
    await scan(own);
    await scan(there());
    theirs = (await folded(there())).standing;
    for (let i = 0; i < SEGMENTS; i += 1) {
      await world.put(item(i === SEGMENTS - 1 ? 'last' : `new${i % 40}`, 1, { n: { N: String(i) } }));
      await world.clock.advance(60_000);
      await world.observeOf(world.records(world.primary).slice(-1), world.primary);
    }
    ({ base, standing } = await folded(own));
  });

  /** The member, whose bucket is slow. */
  function slow(): { readonly reach: MemberReach; readonly reads: () => number } {
    const { own } = rig.ports();
    let reads = 0;
    const objects = new Proxy(own.place.objects, {
      get: (port, name) => {
        const call = Reflect.get(port, name) as (...args: unknown[]) => Promise<unknown>;
        return async (...args: unknown[]) => {
          if (name === 'get') reads += 1;
          await rig.world.clock.sleep(LATENCY_MS);
          return call.apply(port, args);
        };
      },
    });
    return { reach: { ...own, place: { ...own.place, objects } }, reads: () => reads };
  }

  /** Asks, and works in slices. @returns the task, and how many slices it took */
  async function answered(question: Question, sliceMs: number): Promise<{ readonly id: string; readonly slices: number; readonly reads: number }> {
    const { runtime, clock } = rig.world;
    const { own } = rig.ports();
    const { reach, reads } = slow();
    const id = scanTaskId(runtime);
    await clock.run(storeQuestion(own.place, runtime, id, own.member.member, question));
    await clock.run(askTask(own, runtime, openKind, freshOpen({ id, by: 'a test', asked: clock.now(), asker: own.member.member })));
    for (let slices = 1; slices <= SLICES_MAX; slices += 1) {
      const outcome = await clock.run(workOnTask(reach, runtime, openKind, id, 'a test', clock.elapsed() + sliceMs, WATCHER));
      if (outcome === 'done') return { id, slices, reads: reads() };
      expect(outcome).toBe('slice');
    }
    throw new Error(`It is not done after ${SLICES_MAX} slices.`);
  }

  test('makes its sketch in slices, reads the log once, and comes to the same', async () => {
    const { runtime, clock } = rig.world;
    const { place } = rig.ports().own;
    const cells = Array.from({ length: 256 }, (_, i) => i);
    const question: Question = { ask: 'sketch', base: base.id, mark: [...encodeWatermark(standing.mark)], cells, symbols: 512, seed: 1 };
    const whole = await answered(question, 3_600_000);
    const cut = await answered(question, SLICE_MS);
    expect(whole.slices).toBe(1);
    expect(cut.slices).toBeGreaterThan(2);
    expect(cut.reads).toBeLessThan(2 * whole.reads);
    const sketch = async (id: string): Promise<Buffer | undefined> => (await clock.run(readSketch(place, runtime, sketchName(id))))?.encode();
    expect(await sketch(cut.id)).toEqual(await sketch(whole.id));
  });

  test('names keys in slices, also those that only the end of the log has', async () => {
    const { runtime, clock } = rig.world;
    const { own } = rig.ports();
    const known = [item('k3', 1), item('last', 1)].map((one) => keyHash(keyText(one, own.member.key)));
    const hashes = [...known, Buffer.alloc(16, 7)].map((hash) => hash.toString('base64'));
    const { id, slices } = await answered({ ask: 'keys', base: base.id, mark: [...encodeWatermark(standing.mark)], hashes }, SLICE_MS);
    expect(slices).toBeGreaterThan(1);
    const answer = await clock.run(readKeys(own.place, runtime, id));
    expect([...(answer?.keys.keys() ?? [])].sort()).toEqual(known.map((hash) => hash.toString('hex')).sort());
  });

  test('is no matter of the keys in motion: the window names them, or the scan', async () => {
    const { runtime, clock } = rig.world;
    const { reach, reads } = slow();
    const hot = [item('k3', 1), item('last', 1)].map((one) => ({ keyHash: keyHash(keyText(one, reach.member.key)) }));
    hot.push({ keyHash: Buffer.alloc(16, 7) });
    const found = await clock.run(suspectHot(reach, 'there', standing, hot, runtime));
    expect(found.map(({ key }) => (key['pk'] as { S: string }).S).sort()).toEqual(['k3', 'last']);
    expect(reads()).toBeLessThan(100);
  });

  test('leaves names that take long to a task of the source, and the rest to the target', async () => {
    const { runtime, clock } = rig.world;
    const { own, others } = rig.ports();
    const target = there();
    const all = new Map([...others, [own.member.member, own]]);
    const differing = standing.digest?.differing(theirs.digest as NonNullable<Standing['digest']>) ?? [];
    const comparison = { ...compareLink(standing, theirs, clock.now()), differing, hotKeys: [] };
    let opening = await clock.run(beginOpening(own, target, runtime, { by: 'a test', source: standing, target: theirs, comparison: comparison as never }));
    // What a row keeps of it is small, however many shards there are.
    expect(JSON.stringify(opening)).not.toContain('shardId');
    const phases = new Set<string>();
    for (let step = 0; step < 20; step += 1) {
      phases.add(opening.phase);
      for (const reach of [own, target])
        await clock.run(workOnTask({ ...reach, others: all }, runtime, openKind, opening.task, 'a test', clock.elapsed() + 600_000, WATCHER));
      const next = await clock.run(stepOpening(own, target, runtime, opening));
      opening = next.opening;
      if (next.opened === undefined) continue;
      expect([...phases]).toEqual(['sketch', 'names']);
      expect(next.opened.unresolved).toBe(0);
      const names = next.opened.suspicions.map(({ key }) => (key['pk'] as { S: string }).S).sort();
      expect(names).toEqual(['last', ...Array.from({ length: 40 }, (_, i) => `new${i}`)].sort());
      return;
    }
    throw new Error('It does not end.');
  });

  test('whose asker is no member fails, and says so', async () => {
    const { runtime, clock } = rig.world;
    const { own } = rig.ports();
    const id = scanTaskId(runtime);
    await clock.run(askTask(own, runtime, openKind, freshOpen({ id, by: 'a test', asked: clock.now(), asker: 'nobody' })));
    expect(await clock.run(workOnTask(own, runtime, openKind, id, 'a test', clock.elapsed() + SLICE_MS, WATCHER))).toBe('failed');
  });
});
