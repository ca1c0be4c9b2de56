import type { Link, Seat } from '../../core/formats/rows.ts';
import { isRemote } from '../../ports/errors.ts';
import type { Clock } from '../../ports/runtime.ts';
import type { TablePort } from '../../ports/table.ts';
import type { LinkContext } from '../context.ts';
import { readSelf } from '../self.ts';

/** How long the source's own rows are believed for status and pausing (ms). No write's safety rests on them. */
const SELF_AGE_MAX_MS = 5_000;
/** How long the source table's identity is believed for copies (ms); before a deletion it is always asked. */
const IDENTITY_AGE_MAX_MS = 60_000;

/** The source is not the table that was registered: it was made anew, or restored in place. */
export class ForeignSourceError extends Error {
  constructor(registered: string, found: string) {
    super(`the source table's TableId is ${found}, but ${registered} is registered: it was made anew. Nothing is copied from it until a human registers it.`);
    this.name = 'ForeignSourceError';
  }
}

/** What apply knows of its own side: the link's row, and whether the source's table is the registered one. */
export class SourceView {
  readonly #table: TablePort;
  readonly #link: LinkContext;
  readonly #clock: Clock;
  #seat: Seat | undefined;
  #row: Link | undefined;
  #selfAt = Number.NEGATIVE_INFINITY;
  #identityAt = Number.NEGATIVE_INFINITY;

  constructor(table: TablePort, link: LinkContext, clock: Clock) {
    this.#table = table;
    this.#link = link;
    this.#clock = clock;
  }

  /** This link's row, at most a few seconds old; undefined when there is none, or it cannot be read now. */
  async link(): Promise<Link | undefined> {
    try {
      await this.#refresh();
    } catch (error) {
      if (!isRemote(error)) throw error;
    }
    return this.#row;
  }

  /** Forgets what was read, so that the next look is a fresh one. */
  forget(): void {
    this.#selfAt = Number.NEGATIVE_INFINITY;
  }

  /**
   * Makes sure that the source is the registered table: a new, empty table under the old name would delete everything.
   *
   * @param fresh ask now, not from memory.
   * @throws ForeignSourceError, RemoteError
   */
  async checkIdentity(fresh: boolean): Promise<void> {
    const now = this.#clock.elapsed();
    if (!fresh && now - this.#identityAt < IDENTITY_AGE_MAX_MS) return;
    await this.#refresh();
    const registered = this.#seat?.tableId ?? 'none';
    const { tableId } = await this.#table.describe(this.#link.sourceTables.items);
    if (tableId !== registered) throw new ForeignSourceError(registered, tableId);
    this.#identityAt = now;
  }

  async #refresh(): Promise<void> {
    const now = this.#clock.elapsed();
    if (now - this.#selfAt < SELF_AGE_MAX_MS) return;
    const self = await readSelf(this.#table, this.#link.sourceTables.control);
    this.#seat = self.seat;
    this.#row = self.links.get(this.#link.target);
    this.#selfAt = now;
  }
}
