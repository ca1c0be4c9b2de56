import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MUTANTS } from './mutants/list.ts';
import { playScenario } from './scenario/player.ts';

/**
 * Every file in scenarios/ is a test: known hard cases as text, see scenarios/README.md. `UPDATE=1` writes what they print
 * into them: read the diff, and keep only what you can explain.
 */
const FOLDER = new URL('scenarios/', import.meta.url);
const UPDATE = process.env['UPDATE'] === '1';
/** Clocks, ids and sequence numbers differ from seed to seed; what a scenario prints does not. */
const SEEDS = [1, 2, 3] as const;

const files = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.txt'))
  .sort();
const textOf = (file: string): string => readFileSync(new URL(file, FOLDER), 'utf8');

describe('scenarios', () => {
  it.each(files)('%s', async (file) => {
    const text = textOf(file);
    const played = await playScenario(text, file, SEEDS[0]);
    if (UPDATE) writeFileSync(new URL(file, FOLDER), played.output);
    else expect(played.output, played.diff).toBe(text);
    // A broken rule and a command that cannot be done are failures, whatever the text expects.
    const judged = UPDATE ? await playScenario(played.output, file, SEEDS[0]) : played;
    expect(judged.ok, judged.diff).toBe(true);
    for (const seed of SEEDS.slice(1)) expect((await playScenario(text, file, seed)).output, `seed ${seed}`).toBe(played.output);
  });

  it('all stand in the README, which names no other', () => {
    const named = [...textOf('README.md').matchAll(/\((\S+\.txt)\)/g)].map((m) => m[1]);
    expect([...new Set(named)].sort()).toEqual(files);
  });

  it('name only bugs that can be planted', () => {
    const known = new Set(MUTANTS.map((m) => m.name));
    const named = files.flatMap((file) => [...textOf(file).matchAll(/^# bites: (.*)$/gm)].flatMap((m) => (m[1] as string).split(', ')));
    expect(named.filter((name) => !known.has(name))).toEqual([]);
    expect(named.length).toBeGreaterThan(0);
  });
});

describe('the player', () => {
  it('says what was expected and what came, and keeps comments when it writes anew', async () => {
    const text = '# Before.\nset\n----\na b: a is primary in epoch 1\n\n# Between.\n\nput a k0 v=1\n----\na1 k0 v=2\n\n# After.\n';
    const { ok, output, diff } = await playScenario(text, 'x.txt');
    expect(ok).toBe(false);
    expect(diff).toBe('x.txt:8: put a k0 v=1\n- a1 k0 v=2\n+ a1 k0 v=1');
    expect(output).toBe(text.replace('a1 k0 v=2', 'a1 k0 v=1'));
    expect(await playScenario(output, 'x.txt')).toEqual({ ok: true, output });
  });

  it.each([
    ['put a k0 v=1', 'a scenario begins with "set"'],
    ['set\n----\na b: a is primary in epoch 1\n\nput a k0 v=1 ixx=2', 'not understood: ixx=2'],
    ['set\n----\na b: a is primary in epoch 1\n\nput z k0 v=1', 'there is no member "z"'],
    ['set\n----\na b: a is primary in epoch 1\n\nadvance soon', '"soon" is not a duration'],
    ['set\n----\na b: a is primary in epoch 1\n\nconstructor', 'there is no verb "constructor"'],
  ])('fails what it cannot do, also when that is expected: %s', async (commands, problem) => {
    const { output } = await playScenario(`${commands}\n----\n`, 'x.txt');
    expect(output).toContain(`cannot be done: ${problem}`);
    expect((await playScenario(output, 'x.txt')).ok).toBe(false);
  });

  it('says where a text is no scenario', async () => {
    expect((await playScenario('set\nput a k0 v=1\n', 'x.txt')).diff).toContain('x.txt: line 1: after the command "set"');
  });

  it('fails a scenario that breaks a rule, also when that is expected', async () => {
    // Nothing of ours breaks a rule, so a person does: the checkpoint of fan-out jumps over a record of an open link.
    const text = 'set\n----\n\nput a k0 v=1\n----\n\nput a k0 v=2\n----\n\nfanout a from=a2\n----\n';
    const { output } = await playScenario(text, 'x.txt');
    expect(output).toContain('BREAKS rule 8');
    expect((await playScenario(output, 'x.txt')).ok).toBe(false);
  });
});
