import { hash } from 'node:crypto';
import type { Item } from '../../lib/core/attribute.ts';
import { assert } from '../../lib/core/errors.ts';
import type { CallOptions, Page, ScanRequest, TableDescription, TablePort, TableWrite } from '../../lib/ports/table.ts';
import { itemsFrom, KEY, keyOf } from '../items.ts';

/** Size of the items (bytes), and their version in the table. */
export const ITEM = { bytes: 300, version: 1 } as const;
/** Items of one page: DynamoDB's megabyte, in items of this size. */
const PAGE_ITEMS = 3_400;

/** Name of the table that a restore writes into. */
export const RESTORED = 'bench-made-up-restored';

/**
 * A table that is too large for the local cloud: a scan shows items that are made as they are read, and what is written to
 * RESTORED is digested and forgotten. Everything else, such as the rows of `control`, goes on to the real port, so that its
 * client's memory is in what is measured.
 */
export class MadeUpTable {
  readonly port: TablePort;
  readonly #real: TablePort;
  readonly #table: string;
  readonly #items: number;
  readonly #digest = new Digest();

  /** @param items how many the table has */
  constructor(real: TablePort, table: string, items: number) {
    this.#real = real;
    this.#table = table;
    this.#items = items;
    this.port = new Proxy(real, {
      get: (target, name: keyof TablePort) => {
        if (name === 'scan' || name === 'batchWrite' || name === 'describe') return this[name].bind(this);
        const value: unknown = target[name];
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  /** Of all that was written to RESTORED. */
  get digest(): string {
    return this.#digest.text;
  }

  async scan(request: ScanRequest, options?: CallOptions): Promise<Page> {
    if (request.table === RESTORED) return { items: [] };
    if (request.table !== this.#table) return this.#real.scan(request, options);
    const { index, of } = request.segment ?? { index: 0, of: 1 };
    const end = Math.floor(((index + 1) * this.#items) / of);
    const after = request.after?.['cityId'] as { readonly N?: string } | undefined;
    const from = after?.N === undefined ? Math.floor((index * this.#items) / of) : Number(after.N) + 1;
    const count = Math.min(PAGE_ITEMS, request.limit ?? PAGE_ITEMS, end - from);
    // As an answer comes: as text that is parsed.
    const items = JSON.parse(JSON.stringify(itemsFrom(from, count, ITEM))) as Item[];
    return { items, ...(from + count < end && { next: keyOf(from + count - 1) }) };
  }

  async batchWrite(writes: readonly TableWrite[], options?: CallOptions): Promise<{ readonly unprocessed: readonly TableWrite[] }> {
    if (!writes.every((write) => write.table === RESTORED)) return this.#real.batchWrite(writes, options);
    for (const { put } of writes) {
      assert(put !== undefined, 'a restore into a new table deletes nothing', {});
      this.#digest.add(JSON.parse(JSON.stringify(put)) as Item);
    }
    return { unprocessed: [] };
  }

  async describe(table: string, options?: CallOptions): Promise<TableDescription> {
    if (table !== RESTORED && table !== this.#table) return this.#real.describe(table, options);
    const key = [KEY.partition, KEY.sort].map(({ name, type }) => ({ name, type }));
    return { tableId: `made-up-${table}`, status: 'ACTIVE', key, streamEnabled: false, itemCount: table === RESTORED ? 0 : this.#items };
  }
}

/** A sum over items that does not depend on their order: of the first bytes of their hashes, modulo 2^64. */
export class Digest {
  #sum = 0n;
  #items = 0;

  add(item: Item): void {
    const sorted = Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)));
    const first = hash('sha256', JSON.stringify(sorted), 'hex').slice(0, 16);
    this.#sum = BigInt.asUintN(64, this.#sum + BigInt(`0x${first}`));
    this.#items += 1;
  }

  /** Number of items, and the sum. */
  get text(): string {
    return `${this.#items} ${this.#sum.toString(16)}`;
  }
}
