import type { Item, Key } from '../../lib/core/attribute.ts';
import type { LogRecord, Origin } from '../../lib/core/formats/log-record.ts';
import { position } from '../../lib/core/formats/position.ts';
import { type EncodedSegment, encodeSegment } from '../../lib/core/formats/segment.ts';
import type { Predecessor } from '../../lib/core/formats/segment-footer.ts';
import type { KeySchema } from '../../lib/core/key.ts';
import { allCities, type City, itemOf, keyOf, spread } from '../../local/demo/cities.ts';
import { dynamoJson } from '../../local/demo/writer.ts';

/** A log of real data: cities that are put, updated and deleted, with every type of attribute, in two segments. */

export const KEY: KeySchema = { partition: { name: 'country', type: 'S' }, sort: { name: 'cityId', type: 'N' } };

/** Number of cities, besides Berlin. */
const CITIES = 400;
/** Records of the first segment. The second has the rest. */
const FIRST_RECORDS = 500;
/** When the first record was made: 24 November 2026, 10:15:03 UTC (ms). */
const START_MS = 1_795_515_303_000;
/** Between two records (ms): they lie in more than one hour. */
const STEP_MS = 7_000;
const ORIGIN_OF: readonly Origin[] = ['local', 'local', 'applier', 'expiry'];
const BERLIN = 2_950_159;

/** The log, with the records of each segment. */
export interface Logged {
  readonly segments: readonly (EncodedSegment & { readonly records: readonly LogRecord[] })[];
}

const wire = (item: Record<string, never> | ReturnType<typeof itemOf> | ReturnType<typeof keyOf>): Item => JSON.parse(dynamoJson(item)) as Item;

/** Makes it. The same for each call. */
export function logOfCities(): Logged {
  const all = allCities();
  const berlin = all.find((city) => city.cityId === BERLIN) as City;
  const cities = [berlin, ...spread(all, CITIES).chosen.filter((city) => city.cityId !== BERLIN)];
  const records: LogRecord[] = [];
  const held = new Map<number, Item>();
  const add = (city: City, newImage: Item | undefined): void => {
    const n = records.length;
    const oldImage = held.get(city.cityId);
    const event = newImage === undefined ? 'REMOVE' : oldImage === undefined ? 'INSERT' : 'MODIFY';
    // Sequence numbers grow by a digit on the way: text does not sort as they do.
    const sequence = String(9_999_900n + BigInt(n));
    const origin = event === 'REMOVE' && n % 2 === 0 ? 'expiry' : (ORIGIN_OF[n % 2] as Origin);
    records.push({
      sequence,
      at: START_MS + n * STEP_MS,
      event,
      origin,
      ...(n % 3 !== 0 && { position: position(3, sequence) }),
      keys: wire(keyOf(city)) as Key,
      ...(newImage && { newImage }),
      ...(oldImage && { oldImage }),
    });
    if (newImage === undefined) held.delete(city.cityId);
    else held.set(city.cityId, newImage);
  };
  for (const city of cities) add(city, wire(itemOf(city)));
  cities.forEach((city, i) => {
    if (i % 3 === 0)
      add(city, { ...(held.get(city.cityId) as Item), population: { N: i % 2 === 0 ? `${city.population + 1}.50` : String(city.population / 4) } });
    if (i % 7 === 0) add(city, undefined);
    if (i % 14 === 0) add(city, wire(itemOf(city)));
  });
  const about = { set: 'set', member: 'eu', stream: 'arn:aws:dynamodb:eu-central-1:000000000000:table/cities/stream/2026-11-24T10:15:03.123', key: KEY };
  const cut = (some: readonly LogRecord[], previous?: Predecessor): Logged['segments'][number] => ({
    ...encodeSegment({ ...about, shard: 'shardId-1', ...(previous && { previous }) }, some),
    records: some,
  });
  const first = cut(records.slice(0, FIRST_RECORDS));
  const { shard, first: sequence, firstAt, last } = first.head;
  return { segments: [first, cut(records.slice(FIRST_RECORDS), { shard, first: sequence, firstAt, last, sha256: first.sha256 })] };
}
