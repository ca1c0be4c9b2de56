import { rmSync } from 'node:fs';
import type { RegionRecord } from './record.ts';

/** Outages that a region of the local cloud can be given. */
export const FAULTS = ['freeze', 'resume', 'stop', 'start', 'kill'] as const;
export type Fault = (typeof FAULTS)[number];

/** What each does, for `--help` and messages. */
export const FAULT_TEXT: Readonly<Record<Fault, string>> = {
  freeze: 'no answer, connections hang (SIGSTOP to the region and its functions)',
  resume: 'a frozen region goes on; what waited through the freeze is answered 503',
  stop: 'shuts down and keeps its state; connections are refused',
  start: 'a stopped or killed region comes back on its port',
  kill: 'the region and everything in it is lost',
};

type State = RegionRecord['state'];

/** In which states a fault makes sense, and the state it leads to. */
const TRANSITIONS: Readonly<Record<Fault, { readonly from: readonly State[]; readonly to: State }>> = {
  freeze: { from: ['up'], to: 'frozen' },
  resume: { from: ['frozen'], to: 'up' },
  stop: { from: ['up', 'frozen'], to: 'stopped' },
  start: { from: ['stopped', 'killed'], to: 'up' },
  kill: { from: ['up', 'frozen', 'stopped'], to: 'killed' },
};

/** The state that a fault leads to. Pure. @throws Error saying why the region cannot have this fault now, and what it can have. */
export function afterFault(region: string, state: State, fault: Fault): State {
  const { from, to } = TRANSITIONS[fault];
  if (from.includes(state)) return to;
  const possible = FAULTS.filter((other) => TRANSITIONS[other].from.includes(state));
  throw new Error(`Cannot ${fault} ${region}: it is ${state}. ${possible.length === 0 ? 'Wait until it is up.' : `Possible now: ${possible.join(', ')}.`}`);
}

/** Forgets everything that a region held. */
export const wipe = (directory: string): void => rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
