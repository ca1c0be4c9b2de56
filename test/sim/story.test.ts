import { describe, expect, test } from 'vitest';
import { runSeed } from './run.ts';
import { clockText, type Paint, renderStory, shortened, shortener, storyOfKey, tellStory } from './story.ts';
import type { TraceEvent, TraceHeader } from './trace.ts';

const plain: Paint = (_, text) => text;
const HEADER: TraceHeader = {
  syncline: 'trace',
  version: 1,
  seed: 1,
  knobs: {},
  members: ['a', 'b'],
  links: ['a>b', 'b>a'],
  lanes: 1,
  keys: ['k0', 'k1'],
  endMs: 9_000,
};

/** Numbers the events, one every 10 ms unless they say when. */
const traceOf = (...events: (Omit<TraceEvent, 'n' | 't'> & { t?: number })[]): TraceEvent[] => events.map((e, n) => ({ n, t: n * 10, ...e }));
const textsOf = (events: readonly TraceEvent[], key?: string): readonly string[] => tellStory(HEADER, events, key).map((l) => `${l.who} ${l.text}`.trim());

describe('the story of a key', () => {
  test('follows a message that holds the key through its receives to its end, with the invocations that had it', () => {
    const events = traceOf(
      { kind: 'role', who: 'operator', at: 'a', text: 'is primary in epoch 1' },
      { kind: 'write', who: 'user', at: 'a', keys: ['k0'], text: 'k0=1@100' },
      { kind: 'write', who: 'user', at: 'a', keys: ['k1'], text: 'k1=2@101' },
      { kind: 'batch', who: 'a/fanout#1', at: 'a', keys: ['k0'], text: '1 records of x, to 100' },
      { kind: 'begin', who: 'a/fanout#1', at: 'a', text: 'begins' },
      { kind: 'send', who: 'a/fanout#1', link: 'a>b', lane: 0, message: 'm0', keys: ['k0'], text: 'changes, epoch 1: k0=1@100' },
      { kind: 'send', who: 'a/fanout#1', link: 'a>b', lane: 0, message: 'm1', keys: ['k1'], text: 'changes, epoch 1: k1=2@101' },
      { kind: 'end', who: 'a/fanout#1', at: 'a', text: 'throws Not all were stored' },
      { kind: 'receive', who: 'a/apply>b#2', link: 'a>b', lane: 0, message: 'm0', text: 'received' },
      { kind: 'receive', who: 'a/apply>b#3', link: 'a>b', lane: 0, message: 'm1', text: 'received' },
      { kind: 'begin', who: 'a/apply>b#2', at: 'a', t: 5_000, text: 'begins' },
      { kind: 'begin', who: 'a/apply>b#3', at: 'a', t: 5_000, text: 'begins' },
      { kind: 'state', who: 'a/apply>b#2', at: 'b', t: 5_001, keys: ['k0'], text: 'k0=1@777' },
      { kind: 'end', who: 'a/apply>b#2', at: 'a', t: 5_002, text: 'killed' },
      { kind: 'end', who: 'a/apply>b#3', at: 'a', t: 5_003, text: 'killed' },
      // The sandbox's next invocation is not the key's.
      { kind: 'begin', who: 'a/apply>b#2', at: 'a', t: 6_000, text: 'begins' },
      { kind: 'end', who: 'a/apply>b#2', at: 'a', t: 6_001, text: 'throws' },
      { kind: 'delete', who: 'lambda', link: 'a>b', lane: 0, message: 'm0', t: 7_000, text: 'finished' },
    );
    expect(textsOf(events, 'k0')).toEqual([
      'operator is primary in epoch 1',
      'user writes k0=1@100',
      'a/fanout#1 reads 1 records of x, to 100',
      'a/fanout#1 stores changes, epoch 1: k0=1@100',
      'a/fanout#1 throws Not all were stored',
      'a/apply>b#2 received',
      'a/apply>b#2 begins',
      'a/apply>b#2 writes k0=1',
      'a/apply>b#2 killed',
      'lambda finished',
    ]);
  });

  test('has the faults that touched it, one line with the request that they struck, and not those of others', () => {
    const events = traceOf(
      { kind: 'receive', who: 'a/apply>b#2', link: 'a>b', lane: 0, message: 'm0', keys: ['k0'], text: 'received' },
      { kind: 'begin', who: 'a/apply>b#2', at: 'a', text: 'begins' },
      { kind: 'fault', who: 'lost-answer', at: 'b', t: 50, text: 'the answer to put is lost' },
      { kind: 'call', who: 'a/apply>b#2', at: 'b', t: 50, text: 'put items-b: takes effect, the answer is lost' },
      { kind: 'fault', who: 'lost-answer', at: 'b', t: 60, text: 'the answer to put is lost' },
      { kind: 'call', who: 'a/apply>b#9', at: 'b', t: 60, text: 'put items-b: takes effect, the answer is lost' },
      { kind: 'fault', who: 'freeze', at: 'a', t: 70, text: 'a/apply>b#2 is frozen for 9 s' },
      { kind: 'fault', who: 'crash', at: 'a', t: 80, text: 'a/apply>b#9 is killed' },
      { kind: 'fault', who: 'region-down', at: 'b', t: 90, text: 'b is down for 20 s' },
      { kind: 'fault', who: 'drift', at: 'b', t: 95, keys: ['k1'], text: '"k1" is written by hand' },
      { kind: 'end', who: 'a/apply>b#2', at: 'a', t: 100, text: 'answers' },
      { kind: 'fault', who: 'crash', at: 'a', t: 110, text: 'a/apply>b#2 is killed' },
    );
    expect(textsOf(events, 'k0')).toEqual([
      'a/apply>b#2 received',
      'a/apply>b#2 lost-answer: put items-b: takes effect, the answer is lost',
      'freeze a/apply>b#2 is frozen for 9 s',
      'region-down b is down for 20 s',
    ]);
  });

  test('leaves out what a secondary reads of its own stream, but not what a primary reads', () => {
    const read = (member: string): (Omit<TraceEvent, 'n' | 't'> & { t?: number })[] => [
      { kind: 'batch', who: `${member}/fanout#1`, at: member, keys: ['k0'], text: '1 records of x, to 1' },
      { kind: 'begin', who: `${member}/fanout#1`, at: member, text: 'begins' },
      { kind: 'end', who: `${member}/fanout#1`, at: member, text: 'answers' },
    ];
    const events = traceOf({ kind: 'role', who: 'operator', at: 'a', text: 'is primary in epoch 1' }, ...read('a'), ...read('b'));
    expect(textsOf(events, 'k0')).toEqual(['operator is primary in epoch 1', 'a/fanout#1 reads 1 records of x, to 1']);
  });

  test('without a key it is the last events', () => {
    const events = traceOf(...Array.from({ length: 200 }, (_, i) => ({ kind: 'write' as const, who: 'user', at: 'a', keys: ['k0'], text: `k0=${i}@1` })));
    const told = textsOf(events);
    expect(told.length).toBeLessThan(100);
    expect(told.at(-1)).toBe('user writes k0=199@1');
  });

  test('of a real run has every event that names the key, and every receive and delete of its messages', async () => {
    const { trace } = await runSeed(21, { knobs: { steps: 40 }, keepTrace: true });
    if (trace === undefined) throw new Error('A trace was asked for, and there is none.');
    const story = new Set(storyOfKey(trace.events, 'k0'));
    const own = trace.events.filter((e) => e.keys?.includes('k0') === true && e.who?.includes('/observe') !== true);
    const messages = new Set(own.map((e) => e.message).filter((m) => m !== undefined));
    expect(own.length).toBeGreaterThan(10);
    expect(messages.size).toBeGreaterThan(1);
    const missing = trace.events.filter((e, i) => !story.has(i) && (own.includes(e) || (e.message !== undefined && messages.has(e.message))));
    expect(missing).toEqual([]);
    const order = storyOfKey(trace.events, 'k0');
    expect([...order].sort((a, b) => a - b)).toEqual(order);
  });
});

