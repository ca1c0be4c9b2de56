import { randomInt } from 'node:crypto';
import { Command, InvalidArgumentError } from 'commander';
import type { KeySchema } from '../../lib/core/key.ts';
import { startIssuer } from '../../local/issuer.ts';
import { ensureSchemathesis, runSchemathesis, validateDocument } from './schemathesis.ts';
import type { FuzzServer } from './server.ts';
import { startServer } from './server.ts';
import { fuzzSet } from './set.ts';

/**
 * Fuzzes the HTTP API from its own OpenAPI document: no answer may be a 5xx, or one that the document does not list.
 *
 *   node tools/run.mjs test/fuzz/main.ts --requests 10000 --seed 1
 *
 * Without --url the real handlers run here on the memory cloud, primary and secondary in turn, and callers need tokens.
 */

const { stdout, stderr } = process;

const SEED_MAX = 0x7fff_ffff;
const REQUESTS_MAX = 1_000_000;
const REQUESTS = 1_000;
/** Requests of one run of the fuzzer, about: its memory grows with them. */
const REQUESTS_A_RUN = 3_000;
/** Cases an operation of one run, in its first phases; each operation has fixed ones beside these. */
const EXAMPLES_MIN = 10;
/** Longest time of one run (ms). */
const RUN_MAX_MS = 30 * 60_000;
/** Runs of one command: each makes hundreds of requests at least. */
const RUNS_MAX = 1_000;

/** The key schemas that are fuzzed in turn: types differ in how they stand in the query. */
const KEYS: readonly KeySchema[] = [
  { partition: { name: 'country', type: 'S' }, sort: { name: 'cityId', type: 'N' } },
  { partition: { name: 'digest', type: 'B' } },
  { partition: { name: 'n', type: 'N' }, sort: { name: 'name.with [odd] "parts"', type: 'S' } },
];

interface Options {
  readonly requests: number;
  readonly seed?: number;
  readonly url?: string;
  readonly header: readonly string[];
}

const whole =
  (least: number, most: number) =>
  (text: string): number => {
    const n = Number(text);
    if (!/^\d+$/.test(text) || n < least || n > most) throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
    return n;
  };

const options = new Command('node tools/run.mjs test/fuzz/main.ts')
  .description('Fuzzes the HTTP API from its own OpenAPI document with Schemathesis (installed from PyPI into .local/fuzz-venv).')
  .option('--requests <n>', 'at least so many requests', whole(1, REQUESTS_MAX), REQUESTS)
  .option('--seed <n>', 'what is drawn (default: a random one)', whole(0, SEED_MAX))
  .option('--url <url>', 'a deployed API instead, its stage included; its requests are not counted, so --requests says how many cases are made')
  .option(
    '--header <text>',
    'a header of every request to a deployed API, such as "Authorization: Bearer …"; may be repeated',
    (text: string, all: string[]) => [...all, text],
    [],
  )
  .addHelpText('after', '\nExit codes: 0 every check held, or the fuzzer cannot be installed; 1 a check failed.')
  .parse()
  .opts<Options>();

const seed = options.seed ?? randomInt(SEED_MAX);
const onOutput = (text: string): void => void stdout.write(text);
const examplesFor = (requests: number): number => Math.max(EXAMPLES_MIN, Math.ceil(requests / 30));

try {
  await ensureSchemathesis();
} catch (error) {
  stderr.write(`SKIPPED: Schemathesis cannot be installed, so the API was not fuzzed. ${(error as Error).message.split('\n').slice(-3).join(' ')}\n`);
  process.exit(0);
}
process.exitCode = (options.url === undefined ? await fuzzHere() : await fuzzThere(options.url)) ? 0 : 1;

/** Fuzzes the handlers in this process, run after run, until there were enough requests. */
async function fuzzHere(): Promise<boolean> {
  const answered = new Map<number, number>();
  let requests = 0;
  for (let run = 0; requests < options.requests && run < RUNS_MAX; run += 1) {
    const key = KEYS[run % KEYS.length] as KeySchema;
    stdout.write(`\nRun ${run + 1}, seed ${seed + run}, key ${JSON.stringify(key)}\n`);
    const result = await fuzzOnce(key, seed + run, examplesFor(Math.min(REQUESTS_A_RUN, options.requests - requests)));
    for (const [status, n] of result.server.answered) {
      answered.set(status, (answered.get(status) ?? 0) + n);
      requests += n;
    }
    if (result.ok) continue;
    report(result.server, result.errors);
    stdout.write(`FAILED after ${requests} requests. Again: node tools/run.mjs test/fuzz/main.ts --seed ${seed} --requests ${options.requests}\n`);
    return false;
  }
  const statuses = [...answered].sort(([a], [b]) => a - b).map(([status, n]) => `${status}: ${n}`);
  stdout.write(`\n${requests} requests, every check held (seed ${seed}). Answers by status: ${statuses.join(', ')}\n`);
  return true;
}

interface RunResult {
  readonly ok: boolean;
  readonly server: FuzzServer;
  readonly errors: readonly unknown[];
}

async function fuzzOnce(key: KeySchema, runSeed: number, examples: number): Promise<RunResult> {
  const issuer = await startIssuer();
  const auth = { type: 'jwt', issuer: issuer.url, audience: issuer.audience, jwksUri: issuer.jwksUri };
  const set = await fuzzSet({ key, seed: runSeed, env: { SYNCLINE_AUTH: JSON.stringify(auth), SYNCLINE_CORS: '["https://app.example.com"]' } });
  const server = await startServer(set);
  try {
    const headers = { Authorization: `Bearer ${await issuer.token({ scope: 'read write admin' })}` };
    await validateDocument(await (await fetch(`${server.url}/openapi.json`, { headers })).text());
    // Valid requests first: those that break the document's limits are many, and few of them get past the first check.
    const of = { url: server.url, examples, seed: runSeed, headers, timeoutMs: RUN_MAX_MS, onOutput };
    const held = (await runSchemathesis({ ...of, mode: 'valid' })) && (await runSchemathesis({ ...of, mode: 'any' }));
    return { ok: held && server.failures.length === 0 && set.errors.length === 0, server, errors: set.errors };
  } finally {
    await server.stop();
    await issuer.stop();
  }
}

/** What the server saw that a fuzzer's own report may lack. */
function report(server: FuzzServer, errors: readonly unknown[]): void {
  for (const { request, answer } of server.failures.slice(0, 5)) stdout.write(`\n${request.slice(0, 300)}\n  ${answer.slice(0, 500)}\n`);
  for (const error of errors.slice(0, 5)) stdout.write(`\nlogged: ${JSON.stringify(error).slice(0, 1_000)}\n`);
}

/** Fuzzes a deployed API. */
async function fuzzThere(url: string): Promise<boolean> {
  const headers = Object.fromEntries(
    options.header.map((text) => {
      const colon = text.indexOf(':');
      return [text.slice(0, colon).trim(), text.slice(colon + 1).trim()];
    }),
  );
  const base = url.replace(/\/+$/, '');
  await validateDocument(await (await fetch(`${base}/openapi.json`, { headers })).text());
  return runSchemathesis({ url: base, mode: 'any', examples: examplesFor(options.requests), seed, headers, timeoutMs: RUN_MAX_MS, onOutput });
}
