import { describe, expect, it } from 'vitest';
import type { Shard } from '../../../../lib/core/formats/rows.ts';
import type { ShardDescription } from '../../../../lib/ports/stream.ts';
import { behindOf, hasPassed } from '../../../../lib/reconcile/verdict/passed.ts';

const T = 1_800_000_000_000;
const mark = (sequence: number, ms: number): { sequence: string; at: number } => ({ sequence: String(sequence), at: T + ms });
const open: readonly ShardDescription[] = [{ id: 'a', first: '1' }];
const passed = (rows: readonly Shard[], afterMs: number, shards = open): boolean => hasPassed(rows, shards, T, T + afterMs);

describe('passed(T)', () => {
  it('holds when fan-out has sent a record that was made more than a second after T', () => {
    expect(passed([{ id: 'a', sent: mark(9, 1_001), seen: mark(3, -60_000) }], 2_000)).toBe(true);
    expect(passed([{ id: 'a', sent: mark(9, 1_000), seen: mark(3, -60_000) }], 60_000)).toBe(false);
  });

  it('holds on a quiet table when both readers name the same record, or neither names one, and 10 s are over', () => {
    const same = [{ id: 'a', sent: mark(9, -60_000), seen: mark(9, -60_000) }];
    expect(passed(same, 9_999)).toBe(false);
    expect(passed(same, 10_000)).toBe(true);
    expect(passed([], 10_000)).toBe(true);
    expect(passed([{ id: 'a', sent: mark(9, -60_000) }], 60_000)).toBe(false);
    expect(passed([{ id: 'a', seen: mark(9, -60_000) }], 60_000)).toBe(false);
    expect(passed([{ id: 'a', sent: mark(8, -60_000), seen: mark(9, -60_000) }], 60_000)).toBe(false);
  });

  it('never holds for a table without a stream', () => {
    expect(passed([], 60_000, [])).toBe(false);
  });

  it('asks every open shard; a closed one is passed with its last record, and with any record of a descendant', () => {
    const split: readonly ShardDescription[] = [
      { id: 'a', first: '1', last: '9' },
      { id: 'b', first: '10', parentId: 'a' },
      { id: 'c', first: '10', parentId: 'a' },
    ];
    const b = { id: 'b', sent: mark(12, 5_000) };
    const c = { id: 'c', sent: mark(12, 5_000) };
    expect(passed([b, c], 6_000, split)).toBe(true);
    expect(passed([b], 6_000, split)).toBe(false);
    expect(passed([b], 10_000, split)).toBe(true);
    const closed = (sequence: number): Shard => ({ id: 'a', sent: mark(sequence, -60_000), seen: mark(7, -60_000) });
    const alone = split.slice(0, 1);
    expect(passed([closed(9)], 1_000, alone)).toBe(true);
    expect(passed([closed(8)], 60_000, alone)).toBe(false);
    // What the observer has read of a child says nothing of fan-out.
    const behind = { id: 'a', sent: mark(5, -60_000), seen: mark(9, -60_000) };
    expect(passed([behind, c], 60_000, split)).toBe(true);
    expect(passed([behind, { id: 'c', seen: mark(12, 5_000) }], 60_000, split)).toBe(false);
  });

  it('is hard only where records show it', () => {
    const rows: Shard[] = [{ id: 'a', sent: mark(9, 5_000), seen: mark(9, 5_000) }];
    expect(behindOf(rows, open, 'sent', T, T + 20_000)).toBe('hard');
    expect(behindOf(rows, open, 'seen', T, T + 20_000)).toBe('hard');
    expect(behindOf(rows, open, 'sent', T + 5_000, T + 20_000)).toBe('quiet');
    expect(behindOf([...rows], [...open, { id: 'b', first: '1' }], 'sent', T, T + 20_000)).toBe('quiet');
  });
});
