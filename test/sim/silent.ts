import type { Item } from '../../lib/core/attribute.ts';

/** What a table came to hold without a record of it. */
export interface SilentChange {
  readonly member: string;
  readonly key: string;
  readonly before: Item | undefined;
  readonly after: Item | undefined;
  /** In the run (virtual ms), and by the region's clock. */
  readonly t: number;
  readonly atMs: number;
  /** How many writes the member's table had taken by then. */
  readonly writes: number;
}

/**
 * Every change of a table that no stream has told of: damaged storage, a backfill with a hole, what was there before its stream. Nobody can
 * know of them but by reading the tables, so oracles that follow the records leave their keys out, or add what is in here.
 */
export class Silent {
  readonly #changes: SilentChange[] = [];

  add(change: SilentChange): void {
    this.#changes.push(change);
  }
  /** Everything at a member is gone. */
  forget(member: string): void {
    for (let i = this.#changes.length - 1; i >= 0; i -= 1) if (this.#changes[i]?.member === member) this.#changes.splice(i, 1);
  }

  /** Those of a member, in their order. */
  of(member: string): readonly SilentChange[] {
    return this.#changes.filter((change) => change.member === member);
  }
  /** Whether a key of a member was ever changed so. */
  has(member: string, key: string): boolean {
    return this.#changes.some((change) => change.member === member && change.key === key);
  }
}