describe('how it looks', () => {
  test('times', () => {
    expect([0, 1.9, 61_005, 93_784_005].map(clockText)).toEqual(['00:00:00.000', '00:00:00.001', '00:01:01.005', '1d 02:03:04.005']);
  });

  test('sequence numbers are shortened alike, and shards are not taken for them', () => {
    const { prefix, replace } = shortener(['k0=1@100000000000001156897 of shardId-00000000000000000000', 'I2: 1/100000000000001408887']);
    expect(prefix).toBe('100000000000001');
    expect(replace('k0=1@100000000000001156897 of shardId-00000000000000000000')).toBe('k0=1@156897 of shardId-00000000000000000000');
    expect(shortener(['@100000000000001156897', '@10000000000000115']).prefix).toBe('');
    expect(shortener(['@100000000000001156897']).prefix).toBe('');
  });

  test('a message of many keys shows the one whose story it is', () => {
    expect(shortened('changes, epoch 1: k3=2@1 k0=3@2 −k1@3 k10=4@4 −k0@5', 'k0')).toBe('changes, epoch 1: k0=3@2 −k0@5 k3=2@1 −k1@3 and 1 more');
    expect(shortened('resync, epoch 2: k0', 'k0')).toBe('resync, epoch 2: k0');
    expect(shortened('marker, epoch 1', 'k0')).toBe('marker, epoch 1');
  });

  test('columns stand below each other, long text is wrapped below itself, and a long story is cut in its middle', () => {
    const lines = tellStory(
      HEADER,
      traceOf(
        { kind: 'write', who: 'user', at: 'a', keys: ['k0'], text: `k0=1@1 ${'word '.repeat(20).trim()}` },
        { kind: 'send', who: 'a/fanout#1', link: 'a>b', lane: 12, message: 'm100', keys: ['k0'], text: 'changes: k0=1@1' },
      ),
      'k0',
    );
    const text = renderStory(lines, plain, 100).split('\n');
    const column = text[0]?.indexOf('who') ?? -1;
    expect(text[1]?.indexOf('user')).toBe(column);
    expect(text.at(-1)?.indexOf('a/fanout#1')).toBe(column);
    expect(text.length).toBeGreaterThan(3);
    expect(text.every((l) => l.length <= 100)).toBe(true);
    expect(text[2]?.trimStart().startsWith('word')).toBe(true);

    const long = tellStory(
      HEADER,
      traceOf(...Array.from({ length: 1_000 }, (_, i) => ({ kind: 'write' as const, who: 'user', at: 'a', keys: ['k0'], text: `k0=${i}@1` }))),
      'k0',
    );
    const cut = renderStory(long, plain).split('\n');
    expect(cut.length).toBeLessThan(200);
    expect(cut.some((l) => /… \d+ lines are left out/.test(l))).toBe(true);
    expect(cut.at(-1)).toContain('k0=999@1');
  });
});
