import type { Item, Key } from '../../core/attribute.ts';
import type { LogRecord } from '../../core/formats/log-record.ts';
import type { KeySchema } from '../../core/key.ts';
import { keyHash, keyText } from '../../core/key.ts';
import type { HashRange } from '../restore/key-table.ts';
import { isIn, leadOf } from '../restore/key-table.ts';
import { UNDO_KEY_OVERHEAD } from './limits.ts';
import type { Undone } from './merge.ts';
import { firstBad, nextChange } from './merge.ts';
import type { Matched } from './select.ts';

/** A key of a pass. Its image is held as JSON: a fifth of what it takes as objects. */
interface Held extends Omit<Undone, 'merged'> {
  readonly lead: number;
  readonly merged: string | undefined;
  readonly key: Key;
  readonly cost: number;
}

/**
 * The keys with bad changes in a part of all keys. When they are more than may be held, the upper half of the part is
 * given up, for a later pass over the log: so memory is bounded however many keys there are, and only keys with bad changes count.
 */
export class UndoPass {
  readonly #schema: KeySchema;
  readonly #heldMax: number;
  readonly #keys = new Map<string, Held>();
  #held = 0;
  #range: HashRange;

  constructor(range: HashRange, schema: KeySchema, heldMax: number) {
    this.#range = range;
    this.#schema = schema;
    this.#heldMax = heldMax;
  }

  /** What it is of by now. */
  get range(): HashRange {
    return this.#range;
  }

  /** Takes the next change; all changes of a key come in their order. */
  take(record: LogRecord, matched: Matched): void {
    const text = keyText(record.keys, this.#schema);
    const held = this.#keys.get(text);
    if (held === undefined) {
      if (matched !== 'bad') return;
      const hash = keyHash(text);
      if (isIn(hash, this.#range)) this.#put(text, record.keys, leadOf(hash), firstBad(record));
    } else {
      const { merged, ...rest } = held;
      const state: Undone = { ...rest, merged: merged === undefined ? undefined : (JSON.parse(merged) as Item) };
      this.#put(text, held.key, held.lead, nextChange(state, record, matched === 'bad', this.#schema));
    }
    while (this.#held > this.#heldMax && this.#keys.size > 1 && this.#range.to - this.#range.from > 1) this.#halve();
  }

  /** The keys, and what they would be. */
  *keys(): Generator<{ readonly key: Key; readonly state: Undone }> {
    for (const { key, merged, last, bad, kept, broken } of this.#keys.values())
      yield { key, state: { merged: merged === undefined ? undefined : (JSON.parse(merged) as Item), last, bad, kept, broken } };
  }

  #put(text: string, key: Key, lead: number, state: Undone): void {
    const { merged, last, bad, kept, broken } = state;
    const json = merged === undefined ? undefined : JSON.stringify(merged);
    const cost = UNDO_KEY_OVERHEAD + 2 * text.length + (json?.length ?? 0) + [...bad].reduce((sum, name) => sum + name.length, 0);
    this.#held += cost - (this.#keys.get(text)?.cost ?? 0);
    this.#keys.set(text, { key, lead, merged: json, last, bad, kept, broken, cost });
  }

  #halve(): void {
    const to = this.#range.from + Math.ceil((this.#range.to - this.#range.from) / 2);
    this.#range = { from: this.#range.from, to };
    for (const [text, held] of this.#keys) {
      if (held.lead < to) continue;
      this.#keys.delete(text);
      this.#held -= held.cost;
    }
  }
}
