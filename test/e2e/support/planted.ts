import { type AttributeValue, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { eventually } from './eventually.ts';
import { EU, type Item, keyOf, type Region, type World } from './world.ts';

/** Differences that are planted at a replica behind the pipeline's back: by plain writes to its table. */

/** Until a delete or a write has come through (ms). */
const THROUGH_MAX_MS = 60_000;
/** Requests at the same time. */
const AT_ONCE = 16;

export const KINDS = ['changed', 'missing', 'extra', 'resurrected', 'retyped', 'overtaken'] as const;
export type Kind = (typeof KINDS)[number];

/** A planted difference. */
export interface Planted {
  readonly kind: Kind;
  readonly target: Region;
  readonly key: Item;
}

/** What each kind does at the replica, but `overtaken` and `resurrected`, which need the primary, too. */
const HAND: Readonly<Record<Exclude<Kind, 'missing'>, (copy: Item) => Item>> = {
  changed: (copy) => ({ ...copy, text: { S: 'changed by hand' } }),
  extra: (copy) => ({ ...copy, sk: { N: `-${copy['sk']?.N}` }, text: { S: 'made by hand' } }),
  resurrected: (copy) => copy,
  retyped: (copy) => ({ ...copy, round: { N: '7' } }),
  overtaken: (copy) => ({ ...copy, text: { S: 'by hand, but a real write is on its way' } }),
};

/**
 * Plants differences of every kind at one replica: `items[i]` gets the kind i mod 6. What is `overtaken` is written at the primary
 * right after, so that it is no difference for long.
 *
 * @param items that the primary and the replica hold.
 * @returns those that last.
 */
export async function plant(world: World, target: Region, items: readonly Item[]): Promise<Planted[]> {
  const of = (kind: Kind): readonly Item[] => items.filter((_, i) => KINDS[i % KINDS.length] === kind);
  const copies = new Map<Item, Item>();
  await each(items, async (item) => {
    const found = await read(world, target, item);
    if (found === undefined) throw new Error(`${target} does not hold ${JSON.stringify(keyOf(item))}`);
    copies.set(item, found);
  });
  await world.write(EU, [], of('resurrected').map(keyOf));
  await each(of('resurrected'), async (item) => {
    await eventually(
      'a delete has come through',
      THROUGH_MAX_MS,
      () => read(world, target, item),
      (found) => found === undefined,
    );
  });
  const puts = items.flatMap((item, i) => {
    const kind = KINDS[i % KINDS.length] as Kind;
    return kind === 'missing' ? [] : [HAND[kind](copies.get(item) as Item)];
  });
  await world.write(target, puts, of('missing').map(keyOf));
  await world.write(
    EU,
    of('overtaken').map((item) => ({ ...item, text: { S: 'a real write' } })),
  );
  return items.flatMap((item, i): Planted[] => {
    const kind = KINDS[i % KINDS.length] as Kind;
    if (kind === 'overtaken') return [];
    return [{ kind, target, key: keyOf(kind === 'extra' ? HAND.extra(item) : item) }];
  });
}

async function read(world: World, region: Region, item: Item): Promise<Item | undefined> {
  const { Item: found } = await world
    .dynamodb(region)
    .send(new GetItemCommand({ TableName: world.names(region).items, Key: keyOf(item), ConsistentRead: true }));
  return found as Record<string, AttributeValue> | undefined;
}

/** Does something for each, a few at the same time. */
export async function each<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const left = all.values();
  const worker = async (): Promise<void> => {
    for (const one of left) await work(one);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
