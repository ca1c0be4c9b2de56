import { describe, expect, it } from 'vitest';
import type { CloudCall, Fault } from '../../../lib/adapters/memory/call.ts';
import { lostAnswer } from '../../../lib/adapters/memory/call.ts';
import { FormatError, InputError } from '../../../lib/core/errors.ts';
import { compareRevs, rev } from '../../../lib/core/formats/rev.ts';
import { metaOf } from '../../../lib/core/formats/seal.ts';
import { RemoteError } from '../../../lib/ports/errors.ts';
import { checkIdempotencyKey, fingerprintOf, readRequest, requestKey, requestRow } from '../../../lib/serve/idempotency.ts';
import { count, DELETE, EU, increment, intent, putOf, SCHEMA, Seams, US } from './seams.ts';

/** A fault for the nth call (from 1) of an operation. */
function on(
  world: Seams,
  op: string,
  faults: Readonly<Record<number, Fault | ((call: CloudCall) => Promise<Fault | undefined>)>>,
): { count: number; at: number[] } {
  const seen = { count: 0, at: [] as number[] };
  world.cloud.hook = async (call) => {
    if (call.op !== op) return undefined;
    seen.count += 1;
    seen.at.push(world.clock.elapsed());
    const fault = faults[seen.count];
    return typeof fault === 'function' ? fault(call) : fault;
  };
  return seen;
}

const every = (fault: Fault): Readonly<Record<number, Fault>> => Object.fromEntries(Array.from({ length: 50 }, (_, i) => [i + 1, fault]));

describe('a write with an idempotency key', () => {
  it('is done once, and told again with its first outcome', async () => {
    const world = await Seams.of();
    const first = await world.write(intent(increment(), { name: 'k' }));
    expect(first).toMatchObject({ done: 'created', item: { n: { N: '1' } } });
    expect(first.replayed).toBeUndefined();
    const again = await world.write(intent(increment(), { name: 'k' }));
    expect(again).toEqual({ ...first, replayed: true });
    expect(count(world.item())).toBe(1);
    expect(world.requests()).toHaveLength(1);
    expect((await world.write(intent(increment(), { name: 'other' }))).replayed).toBeUndefined();
    expect(count(world.item())).toBe(2);
  });

  it('is told again without its item once that has changed, and undoes nothing', async () => {
    const world = await Seams.of();
    const first = await world.write(intent(putOf('one'), { name: 'k' }));
    await world.write(intent(putOf('later')));
    const again = await world.write(intent(putOf('one'), { name: 'k' }));
    expect(again).toMatchObject({ done: 'created', rev: first.rev, etag: first.etag, replayed: true });
    expect(again.item).toBeUndefined();
    expect(world.item()?.['value']).toEqual({ S: 'later' });
  });

  it('goes with one request only: another one under its name is refused', async () => {
    const world = await Seams.of();
    await world.write(intent(putOf('one'), { name: 'k' }));
    for (const other of [putOf('two'), DELETE, increment()]) {
      await expect(world.write(intent(other, { name: 'k' }))).rejects.toMatchObject({ code: 'idempotency-key-reused', status: 422 });
    }
    await expect(world.write(intent(putOf('one'), { name: 'k', expected: { ifMatch: '*' } }))).rejects.toMatchObject({ code: 'idempotency-key-reused' });
    expect(world.item()?.['value']).toEqual({ S: 'one' });
  });

  it('is one of one item: the same name is free at another', async () => {
    const world = await Seams.of();
    await world.write(intent(putOf('one'), { name: 'k' }));
    expect((await world.write(intent(putOf('two', 'b'), { name: 'k', id: 'b' }))).replayed).toBeUndefined();
    expect(world.requests()).toHaveLength(2);
  });

  it('that deletes nothing is remembered, too: it does not delete what comes later', async () => {
    const world = await Seams.of();
    const first = await world.write(intent(DELETE, { name: 'k' }));
    expect(first.done).toBe('absent');
    await world.write(intent(putOf('later')));
    expect(await world.write(intent(DELETE, { name: 'k' }))).toEqual({ ...first, replayed: true });
    expect(world.item()?.['value']).toEqual({ S: 'later' });
  });

  it('that would delete nothing finds what came meanwhile', async () => {
    const world = await Seams.of();
    on(world, 'transact', {
      1: async () => {
        await world.start(intent(putOf('meanwhile')));
        return undefined;
      },
    });
    expect((await world.write(intent(DELETE, { name: 'k' }))).done).toBe('deleted');
    expect(world.item()).toBeUndefined();
  });

  it('that is refused is not remembered: it may succeed later', async () => {
    const world = await Seams.of();
    const once = intent(putOf('mine'), { name: 'k', expected: { ifNoneMatch: '*' } });
    await world.write(intent(putOf('other')));
    await expect(world.write(once)).rejects.toMatchObject({ code: 'precondition-failed' });
    expect(world.requests()).toHaveLength(0);
    await world.write(intent(DELETE));
    expect(await world.write(once)).toMatchObject({ done: 'created' });
  });

  it('is forgotten after a day, though its row is there still', async () => {
    const world = await Seams.of();
    await world.write(intent(increment(), { name: 'k' }));
    await world.clock.advance(24 * 3_600_000 - 2_000);
    expect((await world.write(intent(increment(), { name: 'k' }))).replayed).toBe(true);
    await world.clock.advance(3_000);
    expect((await world.write(intent(increment(), { name: 'k' }))).replayed).toBeUndefined();
    expect(count(world.item())).toBe(2);
    expect(world.requests()).toHaveLength(1);
    expect((await world.write(intent(increment(), { name: 'k' }))).replayed).toBe(true);
    expect(world.region(EU).expireItems()).toBe(0);
    await world.clock.advance(25 * 3_600_000);
    expect(world.region(EU).expireItems()).toBe(1);
  });

  it('is unknown to another member that was promoted: the item is judged anew there', async () => {
    const world = await Seams.of();
    await world.write(intent(putOf('one'), { name: 'k', expected: { ifNoneMatch: '*' } }));
    // The item has come to US, the row has not.
    await world.direct(world.item() as NonNullable<ReturnType<typeof world.item>>, US);
    await world.seat(US, US, { fence: 2, own: 2 });
    await expect(world.write(intent(putOf('one'), { name: 'k', expected: { ifNoneMatch: '*' } }), world.context(US))).rejects.toMatchObject({
      code: 'precondition-failed',
    });
    expect((await world.write(intent(increment(), { name: 'k' }), world.context(US))).replayed).toBeUndefined();
  });

  it('costs no transaction without one', async () => {
    const world = await Seams.of();
    const transactions = on(world, 'transact', {});
    await world.write(intent(putOf('one')));
    await world.write(intent(increment()));
    await world.write(intent(DELETE));
    expect(transactions.count).toBe(0);
    expect(world.requests()).toHaveLength(0);
  });
});

