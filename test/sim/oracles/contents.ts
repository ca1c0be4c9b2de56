import type { Item } from '../../../lib/core/attribute.ts';
import { itemHash } from '../../../lib/core/canonical.ts';
import type { Version } from '../model.ts';
import { nameOfKey } from '../set.ts';
import type { World } from '../world.ts';

/** What a key was from a time on (virtual ms). */
interface Content {
  readonly t: number;
  readonly item: Item | undefined;
}

/** Item hash as reports name it (base64 of 16 bytes); undefined for no item. */
export const hashText = (item: Item | undefined): string | undefined => (item === undefined ? undefined : itemHash(item).toString('base64'));

/** What every member held of every key, over the whole run: what tables recorded, and what no record tells of. */
export class Contents {
  readonly #world: World;
  readonly #byKey = new Map<string, Content[]>();

  constructor(world: World) {
    this.#world = world;
  }

  recorded({ member, key, image, t }: Version): void {
    this.#note(member, key, t, image);
  }
  corrupted(member: string, key: string): void {
    this.#note(member, key, this.#world.clock.elapsed(), this.#world.silent.of(member).findLast((change) => change.key === key)?.after);
  }
  wiped(member: string): void {
    const now = this.#world.clock.elapsed();
    for (const id of this.#byKey.keys()) if (id.startsWith(`${member}|`)) this.#byKey.get(id)?.push({ t: now, item: undefined });
  }

  /** What a key was at some time in a span (virtual ms): hashes, undefined for no item. */
  between(member: string, key: string, from: number, to: number): ReadonlySet<string | undefined> {
    const list = this.#byKey.get(`${member}|${key}`) ?? [];
    const first = list.findLast(({ t }) => t <= from);
    const later = list.filter(({ t }) => t > from && t <= to);
    return new Set([first, ...later].map((content) => hashText(content?.item)));
  }
  /** Since when a key is what it is (virtual ms). */
  since(member: string, key: string): number {
    return this.#byKey.get(`${member}|${key}`)?.at(-1)?.t ?? 0;
  }
  /** All keys that a member ever had. */
  keys(member: string): readonly string[] {
    const start = `${member}|`;
    return [...this.#byKey.keys()].filter((id) => id.startsWith(start)).map((id) => id.slice(start.length));
  }

  #note(member: string, key: string, t: number, item: Item | undefined): void {
    const id = `${member}|${key}`;
    const list = this.#byKey.get(id);
    if (list === undefined) this.#byKey.set(id, [{ t, item }]);
    else list.push({ t, item });
  }
}

const CONTENTS = new WeakMap<World, Contents>();

/** The contents of a world: the oracle of the verdicts fills them, others ask. */
export function contentsOf(world: World): Contents {
  let found = CONTENTS.get(world);
  if (found === undefined) {
    found = new Contents(world);
    CONTENTS.set(world, found);
  }
  return found;
}

/** Names of all keys that source and target have now. */
export const keysNow = (world: World, ...members: readonly string[]): ReadonlySet<string> =>
  new Set(members.flatMap((member) => world.set.items(member).items().map(nameOfKey)));
