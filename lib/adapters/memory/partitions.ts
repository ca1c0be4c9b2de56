import type { AttributeValue, Item, Key } from '../../core/attribute.ts';
import type { KeyAttribute, KeySchema } from '../../core/key.ts';
import { keyText } from '../../core/key.ts';
import { compareValues } from '../../core/values.ts';

/** Where an item is kept: the same place for as long as its key is there. A live view. */
export interface ItemPlace {
  /** The key's canonical text. */
  readonly key: string;
  readonly item: Item;
}

/** A place as its table has it. */
export interface Place extends ItemPlace {
  readonly keys: Key;
  item: Item;
  /** Its key's slot in the stream, once one was needed. */
  slot: number | undefined;
  /** Its size (bytes), once somebody asked. */
  bytes: number | undefined;
}

/** The items of one partition key. */
interface Partition {
  readonly places: Map<string, Place>;
  /** By their sort keys, once somebody asked since the last insertion or removal. */
  sorted: readonly Place[] | undefined;
}

/** The items of a table by their partition keys, so that a query looks at one partition only. */
export class Partitions {
  readonly #schema: KeySchema;
  readonly #sort: KeyAttribute | undefined;
  /** By the canonical text of the partition key. */
  readonly #partitions = new Map<string, Partition>();

  constructor(schema: KeySchema, places: Iterable<Place>) {
    this.#schema = { partition: schema.partition };
    this.#sort = schema.sort;
    for (const place of places) this.add(place);
  }

  add(place: Place): void {
    const name = keyText(place.keys, this.#schema);
    const partition = this.#partitions.get(name);
    if (partition === undefined) this.#partitions.set(name, { places: new Map([[place.key, place]]), sorted: undefined });
    else {
      partition.places.set(place.key, place);
      partition.sorted = undefined;
    }
  }

  remove(place: Place): void {
    const name = keyText(place.keys, this.#schema);
    const partition = this.#partitions.get(name);
    if (partition === undefined) return;
    partition.places.delete(place.key);
    partition.sorted = undefined;
    if (partition.places.size === 0) this.#partitions.delete(name);
  }

  /** The items of one partition key, by their sort keys. */
  of(value: AttributeValue): readonly ItemPlace[] {
    const found = this.#partitions.get(keyText({ [this.#schema.partition.name]: value }, this.#schema));
    if (found === undefined) return [];
    if (found.sorted === undefined) {
      const places = [...found.places.values()];
      const sort = this.#sort;
      if (sort !== undefined) places.sort((a, b) => compareValues(a.keys[sort.name] as AttributeValue, b.keys[sort.name] as AttributeValue) ?? 0);
      found.sorted = places;
    }
    return found.sorted;
  }
}
