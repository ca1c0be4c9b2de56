import { describe, expect, test } from 'vitest';
import { archivedBound, archivedUntil, quietText } from '../../../../lib/archive/log/until.ts';
import type { Shard } from '../../../../lib/core/formats/rows.ts';
import type { ShardDescription } from '../../../../lib/ports/stream.ts';

const NOW = Date.UTC(2026, 10, 24, 12);
/** A5, the observer's run and its window of 60 s before now. */
const IDLE = NOW - 102_000;
const HOUR = 3_600_000;
/** A record so many seconds before now. */
const mark = (secondsAgo: number) => ({ sequence: String(1_000_000 - secondsAgo), at: NOW - secondsAgo * 1_000 });
const row = (id: string, sent?: number, seen?: number): Shard => ({
  id,
  ...(sent !== undefined && { sent: mark(sent) }),
  ...(seen !== undefined && { seen: mark(seen) }),
});
const open = (id: string, parentId?: string): ShardDescription => ({ id, first: '1', ...(parentId !== undefined && { parentId }) });
const closed = (id: string, last = '999999'): ShardDescription => ({ id, first: '1', last });

describe('what is surely archived', () => {
  test.each<[string, Shard[], ShardDescription[], number]>([
    ['both readers name the same record', [row('a', 600, 600)], [open('a')], IDLE],
    ['the observer is behind fan-out', [row('a', 60, 600)], [open('a')], NOW - 601_000],
    ['fan-out is behind the observer', [row('a', 600, 120)], [open('a')], NOW - 121_000],
    ['nothing was ever written', [], [open('a')], IDLE],
    ['fan-out has no mark', [row('a', undefined, 120)], [open('a')], NOW - 121_000],
    ['the shard that is furthest behind counts', [row('a', 60, 60), row('b', 70, 400), row('c', 80, 100)], [open('a'), open('b'), open('c')], NOW - 401_000],
    ['a shard of which nothing was archived, and no ancestor', [row('a', 60)], [open('a')], 0],
    ['a shard of which nothing was archived, but its parent', [row('p', 300, 300), row('a', 60)], [closed('p'), open('a', 'p')], NOW - 301_000],
    ['a closed shard whose last record was archived', [row('p', undefined, 300), row('a', 60, 60)], [closed('p', mark(300).sequence), open('a')], IDLE],
    ['a closed shard whose child was archived', [row('p', 200, 300), row('a', 60, 60)], [closed('p'), open('a', 'p')], IDLE],
    [
      'several open shards, one without any mark, its parent archived',
      [row('p', 300, 300), row('a', 60, 60)],
      [closed('p'), open('a', 'p'), open('b', 'p')],
      NOW - 301_000,
    ],
    ['several open shards, one without any mark or ancestor', [row('a', 60, 60)], [open('a'), open('b')], IDLE],
    ['several open shards and nothing archived at all', [], [open('a'), open('b')], 0],
    ['a shard that is described no more, and was read in vain within a day', [row('x', 600, 1_200), row('a', 60, 60)], [open('a')], NOW - 1_201_000],
    ['a shard that is described no more, for more than a day', [row('x', 25 * 3_600, 26 * 3_600), row('a', 60, 60)], [open('a')], IDLE],
  ])('%s', (_, rows, shards, until) => {
    expect(archivedUntil(rows, shards, NOW)).toBe(until);
  });

  test('names the shard that stands in the way, and why', () => {
    expect(archivedBound([row('a', 60, 60), row('b', 70, 400)], [open('a'), open('b')], NOW)).toMatchObject({
      shard: 'b',
      why: expect.stringContaining('Shard b: the observer'),
    });
    expect(archivedBound([row('a', 60, 60)], [open('a')], NOW)).toEqual({ untilMs: IDLE, why: expect.any(String) });
  });

  test('waits for the window in which the observer gathers records, as it is deployed', () => {
    const rows = [row('a', 120, 120)];
    expect(archivedUntil(rows, [open('a')], NOW, 300_000)).toBe(NOW - 342_000);
    expect(archivedUntil(rows, [open('a')], NOW, 5_000)).toBe(NOW - 47_000);
    expect(archivedUntil(rows, [open('a')], NOW)).toBe(IDLE);
  });

  test('says when it rests on old marks alone: both readers may stand still', () => {
    const [old, shards] = [2 * 3_600, [open('a'), open('b')]];
    expect(archivedBound([row('a', old, old)], [open('a')], NOW)).toMatchObject({ untilMs: IDLE, quietSinceMs: NOW - 2 * HOUR });
    expect(archivedBound([row('a', old, old), row('b', 3 * 3_600, 3 * 3_600)], shards, NOW).quietSinceMs).toBe(NOW - 2 * HOUR);
    expect(archivedBound([], [open('a')], NOW).quietSinceMs).toBe(0);
    expect(archivedBound([row('a', 901, 901)], [open('a')], NOW).quietSinceMs).toBe(NOW - 901_000);
    // A reader runs; or a shard says up to when, which is no later than its mark.
    expect(archivedBound([row('a', 900, 900)], [open('a')], NOW)).not.toHaveProperty('quietSinceMs');
    expect(archivedBound([row('a', old, old), row('b', 60, 60)], shards, NOW)).not.toHaveProperty('quietSinceMs');
    expect(archivedBound([row('a', old, 2 * old)], [open('a')], NOW)).not.toHaveProperty('quietSinceMs');
    expect(archivedBound([], shards, NOW)).not.toHaveProperty('quietSinceMs');
  });

  test('has words for that, and only then', () => {
    expect(quietText({ quietSinceMs: NOW - 2 * HOUR })).toBe(
      'Nothing has been read from the stream of the table since 2026-11-24T10:00:00Z. If the table was written since, the two readers of its stream stand still (look at the logs of its functions "fanout" and "observe", and run "syncline doctor"), and those changes are not in the log.',
    );
    expect(quietText({ quietSinceMs: 0 })).toMatch(/^Nothing is known to have been read .* If the table was written at all, /);
    expect(quietText({})).toBeUndefined();
  });

  test('never grows by a row that says less', () => {
    const rows = [row('a', 60, 60), row('b', 70, 70)];
    const all = archivedUntil(rows, [open('a'), open('b')], NOW);
    expect(archivedUntil([rows[0] as Shard, row('b', 70, 300)], [open('a'), open('b')], NOW)).toBeLessThan(all);
    expect(archivedUntil([rows[0] as Shard, row('b', 70)], [open('a'), open('b')], NOW - HOUR)).toBe(0);
  });
});
