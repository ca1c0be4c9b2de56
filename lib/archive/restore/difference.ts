import type { Item, Key } from '../../core/attribute.ts';
import { itemHash } from '../../core/canonical.ts';
import { BATCH_GET_KEYS } from '../../core/constants.ts';
import { withoutMeta } from '../../core/formats/seal.ts';
import { keyAttributes, keyHash, keyOf, keyText } from '../../core/key.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { ArchivePlace } from '../place.ts';
import type { Rewrite } from '../rewrite/change.ts';
import { sameContent } from '../rewrite/judge.ts';
import type { TableReader } from '../rewrite/read-keys.ts';
import { readKeys } from '../rewrite/read-keys.ts';
import { scanItems } from './current.ts';
import type { HashRange } from './key-table.ts';
import { fitRange, HASH_END, isIn, KeyTable } from './key-table.ts';
import { KEYS_PER_PASS_MAX } from './limits.ts';
import type { RestorePlan } from './plan.ts';
import { FIRST_MARK, passPieces } from './state.ts';
import type { Wanted } from './wanted.ts';
import type { Pass } from './winners.ts';
import { findWinners } from './winners.ts';

/**
 * What differs between the table as it was at T and as it is: for each such key what is there and what was there.
 *
 * Memory is bounded by passes over ranges of key hashes, as in state.ts. A pass reads the table once and remembers a
 * fingerprint of each item; then what was there at T comes by, and only keys that differ are read again, in small batches.
 * If the table has keys that were not there at T, it is read a second time, keys only, to name them. The table may change
 * meanwhile: each line says what was there when it was read, and is carried out only if that still is so.
 */

export interface DifferenceOptions {
  readonly wanted?: Wanted;
  /** KEYS_PER_PASS_MAX, unless a test has another. */
  readonly keysPerPass?: number;
  /** Told the number of items of the table that were read, and of those at T that were compared. */
  readonly progress?: (now: { readonly read: number; readonly compared: number }) => void;
}

/** A key of the table was there at T, too. */
const THERE = 0b001;

/** @throws RemoteError, FormatError */
export async function* difference(
  place: ArchivePlace,
  runtime: Runtime,
  plan: RestorePlan,
  current: TableReader,
  options: DifferenceOptions = {},
): AsyncGenerator<Rewrite> {
  const max = options.keysPerPass ?? KEYS_PER_PASS_MAX;
  const run = new Comparison(place, runtime, plan, current, options);
  for (let range: HashRange = FIRST_MARK; ; ) {
    const pass = await findWinners(place, runtime, plan, range, max, options.wanted);
    const reached = yield* run.pass(pass, max);
    if (reached === HASH_END) return;
    range = { from: reached, to: HASH_END };
  }
}

class Comparison {
  readonly #place: ArchivePlace;
  readonly #runtime: Runtime;
  readonly #plan: RestorePlan;
  readonly #current: TableReader;
  readonly #options: DifferenceOptions;
  #read = 0;
  #compared = 0;

  constructor(place: ArchivePlace, runtime: Runtime, plan: RestorePlan, current: TableReader, options: DifferenceOptions) {
    this.#place = place;
    this.#runtime = runtime;
    this.#plan = plan;
    this.#current = current;
    this.#options = options;
  }

