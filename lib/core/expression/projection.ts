import type { AttributeValue, Item } from '../attribute.ts';
import type { Path } from '../values.ts';

/**
 * The part of an item that some paths name, as DynamoDB projects: maps keep only what lies on a path; the members of a
 * list that are named come in their order, without gaps; what is not there is left out. Unlike DynamoDB's, paths may
 * overlap: the wider one wins.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ProjectionExpressions.html
 */

/** Paths in one projection. */
export const SELECT_PATHS_MAX = 100;

/** What is wanted of one value: all of it, or parts of it by their next step. */
type Wanted = 'all' | Map<string | number, Wanted>;

/** The paths as a tree, so that one pass over the item finds them all. */
export type Projection = ReadonlyMap<string | number, Wanted>;

/** Prepares paths for `project`. Pure. */
export function projectionOf(paths: readonly Path[]): Projection {
  const root = new Map<string | number, Wanted>();
  for (const path of paths) {
    let node = root;
    for (const [depth, step] of path.entries()) {
      const found = node.get(step);
      if (found === 'all') break;
      if (depth === path.length - 1) node.set(step, 'all');
      else if (found !== undefined) node = found;
      else {
        const next = new Map<string | number, Wanted>();
        node.set(step, next);
        node = next;
      }
    }
  }
  return root;
}

/** The part of an item that is wanted; an empty item when it has none of it. Pure. */
export const project = (item: Item, wanted: Projection): Item => mapPart(item, wanted) ?? {};

function part(value: AttributeValue, wanted: Wanted): AttributeValue | undefined {
  if (wanted === 'all') return value;
  if ('M' in value) {
    const map = mapPart(value.M, wanted);
    return map === undefined ? undefined : { M: map };
  }
  if (!('L' in value)) return undefined;
  const members = value.L.flatMap((member, i) => {
    const inner = wanted.get(i);
    const found = inner === undefined ? undefined : part(member, inner);
    return found === undefined ? [] : [found];
  });
  return members.length === 0 ? undefined : { L: members };
}

/** Undefined when nothing of the map is wanted. */
function mapPart(map: Item, wanted: Projection): Item | undefined {
  const out: Record<string, AttributeValue> = {};
  let some = false;
  for (const [name, inner] of wanted) {
    if (typeof name !== 'string' || !Object.hasOwn(map, name)) continue;
    const value = part(map[name] as AttributeValue, inner);
    if (value === undefined) continue;
    // Defined, not assigned: assigning to `__proto__` would set the prototype.
    Object.defineProperty(out, name, { value, enumerable: true, writable: true, configurable: true });
    some = true;
  }
  return some ? out : undefined;
}
