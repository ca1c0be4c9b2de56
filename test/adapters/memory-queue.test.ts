import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SeededChance } from '../../lib/adapters/memory/chance.ts';
import type { StoredMessage } from '../../lib/adapters/memory/queue.ts';
import { MemoryQueue } from '../../lib/adapters/memory/queue.ts';

const RETENTION_MS = 600_000;
const DEDUP_MS = 300_000;
const MAX_RECEIVES = 3;

/** A queue with its dead-letter queue. */
function queues(): { queue: MemoryQueue; dlq: MemoryQueue } {
  const chance = new SeededChance(1);
  const dlq = new MemoryQueue({ name: 'd', retentionMs: RETENTION_MS }, 'd', 'd', undefined, chance);
  return { dlq, queue: new MemoryQueue({ name: 'q', retentionMs: RETENTION_MS, dlq: 'd', maxReceiveCount: MAX_RECEIVES }, 'q', 'q', dlq, chance) };
}
const entry = (group: string, body: string, dedup = body) => ({ id: '0', group, body, dedup });

interface Simple {
  readonly body: string;
  readonly group: string;
  readonly sentMs: number;
  count: number;
  receipt: string | undefined;
  hiddenUntilMs: number;
}

/** The rules said plainly, each as a pass over one list: slow, and easy to check against the documents. */
class PlainQueue {
  messages: Simple[] = [];
  dead: Simple[] = [];
  dropped: string[] = [];
  #seen: { readonly id: string; readonly untilMs: number }[] = [];

  send(group: string, body: string, dedup: string, now: number): void {
    const id = `${group} ${dedup}`;
    if (this.#seen.some((s) => s.id === id && s.untilMs > now)) return;
    this.#seen.push({ id, untilMs: now + DEDUP_MS });
    this.messages.push({ body, group, sentMs: now, count: 0, receipt: undefined, hiddenUntilMs: 0 });
  }
  purge(): void {
    this.messages = [];
    this.#seen = [];
  }
  expire(now: number): void {
    this.dropped.push(...this.messages.filter((m) => m.sentMs < now - RETENTION_MS).map((m) => m.body));
    this.messages = this.messages.filter((m) => m.sentMs >= now - RETENTION_MS);
    this.dead = this.dead.filter((m) => m.sentMs >= now - RETENTION_MS);
  }
  /** Which messages a receive gives, in order; their receipts are told afterwards. */
  receive(max: number, seconds: number, now: number): Simple[] {
    this.expire(now);
    const blocked = new Set<string>();
    const received: Simple[] = [];
    for (const message of [...this.messages]) {
      if (received.length === max) break;
      if (message.hiddenUntilMs > now) blocked.add(message.group);
      if (blocked.has(message.group)) continue;
      if (message.count >= MAX_RECEIVES) {
        this.messages = this.messages.filter((m) => m !== message);
        this.dead.push({ ...message, sentMs: now, receipt: undefined, hiddenUntilMs: 0 });
        continue;
      }
      message.count += 1;
      message.hiddenUntilMs = now + seconds * 1_000;
      received.push(message);
    }
    return received;
  }
  receivableAt(now: number): number | undefined {
    this.expire(now);
    const groups = new Set(this.messages.map((m) => m.group));
    const free = [...groups].map((g) => Math.max(now, this.messages.find((m) => m.group === g)?.hiddenUntilMs ?? 0));
    return free.length === 0 ? undefined : Math.min(...free);
  }
}

type Step =
  | { readonly do: 'send'; readonly group: number; readonly dedup: number }
  | { readonly do: 'receive'; readonly max: number; readonly seconds: number }
  | { readonly do: 'delete'; readonly which: number }
  | { readonly do: 'own'; readonly which: number }
  | { readonly do: 'change'; readonly which: number; readonly seconds: number }
  | { readonly do: 'purge' }
  | { readonly do: 'pass'; readonly ms: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('send' as const), group: fc.nat(3), dedup: fc.nat(40) }) },
    { weight: 5, arbitrary: fc.record({ do: fc.constant('receive' as const), max: fc.integer({ min: 1, max: 10 }), seconds: fc.constantFrom(0, 1, 30, 120) }) },
    {
      weight: 5,
      arbitrary: fc.oneof(
        fc.record({ do: fc.constant('delete' as const), which: fc.nat(30) }),
        fc.record({ do: fc.constant('own' as const), which: fc.nat(30) }),
      ),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('change' as const), which: fc.nat(30), seconds: fc.constantFrom(0, 5, 60) }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(1, 999, 1_000, 30_000, 299_999, 300_000, 600_000) }) },
    { weight: 1, arbitrary: fc.constant({ do: 'purge' as const }) },
  ),
  { maxLength: 120 },
);

