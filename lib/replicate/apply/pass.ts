import { CLOCK_RATE_ERROR_MAX, DEADLINE_MARGIN_MS, FENCE_AGE_MAX_MS, REQUEST_EFFECT_MAX_MS, VISIBILITY_S } from '../../core/constants.ts';
import type { Seat } from '../../core/formats/rows.ts';
import { decodeSeat, SEAT_KEY } from '../../core/formats/rows.ts';
import { isRemote, whyText } from '../../ports/errors.ts';
import type { ObjectPort } from '../../ports/objects.ts';
import type { QueuePort } from '../../ports/queue.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { CallOptions, TablePort } from '../../ports/table.ts';
import type { Pace } from '../back-off.ts';
import type { LinkContext } from '../context.ts';
import type { LaneFailure, LaneWork } from './lane-work.ts';
import { retriedRead } from './requests.ts';
import type { SourceView } from './source-view.ts';

/** Where answers to resyncs of mode `report` go. */
export interface ReportDesk {
  /** The source's own bucket. */
  readonly bucket: string;
  /** S3 of the source's region. Asked for with a report only: most invocations have none. */
  readonly objects: () => ObjectPort;
  /** The tables' TTL attribute, where members expire their copies by themselves. */
  readonly expiryAttribute?: string;
}

/** What apply reaches: its own region's tables, queues and bucket, and the target's tables. */
export interface ApplyPorts {
  readonly source: TablePort;
  readonly target: TablePort;
  readonly queue: QueuePort;
  readonly reports: ReportDesk;
}

/** What a sandbox keeps between invocations, one a link. Only hints and limits: nothing that a decision rests on. */
export interface ApplySandbox {
  readonly pace: Pace;
  readonly source: SourceView;
}

/** Counts of one invocation. */
export interface ApplyCounts {
  applied: number;
  superseded: number;
  olderEpoch: number;
  refused: number;
  resynced: number;
}

/** The fence has moved under the pass: its lanes go back, and the next owner judges anew. */
export class FenceMovedError extends Error {
  constructor(was: number, is: number) {
    super(`the fence moved from ${was} to ${is}`);
    this.name = 'FenceMovedError';
  }
}

/** The target has no seat: not initialised, or wiped. */
export class NoSeatError extends Error {
  constructor(target: string) {
    super(`the target "${target}" has no seat: it was not initialised, or it came back empty`);
    this.name = 'NoSeatError';
  }
}

/**
 * One invocation of apply: its deadlines, its view of the fence, and its unanswered requests.
 *
 * ⚠ Every write passes `admit` at the socket: none is issued after the time for which the lanes are surely owned and the
 * handler surely still runs, nor under a fence that was read longer than W ago.
 * ⚠ The pass ends only when every unanswered request is R old (`settle`): a frozen sandbox would send it hours later.
 */
export class Pass {
  readonly link: LinkContext;
  readonly ports: ApplyPorts;
  readonly runtime: Runtime;
  readonly sandbox: ApplySandbox;
  readonly counts: ApplyCounts = { applied: 0, superseded: 0, olderEpoch: 0, refused: 0, resynced: 0 };
  /** Elapsed time (ms) after which nothing is issued. */
  readonly notAfter: number;
  #seat: Seat | undefined;
  /** Elapsed time at which the read of the seat was issued. */
  #seatAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;
  #holdUntil = Number.NEGATIVE_INFINITY;

  constructor(link: LinkContext, ports: ApplyPorts, runtime: Runtime, sandbox: ApplySandbox, remainingMs: number) {
    this.link = link;
    this.ports = ports;
    this.runtime = runtime;
    this.sandbox = sandbox;
    this.notAfter = runtime.clock.elapsed() + Math.min(VISIBILITY_S * 1_000, remainingMs) - REQUEST_EFFECT_MAX_MS - DEADLINE_MARGIN_MS;
  }

  /** The target's seat, as it was last read. @throws NoSeatError */
  get seat(): Seat {
    if (this.#seat === undefined) throw new NoSeatError(this.link.target);
    return this.#seat;
  }

  /** Whether the view of the fence is young enough to begin writes under it. */
  get fenceFresh(): boolean {
    return this.runtime.clock.elapsed() - this.#seatAt < FENCE_AGE_MAX_MS;
  }

  /** Takes over a seat that was read with other things. @param issuedAt elapsed time at which that read was issued. */
  sawSeat(seat: Seat | undefined, issuedAt: number): void {
    this.#seat = seat;
    this.#seatAt = issuedAt;
  }

  /** Reads the seat by itself; callers at the same time share one read. @throws RemoteError */
  readSeat(): Promise<void> {
    this.#reading ??= this.#readSeat().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readSeat(): Promise<void> {
    const { control } = this.link.targetTables;
    let issuedAt = 0;
    const row = await retriedRead(this, () => {
      issuedAt = this.runtime.clock.elapsed();
      return this.ports.target.get(control, SEAT_KEY, this.read);
    });
    this.sawSeat(row === undefined ? undefined : decodeSeat(row), issuedAt);
  }

  /** Reads the seat again when it is older than W. @throws FenceMovedError when its fence is no longer `epoch`. */
  async renewFence(epoch: number): Promise<void> {
    if (!this.fenceFresh) await this.readSeat();
    if (this.seat.fence !== epoch) throw new FenceMovedError(epoch, this.seat.fence);
  }

  get outOfTime(): boolean {
    return this.runtime.clock.elapsed() >= this.notAfter;
  }

  /** Options of a read: within the deadline. */
  readonly read: CallOptions = {
    admit: () => {
      if (this.outOfTime) throw new Error('the time of this invocation is over');
    },
  };

  /** Options of a write under the fence, and the time of its issue for `hold`. */
  write(): CallOptions & { issuedAt: number } {
    const options = {
      issuedAt: this.runtime.clock.elapsed(),
      admit: (): void => {
        if (this.outOfTime) throw new Error('the time of this invocation is over');
        if (!this.fenceFresh) throw new Error('the fence was read too long ago');
        options.issuedAt = this.runtime.clock.elapsed();
      },
    };
    return options;
  }

  /**
   * Notes that a request issued then got no answer: the pass lasts until it can have no more effect, by a clock that may run
   * too fast. (Found by simulation: R by a fast clock ended 4 ms before a write landed.)
   */
  hold(issuedAt: number): void {
    this.#holdUntil = Math.max(this.#holdUntil, issuedAt + REQUEST_EFFECT_MAX_MS * (1 + CLOCK_RATE_ERROR_MAX));
  }

  /** Waits until no request of this pass can have an effect any more. At most R. */
  async settle(): Promise<void> {
    const wait = this.#holdUntil - this.runtime.clock.elapsed();
    if (wait > 0) await this.runtime.clock.sleep(wait);
  }

  /** Gives a lane up for this invocation, for the first reason that there was. */
  fail(lane: LaneWork, failure: LaneFailure): void {
    lane.failure ??= failure;
  }

  /** Gives a lane up for what a call threw. @throws what is no remote failure: a broken invariant stops the batch. */
  failFor(lane: LaneWork, error: unknown): void {
    if (error instanceof FenceMovedError) this.fail(lane, { cause: 'fence', why: error.message, waitMs: 0 });
    else if (error instanceof NoSeatError) this.fail(lane, { cause: 'target', why: error.message });
    else if (isRemote(error, 'notIssued')) this.fail(lane, { cause: 'late', why: error.message });
    else if (isRemote(error)) this.fail(lane, { cause: 'target', why: whyText(error) });
    else throw error;
  }
}
