import { describe, expect, test } from 'vitest';
import { HeldShards } from '../../../../lib/archive/log/held-shards.ts';
import { NOTHING_ROLLED } from '../../../../lib/archive/log/roll-up.ts';
import type { RolledState } from '../../../../lib/archive/log/state.ts';
import { SHARDS_HELD_MAX } from '../../../../lib/archive/log/state.ts';
import type { Shard } from '../../../../lib/core/formats/rows.ts';

const HOUR = 3_600_000;
const NOW = 100 * HOUR;

/** Rows of so many shards, which were last seen some hours ago. */
const rowsOf = (count: number, hoursAgo: (i: number) => number): Shard[] =>
  Array.from({ length: count }, (_, i) => {
    const at = NOW - hoursAgo(i) * HOUR;
    return { id: `shard-${String(i).padStart(5, '0')}`, seen: { sequence: String(i + 1), at }, tail: { first: String(i + 1), firstAt: at, sha256: 'x' } };
  });

/** A run in which each idle shard comes to its end. */
function run(state: RolledState, rows: readonly Shard[]): RolledState {
  const held = new HeldShards(state, rows);
  held.takeNew('L', NOW);
  for (const path of held.paths) {
    const at = held.row(path)?.seen?.at ?? 0;
    if (NOW - at > 6 * HOUR) held.set(path, { done: true, last: { first: '1', firstAt: 1, last: '1', toMs: 1 } });
  }
  held.forget();
  return { ...NOTHING_ROLLED, ...held.state };
}

describe('the shards that a state holds', () => {
  test('are never more than the named limit; those that are done make room for the others, and do not come back', () => {
    // Of 2,000 shards all but the last 100 are idle.
    const rows = rowsOf(2_000, (i) => (i < 1_900 ? 20 : 1));
    let state = NOTHING_ROLLED;
    const sizes: number[] = [];
    for (let runs = 0; runs < 5; runs += 1) {
      state = run(state, rows);
      sizes.push(Object.keys(state.shards).length);
    }
    expect(Math.max(...sizes)).toBeLessThanOrEqual(SHARDS_HELD_MAX);
    expect(Object.entries(state.shards).filter(([, { done }]) => !done)).toHaveLength(100);
    expect(state.forgotten).toHaveLength(1_800);
    expect(run(state, rows)).toEqual(state);
  });

  test('beyond the limit wait, when none is done', () => {
    const rows = rowsOf(SHARDS_HELD_MAX + 50, () => 1);
    const state = run(NOTHING_ROLLED, rows);
    expect(Object.keys(state.shards)).toHaveLength(SHARDS_HELD_MAX);
    expect(run(state, rows)).toEqual(state);
  });

  test('are forgotten altogether once their rows are gone, and come back when more has come', () => {
    const rows = rowsOf(300, () => 20);
    const state = run(NOTHING_ROLLED, rows);
    expect(state.forgotten).toHaveLength(200);
    expect(new HeldShards(state, rows.slice(200)).state.forgotten).toBeUndefined();
    const again = new HeldShards(state, [...rowsOf(1, () => 1), ...rows.slice(1)]);
    again.found('L/shard-00001');
    again.takeNew('L', NOW);
    expect(again.get('L/shard-00000')).toEqual({ done: false });
    expect(again.get('L/shard-00001')).toBeUndefined();
    expect(again.state.forgotten).toHaveLength(199);
  });

  test('of a small table keep all that is known', () => {
    const state = run(
      NOTHING_ROLLED,
      rowsOf(50, () => 20),
    );
    expect(Object.keys(state.shards)).toHaveLength(50);
    expect(state).not.toHaveProperty('forgotten');
  });
});
