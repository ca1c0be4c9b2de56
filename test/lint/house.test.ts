import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';

/** Rules of the house that no linter knows: file sizes, and what a file must never name. */

const ROOT = join(import.meta.dirname, '..', '..');
/** What is not ours: installed, built, or the state of a running local cloud. */
const SKIP = new Set(['node_modules', 'dist', 'cdk.out', '.local', '.git', '.venv', '__pycache__', '.pytest_cache']);
/** Files of these kinds are text that a person or a tool reads. */
const TEXT = /\.(ts|mts|js|mjs|json|md|py|txt|toml|yml|yaml|svg|sh|grit)$|(^|\/)(\.gitignore|run|LICENSE|NOTICE)$/;

/** Largest source file (lines). Below it a reader keeps a file in mind; above it there are two files in one. */
const SOURCE_LINES_MAX = 300;
/** Largest test file (lines): tables of cases may be long. */
const TEST_LINES_MAX = 500;
/**
 * The ratchet: files that are larger for now, each with its own limit. A limit may only be lowered, and an entry must
 * go once its file is small enough. A new entry needs a reason.
 */
const LARGE: Readonly<Record<string, { readonly lines: number; readonly why: string }>> = {};

const files: { path: string; text: string }[] = [];

async function walk(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (SKIP.has(entry.name)) continue;
    if (entry.isDirectory()) await walk(path);
    else if (entry.isFile() && TEXT.test(path)) files.push({ path: relative(ROOT, path), text: await readFile(path, 'utf8') });
  }
}

beforeAll(() => walk(ROOT));

const lines = (text: string): number => text.split('\n').length - 1;
const limitOf = (path: string): number => LARGE[path]?.lines ?? (path.startsWith('test/') ? TEST_LINES_MAX : SOURCE_LINES_MAX);

/** The places where `pattern` is found, as "path: match". */
function places(pattern: RegExp, except: readonly string[] = []): readonly string[] {
  return files.filter((f) => !except.includes(f.path)).flatMap((f) => [...f.text.matchAll(pattern)].map((m) => `${f.path}: ${m[0]}`));
}

describe('the house', () => {
  test('the walk finds the project', () => {
    expect(files.map((f) => f.path)).toEqual(expect.arrayContaining(['package.json', 'lib/core/constants.ts', 'test/lint/house.test.ts']));
    expect(files.length).toBeGreaterThan(50);
  });

  test('no source file is larger than its limit', () => {
    const tooLarge = files.filter((f) => /\.(ts|mjs|py)$/.test(f.path) && lines(f.text) > limitOf(f.path));
    expect(tooLarge.map((f) => `${f.path}: ${lines(f.text)} lines, at most ${limitOf(f.path)}`)).toEqual([]);
  });

  test('the list of large files holds only files that still are', () => {
    for (const path of Object.keys(LARGE)) {
      const file = files.find((f) => f.path === path);
      const usual = path.startsWith('test/') ? TEST_LINES_MAX : SOURCE_LINES_MAX;
      expect(file === undefined ? 0 : lines(file.text), `${path} is small enough now: take it off the list`).toBeGreaterThan(usual);
    }
  });

  test('package-lock.json names no place to download from, and a hash for each package', () => {
    const lock = JSON.parse(files.find((f) => f.path === 'package-lock.json')?.text ?? '') as {
      packages: Record<string, { resolved?: string; integrity?: string; inBundle?: boolean }>;
    };
    const packages = Object.entries(lock.packages).filter(([path]) => path !== '');
    expect(packages.length).toBeGreaterThan(50);
    expect(packages.filter(([, p]) => p.resolved !== undefined).map(([path]) => path)).toEqual([]);
    // What comes inside another package's archive is covered by that one's hash.
    expect(packages.filter(([, p]) => p.integrity === undefined && p.inBundle !== true).map(([path]) => path)).toEqual([]);
  });

  test('dependencies are pinned to one version each', () => {
    const manifest = JSON.parse(files.find((f) => f.path === 'package.json')?.text ?? '') as Record<string, Record<string, string> | undefined>;
    for (const kind of ['dependencies', 'devDependencies', 'optionalDependencies']) {
      for (const [name, version] of Object.entries(manifest[kind] ?? {})) expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
    }
  });

  test('no file names a path of one machine', () => {
    // Written so that this file does not find itself. The homes of "me" and "you" are examples.
    const roots = ['work', 'root', 'home'].join('|');
    expect(places(new RegExp(`(?<![\\w.~*})>-])/(?:${roots})/(?!(?:me|you)\\b)[\\w.-]+`, 'g'), ['package-lock.json'])).toEqual([]);
  });

  test('no file names a registry', () => {
    const hosts = ['registry.npmjs', 'registry.yarnpkg', 'npm.pkg.github', 'pypi.org', 'files.pythonhosted', 'proxy.golang', 'jfrog.io'];
    const pattern = new RegExp(hosts.map((h) => h.replaceAll('.', '\\.')).join('|'), 'g');
    expect(places(pattern, ['test/lint/house.test.ts'])).toEqual([]);
  });

  test('no file holds a key of AWS, a private key, or a conflict marker', () => {
    expect(places(/\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----|^(?:<{7}|>{7}) /gm)).toEqual([]);
  });
});
