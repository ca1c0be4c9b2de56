import type { Item } from '../../../lib/core/attribute.ts';
import { canonicalItem } from '../../../lib/core/canonical.ts';
import { decodeRefused, REFUSED } from '../../../lib/core/formats/refused-row.ts';
import { metaOf } from '../../../lib/core/formats/seal.ts';
import { isRemote } from '../../../lib/ports/errors.ts';
import type { MakeOracle } from '../oracle.ts';
import { keyOfName, nameOfKey } from '../set.ts';
import type { World } from '../world.ts';
import { heldAt } from './held.ts';

/** I1: after healing every replica equals the primary, except keys that it refuses, which it lists. */
export const converge: MakeOracle = (world) => ({
  name: 'converge',
  settled() {
    const primary = world.model.primary?.member;
    if (primary === undefined) return;
    for (const member of world.set.members) {
      if (member === primary) continue;
      const refused = refusedKeys(world, primary, member);
      const keys = new Set([...world.set.items(primary).items(), ...world.set.items(member).items()].map(nameOfKey));
      for (const key of keys) {
        const mine = world.set.items(primary).read(keyOfName(key));
        const theirs = world.set.items(member).read(keyOfName(key));
        if (textOf(mine) === textOf(theirs)) {
          if (theirs !== undefined && heldAt(world, member, key).seal === undefined)
            world.violate('I1', `"${key}" at ${member} equals the primary's, but nothing says which change it is: its seal does not count`, key);
          continue;
        }
        if (mine !== undefined && refuses(world, member, mine)) {
          if (!refused.has(key)) world.violate('I6', `${member} refuses "${key}", and does not list it`, key);
          continue;
        }
        world.violate('I1', `"${key}" is ${show(theirs)} at ${member}, and ${show(mine)} at the primary ${primary}`, key);
      }
    }
  },
});

/** Whether all refused keys that are listed are refused indeed: one that could be taken now is still to be tried again. */
export function refusedSettled(world: World): boolean {
  const primary = world.model.primary?.member;
  if (primary === undefined) return true;
  return world.set.members.every(
    (member) =>
      member === primary ||
      [...refusedKeys(world, primary, member)].every((key) => {
        const item = world.set.items(primary).read(keyOfName(key));
        return item !== undefined && refuses(world, member, item);
      }),
  );
}

/** All keys that a member refuses, by their lists. */
export function refusedAnywhere(world: World): readonly string[] {
  const primary = world.model.primary?.member;
  if (primary === undefined) return [];
  return [...new Set(world.set.members.filter((m) => m !== primary).flatMap((m) => [...refusedKeys(world, primary, m)]))].sort();
}

function refusedKeys(world: World, primary: string, member: string): Set<string> {
  const keys = new Set<string>();
  for (const row of world.set.control(member).items()) {
    if ((row['pk'] as { S: string }).S !== REFUSED) continue;
    const refused = decodeRefused(row);
    if (refused.link === primary) keys.add(nameOfKey(refused.key));
  }
  return keys;
}

function refuses(world: World, member: string, item: Item): boolean {
  try {
    world.set.items(member).checkItem(item);
    return false;
  } catch (error) {
    if (isRemote(error, 'invalid')) return true;
    throw error;
  }
}

/** Content and rev: what two members compare. */
const textOf = (item: Item | undefined): string => (item === undefined ? '' : `${canonicalItem(item)} ${metaOf(item).rev?.toString('base64') ?? ''}`);
const show = (item: Item | undefined): string => (item === undefined ? 'absent' : `v${(item['v'] as { N?: string } | undefined)?.N ?? '?'}`);
