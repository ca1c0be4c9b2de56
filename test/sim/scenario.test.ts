import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { playScenario } from './scenario/player.ts';

/**
 * Every file in scenarios/ is a test: known hard cases as text, see scenarios/README.md. `UPDATE=1` writes what they print
 * into them: read the diff, and keep only what you can explain.
 */
const FOLDER = new URL('scenarios/', import.meta.url);
const UPDATE = process.env['UPDATE'] === '1';
/** Clocks, ids and sequence numbers differ from seed to seed; what a scenario prints does not. */
const SEEDS = [1, 2, 3];

const files = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.txt'))
  .sort();

describe('scenarios', () => {
  it.each(files)('%s', async (file) => {
    const url = new URL(file, FOLDER);
    const text = readFileSync(url, 'utf8');
    const played = await playScenario(text, file, SEEDS[0]);
    if (UPDATE) writeFileSync(url, played.output);
    else expect(played.output, played.diff).toBe(text);
    // A broken rule and a command that cannot be done are failures, whatever the text expects.
    if (!UPDATE) expect(played.ok, played.diff).toBe(true);
    for (const seed of SEEDS.slice(1)) expect((await playScenario(text, file, seed)).output, `seed ${seed}`).toBe(played.output);
  });

  it('are there', () => {
    expect(files.length).toBeGreaterThan(0);
  });
});
