import { InvariantError } from '../../core/errors.ts';
import { RemoteError } from '../../ports/errors.ts';
import type { Clock } from '../../ports/runtime.ts';
import type { CallOptions } from '../../ports/table.ts';
import type { BatchEffect, BatchStep } from './steps.ts';
import { lengthMs, momentsOf } from './steps.ts';

/**
 * The process that makes requests. A simulator may kill or freeze it between any two of its awaits; what it has sent by
 * then takes its course all the same.
 */
export interface CallingProcess {
  readonly name: string;
  /** Undefined when it may go on at once; else a promise that settles when it may: never, for a process that was killed. */
  gate(): Promise<void> | undefined;
  /** It made a request. */
  issued?(call: CloudCall): void;
  /** The request has passed `admit` and leaves the process. */
  sent?(call: CloudCall): void;
  /** The request had its effect, or surely will have none. */
  landed?(call: CloudCall): void;
  /** The process was told what came of the request. */
  answered?(call: CloudCall): void;
}

/** One request of a port, as the hook sees it. */
export interface CloudCall {
  /** Counts all requests of the cloud. */
  readonly number: number;
  readonly region: string;
  readonly service: 'dynamodb' | 'sqs' | 'streams' | 'lambda' | 's3';
  /** The port's method: "batchWrite", "sendBatch" … */
  readonly op: string;
  /** Names of the tables, queue, stream, function or bucket that it touches. */
  readonly resources: readonly string[];
  /** The method's arguments as they were given, but for the call options. */
  readonly args: readonly unknown[];
  /** When the caller made it (ms, the cloud's clock). */
  readonly atMs: number;
  /** Who made it, when the ports were made for a process. */
  readonly by: CallingProcess | undefined;
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
  /**
   * batchGet, batchWrite: the single reads or writes take effect one after another, with time between them, and not all at
   * once: neither request is atomic on AWS. The first comes at `effectMs`; the answer comes with the last one at the
   * earliest. What is not named takes effect together with the last that is. With `lost` and an early `answerMs` the caller
   * is told in the middle, and the rest goes on behind its back; with `unprocessed` and `lost` the rest never happens.
   */
  readonly steps?: readonly BatchStep[];
  /** SQS batch calls: which entries fail, and why. They have no effect. */
  readonly failEntry?: (id: string, index: number) => { readonly code: string; readonly message: string } | undefined;
}

/**
 * Sees every request before anything happens to it. It may wait (on the cloud's clock), throw a RemoteError (no effect
 * then), or return a fault.
 */
export type CloudHook = (call: CloudCall) => Fault | undefined | Promise<Fault | undefined> | void | Promise<void>;

/**
 * Sees every request right after its effect, before any other code runs: the place to check each intermediate state. When
 * a fault gives the request steps, it is called after each of them; the answer is there with the last one only.
 */
export type CloudWitness = (call: CloudCall, answer: unknown) => void;

/** The error of an answer that was lost: the request may have taken effect. */
export const lostAnswer = (message = 'No answer within the time limit'): RemoteError => new RemoteError('unanswered', 'TimeoutError', message);

/** What all callers of a cloud share. */
export class Calls {
  hook: CloudHook | undefined;
  witness: CloudWitness | undefined;
  readonly clock: Clock;
  /** The request whose effect is taking place. */
  current: CloudCall | undefined;
  number = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }
}

const NO_FAULT: Fault = {};

/** Carries out requests of one process, or of nobody in particular: hook, admission, delays, effect, answer. */
export class Caller {
  readonly #calls: Calls;
  readonly #by: CallingProcess | undefined;

  constructor(calls: Calls, by?: CallingProcess) {
    this.#calls = calls;
    this.#by = by;
  }

  /** @param effect performs the request at once and gives its answer; what it throws is the answer, too. */
  call<T>(about: Omit<CloudCall, 'number' | 'atMs' | 'by'>, options: CallOptions | undefined, effect: (fault: Fault) => T | Promise<T>): Promise<T> {
    return this.#call(about, options, effect, undefined);
  }

  /** A request of many reads or writes. @param begin checks the whole request; what it throws is the answer, and nothing was done then. */
  callBatch<T>(about: Omit<CloudCall, 'number' | 'atMs' | 'by'>, options: CallOptions | undefined, begin: (fault: Fault) => BatchEffect<T>): Promise<T> {
    const atOnce = (fault: Fault): T => {
      const batch = begin(fault);
      for (let i = 0; i < batch.count; i += 1) batch.one(i);
      return batch.answer();
    };
    return this.#call(about, options, atOnce, begin);
  }

