import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { describe, expect, it } from 'vitest';
import { MUTANTS, mutantNamed } from './list.ts';
import type { Edit, Mutant } from './mutant.ts';
import { patched, StaleMutantError } from './mutant.ts';
import type { Row } from './report.ts';
import { medianSeeds, rowOf } from './report.ts';

/** The bugs that the issue "Simulate" names, and the mutants that plant them. */
const NAMED: Readonly<Record<string, readonly string[]>> = {
  'no guard': ['no-guard'],
  'guard by receive count only': ['guard-by-receive-count'],
  'content deduplication id': ['content-dedup'],
  'two messages of a lane in one call': ['two-of-a-lane-in-a-call'],
  'continuing a lane after a failed send': ['lane-goes-on-after-failed-send'],
  'no lane ownership': ['no-lane-ownership'],
  'SDK retries on': ['sdk-retries'],
  'returning with a request in flight': ['returns-with-request-in-flight'],
  'fence not read': ['fence-not-read'],
  'fence not raised by a newer message': ['fence-not-raised'],
  'delete before tombstone': ['delete-before-tombstone'],
  'an item judged by its tombstone': ['item-judged-by-tombstone'],
  'tombstones shorter than retention': ['short-tombstones'],
  'repair position too high': ['repair-position-too-high'],
  'a position believed without its key check': ['no-key-check'],
  'seat read at start instead of for each batch': ['seat-read-once-a-sandbox'],
  '`since` ignored': ['since-ignored'],
  'a message carrying an epoch that its sender’s seat does not own': ['epoch-not-owned'],
  '`open` waited for by one lane only': ['open-waited-for-by-one-lane'],
  'coalescing that ignores the guard': ['coalesce-by-arrival', 'coalesced-change-unguarded'],
  'reporting a later message failed without the earlier': ['later-failed-without-earlier'],
  'swallowing an unprocessed item': ['unprocessed-item-counted-applied', 'delete-overtakes-unprocessed-tombstone'],
  'stale link counted as complete': ['stale-link-counted-complete'],
};

/** The text of a production file. */
const read = (file: string): string => readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8');

const filesOf = (mutant: Mutant): readonly (readonly [string, readonly Edit[]])[] =>
  [...new Set(mutant.edits.map((e) => e.file))].map((file) => [file, mutant.edits.filter((e) => e.file === file)]);

describe('the mutants', () => {
  it.each(MUTANTS.map((m) => [m.name, m] as const))('%s: its anchors occur exactly once, and its files can still be read', (_, mutant) => {
    expect(mutant.edits.length).toBeGreaterThan(0);
    for (const [file, edits] of filesOf(mutant)) {
      const before = read(file);
      const after = patched(before, edits);
      expect(after).not.toBe(before);
      // Types are not checked, but what cannot be parsed throws here; what the file exports stays.
      const exportsOf = (text: string): string[] => [...stripTypeScriptTypes(text).matchAll(/^export (?:async )?\w+ (\w+)/gm)].map((m) => m[1] as string);
      expect(exportsOf(after)).toEqual(exportsOf(before));
    }
  });

  it('have names of their own, and say what they break', () => {
    expect(new Set(MUTANTS.map((m) => m.name)).size).toBe(MUTANTS.length);
    expect(MUTANTS.length).toBeGreaterThanOrEqual(20 + 10);
    const spec = read('docs/SPEC.md');
    for (const { name, breaks, about } of MUTANTS) {
      expect(name).toMatch(/^[a-zA-Z0-9]+(-[a-zA-Z0-9]+)*$/);
      expect(about).toMatch(/^[A-Z`].*\.$/);
      const rule = /^(?:(I\d)|rule (\d+))$/.exec(breaks);
      expect(rule, `${name} breaks "${breaks}"`).not.toBeNull();
      expect(spec).toMatch(rule?.[1] === undefined ? new RegExp(`^${rule?.[2]}\\. `, 'm') : new RegExp(`^\\| ${rule[1]} `, 'm'));
    }
  });

  it.each(Object.entries(NAMED))('plant what the issue names: %s', (_, names) => {
    for (const name of names) expect(mutantNamed(name).name).toBe(name);
  });

  it('differ in what they do', () => {
    const texts = MUTANTS.map((m) => JSON.stringify(m.edits));
    expect(new Set(texts).size).toBe(texts.length);
  });

  it('an unknown name is refused', () => {
    expect(() => mutantNamed('no-gurad')).toThrow(/no mutant "no-gurad"/);
  });
});

describe('patching', () => {
  const edit = (find: string, replace: string): Edit => ({ file: 'f.ts', find, replace });

  it('replaces the anchor as it stands, dollar signs included', () => {
    expect(patched('const a = `${b}`;', [edit('`${b}`', '`$&${c}`')])).toBe('const a = `$&${c}`;');
    expect(patched('one two', [edit('one', '1'), edit('two', '2')])).toBe('1 2');
  });

  it.each([
    ['is not there', 'abc', [edit('x', 'y')]],
    ['occurs twice', 'aa', [edit('a', 'y')]],
    ['is empty', 'abc', [edit('', 'y')]],
    ['was removed by an edit before it', 'ab', [edit('ab', 'c'), edit('b', 'd')]],
    ['was made a second time by an edit before it', 'a b', [edit('a', 'b'), edit('b', 'c')]],
  ])('fails when an anchor %s', (_, text, edits) => {
    expect(() => patched(text, edits)).toThrow(StaleMutantError);
  });
});

describe('the report', () => {
  const row = (verdict: Row['verdict'], seeds: number): Row => ({ mutant: 'm', breaks: 'I2', about: 'A.', verdict, seeds, wallMs: 1 });

  it('counts a mutant that was not caught as one that needs any number of seeds', () => {
    expect(medianSeeds([row('caught', 5), row('missed', 1), row('caught', 7)])).toBe(7);
    expect(medianSeeds([row('caught', 5), row('caught', 7)])).toBe(6);
    expect(medianSeeds([row('caught', 5), row('missed', 1)])).toBeUndefined();
    expect(medianSeeds([row('caught', 5), row('missed', 1), row('failed', 1)])).toBeUndefined();
    expect(medianSeeds([])).toBeUndefined();
  });

  it('never counts a run that failed or hung as a catch', () => {
    const mutant = mutantNamed('no-guard');
    expect(rowOf(mutant, { kind: 'failed', done: 3, seed: 4, why: 'it threw' }, 0, 1)).toMatchObject({ verdict: 'failed', seed: 4 });
    expect(rowOf(mutant, { kind: 'hung', done: 3, seed: 4 }, 0, 1)).toMatchObject({ verdict: 'failed', seed: 4 });
    expect(rowOf(mutant, { kind: 'broken', done: 3, seed: 4, rule: 'simulator', message: 'x', digest: '' }, 0, 1)).toMatchObject({
      verdict: 'failed',
      seed: 4,
    });
    expect(rowOf(mutant, { kind: 'clean', done: 3 }, 2, 1)).toMatchObject({ verdict: 'missed', seeds: 5 });
    expect(rowOf(mutant, { kind: 'broken', done: 3, seed: 4, rule: 'I2', message: 'x', digest: '' }, 2, 1)).toMatchObject({
      verdict: 'caught',
      seeds: 5,
      rule: 'I2',
    });
  });
});
