import { describe, expect, it } from 'vitest';
import type { Fault } from '../../../lib/adapters/memory/call.ts';
import { lostAnswer } from '../../../lib/adapters/memory/call.ts';
import { FENCE_AGE_MAX_MS } from '../../../lib/core/constants.ts';
import { RemoteError } from '../../../lib/ports/errors.ts';
import type { Intent } from '../../../lib/serve/attempt.ts';
import type { BatchOutcome } from '../../../lib/serve/batch.ts';
import { BATCH_CONCURRENCY, batchAnywhere } from '../../../lib/serve/batch.ts';
import type { ServeContext } from '../../../lib/serve/context.ts';
import { count, DELETE, EU, increment, intent, putOf, request, Seams, US, WRITE_MS } from './seams.ts';

const puts = (n: number): Intent[] => Array.from({ length: n }, (_, i) => intent(putOf('x', `i${i}`), { id: `i${i}` }));

async function batch(world: Seams, intents: readonly Intent[], ctx: ServeContext = world.context()): Promise<readonly BatchOutcome[]> {
  const outcome = await world.clock.run(batchAnywhere(ctx, world.runtime, request(), intents, world.clock.elapsed() + WRITE_MS));
  if (outcome.at !== 'here') throw new Error('another member answered');
  return outcome.value;
}
const said = (outcomes: readonly BatchOutcome[]): readonly string[] => outcomes.map((o) => o.problem?.code ?? o.done?.done ?? 'nothing');