  async #call<T>(
    about: Omit<CloudCall, 'number' | 'atMs' | 'by'>,
    options: CallOptions | undefined,
    effect: (fault: Fault) => T | Promise<T>,
    begin: ((fault: Fault) => BatchEffect<T>) | undefined,
  ): Promise<T> {
    const by = this.#by;
    this.#calls.number += 1;
    const call: CloudCall = { ...about, number: this.#calls.number, atMs: this.#calls.clock.now(), by };
    by?.issued?.(call);
    try {
      return await this.#carryOut(call, options, effect, begin);
    } finally {
      // A process that was killed never comes here; one that was frozen comes when it thaws.
      const wait = by?.gate();
      if (wait !== undefined) await wait;
      by?.answered?.(call);
    }
  }

  async #carryOut<T>(
    call: CloudCall,
    options: CallOptions | undefined,
    effect: (fault: Fault) => T | Promise<T>,
    begin: ((fault: Fault) => BatchEffect<T>) | undefined,
  ): Promise<T> {
    const { clock } = this.#calls;
    let fault: Fault;
    try {
      fault = (await this.#calls.hook?.(call)) ?? NO_FAULT;
      if (fault.queueMs !== undefined) {
        await clock.sleep(fault.queueMs);
        const wait = this.#by?.gate();
        if (wait !== undefined) await wait;
      }
      admitted(options);
      call.by?.sent?.(call);
    } catch (error) {
      call.by?.landed?.(call);
      throw error;
    }
    const effectMs = fault.effectMs ?? 0;
    const answerMs = fault.answerMs ?? effectMs;
    const { steps } = fault;
    const perform = (): T | Promise<T> =>
      begin === undefined || steps === undefined ? this.#perform(call, fault, effect) : this.#performSteps(call, fault, steps, begin);
    // When the whole effect is done: with steps, at the last one.
    const doneMs = begin === undefined || steps === undefined ? effectMs : effectMs + lengthMs(steps);
    if (fault.lost !== undefined && fault.refuse === undefined && answerMs < doneMs) {
      // The caller gives up first; the request takes effect behind its back.
      const late = clock.sleep(effectMs).then(perform);
      late.catch(() => undefined);
      await clock.sleep(answerMs);
      throw fault.lost;
    }
    if (effectMs > 0) await clock.sleep(effectMs);
    if (fault.refuse !== undefined) {
      call.by?.landed?.(call);
      throw fault.refuse;
    }
    let answer: T;
    try {
      answer = await perform();
    } catch (error) {
      if (answerMs > effectMs) await clock.sleep(answerMs - effectMs);
      throw fault.lost ?? error;
    }
    if (answerMs > doneMs) await clock.sleep(answerMs - doneMs);
    if (fault.lost !== undefined) throw fault.lost;
    return answer;
  }

  /** The first step comes at once. */
  async #performSteps<T>(call: CloudCall, fault: Fault, steps: readonly BatchStep[], begin: (fault: Fault) => BatchEffect<T>): Promise<T> {
    const calls = this.#calls;
    try {
      const batch = begin(fault);
      const moments = momentsOf(steps, batch.count);
      for (const [i, { waitMs, indices }] of moments.entries()) {
        if (waitMs > 0) await calls.clock.sleep(waitMs);
        calls.current = call;
        try {
          for (const index of indices) batch.one(index);
          if (i + 1 === moments.length) {
            const answer = batch.answer();
            calls.witness?.(call, answer);
            return answer;
          }
          calls.witness?.(call, undefined);
        } finally {
          calls.current = undefined;
        }
      }
      throw new InvariantError('a batch without an end', { op: call.op });
    } finally {
      call.by?.landed?.(call);
    }
  }

  #perform<T>(call: CloudCall, fault: Fault, effect: (fault: Fault) => T | Promise<T>): T | Promise<T> {
    const calls = this.#calls;
    calls.current = call;
    try {
      const answer = effect(fault);
      calls.witness?.(call, answer);
      return answer;
    } finally {
      calls.current = undefined;
      call.by?.landed?.(call);
    }
  }
}

function admitted(options: CallOptions | undefined): void {
  try {
    options?.admit?.();
  } catch (error) {
    throw new RemoteError('notIssued', 'NotAdmitted', error instanceof Error ? error.message : String(error), { cause: error });
  }
}
