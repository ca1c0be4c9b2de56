import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { TraceEvent, TraceHeader } from './trace.ts';

/** Starts the commands as a user does. */

const folder = mkdtempSync(join(tmpdir(), 'syncline-sim-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}
/** Runs a command to its end. @param interruptAt interrupted when its output has this text. */
function command(file: string, args: readonly string[], interruptAt?: string): Promise<Ended> {
  return new Promise((done) => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, file), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [out, err] = ['', ''];
    child.stdout.on('data', (d: Buffer) => {
      out += d.toString();
      if (interruptAt !== undefined && out.includes(interruptAt)) child.kill('SIGINT');
    });
    child.stderr.on('data', (d: Buffer) => {
      err += d.toString();
    });
    child.on('close', (code) => done({ code, out, err }));
  });
}

describe('npm run sim', () => {
  test('prints seeds and knobs first, then a table; the same seeds give the same sums; the trace is written', async () => {
    const trace = join(folder, 'trace.jsonl');
    const args = ['--seed', '5', '--seeds', '2', '--knobs', '{"steps":10}', '--faults', 'redelivery,lost-answer=0.1'];
    const [text, json, single] = await Promise.all([
      command('main.ts', args),
      command('main.ts', [...args, '--json', '--jobs', '1']),
      command('main.ts', ['--seed', '5', '--knobs', '{"steps":10}', '--faults', 'none', '--trace', trace]),
    ]);
    expect([text.code, json.code, single.code], text.err + json.err + single.err + text.out).toEqual([0, 0, 0]);
    const [first, second] = text.out.split('\n');
    expect(first).toBe('seeds 5 to 6 (again: npm run sim -- --seed 5 --seeds 2)');
    expect(second).toContain('"steps":10');
    expect(text.out).toMatch(/seeds +│ +2 /);
    const sums = JSON.parse(json.out) as { seeds: number; failed: number; writes: number; calls: number; failures: unknown[] };
    expect(json.out.trim().split('\n').length).toBe(1);
    expect(sums).toMatchObject({ seeds: 2, failed: 0, failures: [] });
    // Two threads and one thread came to the same.
    expect(text.out).toMatch(new RegExp(`requests +│ +${sums.calls.toLocaleString('en')} `));
    const [header, ...events] = readFileSync(trace, 'utf8')
      .trim()
      .split('\n')
      .map((l) => JSON.parse(l) as TraceHeader & TraceEvent);
    expect(header).toMatchObject({ syncline: 'trace', seed: 5, knobs: { steps: 10, faults: {} } });
    expect(events.map((e) => e.n)).toEqual(events.map((_, i) => i));
    expect(events.length).toBeGreaterThan(20);
  });

  test('wrong usage is said, with exit code 2', async () => {
    const wrong: [string[], RegExp][] = [
      [['--faults', 'rain'], /There is no fault "rain"\. There are: .*redelivery/],
      [['--faults', 'none', '--knobs', '{"faults":{}}'], /both name the faults/],
      [['--seed', '4294967295', '--seeds', '2'], /the largest is 4294967295/],
      [['--scenario', 'no-such'], /there is no file "no-such"/],
      [['--what'], /unknown option/],
    ];
    const ended = await Promise.all(wrong.map(([args]) => command('main.ts', args)));
    ended.forEach(({ code, err }, i) => {
      expect(code, err).toBe(2);
      expect(err).toMatch(wrong[i]?.[1] ?? /never/);
    });
  });

  test('an interrupt ends it at once, with its code', async () => {
    const { code, err } = await command('main.ts', ['--seeds', '100000', '--faults', 'none'], 'knobs');
    expect(code).toBe(130);
    expect(err).toContain('Interrupted (SIGINT)');
  });
});

describe('npm run sim:soak', () => {
  test('help and wrong usage; an interrupt ends it with its sums and its log', async () => {
    const [help, wrong, soaked] = await Promise.all([
      command('soak.ts', ['--help']),
      command('soak.ts', ['--minutes', '0']),
      command('soak.ts', ['--minutes', '5', '--jobs', '1', '--faults', 'none'], 'log:'),
    ]);
    expect([help.code, wrong.code, soaked.code]).toEqual([0, 2, 130]);
    expect(soaked.out).toMatch(/seeds\/s/);
    const log = /log: (.*)/.exec(soaked.out)?.[1] ?? '';
    const lines = readFileSync(log, 'utf8')
      .trim()
      .split('\n')
      .map((l) => JSON.parse(l) as { kind: string });
    expect([lines[0]?.kind, lines.at(-1)?.kind]).toEqual(['start', 'end']);
    rmSync(log);
  });
});