describe('an answer that is lost', () => {
  it('of a write that took effect: its repetition finds the row, and it was no replay', async () => {
    const world = await Seams.of();
    const calls = on(world, 'transact', { 1: { lost: lostAnswer() } });
    const done = await world.write(intent(increment(), { name: 'k' }));
    expect(done).toMatchObject({ done: 'created', item: { n: { N: '1' } } });
    expect(done.replayed).toBeUndefined();
    expect(calls.count).toBe(2);
    expect(count(world.item())).toBe(1);
    expect(metaOf(world.item() as never).rev).toEqual(done.rev);
  });

  it('of a deletion: the same', async () => {
    const world = await Seams.of();
    await world.write(intent(putOf('one')));
    on(world, 'transact', { 1: { lost: lostAnswer() } });
    expect(await world.write(intent(DELETE, { name: 'k' }))).not.toHaveProperty('replayed');
    expect(world.item()).toBeUndefined();
  });

  it('⚠ and another writer after it: done, not unknown, and that writer’s work stands', async () => {
    const world = await Seams.of();
    await world.write(intent(putOf('one')));
    on(world, 'transact', {
      1: { lost: lostAnswer() },
      2: async () => {
        await world.start(intent(putOf('later')));
        return undefined;
      },
    });
    expect(await world.write(intent(putOf('two'), { name: 'k' }))).toMatchObject({ done: 'replaced' });
    expect(world.item()?.['value']).toEqual({ S: 'later' });
  });

  it('⚠ and another writer before it lands: it is done on what that one wrote, once', async () => {
    const world = await Seams.of();
    await world.write(intent(increment()));
    on(world, 'transact', {
      // Told after 0.1 s that there is no answer; lands after 2.9 s, on an item that has changed.
      1: { effectMs: 2_900, answerMs: 100, lost: lostAnswer() },
      2: async () => {
        await world.start(intent(increment(10)));
        return undefined;
      },
    });
    expect(await world.write(intent(increment(), { name: 'k' }))).toMatchObject({ item: { n: { N: '12' } } });
    await world.clock.advance(5_000);
    expect(count(world.item())).toBe(12);
  });

  it('⚠ a refusal comes only when the lost attempt can have no effect any more, and was looked for', async () => {
    const world = await Seams.of();
    on(world, 'transact', {
      1: { effectMs: 2_900, answerMs: 100, lost: lostAnswer() },
      2: async () => {
        // The repetition finds an item, so it must be refused; but that one is deleted again before the first attempt lands.
        await world.start(intent(putOf('other')));
        world.clock.after(1_000, () => void world.start(intent(DELETE)));
        return undefined;
      },
    });
    const done = await world.write(intent(putOf('mine'), { name: 'k', expected: { ifNoneMatch: '*' } }));
    expect(done).toMatchObject({ done: 'created', item: { value: { S: 'mine' } } });
    expect(done.replayed).toBeUndefined();
    expect(world.item()?.['value']).toEqual({ S: 'mine' });
  });

  it('and a refusal that stands: nothing lands after it', async () => {
    const world = await Seams.of();
    on(world, 'transact', {
      1: { effectMs: 2_900, answerMs: 100, lost: lostAnswer() },
      2: async () => {
        await world.start(intent(putOf('other')));
        return undefined;
      },
    });
    const began = world.clock.elapsed();
    await expect(world.write(intent(putOf('mine'), { name: 'k', expected: { ifNoneMatch: '*' } }))).rejects.toMatchObject({ code: 'precondition-failed' });
    expect(world.clock.elapsed() - began).toBeGreaterThanOrEqual(3_000);
    await world.clock.advance(5_000);
    expect(world.item()?.['value']).toEqual({ S: 'other' });
  });

  it('every time: unknown, within the budget and R, and nothing of it lands after that', async () => {
    const world = await Seams.of();
    const calls = on(world, 'transact', every({ effectMs: 2_999, answerMs: 2_500, lost: lostAnswer() }));
    // The first one lands: so the row must not be readable, or it would not be unknown.
    world.cloud.hook = ((hook) => async (call) => {
      if (call.op === 'transact') return { ...((await hook?.(call)) as Fault), refuse: lostAnswer() };
      return undefined;
    })(world.cloud.hook);
    const began = world.clock.elapsed();
    await expect(world.write(intent(putOf('one'), { name: 'k' }))).rejects.toMatchObject({ code: 'unknown-outcome' });
    expect(calls.count).toBeGreaterThan(2);
    expect(world.clock.elapsed() - (calls.at.at(-1) ?? 0)).toBeGreaterThanOrEqual(3_000);
    expect(world.clock.elapsed() - began).toBeLessThanOrEqual(13_100);
  });

  it('and then nothing can be read: unknown, and nothing of it lands after that', async () => {
    const world = await Seams.of();
    let lostAt = 0;
    let other: Promise<unknown> | undefined;
    world.cloud.hook = async (call) => {
      if (call.op === 'batchGet' && lostAt > 0) return { refuse: new RemoteError('denied', 'X', 'x') };
      if (call.op !== 'transact') return undefined;
      if (lostAt === 0) {
        lostAt = world.clock.elapsed();
        return { effectMs: 2_900, answerMs: 100, lost: lostAnswer() };
      }
      other ??= world.start(intent(putOf('other')));
      await other;
      return undefined;
    };
    await expect(world.write(intent(putOf('mine'), { name: 'k' }))).rejects.toMatchObject({ code: 'unknown-outcome' });
    expect(world.clock.elapsed() - lostAt).toBeGreaterThanOrEqual(3_000);
  });

  it('then refusals for load: it waits, looks, and says so only when nothing was done', async () => {
    const world = await Seams.of();
    const throttled: Fault = { refuse: new RemoteError('throttled', 'ThrottlingException', 'slow down') };
    on(world, 'transact', { ...every(throttled), 1: { refuse: lostAnswer() } });
    await expect(world.write(intent(putOf('one'), { name: 'k' }))).rejects.toMatchObject({ kind: 'throttled' });
    const second = await Seams.of();
    on(second, 'transact', { ...every(throttled), 1: { effectMs: 2_900, answerMs: 100, lost: lostAnswer() } });
    expect(await second.write(intent(putOf('one'), { name: 'k' }))).toMatchObject({ done: 'created' });
  });

  it('⚠ an answer that comes after the lease is no success, remembered or not', async () => {
    const world = await Seams.of();
    await world.seat(EU, EU, { until: world.clock.now() + 6_000 });
    on(world, 'transact', { 1: { effectMs: 10, answerMs: 6_500 } });
    await expect(world.write(intent(putOf('one'), { name: 'k' }))).rejects.toMatchObject({ code: 'unknown-outcome' });
    await world.seat(EU, EU, { until: world.clock.now() + 60_000 });
    world.cloud.hook = undefined;
    expect(await world.write(intent(putOf('one'), { name: 'k' }))).toMatchObject({ done: 'created', replayed: true });
  });

  it('⚠ nor is a row that is found after it', async () => {
    const world = await Seams.of();
    await world.seat(EU, EU, { until: world.clock.now() + 8_000 });
    let issued = 0;
    world.cloud.hook = async (call) => {
      // The last look, once R has passed, is answered late.
      if (call.op === 'batchGet' && issued > 0 && world.clock.elapsed() > 3_000) return { answerMs: 6_000 };
      if (call.op !== 'transact') return undefined;
      issued += 1;
      if (issued === 1) return { effectMs: 2_900, answerMs: 100, lost: lostAnswer() };
      await world.start(intent(putOf('other')));
      world.clock.after(1_000, () => void world.start(intent(DELETE)));
      return undefined;
    };
    const refusable = intent(putOf('mine'), { name: 'k', expected: { ifNoneMatch: '*' } });
    await expect(world.write(refusable)).rejects.toMatchObject({ code: 'unknown-outcome' });
    expect(world.item()?.['value']).toEqual({ S: 'mine' });
  });
});

