import type { SeededChance } from '../../lib/adapters/memory/chance.ts';
import type { AttributeValue, Item } from '../../lib/core/attribute.ts';
import { isRemote } from '../../lib/ports/errors.ts';
import { keyOfName } from './set.ts';
import type { World } from './world.ts';

/** Keys that one burst writes, at most. */
const BURST_MAX = 24;

/** Users of the table: writes at the primary, some in bursts, some over and over the same key, many removals. */
export class Workload {
  readonly #world: World;
  readonly #chance: SeededChance;
  #version = 0;

  constructor(world: World) {
    this.#world = world;
    this.#chance = world.chanceOf('workload');
  }

  /** One step: one write, as a rule. */
  step(): void {
    const chance = this.#chance;
    // Drawn first, so that a step's choices do not depend on who is primary.
    const die = chance.random();
    const key = this.someKey();
    const count = 2 + chance.below(BURST_MAX - 1);
    const member = this.#world.model.primary?.member;
    if (member === undefined) return;
    if (die < 0.5) this.put(member, key);
    else if (die < 0.72) this.remove(member, key);
    else if (die < 0.82) this.#burst(member, count);
    else if (die < 0.88) for (let i = 0; i < 3; i += 1) this.put(member, key);
    else if (die < 0.94) {
      this.remove(member, key);
      this.put(member, key);
    } else {
      this.put(member, key);
      this.remove(member, key);
    }
  }

  /** Virtual time until the next step (ms): around the pace, now and then twenty times as long. */
  gapMs(): number {
    const { paceMs } = this.#world.knobs;
    return Math.floor(this.#chance.random() * 2 * paceMs * (this.#chance.random() < 0.03 ? 20 : 1));
  }

  /** Few keys are hot. */
  someKey(): string {
    const { keys } = this.#world;
    const chance = this.#chance;
    return keys[chance.random() < 0.5 ? chance.below(Math.min(3, keys.length)) : chance.below(keys.length)] as string;
  }

  /** A new version of a key. No two writes of a run have the same. */
  item(key: string, more: Readonly<Record<string, AttributeValue>> = {}): Item {
    this.#version += 1;
    return { ...keyOfName(key), v: { N: String(this.#version) }, ...more };
  }

  /** Writes as a user with the SDK does. Returns false when the table refuses the item. */
  put(member: string, key: string, more: Readonly<Record<string, AttributeValue>> = {}): boolean {
    return this.write(member, this.item(key, more));
  }
  write(member: string, item: Item): boolean {
    const table = this.#world.set.items(member);
    try {
      table.write(table.checkItem(item), this.#world.nowAt(member));
      return true;
    } catch (error) {
      if (isRemote(error, 'invalid')) return false;
      throw error;
    }
  }
  remove(member: string, key: string): void {
    const table = this.#world.set.items(member);
    table.remove(table.checkKey(keyOfName(key)), this.#world.nowAt(member));
  }

  #burst(member: string, count: number): void {
    const chance = this.#chance;
    const removals = chance.random() < 0.4 ? chance.random() : 0;
    const first = chance.below(this.#world.keys.length);
    for (let i = 0; i < Math.min(count, this.#world.keys.length); i += 1) {
      const key = this.#world.keys[(first + i) % this.#world.keys.length] as string;
      if (chance.random() < removals) this.remove(member, key);
      else this.put(member, key);
    }
  }
}
