import type { Item } from '../../core/attribute.ts';
import { RESERVED } from '../../core/attribute.ts';
import { metaOf, metaValue, withoutMeta } from '../../core/formats/seal.ts';
import type { JobLease } from '../../job/lease.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { ArchivePlace } from '../place.ts';
import type { RestoreJob } from './job.ts';
import { REFUSED_NAMED_MAX, RENEW_LOOK_MS, SAVE_EVERY_MS } from './limits.ts';
import type { RestorePlan } from './plan.ts';
import { sharesOf } from './share.ts';
import type { Mark } from './state.ts';
import { statePieces } from './state.ts';
import type { RestoreTarget, ToTableOptions, ToTableProgress, ToTableWatcher } from './to-table.ts';
import type { RefusedItem } from './write.ts';
import { ItemWriter } from './write.ts';

/** A piece whose items are being written. */
interface PieceOnTheWay {
  readonly next: Mark | undefined;
  readonly items: number;
  /** Undefined until all of them are written or refused. */
  refused: readonly RefusedItem[] | undefined;
}

/** One run of a restore into a table, and what it has done so far. */
export class TableRun {
  readonly #lease: JobLease<RestoreJob>;
  readonly #runtime: Runtime;
  readonly #plan: RestorePlan;
  readonly #options: ToTableOptions;
  readonly #begun: number;
  readonly #before: RestoreJob;
  /** Pieces that are on their way, in their order. */
  readonly #pieces: PieceOnTheWay[] = [];
  #mark: Mark | undefined;
  #items = 0;
  #refused = 0;
  readonly #named: RefusedItem[] = [];
  readonly #share: (mark: Mark | undefined) => number;
  /** Why the lease could not be renewed. */
  #lost: { readonly error: unknown } | undefined;
  over = false;

  constructor(lease: JobLease<RestoreJob>, runtime: Runtime, plan: RestorePlan, options: ToTableOptions) {
    this.#lease = lease;
    this.#runtime = runtime;
    this.#plan = plan;
    this.#options = options;
    this.#begun = runtime.clock.elapsed();
    this.#before = lease.job;
    this.#mark = lease.job.mark;
    this.#share = sharesOf(plan);
  }

  async write(place: ArchivePlace, target: RestoreTarget, from: Mark, watcher: ToTableWatcher): Promise<'done' | 'stopped'> {
    const { clock } = this.#runtime;
    const { wanted, keysPerPass, keepMeta } = this.#options;
    const writer = new ItemWriter({ port: target.port, table: target.table, key: place.key }, this.#runtime);
    void this.#renewing();
    let savedAt = clock.elapsed();
    let stopped = false;
    const pieces = statePieces(place, this.#runtime, this.#plan, { from, ...(wanted && { wanted }), ...(keysPerPass !== undefined && { keysPerPass }) });
    try {
      for await (const { items, next } of pieces) {
        const piece: PieceOnTheWay = { next, items: items.length, refused: undefined };
        this.#pieces.push(piece);
        await writer.add(
          items.map((item) => plain(item, keepMeta)),
          (refused) => {
            piece.refused = refused;
            this.#advance();
          },
        );
        if (this.#lost !== undefined) throw this.#lost.error;
        watcher.progress(this.#progress());
        if (clock.elapsed() - savedAt >= SAVE_EVERY_MS) {
          await this.#lease.save(this.change('stopped'));
          savedAt = clock.elapsed();
        }
        stopped = watcher.stopped();
        if (stopped) break;
      }
    } finally {
      // Whatever happened: what is on its way is waited for.
      await writer.end();
    }
    if (stopped) return 'stopped';
    // Pieces that hold nothing at the end of the last pass are not given.
    this.#mark = undefined;
    watcher.progress(this.#progress());
    return 'done';
  }

  /** What the savepoint says of it. */
  change(ended: 'done' | 'stopped'): Partial<RestoreJob> {
    if (this.#before.done !== undefined) return {};
    return {
      mark: this.#mark,
      items: this.#before.items + this.#items,
      worked: this.#worked(),
      refused: this.#before.refused + this.#refused,
      refusedNamed: [...this.#before.refusedNamed, ...this.#named],
      ...(ended === 'done' && { done: this.#runtime.clock.now() }),
    };
  }

  /** Moves the mark over the pieces that are done, in their order. */
  #advance(): void {
    for (let first = this.#pieces[0]; first?.refused !== undefined; first = this.#pieces[0]) {
      this.#pieces.shift();
      this.#mark = first.next;
      this.#items += first.items - first.refused.length;
      this.#refused += first.refused.length;
      this.#named.push(...first.refused.slice(0, Math.max(0, REFUSED_NAMED_MAX - this.#before.refusedNamed.length - this.#named.length)));
    }
  }

  #worked(): number {
    return this.#before.worked + (this.#runtime.clock.elapsed() - this.#begun);
  }

  #progress(): ToTableProgress {
    return { items: this.#before.items + this.#items, worked: this.#worked(), share: this.#share(this.#mark) };
  }

  /** Keeps the lease while a source takes long, or the table takes nothing. */
  async #renewing(): Promise<void> {
    try {
      while (!this.over) {
        await this.#runtime.clock.sleep(RENEW_LOOK_MS);
        if (!this.over) await this.#lease.renew();
      }
    } catch (error) {
      this.#lost = { error };
    }
  }
}

/** An item as the new table gets it. A seal counts at the member alone that it was written for, so it never comes along. */
function plain(item: Item, keepMeta: boolean): Item {
  const { rev } = metaOf(item);
  return keepMeta && rev !== undefined ? { ...item, [RESERVED]: metaValue(rev, undefined) } : withoutMeta(item);
}
