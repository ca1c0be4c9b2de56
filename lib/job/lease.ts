import type { Item, Key } from '../core/attribute.ts';
import { CLOCK_OFFSET_MAX_MS, REQUEST_EFFECT_MAX_MS } from '../core/constants.ts';
import { InputError } from '../core/errors.ts';
import { numberValue } from '../core/formats/rows.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { Condition, TablePort } from '../ports/table.ts';
import { retried } from '../replicate/retry.ts';
import { JOB_REQUEST_MAX_MS, LEASE_MS, RENEW_MS } from './limits.ts';
import type { JobRow, Owner } from './row.ts';

/** How a job is written to its row and read from it. */
export interface JobCodec<T extends JobRow> {
  /** The whole row, its key included. */
  encode(job: T): Item;
  /** @throws FormatError */
  decode(row: Item): T;
}

/** Where a savepoint is. */
export interface JobPlace<T extends JobRow> {
  readonly table: TablePort;
  /** Name of the member's `control` table. */
  readonly control: string;
  readonly key: Key;
  readonly codec: JobCodec<T>;
}

/** Reads a savepoint. @throws RemoteError, FormatError */
export async function readJob<T extends JobRow>(place: JobPlace<T>, runtime: Runtime): Promise<T | undefined> {
  const row = await retried(runtime, runtime.clock.elapsed() + JOB_REQUEST_MAX_MS, () => place.table.get(place.control, place.key));
  return row === undefined ? undefined : place.codec.decode(row);
}

/** Whether somebody else owns the savepoint now. Pure. */
export const isTaken = (job: JobRow | undefined, me: string, nowMs: number): boolean =>
  job?.owner !== undefined && job.owner.id !== me && job.owner.until > nowMs;

/** A job as somebody makes it: the lease adds the rest. */
export type FreshJob<T extends JobRow> = Omit<T, 'v' | 'owner'>;

/**
 * The savepoint of a run that owns it. Every write is conditional on the version that was read, so that of two runs at
 * most one goes on, whatever their clocks say; the lease only keeps the second from trying.
 */
export class JobLease<T extends JobRow> {
  readonly #place: JobPlace<T>;
  readonly #runtime: Runtime;
  readonly #me: Pick<Owner, 'id' | 'name'>;
  #job: T;
  /** Elapsed time (ms) from which the lease in the row counts: before the write. */
  #savedAt: number;
  /** The write under way, if one is: parts of a run wait at the same time, and two writes would be of the same version. */
  #writing: Promise<void> = Promise.resolve();
  /** It goes on where an earlier run ended. */
  readonly resumed: boolean;

  private constructor(place: JobPlace<T>, runtime: Runtime, me: Pick<Owner, 'id' | 'name'>, job: T, resumed: boolean) {
    this.#place = place;
    this.#runtime = runtime;
    this.#me = me;
    this.#job = job;
    this.resumed = resumed;
    this.#savedAt = runtime.clock.elapsed();
  }

  /**
   * Takes the savepoint that is there, or makes one.
   *
   * @param name of this run, for people.
   * @param fresh what a new savepoint says, or what makes it of the one that is there; it replaces that when `restart` says so.
   * @param restart whether to begin anew; or a rule, which sees the savepoint that is there.
   * @throws InputError "job-taken" when another run owns it, "job-lost" when another was faster · RemoteError, FormatError.
   */
  static async claim<T extends JobRow>(
    place: JobPlace<T>,
    runtime: Runtime,
    name: string,
    fresh: FreshJob<T> | ((found: T | undefined) => FreshJob<T>),
    restart: boolean | ((found: T) => boolean),
  ): Promise<JobLease<T>> {
    const me = { id: runtime.chance.nonce(), name };
    const found = await readJob(place, runtime);
    const now = runtime.clock.now();
    if (found?.owner !== undefined && isTaken(found, me.id, now)) throw taken(found.owner, now);
    const anew = found === undefined || (typeof restart === 'boolean' ? restart : restart(found));
    const begin = !anew ? found : typeof fresh === 'function' ? fresh(found) : fresh;
    // A fresh job is a whole one but for the owner and the version.
    const lease = new JobLease<T>(place, runtime, me, { ...begin, v: found?.v ?? 0 } as T, !anew);
    await lease.#write({}, true);
    return lease;
  }

