import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

/**
 * The layering rule of biome.json, seen to bite: each forbidden snippet is refused with a message that says what to do,
 * and its allowed twin is accepted. The snippets are written to a folder with our biome.json, and Biome runs over it once.
 */

interface Snippet {
  /** Where it would stand in the project. */
  readonly file: string;
  readonly code: string;
  /** Part of each message that must be there, in any order; none for an allowed snippet. */
  readonly refused?: readonly string[];
}

const USE = 'export const use = [it];';
const PURE = 'lib/core is pure';
const PORTS = 'lib/ports holds interfaces';
const THROUGH_PORTS = 'Flows do effects through ports';
const PACKAGES = 'lib/ runs in Lambda';
const CALLER = 'lib/ does not know who calls it';

const SNIPPETS: readonly Snippet[] = [
  // lib/core imports lib/core and four packages.
  { file: 'lib/core/from-ports.ts', code: `import { it } from '../ports/table.ts';\n${USE}`, refused: [PURE] },
  { file: 'lib/core/from-fs.ts', code: `import { it } from 'node:fs';\n${USE}`, refused: [PURE] },
  { file: 'lib/core/from-timers.ts', code: `import { it } from 'node:timers/promises';\n${USE}`, refused: [PURE] },
  { file: 'lib/core/from-sdk.ts', code: `import { it } from '@aws-sdk/client-dynamodb';\n${USE}`, refused: [PURE] },
  { file: 'lib/core/from-sdk-type.ts', code: "import type { it } from '@aws-sdk/client-dynamodb';\nexport type Use = it;", refused: [PURE] },
  { file: 'lib/core/dynamic.ts', code: "export const use = () => import('@aws-sdk/client-dynamodb');", refused: [PURE] },
  { file: 'lib/core/re-export.ts', code: "export { it } from '../ports/table.ts';", refused: [PURE, 'barrel'] },
  { file: 'lib/core/formats/from-ports.ts', code: `import { it } from '../../ports/table.ts';\n${USE}`, refused: [PURE] },
  { file: 'lib/core/chance.ts', code: `import { randomUUID as it } from 'node:crypto';\n${USE}`, refused: ['Chance is an argument'] },
  {
    file: 'lib/core/ok-packages.ts',
    code: "import { hash } from 'node:crypto';\nimport { constants } from 'node:zlib';\nimport { z } from 'zod';\nexport const use = [hash, constants, z];",
  },
  { file: 'lib/core/ok-core.ts', code: `import { it } from './key.ts';\n${USE}` },
  { file: 'lib/core/formats/ok-core.ts', code: `import { it } from '../key.ts';\n${USE}` },
  // lib/ports imports lib/core and itself.
  { file: 'lib/ports/from-flow.ts', code: `import { it } from '../replicate/fanout.ts';\n${USE}`, refused: [PORTS] },
  { file: 'lib/ports/from-package.ts', code: `import { z as it } from 'zod';\n${USE}`, refused: [PORTS] },
  {
    file: 'lib/ports/ok.ts',
    code: "import type { Item } from '../core/attribute.ts';\nimport type { Clock } from './runtime.ts';\nexport type Use = [Item, Clock];",
  },
  // Flows: no adapters, no packages, no edges.
  ...['replicate', 'replicate/apply', 'observe', 'reconcile', 'archive', 'control', 'serve', 'status'].flatMap((folder): Snippet[] => {
    const up = '../'.repeat(folder.split('/').length);
    return [
      { file: `lib/${folder}/from-adapter.ts`, code: `import { it } from '${up}adapters/memory/cloud.ts';\n${USE}`, refused: [THROUGH_PORTS] },
      { file: `lib/${folder}/from-aws.ts`, code: `import { it } from '${up}adapters/aws/table.ts';\n${USE}`, refused: [THROUGH_PORTS] },
      { file: `lib/${folder}/from-sdk.ts`, code: `import { it } from '@aws-sdk/client-sqs';\n${USE}`, refused: [PACKAGES] },
      {
        file: `lib/${folder}/ok-test.ts`,
        code: `import { it } from '${up}core/key.ts';\nimport { that } from '${up}ports/table.ts';\nexport const use = [it, that];`,
      },
    ];
  }),
  ...['functions', 'cli', 'cdk', 'local', 'test', 'bench', 'tools', 'client'].map(
    (edge): Snippet => ({ file: `lib/serve/from-${edge}.ts`, code: `import { it } from '../../${edge}/it.ts';\n${USE}`, refused: [CALLER] }),
  ),
  // Time, chance and the environment are arguments, everywhere in lib but in adapters/aws.
  ...['lib/core', 'lib/replicate', 'lib/serve', 'lib/adapters/memory'].flatMap((folder): Snippet[] => [
    { file: `${folder}/date.ts`, code: 'export const use = Date.now();', refused: ['Time is an argument'] },
    { file: `${folder}/new-date.ts`, code: 'export const use = new Date();', refused: ['Time is an argument'] },
    { file: `${folder}/performance.ts`, code: 'export const use = performance.now();', refused: ['Time is an argument'] },
    { file: `${folder}/timeout.ts`, code: 'setTimeout(() => 1, 2);', refused: ['Waiting is an argument'] },
    { file: `${folder}/interval.ts`, code: 'setInterval(() => 1, 2);', refused: ['Waiting is an argument'] },
    { file: `${folder}/immediate.ts`, code: 'setImmediate(() => 1);', refused: ['Waiting is an argument'] },
    { file: `${folder}/random.ts`, code: 'export const use = Math.random();', refused: ['Math.random'] },
    { file: `${folder}/random-alias.ts`, code: 'const { random } = Math;\nexport const use = random();', refused: ['Math.random'] },
    { file: `${folder}/env.ts`, code: "export const use = process.env['HOME'];", refused: ['lib/ reads no environment'] },
    { file: `${folder}/global.ts`, code: 'export const use = globalThis.setTimeout;', refused: ['lib/ uses no global object'] },
    { file: `${folder}/ok.ts`, code: 'export const use = (clock: { now(): number }): number => Math.max(clock.now(), 1);' },
  ]),
  {
    file: 'lib/adapters/aws/ok.ts',
    code: "import { S3Client } from '@aws-sdk/client-s3';\nsetTimeout(() => S3Client, 2);\nexport const use = [new Date(), process.env['X'], Math.random()];",
  },
  // Adapters know no flow, no edge, and not each other.
  { file: 'lib/adapters/aws/from-flow.ts', code: `import { it } from '../../replicate/fanout.ts';\n${USE}`, refused: ['they know no flow'] },
  { file: 'lib/adapters/aws/from-memory.ts', code: `import { it } from '../memory/cloud.ts';\n${USE}`, refused: ['neither imports the other'] },
  { file: 'lib/adapters/memory/from-aws.ts', code: `import { it } from '../aws/table.ts';\n${USE}`, refused: ['neither imports the other'] },
  { file: 'lib/adapters/memory/from-sdk.ts', code: `import { it } from '@aws-sdk/client-s3';\n${USE}`, refused: ['The memory adapters are plain code'] },
  // Edges.
  { file: 'functions/api/from-cdk.ts', code: `import { it } from '../../cdk/app.ts';\n${USE}`, refused: ['A function imports lib'] },
  { file: 'functions/api/from-memory.ts', code: `import { it } from '../../lib/adapters/memory/cloud.ts';\n${USE}`, refused: ['for tests and the simulator'] },
  { file: 'functions/api/ok.ts', code: `import { it } from '../../lib/adapters/aws/table.ts';\n${USE}` },
  { file: 'client/from-ports.ts', code: `import { it } from '../lib/ports/table.ts';\n${USE}`, refused: ['The client runs in a browser'] },
  { file: 'client/from-node.ts', code: `import { it } from 'node:crypto';\n${USE}`, refused: ['The client runs in a browser'] },
  { file: 'client/ok.ts', code: `import { it } from '../lib/core/key.ts';\nimport { that } from 'aws4fetch';\nexport const use = [it, that];` },
  // A few of the other rules that matter most here.
  { file: 'lib/serve/floating.ts', code: 'const f = async (): Promise<number> => 1;\nf();\nexport const use = f;', refused: ['floating'] },
  { file: 'lib/serve/any.ts', code: 'export const use = (x: any): unknown => x;', refused: ['any'] },
  { file: 'lib/serve/focused.test.ts', code: "import { test } from 'vitest';\ntest.only('x', () => undefined);", refused: ['focus'] },
];

