import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { runCommand } from './command.ts';
import { localDirectory, root, venvDirectory } from './paths.ts';

/**
 * MiniStack's own Python environment, under .local/venv. A stamp with the hash of the requirements is written last, so an
 * interrupted installation is seen as none and made anew.
 */

/** Where MiniStack is started. */
export const launcher = join(root, 'local', 'ministack', 'launch.py');
const requirements = join(root, 'local', 'ministack', 'requirements.txt');

/** MiniStack needs this Python or a newer one. */
const PYTHON_MIN = { major: 3, minor: 10 } as const;
const CANDIDATES = ['python3', 'python3.14', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python'] as const;
/** An installation takes 10 to 60 s; one that takes longer than this hangs (ms). */
const INSTALL_MAX_MS = 10 * 60_000;
const PROBE_MAX_MS = 15_000;

const run = promisify(execFile);

/** The environment's interpreter. */
export const venvPython = join(venvDirectory, 'bin', 'python');

/** Whether the environment is there and is what the requirements ask for. */
export const pythonIsReady = (): boolean => existsSync(venvPython) && readStamp() === wantedStamp();

/**
 * Makes sure that MiniStack is installed, and gives the interpreter to start it with. Quick when it is.
 *
 * @throws Error when no suitable Python is found, or the installation fails (with the end of its output).
 */
export async function ensurePython(signal?: AbortSignal): Promise<string> {
  if (pythonIsReady()) return venvPython;
  const python = await findPython();
  await mkdir(localDirectory, { recursive: true });
  // Scripts of an environment hold its path, so it is made in place: the old one is moved away first, which is one step.
  const old = `${venvDirectory}.old-${process.pid}`;
  if (existsSync(venvDirectory)) await rename(venvDirectory, old);
  await command(python, ['-m', 'venv', venvDirectory], signal);
  await command(
    venvPython,
    ['-m', 'pip', 'install', '--disable-pip-version-check', '--quiet', '--require-hashes', '--only-binary', ':all:', '-r', requirements],
    signal,
  );
  await writeFile(stampFile(), wantedStamp());
  await rm(old, { recursive: true, force: true });
  return venvPython;
}

const stampFile = (): string => join(venvDirectory, 'syncline-requirements');
const wantedStamp = (): string => createHash('sha256').update(readFileSync(requirements)).digest('hex');

function readStamp(): string | undefined {
  try {
    return readFileSync(stampFile(), 'utf8');
  } catch {
    return undefined;
  }
}

/** Whether the text `3.11` names a Python that is new enough. */
export function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.trim().split('.').map(Number);
  return major > PYTHON_MIN.major || (major === PYTHON_MIN.major && minor >= PYTHON_MIN.minor);
}

async function findPython(): Promise<string> {
  const seen: string[] = [];
  for (const name of CANDIDATES) {
    try {
      // Asked for a version *and* for venv: Debian ships Python without the latter, version managers ship shims without either.
      const { stdout } = await run(name, ['-c', 'import sys, venv, ensurepip; print("%d.%d" % sys.version_info[:2])'], { timeout: PROBE_MAX_MS });
      if (isNewEnough(stdout)) return name;
      seen.push(`${name} is ${stdout.trim()}`);
    } catch (error) {
      const text = (error as { stderr?: string }).stderr ?? '';
      if (/ensurepip|venv/.test(text) && text.includes('ModuleNotFoundError'))
        seen.push(`${name} has no venv module (on Debian and Ubuntu: apt install python3-venv)`);
    }
  }
  const why = seen.length === 0 ? 'none was found in PATH' : seen.join('; ');
  throw new Error(`The local cloud needs Python ${PYTHON_MIN.major}.${PYTHON_MIN.minor} or newer with venv: ${why}. Install one as python3 and try again.`);
}

const command = async (file: string, args: readonly string[], signal: AbortSignal | undefined): Promise<string> =>
  runCommand(file, args, { cwd: dirname(launcher), env: installEnvironment(), timeoutMs: INSTALL_MAX_MS, signal });

/** pip gets the whole environment: proxies, certificates and index settings of the user's are in it. */
const installEnvironment = (): Record<string, string> =>
  Object.fromEntries(Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
