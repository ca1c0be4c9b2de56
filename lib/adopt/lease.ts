import { InputError } from '../core/errors.ts';
import { numberValue } from '../core/formats/rows.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { Condition, TablePort } from '../ports/table.ts';
import { retried } from '../replicate/retry.ts';
import { LEASE_MS, RENEW_MS, REQUEST_MAX_MS } from './limits.ts';
import type { AdoptJob, Owner } from './savepoint.ts';
import { decodeJob, encodeJob, jobKey } from './savepoint.ts';

/** Where a savepoint is. */
export interface JobPlace {
  readonly table: TablePort;
  /** Name of the primary's `control` table. */
  readonly control: string;
  readonly generation: number;
}

/** Reads a savepoint. @throws RemoteError, FormatError */
export async function readJob(place: JobPlace, runtime: Runtime): Promise<AdoptJob | undefined> {
  const row = await retried(runtime, runtime.clock.elapsed() + REQUEST_MAX_MS, () => place.table.get(place.control, jobKey(place.generation)));
  return row === undefined ? undefined : decodeJob(row);
}

/** Whether somebody else owns the savepoint now. Pure. */
export const isTaken = (job: AdoptJob | undefined, me: string, nowMs: number): boolean =>
  job?.owner !== undefined && job.owner.id !== me && job.owner.until > nowMs;

/**
 * The savepoint of a run that owns it. Every write is conditional on the version that was read, so that of two runs at
 * most one goes on, whatever their clocks say; the lease only keeps the second from trying.
 */
export class JobLease {
  readonly #place: JobPlace;
  readonly #runtime: Runtime;
  readonly #me: Pick<Owner, 'id' | 'name'>;
  #job: AdoptJob;
  #savedAt: number;
  /** The write under way, if one is: links wait at the same time, and two writes would be of the same version. */
  #writing: Promise<void> = Promise.resolve();
  /** It goes on where an earlier run ended. */
  readonly resumed: boolean;

  private constructor(place: JobPlace, runtime: Runtime, me: Pick<Owner, 'id' | 'name'>, job: AdoptJob, resumed: boolean) {
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
   * @param fresh what a new savepoint says; it replaces one that is there when `restart` is set.
   * @throws InputError "job-taken" when another run owns it · RemoteError, FormatError.
   */
  static async claim(place: JobPlace, runtime: Runtime, name: string, fresh: Omit<AdoptJob, 'v' | 'owner'>, restart: boolean): Promise<JobLease> {
    const me = { id: runtime.chance.nonce(), name };
    const found = await readJob(place, runtime);
    const now = runtime.clock.now();
    if (found?.owner !== undefined && isTaken(found, me.id, now)) throw taken(found.owner, now);
    const begin = found === undefined || restart ? fresh : found;
    const lease = new JobLease(place, runtime, me, { ...begin, v: found?.v ?? 0 }, begin === found);
    await lease.#write({}, true);
    return lease;
  }

  get job(): AdoptJob {
    return this.#job;
  }

  /** Saves what has changed, and renews. @throws InputError "job-lost" when another run has taken it over · RemoteError. */
  save(change: Partial<AdoptJob>): Promise<void> {
    return this.#inTurn(() => this.#write(change, true));
  }

  /** Renews the lease when it is due. @throws as `save` */
  async renew(): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#runtime.clock.elapsed() - this.#savedAt >= RENEW_MS) await this.#write({}, true);
    });
  }

  /** Gives the savepoint up, so that another run need not wait for the lease's end. @throws as `save` */
  release(change: Partial<AdoptJob> = {}): Promise<void> {
    return this.#inTurn(() => this.#write(change, false));
  }

  async #inTurn(write: () => Promise<void>): Promise<void> {
    const mine = this.#writing.then(write);
    this.#writing = mine.catch(() => undefined);
    await mine;
  }

  async #write(change: Partial<AdoptJob>, owned: boolean): Promise<void> {
    const condition: Condition = this.#job.v === 0 ? { op: 'absent', path: ['pk'] } : { op: '=', path: ['v'], value: numberValue(this.#job.v) };
    const { clock } = this.#runtime;
    const { owner: _, ...rest } = { ...this.#job, ...change };
    const next: AdoptJob = { ...rest, v: this.#job.v + 1, ...(owned && { owner: { ...this.#me, until: clock.now() + LEASE_MS } }) };
    const row = encodeJob(this.#place.generation, next);
    const answer = await retried(this.#runtime, clock.elapsed() + REQUEST_MAX_MS, async () => {
      const result = await this.#place.table.put(this.#place.control, row, condition);
      if (result.ok || result.old === undefined) return result;
      // An earlier attempt that got no answer may have been stored.
      const there = decodeJob(result.old);
      const mine = there.v === next.v && (owned ? there.owner?.id === this.#me.id : there.owner === undefined);
      return mine ? ({ ok: true } as const) : result;
    });
    if (!answer.ok) {
      const other = answer.old === undefined ? undefined : decodeJob(answer.old).owner;
      throw new InputError(
        'job-lost',
        `${other === undefined ? 'Somebody has removed or changed the savepoint' : `Another run has taken over (${other.name})`}: this one ends. What it has sent does no harm.`,
      );
    }
    this.#job = next;
    this.#savedAt = clock.elapsed();
  }
}

function taken(owner: Owner, nowMs: number): InputError {
  return new InputError(
    'job-taken',
    `Another run is at work: ${owner.name}. Its lease ends in ${Math.ceil((owner.until - nowMs) / 1_000)} s unless it renews it; if it was killed, try again then.`,
  );
}