describe('a batch', () => {
  it('is many writes, each with its own outcome, in their order', async () => {
    const world = await Seams.of();
    await world.write(intent(increment(), { id: 'b' }));
    await world.write(intent(putOf('x', 'd'), { id: 'd' }));
    const outcomes = await batch(world, [
      intent(putOf('x', 'a'), { id: 'a' }),
      intent(increment(), { id: 'b' }),
      intent(putOf('x', 'c'), { id: 'c', expected: { ifMatch: '*' } }),
      intent(DELETE, { id: 'd' }),
      intent(DELETE, { id: 'e' }),
      intent({ patch: [{ op: 'increment', path: ['id'], value: { N: '1' } }] }, { id: 'f' }),
    ]);
    expect(said(outcomes)).toEqual(['created', 'replaced', 'precondition-failed', 'deleted', 'absent', 'invalid-patch']);
    expect(count(world.item('b'))).toBe(2);
    expect(world.item('c')).toBeUndefined();
    expect(world.logged).toEqual([]);
  });

  it('has so many writes under way at once, and never more', async () => {
    const world = await Seams.of();
    let now = 0;
    let most = 0;
    world.cloud.hook = (call) => {
      if (call.op !== 'put') return undefined;
      now += 1;
      most = Math.max(most, now);
      return { effectMs: 20 };
    };
    world.cloud.witness = (call) => {
      if (call.op === 'put') now -= 1;
    };
    expect(said(await batch(world, puts(35)))).toEqual(Array.from({ length: 35 }, () => 'created'));
    expect(most).toBe(BATCH_CONCURRENCY);
  });

  it('says which writes were not begun in time, and those have no effect', async () => {
    const world = await Seams.of();
    const slow: Fault = { effectMs: 2_000 };
    world.cloud.hook = (call) => (call.op === 'put' ? slow : undefined);
    const began = world.clock.elapsed();
    const outcomes = await batch(world, puts(100));
    expect(world.clock.elapsed() - began).toBeLessThanOrEqual(WRITE_MS + 2_000);
    const done = outcomes.filter((o) => o.done !== undefined).length;
    expect(done).toBe(5 * BATCH_CONCURRENCY);
    expect(said(outcomes).slice(done)).toEqual(Array.from({ length: 100 - done }, () => 'not-started'));
    expect(outcomes.at(-1)?.problem).toMatchObject({ status: 503, extra: { retryAfterS: 1 } });
    await world.clock.advance(10_000);
    expect(world.region(EU).items(world.context().tables.items)).toHaveLength(done);
  });

  it('reads the seat a few times, not once a write', async () => {
    const world = await Seams.of();
    let seats = 0;
    world.cloud.hook = (call) => {
      if (call.resources.includes(world.context().tables.control)) seats += 1;
      return call.op === 'put' ? { effectMs: 400 } : undefined;
    };
    await batch(world, puts(100));
    // 100 writes, 10 at once, 0.4 s each: 4 s, and the seat is read anew each 1.5 s, by those that find it old at that time.
    expect(seats).toBeLessThan(50);
  });

  it('tells the outcome of each under its idempotency key', async () => {
    const world = await Seams.of();
    const intents = ['a', 'b', 'c'].map((id, i) => intent(increment(), { id, name: `k/${i}` }));
    let calls = 0;
    world.cloud.hook = (call) => {
      if (call.op !== 'transact') return undefined;
      calls += 1;
      return calls === 2 ? { lost: lostAnswer() } : undefined;
    };
    expect(said(await batch(world, intents))).toEqual(['created', 'created', 'created']);
    const again = await batch(world, intents);
    expect(again.map((o) => o.done?.replayed)).toEqual([true, true, true]);
    for (const id of ['a', 'b', 'c']) expect(count(world.item(id))).toBe(1);
  });

  it('goes on when one write meets what nobody expected, and says nothing of it but to the log', async () => {
    const world = await Seams.of();
    world.cloud.hook = (call) => {
      if (call.op === 'put' && JSON.stringify(call.args[1]).includes('"i1"')) throw new Error('secret');
      return undefined;
    };
    const outcomes = await batch(world, puts(3));
    expect(said(outcomes)).toEqual(['created', 'internal', 'created']);
    expect(outcomes[1]?.problem?.message).not.toContain('secret');
    expect(world.logged).toMatchObject([{ fields: { code: 'internal', why: expect.stringContaining('secret') as unknown } }]);
  });

  it('at a table that refuses everything: each is told so', async () => {
    const world = await Seams.of();
    world.cloud.hook = (call) => (call.op === 'put' ? { refuse: new RemoteError('throttled', 'X', 'x') } : undefined);
    expect(said(await batch(world, puts(3)))).toEqual(['busy', 'busy', 'busy']);
  });

  it('⚠ in whose midst the primary moves: what comes too late is told so, and issues nothing', async () => {
    const world = await Seams.of();
    let written = 0;
    world.cloud.hook = async (call) => {
      if (call.op !== 'put' || !call.resources.includes(world.context().tables.items)) return undefined;
      written += 1;
      if (written === 15) await world.region(EU).table.update(world.context().tables.control, SEAT, { set: { fence: { N: '2' }, primary: { S: US } } });
      return { effectMs: 900 };
    };
    const outcomes = await batch(world, puts(60));
    const done = outcomes.filter((o) => o.done !== undefined).length;
    expect(done).toBeGreaterThanOrEqual(10);
    expect(done).toBeLessThan(60);
    expect(new Set(said(outcomes))).toEqual(new Set(['created', 'no-primary']));
    expect(world.region(EU).items(world.context().tables.items)).toHaveLength(done);
  });

  it('before which it moves, but after the seat was read, goes there as well', async () => {
    const world = await Seams.of();
    world
      .region(US)
      .registerFunction(world.context().peers.get(US)?.functionName as string, async () =>
        JSON.stringify({ syncline: 'answer', v: 1, response: { status: 200, headers: {}, body: '{}' } }),
      );
    world.cloud.hook = async (call) => {
      if (call.op !== 'put' || !call.resources.includes(world.context().tables.items)) return undefined;
      await world.region(EU).table.update(world.context().tables.control, SEAT, { set: { fence: { N: '2' }, primary: { S: US } } });
      // Stuck in the client for longer than W, so that none is issued under the old seat.
      return { queueMs: FENCE_AGE_MAX_MS + 1 };
    };
    const outcome = await world.clock.run(batchAnywhere(world.context(), world.runtime, request(), puts(3), world.clock.elapsed() + WRITE_MS));
    expect(outcome).toMatchObject({ at: 'peer', response: { status: 200 } });
    expect(world.region(EU).items(world.context().tables.items)).toEqual([]);
  });

  it('before which the primary has moved goes there as a whole', async () => {
    const world = await Seams.of();
    let invoked = 0;
    world.region(US).registerFunction(world.context().peers.get(US)?.functionName as string, async (payload) => {
      invoked += 1;
      expect((JSON.parse(payload) as { request: { path: string } }).request.path).toBe('/batch');
      return JSON.stringify({ syncline: 'answer', v: 1, response: { status: 200, headers: {}, body: '{}' } });
    });
    await world.seat(EU, US, { fence: 2 });
    const outcome = await world.clock.run(
      batchAnywhere(world.context(), world.runtime, request({ method: 'POST', path: '/batch' }), puts(20), world.clock.elapsed() + WRITE_MS),
    );
    expect(outcome).toMatchObject({ at: 'peer', response: { status: 200 } });
    expect(invoked).toBe(1);
  });
});

const SEAT = { pk: { S: 'self' }, sk: { S: 'seat' } };
