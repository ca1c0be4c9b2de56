import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { MUTANTS, mutantNamed } from '../mutants/list.ts';
import { plant } from '../mutants/loader.ts';
import { scenarioFiles } from './files.ts';

/**
 * Whether scenarios bite: plays them with a bug planted into the production flows. A scenario names, in a comment
 * "# bites: NAME, NAME", the mutants (test/sim/mutants) that make it fail; this says for which that is not so.
 *
 * `node test/sim/scenario/bites.ts [MUTANT …]`: those, or all. `--all`: with every scenario, not only those that name it.
 */
/** Processes at a time. */
const PROCESSES = 2;
/** Longest time of one mutant (ms, real): a planted bug may make a flow run for ever. */
const TIMEOUT_MS = 60_000;

const scenarios = scenarioFiles();

const args = process.argv.slice(2);
if (args[0] === '--worker') await work(args[1] as string, args[2] === '--all');
else
  process.exitCode = await supervise(
    args.filter((a) => a !== '--all'),
    args.includes('--all'),
  );

/** Plays with the mutant, and prints the files that fail. */
async function work(name: string, all: boolean): Promise<void> {
  const planted = plant(mutantNamed(name));
  const { playScenario } = await import('./player.ts');
  planted.checkLoaded();
  for (const { file, text, bites } of scenarios) {
    if (!all && !bites.includes(name)) continue;
    let ok: boolean;
    try {
      ({ ok } = await playScenario(text, file));
    } catch {
      ok = false;
    }
    if (!ok) process.stdout.write(`${file}\n`);
  }
}

async function supervise(names: readonly string[], all: boolean): Promise<number> {
  const known = new Set(MUTANTS.map((m) => m.name));
  const claimed = new Set(scenarios.flatMap((s) => s.bites));
  const unknown = [...claimed, ...names].filter((name) => !known.has(name));
  for (const name of unknown) process.stdout.write(`there is no mutant "${name}"\n`);
  const todo = MUTANTS.map((m) => m.name).filter((name) => (names.length === 0 || names.includes(name)) && (all || claimed.has(name)));
  let bad = unknown.length;
  const next = async (): Promise<void> => {
    for (let name = todo.shift(); name !== undefined; name = todo.shift()) {
      const failed = await play(name, all);
      const missing = scenarios.filter((s) => s.bites.includes(name as string) && !failed.includes(s.file)).map((s) => s.file);
      bad += missing.length;
      const parts = [`${name}: ${failed.length === 0 ? 'NOT BITTEN' : `bitten by ${failed.join(' ')}`}`];
      if (missing.length > 0) parts.push(`NOT by ${missing.join(' ')}`);
      process.stdout.write(`${parts.join('; ')}\n`);
    }
  };
  await Promise.all(Array.from({ length: PROCESSES }, next));
  return bad === 0 ? 0 : 1;
}

function play(name: string, all: boolean): Promise<readonly string[]> {
  return new Promise((done) => {
    const child = spawn(process.execPath, [fileURLToPath(import.meta.url), '--worker', name, ...(all ? ['--all'] : [])], { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS);
    child.on('close', (code) => {
      clearTimeout(timer);
      if (code !== 0) process.stdout.write(`${name}: the process ended with ${code}: ${errors.slice(0, 2_000)}\n`);
      done(out.split('\n').filter((line) => line !== ''));
    });
  });
}
