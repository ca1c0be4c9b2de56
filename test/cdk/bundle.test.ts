import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bundleFunctions } from '../../tools/bundle.ts';

describe('bundling', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'syncline-bundle-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** Writes a project of functions, and bundles it. */
  async function project(name: string, functions: Readonly<Record<string, string>>) {
    const root = join(folder, name);
    for (const [fn, source] of Object.entries(functions)) {
      await mkdir(join(root, 'functions', fn), { recursive: true });
      await writeFile(join(root, 'functions', fn, fn === 'shared' ? 'shared.ts' : 'handler.ts'), source);
    }
    const out = join(root, 'dist');
    return { out, bundles: await bundleFunctions({ functions: join(root, 'functions'), out, root }) };
  }

  const SHARED = 'export const hello = (name: string): string => `hello ${name}`; // a comment';
  const HANDLER =
    "import { createHash } from 'node:crypto';\nimport { hello } from '../shared/shared.ts';\nexport const handler = async (name: string) => ({ said: hello(name), hash: typeof createHash, require: typeof require });";

  test('makes one ESM file a function, that runs alone; folders without a handler are none', async () => {
    const { out, bundles } = await project('a', { greet: HANDLER, shared: SHARED });
    expect(bundles.map((b) => b.name)).toEqual(['greet']);
    expect(await readdir(join(out, 'greet'))).toEqual(['index.mjs']);
    const module = (await import(pathToFileURL(join(out, 'greet', 'index.mjs')).href)) as { handler: (name: string) => Promise<unknown> };
    // `require` is there for the CommonJS among the dependencies.
    expect(await module.handler('you')).toEqual({ said: 'hello you', hash: 'function', require: 'function' });
  });

  test('the same sources make the same bytes, wherever they lie', async () => {
    const one = await project('one', { greet: HANDLER, shared: SHARED });
    const two = await project('two', { greet: HANDLER, shared: SHARED });
    const bytes = (out: string) => readFile(join(out, 'greet', 'index.mjs'));
    expect(await bytes(one.out)).toEqual(await bytes(two.out));
    expect((await bytes(one.out)).toString()).not.toContain(folder);
  });

  test('what is no function any more, or of an older build, does not stay', async () => {
    const { out } = await project('a', { greet: HANDLER, gone: 'export const handler = async () => 1;', shared: SHARED });
    await writeFile(join(out, 'greet', 'old.mjs'), '');
    await rm(join(folder, 'a', 'functions', 'gone'), { recursive: true });
    await project('a', {});
    expect(await readdir(out)).toEqual(['greet']);
    expect(await readdir(join(out, 'greet'))).toEqual(['index.mjs']);
  });

  test('of the project, only the functions that have a bucket carry S3’s client', async () => {
    const functions = join(import.meta.dirname, '..', '..', 'functions');
    const bundles = await bundleFunctions({ functions, out: join(folder, 'own') });
    const carry = await Promise.all(bundles.map(async ({ name, file }) => ((await readFile(file, 'utf8')).includes('ListObjectsV2Command') ? [name] : [])));
    expect(carry.flat()).toEqual(['api', 'apply', 'observe', 'reconcile']);
  });

  test('no function at all, and source that cannot be bundled, are errors', async () => {
    await mkdir(join(folder, 'b', 'functions'), { recursive: true });
    await expect(project('b', {})).rejects.toThrow(/No function to bundle/);
    await expect(project('c', { broken: "import { x } from './missing.ts'; export const handler = x;" })).rejects.toThrow(
      /Could not resolve "\.\/missing\.ts"/,
    );
  });
});
