import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SeededChance } from '../../../lib/adapters/memory/chance.ts';
import type { Progress } from '../../../lib/adopt/ports.ts';
import type { AdoptJob } from '../../../lib/adopt/savepoint.ts';
import { canonicalItem } from '../../../lib/core/canonical.ts';
import { encodeLink } from '../../../lib/core/formats/rows.ts';
import { keyText } from '../../../lib/core/key.ts';
import { LEASE_MS } from '../../../lib/job/limits.ts';
import { RemoteError } from '../../../lib/ports/errors.ts';
import type { QueueMessage } from '../../../lib/ports/queue.ts';
import type { StreamView } from '../../../lib/ports/stream.ts';
import { Killed } from '../../flows/support/mortal.ts';
import { item, KEY, key, World } from '../../flows/support/world.ts';
import { adopted, jobOf, run, SET } from './harness.ts';

describe('a backfill', () => {
  it('copies everything that was there before the stream, and says so', async () => {
    const world = await adopted(500);
    const heard: Progress[] = [];
    const { job, settled, resumed, ended } = await run(world, { heard });
    expect(world.content(world.secondary)).toEqual(world.content(world.primary));
    expect({ resumed, ended, keys: job.keys, done: job.done !== undefined, owner: job.owner }).toEqual({
      resumed: false,
      ended: undefined,
      keys: 500,
      done: true,
      owner: undefined,
    });
    expect(settled).toEqual({ links: [{ target: world.secondary, refused: [], refusedMore: false, deadLetters: 0 }] });
    expect(new Set(heard.map((h) => h.phase))).toEqual(new Set(['send', 'arrive']));
    expect(await jobOf(world)).toEqual(job);
  });

  it('ends equal whatever happens meanwhile, however often it is killed, and leaves the source alone', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          seed: fc.integer({ min: 1, max: 1e6 }),
          items: fc.integer({ min: 0, max: 300 }),
          deaths: fc.array(fc.record({ at: fc.integer({ min: 1, max: 60 }), after: fc.boolean() }), { maxLength: 4 }),
          view: fc.constantFrom<StreamView>('NEW_AND_OLD_IMAGES', 'KEYS_ONLY', 'NEW_IMAGE'),
          members: fc.constantFrom(SET.slice(0, 2), SET),
        }),
        async ({ seed, items, deaths, view, members }) => {
          const world = await adopted(items, { seed, view, members });
          const chance = new SeededChance(seed);
          const expected = world.content(world.primary);
          const meanwhile = async (): Promise<void> => {
            const pk = `k${chance.below(items + 50)}`;
            if (chance.below(3) === 0) {
              await world.remove(key(pk));
              expected.delete(keyText(key(pk), KEY));
            } else if (chance.below(2) === 0) {
              const written = item(pk, 1, { n: { N: String(chance.below(1_000)) } });
              await world.put(written);
              expected.set(keyText(written, KEY), canonicalItem(written));
            }
          };
          for (const death of deaths) {
            await run(world, { death, meanwhile }).catch((error: unknown) => {
              if (!(error instanceof Killed)) throw error;
            });
            await world.clock.advance(LEASE_MS);
          }
          const { job } = await run(world, { meanwhile });
          await world.drain();
          expect(job.done).toBeGreaterThan(0);
          for (const secondary of members.slice(1)) expect(world.content(secondary)).toEqual(expected);
          expect(world.content(world.primary)).toEqual(expected);
          expect(
            world.cloud
              .region(world.primary)
              .items(world.items(world.primary))
              .filter((i) => '_s' in i),
          ).toEqual([]);
          expect(world.deadLetters()).toEqual([]);
        },
      ),
      { numRuns: 12 },
    );
  });

  it('loses nothing at whichever of its calls it is killed, before the call’s effect or after it', async () => {
    let ended = false;
    for (let at = 1; !ended; at += 1) {
      for (const after of [false, true]) {
        const world = await adopted(30, { members: SET.slice(0, 2) });
        try {
          await run(world, { death: { at, after }, options: { segments: 2 } });
          ended = true;
        } catch (error) {
          if (!(error instanceof Killed)) throw error;
        }
        await world.clock.advance(LEASE_MS);
        const { job } = await run(world);
        expect({ done: job.done !== undefined, content: world.content(world.secondary) }, `call ${at}`).toEqual({
          done: true,
          content: world.content(world.primary),
        });
      }
    }
  });

  it('ends only when everything has come out of every lane, however slow that is', async () => {
    const world = await adopted(900);
    const { settled } = await run(world, { slow: 7 });
    expect(settled?.ended).toBeUndefined();
    expect(world.content(world.secondary)).toEqual(world.content(world.primary));
  });

  it('waits for each single lane: one that is held up holds up the end', async () => {
    const world = await adopted(200);
    let held: readonly QueueMessage[] = [];
    let rounds = 0;
    const meanwhile = async (): Promise<void> => {
      if (held.length === 0) {
        const messages = await world.receive();
        held = messages.filter((m) => m.group === 'lane-2');
        await world.applyOf(messages.filter((m) => m.group !== 'lane-2'));
      } else {
        rounds += 1;
        if (rounds === 200) await world.applyOf(held);
      }
    };
    await run(world, { meanwhile });
    expect(rounds).toBeGreaterThanOrEqual(200);
    expect(world.content(world.secondary)).toEqual(world.content(world.primary));
  });

  it('goes on where it was killed: what was saved is not sent again', async () => {
    const world = await adopted(1_200);
    await expect(run(world, { death: { at: 50, after: true } })).rejects.toThrow(Killed);
    const before = (await jobOf(world)) as AdoptJob;
    expect(before.keys).toBeGreaterThan(0);
    expect(before.keys).toBeLessThan(1_200);
    await world.clock.advance(LEASE_MS);
    const { job, resumed } = await run(world);
    expect({ resumed, keys: job.keys, started: job.started }).toEqual({ resumed: true, keys: 1_200, started: before.started });
    expect(job.worked).toBeGreaterThanOrEqual(before.worked);
    expect(world.content(world.secondary)).toEqual(world.content(world.primary));
  });

  it('refuses a second run while the first one holds its lease, by name, and lets it in when that is over', async () => {
    const world = await adopted(1_500);
    await expect(run(world, { death: { at: 30, after: true }, options: { owner: 'ada@host 17' } })).rejects.toThrow(Killed);
    await expect(run(world, { options: { owner: 'bob@host 18' } })).rejects.toMatchObject({
      code: 'job-taken',
      message: expect.stringContaining('ada@host 17'),
    });
    await world.clock.advance(LEASE_MS);
    expect((await run(world)).job.done).toBeGreaterThan(0);
  });

  it('ends when another run has taken its savepoint over, whatever the clocks say', async () => {
    const world = await adopted(1_500);
    let stolen = false;
    const meanwhile = async (): Promise<void> => {
      const job = await jobOf(world);
      if (stolen || job === undefined || job.keys === 0) return;
      stolen = true;
      const row = { pk: { S: 'job' }, sk: { S: 'adopt-1' } };
      await world.clock.run(world.table(world.primary).update(world.control(world.primary), row, { set: { v: { N: '1000' } } }));
    };
    await expect(run(world, { meanwhile })).rejects.toMatchObject({ code: 'job-lost' });
  });

  it('gives its savepoint up when somebody stops it, and the next run goes on at once', async () => {
    const world = await adopted(1_200);
    let looks = 0;
    const stopped = (): boolean => {
      looks += 1;
      return looks > 6;
    };
    const { ended, job, settled } = await run(world, { stopped });
    expect({ ended, settled, owner: job.owner }).toEqual({ ended: 'stopped', settled: undefined, owner: undefined });
    expect(job.keys).toBeLessThan(1_200);
    const next = await run(world);
    expect({ resumed: next.resumed, keys: next.job.keys }).toEqual({ resumed: true, keys: 1_200 });
  });

  it('begins anew with `restart`', async () => {
    const world = await adopted(100);
    const first = await run(world);
    await world.remove(key('k1'), world.secondary);
    const again = await run(world, { options: { restart: true } });
    expect({ resumed: again.resumed, keys: again.job.keys, v: again.job.v > first.job.v }).toEqual({ resumed: false, keys: 100, v: true });
    expect(world.content(world.secondary)).toEqual(world.content(world.primary));
  });

  it('keeps to its rate', async () => {
    const world = await adopted(300);
    const began = world.clock.elapsed();
    await run(world, { options: { ratePerS: 50 } });
    const seconds = (world.clock.elapsed() - began) / 1_000;
    // The last step is sent when it is due, not when it is over.
    expect(seconds).toBeGreaterThan(3.9);
    expect(seconds).toBeLessThan(60);
  });

  it('does not fill a queue whose target is slow beyond its depth and one step', async () => {
    const world = await adopted(3_000);
    let most = 0;
    let rounds = 0;
    const meanwhile = async (): Promise<void> => {
      rounds += 1;
      most = Math.max(most, world.cloud.region(world.primary).messages(world.queue().queue).length);
    };
    expect((await run(world, { slow: 20, meanwhile, stopped: () => rounds > 800 })).ended).toBe('stopped');
    // 3 lanes: 6 messages may wait, and a step adds a message a lane, two where the keys fell unevenly.
    expect(most).toBeGreaterThan(3);
    expect(most).toBeLessThanOrEqual(6 + 6);
  });

  it('deletes nothing that is at a replica and nowhere else', async () => {
    const world = await adopted(50);
    await world.put(item('of old', 1), world.secondary);
    await run(world);
    expect(await world.get(key('of old'))).toBeDefined();
    expect(world.content(world.secondary).size).toBe(51);
  });

  it('names keys that a replica refuses, and items whose reserved attribute is the user’s', async () => {
    const world = await World.create({ lanes: 3, indexes: [{ name: 'by-rank', key: [{ name: 'rank', type: 'N' }] }] });
    await world.put(item('bad', 1, { rank: { S: 'first' } }));
    await world.put(item('marked', 1, { _s: { S: 'mine' } }));
    await world.put(item('good', 1));
    world.consumed.set(world.primary, world.records().length);
    const { settled, job } = await run(world);
    expect(settled?.links[0]?.refused.map((r) => r.key)).toEqual([key('bad')]);
    expect({ foreign: job.foreign, foreignKeys: job.foreignKeys }).toEqual({ foreign: 1, foreignKeys: [key('marked')] });
  });

  it('is refused at a secondary, beside a link that is not open, and with a savepoint of another epoch', async () => {
    const world = await adopted(10);
    await world.clock.run(
      world.table(world.primary).put(world.control(world.primary), encodeLink({ target: world.secondary, state: 'paused', why: 'by hand', since: 1 })),
    );
    await expect(run(world)).rejects.toMatchObject({ code: 'link-not-open', message: expect.stringContaining('by hand') });
    await world.clock.run(world.table(world.primary).put(world.control(world.primary), encodeLink({ target: world.secondary, state: 'open', since: 1 })));
    await run(world);
    await world.setSeat(world.primary, { own: 2, fence: 2 });
    await expect(run(world)).rejects.toMatchObject({ code: 'primary-moved' });
    await world.setSeat(world.primary, { fence: 3 });
    await expect(run(world)).rejects.toMatchObject({ code: 'not-primary' });
  });

  it('sends a step again that the queue did not take, and gives up when it never does', async () => {
    const world = await adopted(200);
    let refusals = 0;
    world.cloud.hook = (call) => {
      if (call.op === 'sendBatch' && refusals < 5) {
        refusals += 1;
        throw new RemoteError('throttled', 'RequestThrottled', 'slower');
      }
    };
    expect((await run(world)).job.keys).toBe(200);
    expect(world.content(world.secondary)).toEqual(world.content(world.primary));
    world.cloud.hook = (call) => {
      if (call.op === 'sendBatch') throw new RemoteError('denied', 'AccessDenied', 'no');
    };
    await expect(run(world, { options: { restart: true } })).rejects.toMatchObject({ code: 'not-sent', message: expect.stringContaining('AccessDenied') });
  });
});
