import { execFile } from 'node:child_process';
import { chmod, copyFile, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { bundleFunctions } from './bundle.ts';
import { importsOfJs, packageOf, reachOfTypes } from './package/files.ts';
import { BIN, COMMAND, compiled, ENTRIES, type ProjectManifest, packageManifest, repositoryOf } from './package/manifest.ts';

/**
 * Makes the package that others install: dist/package/, and from it dist/NAME-VERSION.tgz, by npm. In it are the
 * constructs, the client and the command as JavaScript with declarations, the bundled functions, and the documents; no
 * source of ours is needed to use it. docs/package.md says how to publish it.
 *
 *   npm run package
 */

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const DIST = join(ROOT, 'dist');

/** Largest tarball (bytes). Most of it is the bundled functions, 0.4 MB each; more than this is a mistake. */
const PACKED_BYTES_MAX = 4 * 1_024 * 1_024;
/** Longest run of the compiler or of npm (ms); they take seconds. */
const COMMAND_MAX_MS = 5 * 60_000;
/** Characters of a command's output that are kept. */
const OUTPUT_MAX = 10 * 1_024 * 1_024;
/** Documents that go with the package, from the project's root. */
const DOCUMENTS = ['README.md', 'CHANGELOG.md', 'LICENSE', 'SECURITY.md', 'docs'] as const;

/** What was made. */
export interface Package {
  /** The folder that npm packs. */
  readonly folder: string;
  readonly tarball: string;
  readonly packedBytes: number;
  readonly unpackedBytes: number;
  readonly files: number;
  /** Where the sources are said to be; undefined where nobody knows. */
  readonly repository: string | undefined;
}

const run = promisify(execFile);

/** Makes the package. @param dist the folder for it. @throws Error with the compiler's or npm's words. */
export async function makePackage(dist: string = DIST): Promise<Package> {
  await mkdir(dist, { recursive: true });
  const folder = await mkdtemp(join(dist, 'package-'));
  try {
    await compile(folder);
    const imported = await prune(folder);
    await bundleFunctions({ functions: join(ROOT, 'functions'), out: join(folder, 'dist', 'functions') });
    await mkdir(dirname(join(folder, BIN)), { recursive: true });
    await copyFile(join(ROOT, 'tools', 'package', 'syncline.mjs'), join(folder, BIN));
    await chmod(join(folder, BIN), 0o755);
    for (const document of DOCUMENTS) await cp(join(ROOT, document), join(folder, document), { recursive: true });
    const project = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as ProjectManifest;
    const repository = repositoryOf(process.env, await origin());
    await writeFile(join(folder, 'package.json'), `${JSON.stringify(packageManifest(project, imported, repository), null, 2)}\n`);
    const final = join(dist, 'package');
    await rm(final, { recursive: true, force: true });
    await rename(folder, final);
    return { ...(await pack(final, dist)), folder: final, repository };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Code and declarations of all that the entries lead to. The code is the source without its types: readable, with its comments. */
async function compile(folder: string): Promise<void> {
  const settings = join(folder, 'tsconfig.json');
  await writeFile(
    settings,
    JSON.stringify({
      extends: join(ROOT, 'tsconfig.json'),
      compilerOptions: {
        noEmit: false,
        noEmitOnError: true,
        allowImportingTsExtensions: false,
        rewriteRelativeImportExtensions: true,
        declaration: true,
        rootDir: ROOT,
        typeRoots: [join(ROOT, 'node_modules', '@types')],
        outDir: folder,
      },
      // Types that sources write for a dependency that has none of its own.
      include: ['cdk', 'client', 'cli', 'lib'].map((part) => join(ROOT, part, '**', '*.d.ts')),
      files: [...ENTRIES.map((e) => e.source), COMMAND].map((source) => join(ROOT, source)),
    }),
  );
  await command(join(ROOT, 'node_modules', '.bin', 'tsc'), ['-p', settings], ROOT);
  await rm(settings);
}

/** Leaves the files that an entry leads to, when it runs or when it is type-checked; gives the packages that they import. */
async function prune(folder: string): Promise<readonly string[]> {
  const graph = await build({
    absWorkingDir: folder,
    entryPoints: [...ENTRIES.map((e) => compiled(e.source).js), compiled(COMMAND).js],
    outdir: 'never-written',
    bundle: true,
    write: false,
    metafile: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    logLevel: 'silent',
  });
  const { inputs } = graph.metafile;
  const code = Object.values(inputs).flatMap(({ imports }) => imports.filter((i) => i.external === true).map((i) => packageOf(i.path)));
  const types = await reachOfTypes(
    ENTRIES.map((e) => compiled(e.source).types),
    (path) => readFile(join(folder, path), 'utf8'),
  );
  const kept = new Set([...Object.keys(inputs), ...types.files]);
  for (const path of await filesIn(folder)) {
    if (!kept.has(path)) await rm(join(folder, path));
    else if (path.endsWith('.d.ts')) await writeFile(join(folder, path), importsOfJs(await readFile(join(folder, path), 'utf8')));
  }
  return [...new Set([...code, ...types.packages])].filter((name) => name !== undefined).sort();
}

/** Paths of all files of a folder, from there, with `/`. */
async function filesIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((e) => e.isFile()).map((e) => join(e.parentPath, e.name).slice(folder.length + 1));
}

/** Lets npm pack the folder, as it would when publishing. */
async function pack(folder: string, to: string): Promise<Pick<Package, 'tarball' | 'packedBytes' | 'unpackedBytes' | 'files'>> {
  const text = await command('npm', ['pack', folder, '--pack-destination', to, '--json', '--ignore-scripts', '--loglevel=error'], to);
  const [made] = JSON.parse(text) as readonly { readonly filename: string; readonly unpackedSize: number; readonly entryCount: number }[];
  if (made === undefined) throw new Error(`npm pack said nothing of what it made: ${text.slice(0, 200)}`);
  const tarball = join(to, made.filename);
  const { size } = await stat(tarball);
  if (size > PACKED_BYTES_MAX) throw new Error(`The package has ${size} bytes; at most ${PACKED_BYTES_MAX} are meant to be. Look for what it need not carry.`);
  return { tarball, packedBytes: size, unpackedBytes: made.unpackedSize, files: made.entryCount };
}

async function command(file: string, args: readonly string[], cwd: string): Promise<string> {
  try {
    return (await run(file, args, { cwd, timeout: COMMAND_MAX_MS, maxBuffer: OUTPUT_MAX })).stdout;
  } catch (error) {
    const { stdout = '', stderr = '', message } = error as Error & { stdout?: string; stderr?: string };
    throw new Error(`${file} ${args[0]} failed:\n${`${stdout}${stderr}`.trim() || message}`);
  }
}

const origin = (): Promise<string | undefined> =>
  run('git', ['remote', 'get-url', 'origin'], { cwd: ROOT }).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  );

const MB = 1_000_000;

if (import.meta.main) {
  try {
    const { tarball, packedBytes, unpackedBytes, files, repository } = await makePackage();
    process.stdout.write(`${tarball}\n${(packedBytes / MB).toFixed(2)} MB packed, ${(unpackedBytes / MB).toFixed(2)} MB unpacked, ${files} files\n`);
    if (repository === undefined)
      process.stdout.write('No repository is known (neither GITHUB_REPOSITORY nor a remote "origin"): npm publishes it, but not with provenance.\n');
  } catch (error) {
    process.stderr.write(`The package was not made. ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
