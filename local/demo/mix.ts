import { type City, type Item, itemOf } from './cities.ts';

/** What the demonstration writes, decided beforehand, so that what must be in the end is known without asking any table. */

/** Which way a write goes. */
export type Way = 'sdk' | 'api' | 'secondary-api';

/** One write. */
export type Change =
  | { readonly kind: 'put'; readonly city: City; readonly item: Item }
  /** An UpdateItem: sets the population, and when it was counted. */
  | { readonly kind: 'update'; readonly city: City; readonly population: string; readonly counted: string }
  | { readonly kind: 'delete'; readonly city: City };

/** Writes of one way; those of a key are in one list, in order. */
export interface Plan {
  readonly ways: Readonly<Record<Way, readonly Change[]>>;
}

/** At most this many writes of a plan go over HTTP, one request each. */
const API_WRITES_MAX = 200;
/** Part of a plan's writes that goes over HTTP. */
const API_PART = 0.05;
/** Parts of the mix, of the cities that are there: updated, deleted, deleted and made again. As many as deleted are new. */
const MIX = { updated: 0.1, deleted: 0.04, remade: 0.01 } as const;

/** The first load: every city is put once. Pure. */
export function loadPlan(cities: readonly City[]): Plan {
  return divide(cities.map((city) => [{ kind: 'put', city, item: itemOf(city) }]));
}

/** A mix of updates, deletes, deletes followed by a new put, and inserts of cities that were not there. Pure. */
export function mixPlan(cities: readonly City[], others: readonly City[]): Plan {
  const count = (part: number): number => Math.max(1, Math.floor(cities.length * part));
  const updated = cities.slice(0, count(MIX.updated));
  const deleted = cities.slice(updated.length, updated.length + count(MIX.deleted));
  const remade = cities.slice(updated.length + deleted.length, updated.length + deleted.length + count(MIX.remade));
  return divide([
    ...updated.map((city): Change[] => [{ kind: 'update', city, population: `${city.population + 1}.50`, counted: '2026-11-24' }]),
    ...deleted.map((city): Change[] => [{ kind: 'delete', city }]),
    ...remade.map((city): Change[] => [
      { kind: 'delete', city },
      { kind: 'put', city, item: { ...itemOf(city), note: { S: 'made again' } } },
    ]),
    ...others.slice(0, deleted.length).map((city): Change[] => [{ kind: 'put', city, item: itemOf(city) }]),
  ]);
}

/** Gives each key's changes one way: every n-th key over HTTP, in turn by the primary's API and by a secondary's. */
function divide(keys: readonly (readonly Change[])[]): Plan {
  const ways: Record<Way, Change[]> = { sdk: [], api: [], 'secondary-api': [] };
  const overHttp = Math.min(API_WRITES_MAX, Math.ceil(keys.length * API_PART));
  const every = Math.max(1, Math.floor(keys.length / overHttp));
  let sent = 0;
  keys.forEach((changes, i) => {
    // An update has no method of the API: there, the whole item is put.
    if (i % every !== 0 || sent >= overHttp) ways.sdk.push(...changes);
    else ways[sent++ % 2 === 0 ? 'api' : 'secondary-api'].push(...changes);
  });
  return { ways };
}

/** An item as it is after a change; undefined after a delete. Pure. */
export function after(item: Item | undefined, change: Change): Item | undefined {
  if (change.kind === 'delete') return undefined;
  if (change.kind === 'put') return change.item;
  if (item === undefined) throw new Error('The plan updates a city that is not there.');
  return { ...item, population: { N: change.population }, counted: { S: change.counted } };
}

/** Number of writes of a plan. */
export const size = ({ ways }: Plan): number => ways.sdk.length + ways.api.length + ways['secondary-api'].length;
