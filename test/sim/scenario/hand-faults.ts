import type { CloudCall, Fault } from '../../../lib/adapters/memory/call.ts';
import { lostAnswer } from '../../../lib/adapters/memory/call.ts';
import { REQUEST_EFFECT_MAX_MS, REQUEST_TIMEOUT_MS } from '../../../lib/core/constants.ts';
import { RemoteError } from '../../../lib/ports/errors.ts';
import type { SimProcess } from '../process.ts';
import type { World } from '../world.ts';

/** From the socket to the effect of a request (ms), when nothing is wrong: within a region, and to another. */
const NEAR_MS = 5;
const FAR_MS = 40;
/** Requests issued at one time take effect in their order: each is later by this than the one before (ms). */
const APART_MS = 0.001;
/** So many of them, before it begins again. */
const APART_MAX = 1_000;

/** What shall happen to which requests, as a scenario says it. */
export interface HandFault {
  /** Whether it is about this request. */
  readonly matches: (call: CloudCall, process: SimProcess) => boolean;
  /** Requests that are let pass first. */
  skip: number;
  /** How often it strikes. */
  times: number;
  /** @param effectMs when the request would take effect without it. @throws RemoteError: the request is refused. */
  readonly strike: (call: CloudCall, process: SimProcess, effectMs: number) => Fault;
}

/** The faults of a scenario: none but those that it asks for, and latencies that depend on nothing but the order of requests. */
export class HandFaults {
  readonly #list: HandFault[] = [];
  #issued = 0;

  constructor(world: World) {
    // In place of the world's own hook, which draws latencies and faults.
    world.cloud.hook = (call) => this.#before(call);
  }

  add(fault: HandFault): void {
    this.#list.push(fault);
  }
  clear(): void {
    this.#list.length = 0;
  }

  #before(call: CloudCall): Fault | undefined {
    const process = call.by as SimProcess | undefined;
    if (process === undefined) return undefined;
    this.#issued = (this.#issued + 1) % APART_MAX;
    const effectMs = (process.member === call.region ? NEAR_MS : FAR_MS) + this.#issued * APART_MS;
    if (process.fn === 'operator') return { effectMs };
    for (const fault of this.#list) {
      if (fault.times === 0 || !fault.matches(call, process)) continue;
      if (fault.skip > 0) {
        fault.skip -= 1;
        continue;
      }
      fault.times -= 1;
      return { effectMs, ...fault.strike(call, process, effectMs) };
    }
    return { effectMs };
  }
}

/** The kinds of fault that have no number, by their name in a scenario. */
export const STRIKES: Readonly<Record<string, HandFault['strike']>> = {
  /** It takes effect; the answer never comes. */
  lost: () => ({ answerMs: REQUEST_TIMEOUT_MS, lost: lostAnswer() }),
  /** It takes effect just before R, when the client has given up. */
  late: () => ({ effectMs: REQUEST_EFFECT_MAX_MS - 100, answerMs: REQUEST_TIMEOUT_MS, lost: lostAnswer() }),
  /** It never arrives, and the client cannot know. */
  swallowed: () => ({ effectMs: REQUEST_TIMEOUT_MS, refuse: lostAnswer() }),
  throttled: (_call, _process, effectMs) => ({ effectMs, refuse: new RemoteError('throttled', 'ProvisionedThroughputExceededException', 'slow down') }),
  down: (_call, _process, effectMs) => ({ effectMs, refuse: new RemoteError('transient', 'ECONNREFUSED', 'connect refused') }),
  denied: (_call, _process, effectMs) => ({ effectMs, refuse: new RemoteError('denied', 'AccessDeniedException', 'not allowed') }),
  /** Its process dies before the request goes out. */
  kill: (_call, process, effectMs) => {
    process.kill();
    return { effectMs, refuse: new RemoteError('notIssued', 'Killed', 'the process died') };
  },
  /** Its process dies after the request went out: it takes effect. */
  'kill-after': (_call, process) => {
    process.kill();
    return {};
  },
};