  get job(): T {
    return this.#job;
  }

  /**
   * Saves what has changed, and renews.
   *
   * @param change or what makes it of the job as it then is: parts of a run that work at the same time must not undo each
   *   other's. It is called in turn, once the writes before are over; what it throws is thrown, and nothing is saved.
   * @throws InputError "job-lost" when another run has taken it over · RemoteError.
   */
  save(change: Partial<T> | ((job: T) => Partial<T> | Promise<Partial<T>>)): Promise<void> {
    return this.#inTurn(async () => this.#write(typeof change === 'function' ? await change(this.#job) : change, true));
  }

  /** Renews the lease when it is due. @throws as `save` */
  async renew(): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#runtime.clock.elapsed() - this.#savedAt >= RENEW_MS) await this.#write({}, true);
    });
  }

  /** Gives the savepoint up, so that another run need not wait for the lease's end. @throws as `save` */
  release(change: Partial<T> = {}): Promise<void> {
    return this.#inTurn(() => this.#write(change, false));
  }

  /**
   * Refuses where the lease may be over when a request takes effect, which it does within R (A1). For `admit` of a request that
   * must not come after another run has taken over: a process may have been frozen since it last saved.
   *
   * @throws InputError "job-lost"
   */
  admit(): void {
    if (this.#runtime.clock.elapsed() - this.#savedAt <= LEASE_MS - REQUEST_EFFECT_MAX_MS - CLOCK_OFFSET_MAX_MS) return;
    throw new InputError('job-lost', 'This run stood still for so long that another may have taken over: it ends. Run it again: it goes on.');
  }

  async #inTurn(write: () => Promise<void>): Promise<void> {
    const mine = this.#writing.then(write);
    this.#writing = mine.catch(() => undefined);
    await mine;
  }

  async #write(change: Partial<T>, owned: boolean): Promise<void> {
    const condition: Condition = this.#job.v === 0 ? { op: 'absent', path: ['pk'] } : { op: '=', path: ['v'], value: numberValue(this.#job.v) };
    const { clock } = this.#runtime;
    const { codec } = this.#place;
    // One look at both clocks, before the write: it and its repetitions may take long, and the lease in the row ends by this look.
    const [elapsedMs, nowMs] = [clock.elapsed(), clock.now()];
    const { owner: _, ...rest } = { ...this.#job, ...change };
    const next = { ...rest, v: this.#job.v + 1, ...(owned && { owner: { ...this.#me, until: nowMs + LEASE_MS } }) } as unknown as T;
    const row = codec.encode(next);
    const answer = await retried(this.#runtime, elapsedMs + JOB_REQUEST_MAX_MS, async () => {
      const result = await this.#place.table.put(this.#place.control, row, condition);
      if (result.ok || result.old === undefined) return result;
      // An earlier attempt that got no answer may have been stored.
      const there = codec.decode(result.old);
      const mine = there.v === next.v && (owned ? there.owner?.id === this.#me.id : there.owner === undefined);
      return mine ? ({ ok: true } as const) : result;
    });
    if (!answer.ok) {
      const other = answer.old === undefined ? undefined : codec.decode(answer.old).owner;
      throw new InputError(
        'job-lost',
        `${other === undefined ? 'Somebody has removed or changed the savepoint' : `Another run has taken over (${other.name})`}: this one ends. What it has sent does no harm.`,
      );
    }
    this.#job = next;
    this.#savedAt = elapsedMs;
  }
}

function taken(owner: Owner, nowMs: number): InputError {
  return new InputError(
    'job-taken',
    `Another run is at work: ${owner.name}. Its lease ends in ${Math.ceil((owner.until - nowMs) / 1_000)} s unless it renews it; if it was killed, try again then.`,
  );
}
