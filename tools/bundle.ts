import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/**
 * Bundles the functions for Lambda: functions/<name>/handler.ts → dist/functions/<name>/index.mjs, one file with
 * everything inside, the AWS SDK too (the runtime's own copy changes without notice, and local clouds have none).
 * The output depends on the sources and the lock file only, so that an unchanged function is not deployed again.
 *
 *   node tools/run.mjs tools/bundle.ts [--verbose]
 */

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** Largest bundle (bytes). The handlers are about 1 MiB; Lambda would take 250 MB, but each cold start reads all of it. */
const BUNDLE_BYTES_MAX = 4 * 1_024 * 1_024;

/** Some dependencies are CommonJS and call `require` for Node's own modules; an ESM file has none unless it makes one. */
const BANNER = "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";

/** A function's bundle. */
export interface Bundle {
  readonly name: string;
  /** Path of the bundle. */
  readonly file: string;
  readonly bytes: number;
}

export interface BundleOptions {
  /** Folder with one folder a function, each with a handler.ts. */
  readonly functions: string;
  /** Folder to write to. A folder of a function that is no more is removed. */
  readonly out: string;
  /** What paths inside the bundles are relative to, so that they do not depend on where the project lies. */
  readonly root?: string;
}

/** The names of the functions in a folder: those that have a handler.ts. Sorted. */
export async function functionNames(folder: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const handler = await stat(join(folder, entry.name, 'handler.ts')).catch(() => undefined);
    if (handler?.isFile()) found.push(entry.name);
  }
  return found.sort();
}

/** Bundles every function of a folder. @throws Error of esbuild, or when a bundle is larger than BUNDLE_BYTES_MAX. */
export async function bundleFunctions({ functions, out, root = ROOT }: BundleOptions): Promise<readonly Bundle[]> {
  const names = await functionNames(functions);
  if (names.length === 0) throw new Error(`No function to bundle: there is no */handler.ts in ${functions}.`);
  await mkdir(out, { recursive: true });
  for (const old of await readdir(out)) if (!names.includes(old)) await rm(join(out, old), { recursive: true });
  return Promise.all(names.map((name) => bundle(name, join(functions, name, 'handler.ts'), join(out, name), root)));
}

async function bundle(name: string, entry: string, folder: string, root: string): Promise<Bundle> {
  const result = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile: join(folder, 'index.mjs'),
    bundle: true,
    write: false,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    mainFields: ['module', 'main'],
    conditions: ['module'],
    banner: { js: BANNER },
    // Syntax only: names and lines stay, so that a stack trace in a log can be read without a source map.
    minifySyntax: true,
    legalComments: 'none',
    // Errors are thrown, with their text.
    logLevel: 'silent',
  });
  const [file] = result.outputFiles;
  if (file === undefined) throw new Error(`esbuild wrote nothing for the function "${name}".`);
  const bytes = file.contents.byteLength;
  if (bytes > BUNDLE_BYTES_MAX)
    throw new Error(`The bundle of "${name}" has ${bytes} bytes; at most ${BUNDLE_BYTES_MAX} are meant to be. Look for a large new dependency.`);
  // The folder becomes the function's code as it is: nothing of an older build may stay in it.
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await writeFile(file.path, file.contents);
  return { name, file: file.path, bytes };
}

if (import.meta.main) {
  const started = performance.now();
  // Standard output belongs to whoever runs this as part of a pipe (cdk's "app"), so all messages go to standard error.
  const bundles = await bundleFunctions({ functions: join(ROOT, 'functions'), out: join(ROOT, 'dist', 'functions') });
  if (process.argv.includes('--verbose')) {
    for (const { name, bytes } of bundles) process.stderr.write(`${name.padEnd(10)} ${(bytes / 1_024).toFixed(0).padStart(6)} KiB\n`);
    process.stderr.write(`bundled in ${((performance.now() - started) / 1_000).toFixed(1)} s\n`);
  }
}
