import { InputError } from '../../core/errors.ts';
import type { JobLease } from '../../job/lease.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { together } from '../../replicate/together.ts';
import type { CheckPorts, MemberReach } from '../ports.ts';
import type { CheckJob, CheckLink } from './job.ts';
import type { CheckPhase } from './report.ts';

/** How a check goes, for people. */
export interface CheckProgress {
  readonly phase: CheckPhase;
  readonly links: readonly CheckLink[];
  /** A member's scan that this run works at: items so far, of how many, if that is known. */
  readonly scan?: { readonly member: string; readonly units: number; readonly of?: number };
  /** Batches of suspicions whose verdict is there. */
  readonly batches?: { readonly done: number; readonly of: number };
}

/** Hears of progress, and may end a run between two steps. */
export interface CheckWatcher {
  progress(now: CheckProgress): void;
  stopped(): boolean;
}

/** What every phase is given. */
export interface Step {
  readonly ports: CheckPorts;
  readonly runtime: Runtime;
  readonly lease: JobLease<CheckJob>;
  /** Elapsed time (ms) at which the step gives back: soon enough to renew the lease. */
  readonly untilMs: number;
  /** Elapsed time (ms) at which the run gives back. What takes longer than a step renews the lease by itself (`beating`). */
  readonly endMs: number;
  readonly watcher: CheckWatcher;
  /** This run does the other members' tasks by itself; else their minute runs do. */
  readonly drive: boolean;
}

/** A phase's work. @returns how long to wait before the next step (ms); 0 for at once */
export type Phase = (step: Step) => Promise<number>;

/** A member of the set, as this run reaches it. @throws InputError "unknown-member": the set was changed since the check was asked for */
export function reachOf({ own, others }: CheckPorts, member: string): MemberReach {
  const reach = member === own.member.member ? own : others.get(member);
  if (reach === undefined) throw new InputError('unknown-member', `The member "${member}" is not part of the set any more. Begin the check anew.`);
  return reach;
}

/** Between two looks at the lease of a check beside long work (ms). */
const BEAT_MS = 500;

/** Renews the check's lease while some work is under way. @throws what the work throws; InputError "job-lost" once it is over */
export async function beating<T>({ lease, runtime }: Pick<Step, 'lease' | 'runtime'>, work: Promise<T>): Promise<T> {
  let over = false;
  const ended = work.finally(() => {
    over = true;
  });
  const beat = async (): Promise<undefined> => {
    while (!over) {
      await runtime.clock.sleep(BEAT_MS);
      if (!over) await lease.renew();
    }
    return undefined;
  };
  const [value] = await together([ended, beat()]);
  return value as T;
}

/** The change that begins a phase. Pure. */
export const inPhase = (phase: CheckPhase, nowMs: number): Pick<CheckJob, 'phase' | 'since'> => ({ phase, since: nowMs });

/** Links with one of them changed. Pure. */
export const withLink = (links: readonly CheckLink[], target: string, change: (link: CheckLink) => CheckLink): readonly CheckLink[] =>
  links.map((link) => (link.target === target ? change(link) : link));

/** Tells the watcher how it stands. */
export function tell({ watcher, lease: { job } }: Pick<Step, 'watcher' | 'lease'>, more: Partial<CheckProgress> = {}): void {
  watcher.progress({ phase: job.phase, links: job.links, ...more });
}
