import { describe, expect, it } from 'vitest';
import type { Fault } from '../../lib/adapters/memory/call.ts';
import { lostAnswer } from '../../lib/adapters/memory/call.ts';
import { position } from '../../lib/core/formats/position.ts';
import { metaValue, sealBytes } from '../../lib/core/formats/seal.ts';
import { keyText } from '../../lib/core/key.ts';
import { RemoteError } from '../../lib/ports/errors.ts';
import type { QueueMessage } from '../../lib/ports/queue.ts';
import type { ApplyResult } from '../../lib/replicate/apply/apply.ts';
import { planResync } from '../../lib/replicate/fanout-plan.ts';
import { sendToLanes } from '../../lib/replicate/send.ts';
import { Watch } from './support/watch.ts';
import { item, KEY, key, World } from './support/world.ts';

/** Seeds of this file; more by SEEDS=…, from another start by SEED=…. The full simulator is the issue "Simulate". */
const SEEDS = Number(process.env['SEEDS'] ?? 60);
const FIRST = Number(process.env['SEED'] ?? 1);
const STEPS = 60;
const KEYS = 6;

/**
 * The real flows under chance: random writes at both members (some with our metadata in them), fan-out in random cuts
 * with steps back, apply with throttles, refusals, lost and late answers, two invocations at a time and abandoned ones.
 * Then everything heals, and must converge (I1); every state on the way must be in order (I2, I3).
 */
async function run(seed: number): Promise<void> {
  const world = await World.create({ seed, lanes: 1 + (seed % 4) });
  const { chance } = world;
  const watch = new Watch(world);
  const rates = {
    throttle: chance.random() * 0.2,
    lost: chance.random() * 0.15,
    late: chance.random() * 0.15,
    refuse: chance.random() * 0.2,
    unprocessed: chance.random() * 0.3,
    send: chance.random() * 0.2,
  };
  const on = chance.random() < 0.8;
  let faults = on;
  world.cloud.hook = (call): Fault | undefined => {
    if (!faults) return undefined;
    if (call.op === 'sendBatch') {
      if (chance.random() < rates.send)
        return chance.random() < 0.5
          ? { lost: lostAnswer() }
          : { failEntry: () => (chance.random() < 0.5 ? { code: 'InternalError', message: 'x' } : undefined) };
      return undefined;
    }
    if (call.region !== world.secondary || !['batchGet', 'batchWrite', 'put', 'delete'].includes(call.op)) return undefined;
    if (chance.random() < rates.throttle) throw new RemoteError('throttled', 'ThrottlingException', 'slow down');
    if (chance.random() < rates.refuse) throw new RemoteError('transient', 'ECONNREFUSED', 'refused');
    if (chance.random() < rates.lost) return { effectMs: chance.below(2_500), answerMs: 2_500, lost: lostAnswer() };
    if (chance.random() < rates.late) return { effectMs: 2_999, answerMs: 2_500, lost: lostAnswer() };
    return { effectMs: chance.below(50), unprocessed: () => chance.random() < rates.unprocessed };
  };
  const { tableId } = await world.seat(world.secondary);
  const quiet = async (work: () => Promise<unknown>): Promise<void> => {
    const was = faults;
    faults = false;
    await work();
    faults = was;
  };
  let written = 0;
  const write = async (): Promise<void> => {
    written += 1;
    const k = `k${chance.below(KEYS)}`;
    const foreign =
      chance.random() < 0.1 ? { _s: metaValue(undefined, sealBytes(tableId, keyText(key('k0'), KEY), position(1, 10n ** 30n), 'lane', undefined)) } : {};
    await quiet(() => (chance.random() < 0.3 ? world.remove(key(k)) : world.put({ ...item(k, 1, { n: { N: String(written) } }), ...foreign })));
  };
  // A hand write at the secondary carries no seal that counts there, so that the next change of its key puts it right.
  const byHand = (): Promise<void> => quiet(() => world.put(item(`k${chance.below(KEYS)}`, 1, { hand: { BOOL: true } }), world.secondary));
  const fan = async (): Promise<void> => {
    const at = world.consumed.get(world.primary) ?? 0;
    const from = chance.random() < 0.15 ? chance.below(at + 1) : at;
    const records = world.records().slice(from, from + 1 + chance.below(12));
    if (records.length === 0) return;
    try {
      await world.fanoutOf(records);
      world.consumed.set(world.primary, Math.max(at, from + records.length));
    } catch (error) {
      if (!(error as Error).message.includes('Not all messages')) throw error;
    }
  };
  const resyncSome = async (): Promise<void> => {
    const keys = Array.from({ length: 1 + chance.below(KEYS) }, () => ({ k: key(`k${chance.below(KEYS)}`) }));
    const sends = planResync(keys, { set: 'test', epoch: 1, source: world.primary, lanes: world.config.lanes, sent: world.clock.now() }, KEY);
    await world.clock.run(sendToLanes(world.cloud.region(world.primary).queue, world.queue().url, sends, () => chance.nonce()));
  };
  const finish = async (messages: readonly QueueMessage[], result: ApplyResult): Promise<void> => {
    // The sandbox or the mapping dies now and then before the messages are deleted: they come again.
    if (chance.random() < 0.85)
      await quiet(() =>
        world.remove_(
          messages.filter((m) => !result.failures.includes(m.id)),
          world.primary,
          world.secondary,
        ),
      );
  };
  const applyTwo = async (): Promise<void> => {
    const first = await world.receive();
    const second = await world.receive();
    const running = [first, second].filter((m) => m.length > 0).map((m) => ({ m, p: world.startApply(m) }));
    const results = await world.clock.run(Promise.all(running.map((r) => r.p)));
    for (const [i, r] of running.entries()) await finish(r.m, results[i] as ApplyResult);
  };
  for (let step = 0; step < STEPS; step += 1) {
    const die = chance.random();
    if (die < 0.45) await write();
    else if (die < 0.48) await byHand();
    else if (die < 0.7) await fan();
    else if (die < 0.9) await applyTwo();
    else if (die < 0.93) await resyncSome();
    else if (die < 0.95) await quiet(() => world.minute());
    else await world.clock.advance(chance.below(200_000));
  }
  faults = false;
  // Hand writes of keys that nobody wrote since are drift, which the checker finds; here every key is written once more.
  for (let i = 0; i < KEYS; i += 1) {
    await world.put(item(`k${i}`, 1, { last: { N: String(i) } }));
    if (i % 2 === 0) await world.remove(key(`k${i}`));
  }
  await world.drain();
  expect(world.content(world.secondary), `seed ${seed}: members differ`).toEqual(world.content(world.primary));
  expect(world.deadLetters(), `seed ${seed}: dead letters`).toEqual([]);
  expect(watch.violations, `seed ${seed}: order`).toEqual([]);
  const before = watch.states;
  await world.clock.advance(600_000);
  expect(watch.states, `seed ${seed}: a request had an effect after all was quiet`).toBe(before);
}

describe('random interleavings', () => {
  it.each(Array.from({ length: SEEDS }, (_, i) => FIRST + i))('seed %i', { timeout: 20_000 }, run);
});
