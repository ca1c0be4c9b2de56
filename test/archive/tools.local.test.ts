import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Item } from '../../lib/core/attribute.ts';
import { isoSeconds } from '../../lib/core/calendar.ts';
import { encodeLine } from '../../lib/core/formats/log-record.ts';
import { keyHash, keyText } from '../../lib/core/key.ts';
import { plainEnvironment } from '../../local/command.ts';
import { root, temporaryRoot } from '../../local/paths.ts';
import { ensurePythonEnvironment, pythonPrograms } from '../../tools/python-environment.ts';
import { KEY, type Logged, logOfCities } from './log-of-cities.ts';

/** What other tools make of the log: the zstd tool, DuckDB with the documented queries, and a reader written from the document of the formats alone. */

const here = import.meta.dirname;
const ENVIRONMENT = 'archive-venv';
/** One program (ms). */
const PROGRAM_MAX_MS = 60_000;
/** pip may have to fetch DuckDB, 20 MB (ms). */
const INSTALL_MAX_MS = 300_000;
/** Output of a program (bytes). */
const OUTPUT_MAX = 64 * 1_024 * 1_024;

let directory: string;
let log: Logged;
beforeAll(async () => {
  await ensurePythonEnvironment(ENVIRONMENT, join(here, 'requirements.txt'));
  directory = mkdtempSync(join(temporaryRoot(), 'syncline-log-'));
  log = logOfCities();
  for (const { name, body } of log.segments) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), body);
  }
}, INSTALL_MAX_MS);
afterAll(() => {
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
});

/** Runs a program in the log's directory. @returns its standard output. @throws Error with what it said when it fails */
function run(program: string, args: readonly string[], input?: string): string {
  const done = spawnSync(program, args, {
    cwd: directory,
    env: plainEnvironment(),
    encoding: 'utf8',
    timeout: PROGRAM_MAX_MS,
    maxBuffer: OUTPUT_MAX,
    ...(input !== undefined && { input }),
  });
  if (done.status !== 0) throw new Error(`${program} ended with ${done.status ?? done.signal}: ${done.stderr} ${String(done.error ?? '')}`);
  return done.stdout;
}
const python = (script: string, args: readonly string[], input?: string): string =>
  run(join(pythonPrograms(ENVIRONMENT), 'python'), [join(here, script), ...args], input);

/** The document's statements for DuckDB, in their order. */
const documented = (): string[] =>
  [...(readFileSync(join(root, 'docs', 'archive-sql.md'), 'utf8').split('## Athena')[0] ?? '').matchAll(/```sql\n([\s\S]*?)```/g)].map((m) => m[1] as string);

/** The text of a number; null where there is none. */
const numberOf = (item: Item | undefined, name: string): string | null => (item?.[name] as { readonly N?: string } | undefined)?.N ?? null;

const hasZstd = spawnSync('zstd', ['--version'], { stdio: 'ignore' }).status === 0;
if (!hasZstd) console.warn('Skipped: what needs the zstd tool, since there is none on the PATH.');
const withZstd = test.skipIf(!hasZstd);

describe('the log, read by other tools', () => {
  withZstd('the zstd tool unpacks a segment of several frames into its lines, and the footer’s', () => {
    for (const { name, head, records } of log.segments) {
      expect(head.frames.length, 'a segment of one frame shows little').toBeGreaterThan(1);
      const lines = run('zstd', ['-dc', name]).split('\n');
      expect(lines.slice(0, -2)).toEqual(records.map(encodeLine));
      expect(lines.at(-1)).toBe('');
      expect(Object.keys(JSON.parse(lines.at(-2) ?? ''))).toEqual(['format', 'index', 'head', 'sum', 'end']);
    }
  });

  withZstd('a reader written from docs/formats.md alone finds all of it, and the index leads to the right lines', () => {
    for (const { name, head, records } of log.segments) {
      const seen = JSON.parse(python('read_segment.py', [name])) as { head: object; lines: object[]; hashes: Record<string, object> };
      expect(seen.head).toEqual(head);
      expect(seen.lines).toEqual(records.map((record) => JSON.parse(encodeLine(record))));
      for (const { keys } of records) expect(seen.hashes[keyHash(keyText(keys, KEY)).toString('hex')]).toEqual(keys);
    }
  });

  withZstd('that reader refuses a segment with one bit turned, wherever it is', () => {
    const { name, body } = log.segments[0] as Logged['segments'][number];
    const damaged = join(directory, 'damaged.zst');
    for (const at of [0, 0.3, 0.6, 0.9, 0.99, 1].map((part) => Math.min(body.length - 1, Math.floor(body.length * part)))) {
      const bytes = Buffer.from(body);
      bytes[at] = (bytes[at] as number) ^ 0x10;
      writeFileSync(damaged, bytes);
      expect(() => python('read_segment.py', [damaged]), `byte ${at} of ${name}`).toThrow();
    }
  });

  test('DuckDB answers the documented queries as a plain count over the records does', () => {
    const statements = documented();
    expect(statements).toHaveLength(4);
    const every = 'SELECT sequence, created, event, origin, position, keys, "new", "old" FROM changes ORDER BY length(sequence), sequence';
    const answers = JSON.parse(python('queries.py', [], JSON.stringify([...statements, every]))) as Record<string, string | number | null>[][];
    const records = log.segments.flatMap((segment) => segment.records);

    // Every record, whole: images as DynamoDB JSON, each type of attribute among them.
    const rows = answers[4] ?? [];
    expect(rows).toHaveLength(records.length);
    rows.forEach((row, i) => {
      const line = JSON.parse(encodeLine(records[i] as Logged['segments'][number]['records'][number])) as Record<string, unknown>;
      const whole = Object.fromEntries(
        Object.entries(row).flatMap(([name, value]) =>
          value === null ? [] : [[name, ['keys', 'new', 'old'].includes(name) ? JSON.parse(String(value)) : value]],
        ),
      );
      expect(whole).toEqual(line);
    });

    const hours = Object.entries(Object.groupBy(records, (r) => `${isoSeconds(r.at).slice(0, 13).replace('T', ' ')}:00:00|${r.origin}|${r.event}`));
    expect((answers[1] ?? []).map((row) => [`${row['hour']}|${row['origin']}|${row['event']}`, row['changes']]).sort()).toEqual(
      hours.map(([name, some]) => [name, some?.length]).sort(),
    );

    const berlin = records.filter((r) => numberOf(r.keys, 'cityId') === '2950159');
    expect(berlin.length).toBeGreaterThan(2);
    expect((answers[2] ?? []).map((row) => [row['event'], row['before'], row['after']])).toEqual(
      berlin.map((r) => [r.event, numberOf(r.oldImage, 'population'), numberOf(r.newImage, 'population')]),
    );

    const fallen = records.filter((r) => r.event === 'MODIFY' && Number(numberOf(r.newImage, 'population')) <= Number(numberOf(r.oldImage, 'population')) / 2);
    expect(fallen.length).toBeGreaterThan(0);
    expect((answers[3] ?? []).map((row) => row['city']).sort()).toEqual(fallen.map((r) => numberOf(r.keys, 'cityId')).sort());
  });
});
