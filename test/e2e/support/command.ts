import { LOCAL_ACCOUNT } from '../../../local/region.ts';
import type { Outcome } from './running.ts';
import { documentOf, startSyncline } from './running.ts';
import { EU, KEYS, REGIONS, SET, type World } from './world.ts';

/** The `syncline` command, run as a process against the deployed set. */

/** One run (ms). */
const RUN_MAX_MS = 60_000;

/** The options that name the deployed set. */
export const THE_SET = ['--set', SET, '--regions', REGIONS.join(','), '--account', LOCAL_ACCOUNT, '--keys', KEYS] as const;

/** Runs `syncline` with these arguments as they are. */
export const syncline = async (world: World, args: readonly string[]): Promise<Outcome> => startSyncline(args, world.cloud.environment(EU), RUN_MAX_MS).outcome;

/** Runs `syncline … --json` on the deployed set, and reads its one document. @throws Error when standard output is no JSON. */
export async function document<T>(world: World, args: readonly string[]): Promise<{ readonly code: number | null; readonly json: T }> {
  return documentOf(args, await syncline(world, [...args, ...THE_SET, '--json']));
}

/** The parts of `status --json` that tests look at. */
export interface Status {
  readonly healthy: boolean;
  readonly links: readonly {
    readonly source: string;
    readonly target: string;
    readonly state: string;
    readonly reason: string;
    readonly deadLetters?: number;
  }[];
  readonly members: readonly { readonly member: string; readonly role: string; readonly refused: number }[];
  readonly attention: readonly { readonly code: string; readonly member?: string; readonly link?: string; readonly message: string }[];
}

/** `syncline status --json`. A region that hangs costs it the whole of its time, so that is short here. */
export const status = async (world: World): Promise<{ code: number | null; json: Status }> => document<Status>(world, ['status', '--timeout', '8']);
