import { setTimeout as sleep } from 'node:timers/promises';
import { BatchWriteItemCommand, type DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { type City, itemOf, keyOf } from './cities.ts';

/**
 * Measures replication lag from outside: a probe is written at the primary, and every secondary is read, consistently,
 * until it shows the probe. Its lag at a secondary is the time from *before* the write was sent to *after* the answer that
 * showed it, so it holds both calls and is never too small. One clock measures both ends.
 */

/** Wait between two looks at a secondary (ms): the resolution. Shorter ones would load the local cloud's one core a region. */
const LOOK_MS = 8;
/** A probe that is not there after this is counted as this (ms). */
const PROBE_MAX_MS = 30_000;
/** Pause between two probes, plus up to as much again, so that they do not fall into step with anything (ms). */
const PAUSE_MS = 25;
/** Probes have a country of their own. */
const COUNTRY = '~probe';

/** A table to look at. */
export interface Watched {
  readonly region: string;
  readonly client: DynamoDBClient;
  readonly table: string;
}

/** A probe: a city's item under a key of its own, so that it has a usual size. */
export const probeOf = (city: City, n: number): City => ({ ...city, country: COUNTRY, cityId: n });

/** Writes one probe and gives its lag at each secondary (ms). */
export async function probe(primary: Watched, secondaries: readonly Watched[], city: City, signal: AbortSignal): Promise<number[]> {
  const sent = performance.now();
  await primary.client.send(new PutItemCommand({ TableName: primary.table, Item: itemOf(city) }));
  return Promise.all(secondaries.map(async (secondary) => seenAfter(secondary, city, sent, signal)));
}

async function seenAfter({ client, table }: Watched, city: City, sent: number, signal: AbortSignal): Promise<number> {
  for (;;) {
    const { Item } = await client.send(new GetItemCommand({ TableName: table, Key: keyOf(city), ConsistentRead: true, ProjectionExpression: 'cityId' }));
    const elapsed = performance.now() - sent;
    if (Item !== undefined || elapsed > PROBE_MAX_MS) return Math.min(elapsed, PROBE_MAX_MS);
    await sleep(LOOK_MS, undefined, { signal });
  }
}

/** Measures with `count` probes, one after the other, then deletes them. Gives every lag (ms). */
export async function measureLag(
  primary: Watched,
  secondaries: readonly Watched[],
  cities: readonly City[],
  count: number,
  signal: AbortSignal,
): Promise<number[]> {
  const probes = Array.from({ length: count }, (_, n) => probeOf(cities[n % cities.length] as City, n));
  const lags: number[] = [];
  for (const city of probes) {
    lags.push(...(await probe(primary, secondaries, city, signal)));
    // The pause grows by an odd step from probe to probe, which serves as well as chance and is the same each time.
    await sleep(PAUSE_MS + ((city.cityId * 7) % PAUSE_MS), undefined, { signal });
  }
  await removeProbes(primary, probes);
  return lags;
}

/** Deletes probes at the primary. */
export async function removeProbes(primary: Watched, probes: readonly City[]): Promise<void> {
  for (let i = 0; i < probes.length; i += 25) {
    let requests = probes.slice(i, i + 25).map((city) => ({ DeleteRequest: { Key: keyOf(city) } }));
    for (let attempt = 0; attempt < 8 && requests.length > 0; attempt++) {
      const answer = await primary.client.send(new BatchWriteItemCommand({ RequestItems: { [primary.table]: requests } }));
      requests = (answer.UnprocessedItems?.[primary.table] ?? []) as typeof requests;
    }
  }
}

/** The value that a part `q` of all values does not exceed (nearest rank), rounded. Pure; 0 for none. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round(sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? 0);
}