describe('rows of requests', () => {
  const key = requestKey('cities', { id: { S: 'a' } }, SCHEMA, 'k');
  const remembered = { fingerprint: 'f', done: 'replaced', rev: rev(1, 2, 3), etag: '"x"' } as const;

  it('are pinned', () => {
    expect(requestRow(key, remembered, 1_000)).toEqual({
      id: { S: 'wc2sYAiBOqSeOR8lNFd2kV3jIQw7I6dgpUJuubDLZBk' },
      f: { N: '1' },
      fingerprint: { S: 'f' },
      done: { S: 'replaced' },
      rev: { B: 'AQAAAAEAAAAAAAIAAw==' },
      etag: { S: '"x"' },
      expiresAt: { N: '86401' },
    });
  });

  it('are read back until their time is over', () => {
    for (const of of [remembered, { ...remembered, done: 'deleted', etag: undefined } as const]) {
      const row = requestRow(key, of, 1_000);
      expect(readRequest(row, 86_400_999)).toEqual(of);
      expect(readRequest(row, 86_401_000)).toBeUndefined();
    }
    expect(readRequest(undefined, 0)).toBeUndefined();
  });

  it('of another format, or without a field, are errors', () => {
    const row = requestRow(key, remembered, 1_000);
    for (const bad of [{ f: { N: '2' } }, { fingerprint: { N: '1' } }, { done: { S: 'x' } }, { rev: { B: 'AA==' } }, { expiresAt: { S: 'x' } }]) {
      expect(() => readRequest({ ...row, ...bad } as never, 0)).toThrow(FormatError);
    }
  });

  it('have keys that differ by set, item and name', () => {
    const other = [
      requestKey('towns', { id: { S: 'a' } }, SCHEMA, 'k'),
      requestKey('cities', { id: { S: 'b' } }, SCHEMA, 'k'),
      requestKey('cities', { id: { S: 'a' } }, SCHEMA, 'l'),
    ];
    expect(new Set([key, ...other].map((k) => JSON.stringify(k))).size).toBe(4);
  });
});

