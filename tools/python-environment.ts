import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../local/command.ts';
import { localDirectory } from '../local/paths.ts';

/** Python environments for tools of tests, each in a directory of its own under .local/. */

/** An installation takes 20 to 90 s; one that takes longer than this hangs (ms). */
const INSTALL_MAX_MS = 10 * 60_000;

/** Where the programs of an environment are. */
export const pythonPrograms = (name: string): string => join(localDirectory, name, 'bin');

/**
 * Makes sure that an environment has what a requirements file names. Quick when it has. A stamp with the file's hash is
 * written last, so an interrupted installation counts as none.
 *
 * @param name of its directory under .local/.
 * @param requirements path of the file.
 * @throws Error when Python or pip cannot make it.
 */
export async function ensurePythonEnvironment(name: string, requirements: string): Promise<void> {
  const environment = join(localDirectory, name);
  const stamp = join(environment, 'syncline-requirements');
  const wanted = createHash('sha256').update(readFileSync(requirements)).digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  await rm(environment, { recursive: true, force: true });
  await mkdir(localDirectory, { recursive: true });
  const options = { cwd: localDirectory, env: installEnvironment(), timeoutMs: INSTALL_MAX_MS };
  await runCommand('python3', ['-m', 'venv', environment], options);
  await runCommand(join(environment, 'bin', 'python'), ['-m', 'pip', 'install', '--disable-pip-version-check', '--quiet', '-r', requirements], options);
  await writeFile(stamp, wanted);
}

/** pip gets the whole environment: proxies, certificates and index settings of the user's are in it. */
const installEnvironment = (): Record<string, string> =>
  Object.fromEntries(Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
