import { describe, expect, it } from 'vitest';
import type { CloudCall, Fault } from '../../../lib/adapters/memory/call.ts';
import { lostAnswer } from '../../../lib/adapters/memory/call.ts';
import { SeededChance } from '../../../lib/adapters/memory/chance.ts';
import type { Item } from '../../../lib/core/attribute.ts';
import type { Rev } from '../../../lib/core/formats/rev.ts';
import { metaOf } from '../../../lib/core/formats/seal.ts';
import { RemoteError } from '../../../lib/ports/errors.ts';
import type { Change, Intent } from '../../../lib/serve/attempt.ts';
import { ProblemError } from '../../../lib/serve/problem.ts';
import type { Done } from '../../../lib/serve/write.ts';
import { EU, intent, Seams } from './seams.ts';

/**
 * Clients that repeat each request with its idempotency key until they are answered, on a cloud that loses answers, has
 * effects late and refuses for load: each request has exactly one effect, and what its client is told is that effect.
 */

const SEEDS = 240;
const CLIENTS = 4;
const REQUESTS_EACH = 4;
const ITEMS = ['a', 'b'];
/** A client that is not answered in so many tries has found a bug (each try is 10 s of virtual time). */
const TRIES_MAX = 60;

/** What a cloud does to one request, by chance. */
function weather(chance: SeededChance): (call: CloudCall) => Fault {
  return () => {
    const latency = Math.floor(chance.random() * 40);
    const luck = chance.random();
    if (luck < 0.06) return { effectMs: latency, refuse: new RemoteError('throttled', 'ThrottlingException', 'slow down') };
    // Lost on the way there: it has no effect, and nobody knows.
    if (luck < 0.12) return { effectMs: 2_500, refuse: lostAnswer() };
    // Lost on the way back.
    if (luck < 0.2) return { effectMs: latency, answerMs: 2_500, lost: lostAnswer() };
    // Given up by its caller before it has its effect.
    if (luck < 0.26) return { effectMs: Math.floor(chance.random() * 2_990), answerMs: Math.floor(chance.random() * 2_500), lost: lostAnswer() };
    return { effectMs: latency, answerMs: latency * 2 };
  };
}

/** One request: it leaves its mark in a list, unless it deletes. */
interface Asked {
  readonly mark: string;
  readonly intent: Intent;
}

function draw(chance: SeededChance, mark: string): Asked {
  const id = ITEMS[Math.floor(chance.random() * ITEMS.length)] as string;
  const kind = chance.random();
  const marks = { L: [{ S: mark }] };
  if (kind < 0.15) return { mark, intent: intent({ put: { id: { S: id }, marks, n: { N: '1' } } }, { id, name: mark, expected: { ifNoneMatch: '*' } }) };
  const change: Change =
    kind < 0.6
      ? {
          patch: [
            { op: 'append', path: ['marks'], value: marks },
            { op: 'increment', path: ['n'], value: { N: '1' } },
          ],
        }
      : kind < 0.8
        ? { put: { id: { S: id }, marks, n: { N: '1' } } }
        : { delete: true };
  return { mark, intent: intent(change, { id, name: mark }) };
}

async function untilAnswered(world: Seams, asked: Asked, chance: SeededChance): Promise<Done | 'refused'> {
  for (let n = 1; n <= TRIES_MAX; n += 1) {
    // A caller that is impatient sends the same request again before it is answered.
    const calls = chance.random() < 0.15 ? [world.start(asked.intent), world.start(asked.intent)] : [world.start(asked.intent)];
    const settled = await Promise.allSettled(calls);
    const done = settled.flatMap((s) => (s.status === 'fulfilled' && s.value.at === 'here' ? [s.value.value] : []));
    for (const other of done) expect([other.done, other.rev]).toEqual([done[0]?.done, done[0]?.rev]);
    if (done[0] !== undefined) return done[0];
    const errors = settled.flatMap((s): unknown[] => (s.status === 'rejected' ? [s.reason] : []));
    if (errors.every((error) => error instanceof ProblemError && error.code === 'precondition-failed')) return 'refused';
    for (const error of errors) {
      const known = error instanceof RemoteError || (error instanceof ProblemError && [412, 503].includes(error.status));
      if (!known) throw error;
    }
    await world.clock.sleep(chance.below(1_000));
  }
  throw new Error(`never answered: ${asked.mark}`);
}

const marksOf = (item: Item | undefined): readonly string[] => ((item?.['marks'] as { L: { S: string }[] } | undefined)?.L ?? []).map((m) => m.S);

/** Each mark with the revs of the records that brought it. */
function effects(world: Seams): { readonly marks: ReadonlyMap<string, readonly (Rev | undefined)[]>; readonly removals: number } {
  const marks = new Map<string, (Rev | undefined)[]>();
  let removals = 0;
  for (const { eventName, newImage, oldImage } of world.region(EU).streamRecords(world.context().tables.items)) {
    if (eventName === 'REMOVE') removals += 1;
    const before = new Set(marksOf(oldImage));
    for (const mark of marksOf(newImage)) if (!before.has(mark)) marks.set(mark, [...(marks.get(mark) ?? []), metaOf(newImage as Item).rev]);
  }
  return { marks, removals };
}

interface Played {
  readonly replayed: number;
  readonly refused: number;
}

async function play(seed: number): Promise<Played> {
  const world = await Seams.of(EU, seed);
  const chance = new SeededChance(seed * 31 + 5);
  world.cloud.hook = weather(chance);
  const answers: { readonly asked: Asked; readonly done: Done | 'refused' }[] = [];
  const clients = Array.from({ length: CLIENTS }, async (_, c) => {
    for (let r = 0; r < REQUESTS_EACH; r += 1) {
      const asked = draw(chance, `${c}/${r}`);
      answers.push({ asked, done: await untilAnswered(world, asked, chance) });
    }
  });
  await world.clock.run(Promise.all(clients));
  world.cloud.hook = undefined;
  // Whatever still is on its way has no effect after that.
  await world.clock.advance(5_000);
  const { marks, removals } = effects(world);
  const outcome = (done: Done | 'refused'): string => (done === 'refused' ? done : done.done);
  for (const { asked, done } of answers) {
    const deletes = 'delete' in asked.intent.change;
    const expected = done === 'refused' || deletes ? undefined : [done.rev];
    expect([asked.mark, outcome(done), marks.get(asked.mark)]).toEqual([asked.mark, outcome(done), expected]);
  }
  const done = answers.flatMap((a) => (a.done === 'refused' ? [] : [a.done]));
  expect(removals).toBe(done.filter((d) => d.done === 'deleted').length);
  expect(world.requests()).toHaveLength(done.length);
  for (const id of ITEMS) {
    const item = world.item(id);
    if (item !== undefined) expect((item['n'] as { N: string }).N).toBe(String(marksOf(item).length));
  }
  return { replayed: done.filter((d) => d.replayed === true).length, refused: answers.length - done.length };
}

describe('requests with idempotency keys', () => {
  it.each(Array.from({ length: 8 }, (_, i) => i))('have exactly one effect each, and their clients are told that one (part %i of 8)', async (part) => {
    const all: Played[] = [];
    for (let seed = part; seed < SEEDS; seed += 8) {
      try {
        all.push(await play(seed));
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
    // The weather is bad enough for the rows to matter.
    expect(all.reduce((sum, p) => sum + p.replayed, 0)).toBeGreaterThan(10);
    expect(all.reduce((sum, p) => sum + p.refused, 0)).toBeGreaterThan(5);
  });
});
