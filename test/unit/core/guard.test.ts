import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Position } from '../../../lib/core/formats/position.ts';
import { comparePositions, position } from '../../../lib/core/formats/position.ts';
import type { GuardDecision } from '../../../lib/core/guard.ts';
import { guard, keyPosition } from '../../../lib/core/guard.ts';

const [P1, P2, P3] = [position(1, '1'), position(1, '2'), position(1, '3')];
const NONE = undefined;

describe('the guard, by position of the item, of the tombstone, and of the change', () => {
  test.each<[string, Position | undefined, Position | undefined, Position, GuardDecision]>([
    ['a key that is not there takes anything', NONE, NONE, P1, 'apply'],
    ['an item that is older', P1, NONE, P2, 'apply'],
    ['an item that is this change already', P2, NONE, P2, 'superseded'],
    ['an item that is newer', P3, NONE, P2, 'superseded'],
    ['a tombstone that is older', NONE, P1, P2, 'apply'],
    ['a tombstone of this very delete, which was finished', NONE, P2, P2, 'superseded'],
    ['a tombstone that is newer: no resurrection', NONE, P3, P2, 'superseded'],
    ['an item put after its old tombstone, older than the change', P2, P1, P3, 'apply'],
    ['an item put after its old tombstone, the change between them', P3, P1, P2, 'superseded'],
    ['an item put after its old tombstone, the change older than both', P3, P2, P1, 'superseded'],
    ['a half-done delete whose delete comes again: it is finished', P1, P2, P2, 'apply'],
    ['a half-done delete and a newer change', P1, P2, P3, 'apply'],
    ['a half-done delete and a change between', P1, P3, P2, 'apply'],
    ['a half-done delete and its item’s own change again', P2, P3, P2, 'superseded'],
    ['a half-done delete and a change older than both', P2, P3, P1, 'superseded'],
  ])('%s', (_name, item, tombstone, change, decision) => {
    expect(guard(change, { item, tombstone })).toBe(decision);
  });

  test('a later epoch is newer, whatever its sequence number', () => {
    expect(guard(position(2, '0'), { item: position(1, '9'.repeat(40)), tombstone: NONE })).toBe('apply');
    expect(guard(position(1, '9'.repeat(40)), { item: position(2, '0'), tombstone: NONE })).toBe('superseded');
  });

  test('the key’s position is the item’s, else the tombstone’s, else none', () => {
    expect(keyPosition({ item: P1, tombstone: P3 })).toBe(P1);
    expect(keyPosition({ item: NONE, tombstone: P3 })).toBe(P3);
    expect(keyPosition({ item: NONE, tombstone: NONE })).toBeUndefined();
  });

  test('duplicates, re-cuts and replays in any order end with the newest change, which nothing older replaces', () => {
    const changes = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(changes, fc.func(fc.boolean()), (sequences, isDelete) => {
        let state: { item: Position | undefined; tombstone: Position | undefined } = { item: NONE, tombstone: NONE };
        let newest = 0;
        for (const q of sequences) {
          const change = position(1, BigInt(q));
          const decision = guard(change, state);
          expect(decision).toBe(q > newest ? 'apply' : 'superseded');
          if (decision === 'apply') state = isDelete(q) ? { item: NONE, tombstone: change } : { ...state, item: change };
          newest = Math.max(newest, q);
          expect(comparePositions(keyPosition(state) as Position, position(1, BigInt(newest)))).toBe(0);
        }
      }),
    );
  });
});
