import { InputError } from '../../core/errors.ts';
import type { Seat } from '../../core/formats/rows.ts';
import { isPrimary } from '../../core/formats/rows.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { TablePort } from '../../ports/table.ts';
import type { MemberContext } from '../../replicate/context.ts';
import type { ServeContext } from '../../serve/context.ts';
import { RevClock } from '../../serve/context.ts';
import type { SeatView } from '../../serve/seat.ts';
import { isOld, readSeat, routeWrite } from '../../serve/seat.ts';
import type { ArchivePlace } from '../place.ts';
import { LEASE_LOOK_MS, LEASE_WAIT_MAX_MS, REQUEST_MAX_MS } from './limits.ts';

/** The write path's context of a member that writes for itself alone: it hands nothing on to others. */
export const rewriteContext = (of: MemberContext, archive: ArchivePlace, table: TablePort): ServeContext => ({
  set: of.set,
  member: of.member,
  region: of.region,
  key: of.key,
  tables: of.tables,
  table,
  archive,
  peers: new Map(),
  others: new Map(),
  revs: new RevClock(),
  seen: { name: undefined },
});

/**
 * The seat under which a rewrite writes: one reading of it serves all writes of half of W. All of a run is written in one
 * epoch; when the member is no longer primary in it, the run ends.
 */
export class Seats {
  readonly #ctx: ServeContext;
  readonly #runtime: Runtime;
  readonly #epoch: number;
  #view: SeatView;
  #reading: Promise<SeatView> | undefined;

  private constructor(ctx: ServeContext, runtime: Runtime, view: SeatView) {
    this.#ctx = ctx;
    this.#runtime = runtime;
    this.#view = view;
    this.#epoch = view.seat.own;
  }

  /**
   * @param tableId of the table that the plan was made for.
   * @throws InputError "not-primary", "foreign-table"; RemoteError; ProblemError not-initialised; FormatError
   */
  static async open(ctx: ServeContext, runtime: Runtime, tableId: string): Promise<Seats> {
    const view = await readSeat(ctx, runtime, runtime.clock.elapsed() + REQUEST_MAX_MS);
    const { seat } = view;
    if (!isPrimary(seat)) throw notPrimary(ctx.member, seat);
    if (seat.tableId !== tableId) {
      throw new InputError(
        'foreign-table',
        `The plan was made for the table with the id ${tableId}; the member's table has the id ${seat.tableId} now, so it is another one. Plan anew.`,
      );
    }
    return new Seats(ctx, runtime, view);
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** A reading that is young enough to write under. @throws InputError "seat-lost"; RemoteError; FormatError */
  async view(): Promise<SeatView> {
    if (!isOld(this.#view, this.#runtime.clock.elapsed()) && this.#routed(this.#view) === 'here') return this.#view;
    return this.renewed();
  }

  /** A new reading, shared by all who want one now. @throws as `view` */
  renewed(): Promise<SeatView> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #read(): Promise<SeatView> {
    const { clock } = this.#runtime;
    const until = clock.elapsed() + LEASE_WAIT_MAX_MS;
    for (;;) {
      this.#view = await readSeat(this.#ctx, this.#runtime, clock.elapsed() + REQUEST_MAX_MS);
      const routed = this.#routed(this.#view);
      if (routed === 'here') return this.#view;
      if (routed === 'elsewhere' || clock.elapsed() >= until) throw seatLost(this.#ctx.member, this.#view.seat, this.#epoch);
      await clock.sleep(LEASE_LOOK_MS);
    }
  }

  /** "soon": the member is primary, and its lease is about to be renewed. */
  #routed({ seat }: SeatView): 'here' | 'soon' | 'elsewhere' {
    const route = routeWrite(seat, this.#ctx.member, this.#runtime.clock.now());
    if (seat.own !== this.#epoch) return 'elsewhere';
    if (route.at === 'here') return 'here';
    return route.at === 'nowhere' && route.why === 'lease' ? 'soon' : 'elsewhere';
  }
}

const whoIs = (seat: Seat): string => (seat.primary === undefined ? 'nobody is known to be' : `"${seat.primary}" is`);

const notPrimary = (member: string, seat: Seat): InputError =>
  new InputError(
    'not-primary',
    `"${member}" is not the primary (${whoIs(seat)}): a rewrite is written at the primary only, and its plan is of one member's table. Nothing was written. Plan anew at the primary.`,
  );

const seatLost = (member: string, seat: Seat, epoch: number): InputError =>
  new InputError(
    'seat-lost',
    isPrimary(seat) && seat.own === epoch
      ? `The lease of "${member}" was not renewed: it must not write. What was written before stays; the job can go on from there when the lease is renewed.`
      : `"${member}" is no longer the primary of epoch ${epoch} (${whoIs(seat)}, fence ${seat.fence}). Nothing more was written; what was written before stays. If "${member}" becomes primary again the job can go on; else plan anew at the primary.`,
  );
