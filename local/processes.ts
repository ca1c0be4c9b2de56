import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Processes by identity. A process id alone is not one: it is given to another process later, so the start time belongs
 * to it. Each region leads a process group that its functions' processes are in, so a group is ended as a whole.
 */

/** A process that cannot be mistaken for a later one of the same id. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in the system's own words; only ever compared. */
  readonly started: string;
}

/** How often a condition on processes is looked at (ms). */
const POLL_MS = 25;
/** How long a killed group may take to vanish (ms); the kernel does it at once unless the machine is overloaded. */
const KILL_WAIT_MS = 5_000;

/** The process of that id that lives now, or undefined. A zombie does not live. */
export function identify(pid: number): ProcessIdentity | undefined {
  const started = process.platform === 'linux' ? startedLinux(pid) : startedByPs(pid);
  return started === undefined ? undefined : { pid, started };
}

/** Fields of /proc/PID/stat after the command's name: the state is the 3rd of all, the start time the 22nd. */
const STATE = 0;
const START_TIME = 19;

function startedLinux(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command's name may hold spaces and parentheses, so the fields are counted from its last parenthesis.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[STATE] === 'Z' || fields[STATE] === 'X' ? undefined : fields[START_TIME];
  } catch {
    return undefined;
  }
}

function startedByPs(pid: number): string | undefined {
  try {
    const line = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    return line === '' || line.startsWith('Z') ? undefined : line.replace(/^\S+\s+/, '');
  } catch {
    return undefined;
  }
}

/** Whether exactly this process still lives. */
export const isAlive = (process: ProcessIdentity): boolean => identify(process.pid)?.started === process.started;

/** Whether the id was given to another process since, so that nothing may be sent to it. */
const isReused = (leader: ProcessIdentity): boolean => {
  const now = identify(leader.pid);
  return now !== undefined && now.started !== leader.started;
};

/**
 * Sends a signal to a whole group. Says whether anybody got it. Without its leader, the group still is the same one:
 * the kernel gives no process an id that a group carries.
 */
export function signalGroup(leader: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (isReused(leader)) return false;
  try {
    process.kill(-leader.pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH' || (error as NodeJS.ErrnoException).code === 'EPERM') return false;
    throw error;
  }
}

/** Sends a signal to the leader alone. Says whether it got it. */
export function signalLeader(leader: ProcessIdentity, signal: NodeJS.Signals): boolean {
  return isAlive(leader) && process.kill(leader.pid, signal);
}

/**
 * Ends a group: first asks its leader (who then saves its state) when `graceMs` is positive, then kills what is left,
 * and returns when the leader is gone. A frozen leader is thawed to hear the question.
 *
 * @throws Error when the leader outlives SIGKILL, which takes a hung device or a broken machine.
 */
export async function endGroup(leader: ProcessIdentity, graceMs: number): Promise<void> {
  if (graceMs > 0 && signalLeader(leader, 'SIGTERM')) {
    signalGroup(leader, 'SIGCONT');
    await until(() => !isAlive(leader), graceMs);
  }
  signalGroup(leader, 'SIGKILL');
  if (!(await until(() => !isAlive(leader), KILL_WAIT_MS))) throw new Error(`Process ${leader.pid} is still there ${KILL_WAIT_MS} ms after SIGKILL.`);
}

/** The same, at once and without waiting, for a process that is about to end itself. */
export const killGroup = (leader: ProcessIdentity): boolean => signalGroup(leader, 'SIGKILL');

/** Waits for a condition, at most `ms`. Says whether it came true. */
export async function until(condition: () => boolean | Promise<boolean>, ms: number): Promise<boolean> {
  const end = performance.now() + ms;
  while (!(await condition())) {
    if (performance.now() > end) return false;
    await sleep(POLL_MS);
  }
  return true;
}
