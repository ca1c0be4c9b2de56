import type { AttributeValue, Item } from './attribute.ts';
import { mapOf, RESERVED } from './attribute.ts';
import type { Path } from './values.ts';
import { sameValue } from './values.ts';

/** What differs between two images of an item, attribute by attribute. Pure; runs in a browser. */

/** One attribute, or one member of a map, that differs. Without `before` it was added, without `after` removed. */
export interface Difference {
  readonly path: Path;
  readonly before?: AttributeValue;
  readonly after?: AttributeValue;
}

/**
 * Most differences within one map, and the longest path to it (characters of its names), for which its members are named
 * one by one; beyond that the map is one value. Else a map of long names, one within the other, would be told many times
 * over: a list of differences stays about as large as the two images.
 */
export const DIFFERENCES_OF_MAP_MAX = 100;
const PATH_MAX = 200;

/**
 * The differences of two images, in the order of their names. Maps are gone through member by member; a list or a set is
 * one value, since what moved within a list cannot be told. Our own attribute is left out.
 *
 * @param before absent: there was no item.
 * @param after absent: there is none now.
 */
export function differenceOf(before: Item | undefined, after: Item | undefined): Difference[] {
  const [was, is] = [before ?? {}, after ?? {}];
  return namesOf(was, is)
    .filter((name) => name !== RESERVED)
    .flatMap((name) => ofMember([], name, was, is, Number.POSITIVE_INFINITY) ?? []);
}

const namesOf = (a: Item, b: Item): string[] => [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();

/** The differences of one member; undefined when they are more than `most`. */
function ofMember(path: Path, name: string, before: Item, after: Item, most: number): Difference[] | undefined {
  const [was, is] = [own(before, name), own(after, name)];
  if (was !== undefined && is !== undefined && sameValue(was, is)) return [];
  if (most < 1) return undefined;
  const at = [...path, name];
  const [wasMap, isMap] = [mapOf(was), mapOf(is)];
  const members = wasMap === undefined || isMap === undefined || at.join('').length > PATH_MAX ? undefined : ofMap(at, wasMap, isMap);
  if (members !== undefined && members.length <= most) return members;
  return [{ path: at, ...(was !== undefined && { before: was }), ...(is !== undefined && { after: is }) }];
}

/** The differences of the members of two maps; undefined when they are too many to be told one by one. */
function ofMap(path: Path, before: Item, after: Item): Difference[] | undefined {
  const found: Difference[] = [];
  for (const name of namesOf(before, after)) {
    const more = ofMember(path, name, before, after, DIFFERENCES_OF_MAP_MAX - found.length);
    if (more === undefined) return undefined;
    found.push(...more);
  }
  return found;
}

const own = (map: Item, name: string): AttributeValue | undefined => (Object.hasOwn(map, name) ? map[name] : undefined);