const ROOT = join(import.meta.dirname, '..', '..');
/** Biome over a hundred small files takes about a second; a busy machine more (ms). */
const BIOME_MAX_MS = 60_000;

let folder = '';
/** All findings of a file, as one text. */
const found = new Map<string, string>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'syncline-lint-'));
  for (const file of ['biome.json', 'package.json']) await cp(join(ROOT, file), join(folder, file));
  for (const { file, code } of SNIPPETS) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), `${code}\n`);
  }
  const output = await new Promise<string>((resolve, reject) => {
    const biome = join(ROOT, 'node_modules', '.bin', 'biome');
    const options = { cwd: folder, maxBuffer: 64 * 1_024 * 1_024, timeout: BIOME_MAX_MS };
    // It ends with 1 when it refuses something, which is what it is here for.
    // Its JSON report leaves out the advice, in which the rule's own message stands: the text for people has it.
    execFile(biome, ['lint', '--colors=off', '--max-diagnostics=none', '.'], options, (error, out, err) => {
      const all = `${out}\n${err}`;
      if (/^Checked \d+ files/m.test(all)) resolve(all);
      else reject(error ?? new Error(`biome did not finish: ${all}`));
    });
  });
  // Each finding begins with a line "path:line:column lint/group/rule ━━━".
  const heads = [...output.matchAll(/^(\S+?):\d+:\d+ lint\/.*$/gm)];
  heads.forEach((head, i) => {
    const file = head[1] ?? '';
    const text = output.slice(head.index, heads[i + 1]?.index);
    found.set(file, `${found.get(file) ?? ''}${text}`);
  });
}, BIOME_MAX_MS);

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('biome.json', () => {
  test('no two snippets share a file', () => {
    expect(new Set(SNIPPETS.map((s) => s.file)).size).toBe(SNIPPETS.length);
  });

  test.each(SNIPPETS.filter((s) => s.refused !== undefined))('refuses $file', ({ file, refused }) => {
    for (const part of refused ?? []) expect(found.get(file)?.replaceAll(/\s+/g, ' ')).toContain(part);
  });

  test.each(SNIPPETS.filter((s) => s.refused === undefined))('accepts $file', ({ file }) => {
    expect(found.get(file)).toBeUndefined();
  });
});