describe('a FIFO queue in memory', () => {
  it('does what the plain rules say, whatever is done to it', () => {
    fc.assert(
      fc.property(steps, (todo) => {
        const { queue, dlq } = queues();
        const plain = new PlainQueue();
        const dropped: string[] = [];
        queue.onDropped = (m) => dropped.push(m.body);
        const receipts: string[] = [];
        const deleted = new Set<string>();
        let now = 1_000_000;
        let number = 0;
        const find = (receipt: string): Simple | undefined => plain.messages.find((m) => m.receipt === receipt);
        for (const step of todo) {
          switch (step.do) {
            case 'pass':
              now += step.ms;
              break;
            case 'send':
              number += 1;
              queue.send(entry(`g${step.group}`, `b${number}`, `d${step.dedup}`), now);
              plain.send(`g${step.group}`, `b${number}`, `d${step.dedup}`, now);
              break;
            case 'receive': {
              const expected = plain.receive(step.max, step.seconds, now);
              const received = queue.receive(step.max, step.seconds, now);
              expect(received.map((m) => [m.body, m.group, m.receiveCount, m.sentMs])).toEqual(expected.map((m) => [m.body, m.group, m.count, m.sentMs]));
              for (const [i, message] of received.entries()) {
                (expected[i] as Simple).receipt = message.receipt;
                receipts.push(message.receipt);
              }
              break;
            }
            case 'purge':
              plain.expire(now);
              queue.depth(now);
              plain.purge();
              queue.purge();
              break;
            default: {
              const receipt = receipts.at(-1 - step.which);
              if (receipt === undefined) break;
              plain.expire(now);
              const found = find(receipt);
              const held = found !== undefined && found.hiddenUntilMs > now;
              if (step.do === 'own') expect(queue.owns(receipt, now)).toBe(held);
              else if (step.do === 'delete') {
                expect(queue.delete(receipt, now)?.code).toBe(
                  held || deleted.has(receipt) ? undefined : found === undefined ? 'ReceiptHandleIsInvalid' : 'InvalidParameterValue',
                );
                if (held) {
                  deleted.add(receipt);
                  plain.messages = plain.messages.filter((m) => m !== found);
                }
              } else {
                expect(queue.changeVisibility(receipt, step.seconds, now) === undefined).toBe(held);
                if (held) found.hiddenUntilMs = step.seconds === 0 ? 0 : now + step.seconds * 1_000;
              }
            }
          }
          expect(queue.receivableAt(now)).toBe(plain.receivableAt(now));
          expect(queue.contents(now).map((m) => [m.body, m.receipt, m.receiveCount])).toEqual(plain.messages.map((m) => [m.body, m.receipt, m.count]));
          expect(dlq.contents(now).map((m) => [m.body, m.receiveCount])).toEqual(plain.dead.map((m) => [m.body, m.count]));
          expect(queue.size).toBe(plain.messages.length);
          const inFlight = plain.messages.filter((m) => m.hiddenUntilMs > now);
          expect(queue.depth(now)).toEqual({ visible: plain.messages.length - inFlight.length, inFlight: inFlight.length, delayed: 0 });
          expect(queue.nextVisibleMs(now)).toBe(inFlight.length === 0 ? undefined : Math.min(...inFlight.map((m) => m.hiddenUntilMs)));
        }
        expect(dropped).toEqual(plain.dropped);
      }),
      { numRuns: 300 },
    );
  });

  it('tells what it stores and what its retention drops, as it was', () => {
    const { queue, dlq } = queues();
    const seen: string[] = [];
    queue.onStored = (m) => seen.push(`stored ${m.body}`);
    dlq.onStored = (m) => seen.push(`dead ${m.body}`);
    let dropped: StoredMessage | undefined;
    queue.onDropped = (m) => {
      dropped = m;
    };
    queue.send(entry('g', 'a'), 0);
    queue.send(entry('g', 'b', 'a'), 0);
    for (let i = 0; i <= MAX_RECEIVES; i += 1) queue.receive(10, 0, 1);
    queue.send(entry('g', 'c'), 2);
    expect(queue.receive(1, 30, 3).map((m) => m.body)).toEqual(['c']);
    expect(queue.size).toBe(1);
    expect(queue.receive(1, 30, RETENTION_MS + 3)).toEqual([]);
    expect(seen).toEqual(['stored a', 'dead a', 'stored c']);
    expect(dropped).toMatchObject({ body: 'c', group: 'g', receiveCount: 1, sentMs: 2 });
    expect(queue.size).toBe(0);
  });

  it('gives a group up to the first message that is in flight', () => {
    const { queue } = queues();
    for (const body of ['a', 'b', 'c']) queue.send(entry('g', body), 0);
    const [a, b] = queue.receive(2, 30, 0);
    queue.changeVisibility(a?.receipt ?? '', 5, 1);
    expect(queue.receivableAt(1)).toBe(5_001);
    expect(queue.receive(10, 30, 5_000)).toEqual([]);
    expect(queue.receive(10, 30, 5_001).map((m) => [m.body, m.receiveCount])).toEqual([['a', 2]]);
    // The second is visible again before the first, and waits for it.
    expect(queue.owns(b?.receipt ?? '', 29_999)).toBe(true);
    expect(queue.owns(b?.receipt ?? '', 30_000)).toBe(false);
    expect(queue.receive(10, 30, 30_000)).toEqual([]);
    expect(queue.receivableAt(30_000)).toBe(35_001);
    expect(queue.receive(10, 30, 35_001).map((m) => [m.body, m.receiveCount])).toEqual([
      ['a', 3],
      ['b', 2],
      ['c', 1],
    ]);
  });

  it('does as much work with a backlog of 100,000 as with one of 100', () => {
    const work = (backlog: number): number => {
      const chance = new SeededChance(1);
      const queue = new MemoryQueue({ name: 'q' }, 'q', 'q', undefined, chance);
      for (let i = 0; i < backlog; i += 1) queue.send(entry(`lane-${i % 16}`, String(i)), i);
      const started = performance.now();
      for (let round = 0; round < 20; round += 1) for (const { receipt } of queue.receive(10, 30, backlog)) queue.delete(receipt, backlog);
      return performance.now() - started;
    };
    work(1_000);
    // A walk through the backlog would take a thousand times as long; the bound leaves room for a busy machine.
    expect(work(100_000)).toBeLessThan(100 * Math.max(1, work(300)));
  });
});
