import { RemoteError } from '../../ports/errors.ts';
import type { Clock } from '../../ports/runtime.ts';
import type { CallOptions } from '../../ports/table.ts';

/** One request of a port, as the hook sees it. */
export interface CloudCall {
  /** Counts all requests of the cloud. */
  readonly number: number;
  readonly region: string;
  readonly service: 'dynamodb' | 'sqs' | 'streams' | 'lambda';
  /** The port's method: "batchWrite", "sendBatch" … */
  readonly op: string;
  /** Names of the tables, queue, stream or function that it touches. */
  readonly resources: readonly string[];
  /** The method's arguments as they were given, but for the call options. */
  readonly args: readonly unknown[];
  /** When the caller made it (ms, the cloud's clock). */
  readonly atMs: number;
}

/** What shall happen to a request. Every field is optional; none means that it works at once. */
export interface Fault {
  /** Wait inside the client, before the socket, so before `admit` (ms). */
  readonly queueMs?: number;
  /** From the socket to the effect (ms). */
  readonly effectMs?: number;
  /** From the socket to the answer, or to `lost` (ms). An effect later than this happens after the caller was told. */
  readonly answerMs?: number;
  /** Thrown in place of the effect. */
  readonly refuse?: RemoteError;
  /** The effect happens, and its answer is replaced by this: kind "unanswered", as a rule. */
  readonly lost?: RemoteError;
  /** batchGet, batchWrite: which keys or requests, by their place in the request, stay unprocessed. */
  readonly unprocessed?: (index: number) => boolean;
  /** SQS batch calls: which entries fail, and why. They have no effect. */
  readonly failEntry?: (id: string, index: number) => { readonly code: string; readonly message: string } | undefined;
}

/**
 * Sees every request before anything happens to it. It may wait (on the cloud's clock), throw a RemoteError (no effect
 * then), or return a fault.
 */
export type CloudHook = (call: CloudCall) => Fault | undefined | Promise<Fault | undefined> | void | Promise<void>;

/** Sees every request right after its effect, before any other code runs: the place to check each intermediate state. */
export type CloudWitness = (call: CloudCall) => void;

/** The error of an answer that was lost: the request may have taken effect. */
export const lostAnswer = (message = 'No answer within the time limit'): RemoteError => new RemoteError('unanswered', 'TimeoutError', message);

/** Carries out requests: hook, admission, delays, effect, answer. */
export class Caller {
  hook: CloudHook | undefined;
  witness: CloudWitness | undefined;
  readonly #clock: Clock;
  #number = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param effect performs the request at once and gives its answer; what it throws is the answer, too. */
  async call<T>(about: Omit<CloudCall, 'number' | 'atMs'>, options: CallOptions | undefined, effect: (fault: Fault) => T | Promise<T>): Promise<T> {
    this.#number += 1;
    const call: CloudCall = { ...about, number: this.#number, atMs: this.#clock.now() };
    const fault: Fault = (await this.hook?.(call)) ?? {};
    if (fault.queueMs !== undefined) await this.#clock.sleep(fault.queueMs);
    admitted(options);
    const effectMs = fault.effectMs ?? 0;
    const answerMs = fault.answerMs ?? effectMs;
    if (fault.lost !== undefined && fault.refuse === undefined && answerMs < effectMs) {
      // The caller gives up first; the request takes effect behind its back.
      const late = this.#clock.sleep(effectMs).then(() => this.#perform(call, fault, effect));
      late.catch(() => undefined);
      await this.#clock.sleep(answerMs);
      throw fault.lost;
    }
    if (effectMs > 0) await this.#clock.sleep(effectMs);
    if (fault.refuse !== undefined) throw fault.refuse;
    let answer: T;
    try {
      answer = await this.#perform(call, fault, effect);
    } catch (error) {
      if (answerMs > effectMs) await this.#clock.sleep(answerMs - effectMs);
      throw fault.lost ?? error;
    }
    if (answerMs > effectMs) await this.#clock.sleep(answerMs - effectMs);
    if (fault.lost !== undefined) throw fault.lost;
    return answer;
  }

  #perform<T>(call: CloudCall, fault: Fault, effect: (fault: Fault) => T | Promise<T>): T | Promise<T> {
    const answer = effect(fault);
    this.witness?.(call);
    return answer;
  }
}

function admitted(options: CallOptions | undefined): void {
  try {
    options?.admit?.();
  } catch (error) {
    throw new RemoteError('notIssued', 'NotAdmitted', error instanceof Error ? error.message : String(error), { cause: error });
  }
}