describe('a fingerprint', () => {
  const of = (change: Parameters<typeof intent>[0], expected = {}): string => fingerprintOf({ key: { id: { S: 'a' } }, change, expected }, SCHEMA);

  it('is that of what is asked, by value', () => {
    const item = { id: { S: 'a' }, n: { N: '1' }, m: { S: 'x' } };
    expect(of({ put: item })).toBe(of({ put: { m: { S: 'x' }, n: { N: '1.0' }, id: { S: 'a' } } }));
  });

  it('differs for what is not the same', () => {
    const all = [
      of(DELETE),
      of(DELETE, { ifMatch: '*' }),
      of(DELETE, { ifNoneMatch: '*' }),
      of(putOf('one')),
      of(putOf('two')),
      of(increment(1)),
      of(increment(2)),
      of({ ...(increment(1) as { patch: [] }), if: { path: ['n'], op: 'exists' } }),
    ];
    expect(new Set(all).size).toBe(all.length);
  });
});

describe('the text of an idempotency key', () => {
  it.each(['a', '8e03978e-40d5-43e8-bc93-6894a57f9324', '~'.repeat(128), ' padded '])('%j is one', (text) => {
    expect(checkIdempotencyKey(text)).toBe(text.trim());
  });
  it.each(['', ' ', 'a b', 'ü', 'x'.repeat(129), 'a\tb'])('%j is none', (text) => {
    expect(() => checkIdempotencyKey(text)).toThrow(InputError);
  });
});

describe('a deletion', () => {
  it('has a fresh rev, later than what it removed, and stores none', async () => {
    const world = await Seams.of();
    const put = await world.write(intent(putOf('one')));
    // Another sandbox, whose clock is behind.
    world.clock.stepWall(-900);
    const deleted = await world.write(intent(DELETE));
    expect(deleted.done).toBe('deleted');
    expect(compareRevs(put.rev, deleted.rev)).toBeLessThan(0);
    expect(deleted.etag).toBeUndefined();
    expect(await world.write(intent(DELETE))).toMatchObject({ done: 'absent', rev: expect.any(Buffer) as unknown });
  });
});
