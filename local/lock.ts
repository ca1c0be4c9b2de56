import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { localDirectory } from './paths.ts';
import { identify, isAlive, type ProcessIdentity, until } from './processes.ts';

/** How long a lock is waited for (ms): the longest thing done under one is an installation. */
const LOCK_WAIT_MS = 10 * 60_000;

/**
 * Does something that two processes must not do at the same time (installing, bundling), in the directory .local.
 * A lock whose holder is dead is taken over.
 *
 * @throws Error when the holder lives and does not give the lock back for LOCK_WAIT_MS.
 */
export async function withLock<T>(name: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(localDirectory, { recursive: true });
  const file = join(localDirectory, `${name}.lock`);
  const me = identify(process.pid);
  if (!(await until(() => take(file, me), LOCK_WAIT_MS))) {
    throw new Error(
      `Another process (${holder(file)?.pid ?? 'unknown'}) holds ${name} for more than ${LOCK_WAIT_MS / 60_000} minutes. End it, or delete .local/${name}.lock.`,
    );
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

function take(file: string, me: ProcessIdentity | undefined): boolean {
  const present = holder(file);
  if (present !== undefined && !isAlive(present)) rmSync(file, { force: true });
  try {
    writeFileSync(file, JSON.stringify(me), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function holder(file: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ProcessIdentity;
  } catch {
    // Not there, or just being written: both are seen again at the next look.
    return undefined;
  }
}