  /** @returns the end of the range that was compared. */
  async *pass(pass: Pass, max: number): AsyncGenerator<Rewrite, number> {
    const { prints, range } = await this.#fingerprints(pass.range, max);
    pass.winners.keepBelow(range.to);
    const { wanted } = this.#options;
    let suspects: Item[] = [];
    let left = prints.size;
    for await (const { items } of passPieces(this.#place, this.#runtime, this.#plan, { ...pass, range }, 0, wanted)) {
      for (const item of items) {
        const slot = prints.find(this.#hash(item));
        if (slot >= 0) {
          left -= 1;
          const [a, b] = printOf(item);
          const same = prints.a(slot) === a && prints.b(slot) === b;
          prints.set(slot, prints.a(slot), prints.b(slot), THERE);
          if (same) continue;
        }
        suspects.push(item);
        if (suspects.length < BATCH_GET_KEYS) continue;
        yield* await this.#puts(suspects);
        suspects = [];
      }
      this.#compared += items.length;
      this.#tell();
    }
    yield* await this.#puts(suspects);
    if (left > 0) yield* this.#deletes(prints, range);
    return range.to;
  }

  /** A fingerprint of each wanted item that the table holds, of as much of the range as fits. */
  async #fingerprints(first: HashRange, max: number): Promise<{ prints: KeyTable; range: HashRange }> {
    const prints = new KeyTable();
    let range = first;
    for await (const items of this.#items()) {
      for (const item of items) {
        const hash = this.#hash(item);
        if (isIn(hash, range) && this.#options.wanted?.test(item) !== false) prints.set(prints.put(hash), ...printOf(item), 0);
      }
      range = fitRange(prints, range, max);
      this.#read += items.length;
      this.#tell();
    }
    return { prints, range };
  }

  /** What the table holds; when the wanted keys are known, only those are read. */
  async *#items(project?: readonly (readonly string[])[]): AsyncGenerator<readonly Item[]> {
    const { table, name } = this.#current;
    const keys = this.#options.wanted?.keys;
    if (keys === undefined) yield* scanItems(table, { table: name, ...(project && { project }) }, this.#runtime);
    else yield (await this.#now(keys)).flatMap(({ item }) => (item === undefined ? [] : [item]));
  }

  async #now(keys: readonly Key[]): Promise<{ readonly key: Key; readonly item: Item | undefined }[]> {
    const found: { readonly key: Key; readonly item: Item | undefined }[] = [];
    await readKeys(this.#current, this.#runtime, keys, (key, item) => found.push({ key, item }));
    return found;
  }

  /** Of items at T that the table does not hold so: what it holds now. */
  async #puts(suspects: readonly Item[]): Promise<Rewrite[]> {
    const { key: schema } = this.#place;
    const then = new Map(suspects.map((item) => [keyText(item, schema), item]));
    return (await this.#now(suspects.map((item) => keyOf(item, schema)))).flatMap(({ key, item }) => {
      const after = then.get(keyText(key, schema)) as Item;
      return sameContent(item, after) ? [] : [{ key, ...(item !== undefined && { before: withoutMeta(item) }), after: withoutMeta(after) }];
    });
  }

  /** The keys of the table that were not there at T. */
  async *#deletes(prints: KeyTable, range: HashRange): AsyncGenerator<Rewrite> {
    let found: Key[] = [];
    for await (const items of this.#items(keyAttributes(this.#place.key).map(({ name }) => [name]))) {
      for (const item of items) {
        const hash = this.#hash(item);
        const slot = isIn(hash, range) ? prints.find(hash) : -1;
        if (slot >= 0 && (prints.flags(slot) & THERE) === 0) found.push(keyOf(item, this.#place.key));
        if (found.length < BATCH_GET_KEYS) continue;
        yield* await this.#gone(found);
        found = [];
      }
    }
    yield* await this.#gone(found);
  }

  async #gone(keys: readonly Key[]): Promise<Rewrite[]> {
    return (await this.#now(keys)).flatMap(({ key, item }) => (item === undefined ? [] : [{ key, before: withoutMeta(item) }]));
  }

  #hash(item: Item): Buffer {
    return keyHash(keyText(item, this.#place.key));
  }

  #tell(): void {
    this.#options.progress?.({ read: this.#read, compared: this.#compared });
  }
}

/** 64 bits of an item's hash, `_s` apart. */
function printOf(item: Item): [number, number] {
  const hash = itemHash(item);
  return [hash.readUInt32BE(0), hash.readUInt32BE(4)];
}
