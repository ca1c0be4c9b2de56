import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { plainEnvironment, runCommand } from './command.ts';
import { withLock } from './lock.ts';
import { localDirectory, root } from './paths.ts';
import { LOCAL_ACCOUNT } from './region.ts';

/**
 * Bundles the functions and synthesizes the stacks, once for each state of the sources and the settings. The result, a
 * CDK assembly, is kept under .local/assemblies by the hash of all that it depends on.
 */

const BUILD_MAX_MS = 5 * 60_000;
/** This many assemblies are kept; the oldest go. */
const ASSEMBLIES_MAX = 6;
/** What an assembly depends on, beside the settings. */
const SOURCES = ['cdk', 'functions', 'lib', 'tools/bundle.ts', 'cdk.json', 'package-lock.json'] as const;

const assembliesDirectory = join(localDirectory, 'assemblies');
/** The CDK command, to be run with Node. */
export const cdkCommand = join(root, 'node_modules', 'aws-cdk', 'bin', 'cdk');

/** What the stacks are made for. */
export interface StackSettings {
  /** The set's name. */
  readonly set: string;
  readonly regions: readonly string[];
  /** The key, as `name:TYPE` or `name:TYPE,name:TYPE`. */
  readonly keys: string;
  /** More of the app's context. */
  readonly context?: Readonly<Record<string, string>>;
}

/** The app's context, as the CDK command takes it. Pure. */
export function contextOf({ set, regions, keys, context }: StackSettings): Record<string, string> {
  return { set, regions: regions.join(','), keys, account: LOCAL_ACCOUNT, ...context };
}

/** Options for building, both for tests and progress. */
export interface BuildOptions {
  readonly signal?: AbortSignal | undefined;
  /** Hears of each step that has to be done, as it begins; the function it gives is called when the step is done. */
  readonly onStep?: ((title: string) => () => void) | undefined;
}

/** The directory of the assembly for these settings, made now or earlier. @throws Error with the output of the step that failed. */
export async function buildAssembly(settings: StackSettings, { signal, onStep }: BuildOptions = {}): Promise<string> {
  return withLock('build', async () => {
    const context = contextOf(settings);
    const directory = join(assembliesDirectory, await hashOf(context));
    if (existsSync(join(directory, 'manifest.json'))) return directory;
    const env = {
      ...plainEnvironment(),
      PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
      CDK_DISABLE_CLI_TELEMETRY: '1',
      CDK_DEFAULT_ACCOUNT: LOCAL_ACCOUNT,
      CDK_DEFAULT_REGION: settings.regions[0] ?? '',
    };
    const run = async (title: string, args: readonly string[]): Promise<void> => {
      const done = onStep?.(title);
      await runCommand(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], { cwd: root, env, timeoutMs: BUILD_MAX_MS, signal });
      done?.();
    };
    await run('Bundling the functions', [join(root, 'tools', 'bundle.ts')]);
    const unfinished = `${directory}.${process.pid}.tmp`;
    await mkdir(assembliesDirectory, { recursive: true });
    const values = Object.entries(context).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    // The app itself, not cdk.json's `npm run synth`: that one bundles first, which was just done.
    await run('Synthesizing the stacks', [
      cdkCommand,
      'synth',
      '--app',
      'node --disable-warning=ExperimentalWarning cdk/app.ts',
      '--quiet',
      '--no-notices',
      '--output',
      unfinished,
      ...values,
    ]);
    await rename(unfinished, directory);
    await removeOldest();
    return directory;
  });
}

async function hashOf(context: Readonly<Record<string, string>>): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(Object.entries(context).sort()));
  for (const source of SOURCES) await addTo(hash, source);
  return hash.digest('hex').slice(0, 24);
}

/** Adds a file, or all files below a directory, by name and content. What is not there adds nothing. */
async function addTo(hash: ReturnType<typeof createHash>, path: string): Promise<void> {
  const file = join(root, path);
  const found = await stat(file).catch(() => undefined);
  if (found?.isDirectory() === true) {
    for (const name of (await readdir(file)).sort()) await addTo(hash, join(path, name));
  } else if (found !== undefined) {
    hash.update(`\0${path}\0${found.size}\0`).update(await readFile(file));
  }
}

async function removeOldest(): Promise<void> {
  const found = await Promise.all(
    (await readdir(assembliesDirectory)).map(async (name) => ({
      path: join(assembliesDirectory, name),
      at: (await stat(join(assembliesDirectory, name))).mtimeMs,
    })),
  );
  const old = found.sort((a, b) => b.at - a.at).slice(ASSEMBLIES_MAX);
  await Promise.all(old.map(({ path }) => rm(path, { recursive: true, force: true })));
}
