import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isName, type Kept, readKept, writeKept } from './kept.ts';
import { runSeed } from './run.ts';

/** One kept case may take this long (ms): they are small, as a rule, and some heal for hours. */
const CASE_MAX_MS = 60_000;

describe('seeds that failed once', () => {
  for (const { name, about, seed, knobs } of readKept()) {
    test(
      `${name}: ${about}`,
      async () => {
        const { outcome } = await runSeed(seed, { knobs });
        expect(outcome.violation).toBeUndefined();
        expect(about, `${name}.json must say in "about" what was wrong`).not.toBe('');
      },
      CASE_MAX_MS,
    );
  }

  test('are read as they were written, and never overwritten', () => {
    const folder = mkdtempSync(join(tmpdir(), 'syncline-kept-'));
    try {
      const kept: Kept = {
        name: 'late-delete',
        about: 'a delete came late',
        rule: 'I3',
        message: '"k0" came back',
        seed: 7,
        knobs: { keys: 1, faults: { redelivery: 0.2 } },
      };
      writeKept(kept, folder);
      expect(readKept(folder)).toEqual([kept]);
      expect(() => writeKept(kept, folder)).toThrow('EEXIST');
      writeFileSync(join(folder, 'stale.json'), JSON.stringify({ about: '', rule: '', message: '', seed: 1, knobs: { faults: { gone: 1 } } }));
      expect(() => readKept(folder)).toThrow(/kept\/stale\.json cannot be read: There is no fault "gone"/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('have names that are files’ names', () => {
    expect(['late-delete', 'seed-12', 'a'].every(isName)).toBe(true);
    expect(['', 'Late', 'a b', '../a', 'a-', 'a.json'].some(isName)).toBe(false);
  });
});
