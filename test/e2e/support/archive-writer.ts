import { setTimeout as sleep } from 'node:timers/promises';
import { type AttributeValue, DeleteItemCommand, PutItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { type City, type Item, itemOf, keyOf } from '../../../local/demo/cities.ts';
import type { Contents } from '../../../local/demo/compare.ts';
import { type ArchiveWorld, clockPasses, EU, type US } from './archive-world.ts';

/** A writer that never rests but when it is told to, and a recorder that notes the tables meanwhile. */

/** On both sides of a noted moment nobody writes for so long (ms): DynamoDB stamps changes with whole seconds, and hosts' clocks differ by up to one. */
const QUIET_MS = 2_000;
/** Wait between two looks at the clock (ms). */
const LOOK_MS = 50;

/** Both tables at one time. */
export interface Moment {
  /** RFC 3339. */
  readonly at: string;
  readonly held: { readonly [EU]: Contents; readonly [US]: Contents };
}

/** Writes cities at the primary, one change after the other: puts, updates, deletes, and deleted ones put again. */
export class Writer {
  readonly #world: ArchiveWorld;
  readonly #cities: readonly City[];
  #over = false;
  #paused = false;
  #changes = 0;
  /** Until it pauses or ends. */
  #writing: Promise<void>;

  constructor(world: ArchiveWorld, cities: readonly City[]) {
    this.#world = world;
    this.#cities = cities;
    this.#writing = this.#start();
  }

  /** Changes that were made. */
  get changes(): number {
    return this.#changes;
  }

  async #start(): Promise<void> {
    this.#paused = false;
    while (!this.#paused && !this.#over) {
      await this.#change(this.#changes);
      this.#changes += 1;
    }
  }

  async #change(n: number): Promise<void> {
    const city = this.#cities[(n * 7_919) % this.#cities.length] as City;
    const client = this.#world.dynamodb(EU);
    const TableName = this.#world.names(EU).items;
    if (n % 5 === 1) await client.send(new DeleteItemCommand({ TableName, Key: keyOf(city) }));
    else if (n % 5 === 3) await client.send(new PutItemCommand({ TableName, Item: { ...itemOf(city), note: { S: `put ${n}` } } }));
    else {
      await client.send(
        new UpdateItemCommand({
          TableName,
          Key: keyOf(city),
          UpdateExpression: 'SET population = :p, counted = :c, #l = list_append(if_not_exists(#l, :none), :one)',
          ExpressionAttributeNames: { '#l': 'log' },
          ExpressionAttributeValues: { ':p': { N: `${n}.25` }, ':c': { S: `round ${n}` }, ':none': { L: [] }, ':one': { L: [{ N: String(n) }] } },
        }),
      );
    }
  }

  /**
   * Holds the writes, waits until the secondary has everything, and notes both tables; then the writer goes on. The noted
   * time is QUIET_MS away from any write, at both members.
   */
  async moment(): Promise<Moment> {
    this.#paused = true;
    await this.#writing;
    const held = await this.#world.equal();
    // What was written last, here or at the secondary, was so before now.
    const at = Math.ceil(Date.now() / 1_000) * 1_000 + QUIET_MS;
    await clockPasses(at + QUIET_MS);
    this.#writing = this.#start();
    return { at: `${new Date(at).toISOString().slice(0, 19)}Z`, held };
  }

  /** Ends it. @throws what a write failed with */
  async end(): Promise<void> {
    this.#over = true;
    await this.#writing;
  }

  /** Waits until it has made so many more changes. */
  async progress(changes: number): Promise<void> {
    const until = this.#changes + changes;
    while (this.#changes < until) await Promise.race([sleep(LOOK_MS), this.#writing]);
  }
}

/** Items that have each of DynamoDB's types at its edges. */
export const oddItems = (): Item[] =>
  [
    { text: { S: '' }, long: { S: 'ünï–🚀\u0000\n"\\'.repeat(40) } },
    { many: { N: '12345678901234567890123456789012345678' }, tiny: { N: '-1.5E-125' }, huge: { N: '9.9E+125' }, zero: { N: '0' } },
    { bytes: { B: Uint8Array.from({ length: 256 }, (_, i) => i) }, empty: { B: new Uint8Array() } },
    { yes: { BOOL: true }, no: { BOOL: false }, nothing: { NULL: true } },
    { list: { L: [] }, map: { M: {} }, deep: nested(14) },
    { texts: { SS: ['b', 'a', 'ü'] }, numbers: { NS: ['1', '-2.5', '1E+30'] }, binaries: { BS: [Uint8Array.of(0), Uint8Array.of(255, 0)] } },
    { ' ': { S: 'a space' }, 'a.b[0]': { M: { '': { L: [{ NULL: true }] } } }, ünï: { S: 'ü' }, $: { N: '1' } },
  ].map((attributes, i) => ({ country: { S: '~odd/ü #1' }, cityId: { N: String(i - 3) }, ...attributes }) as Item);

const nested = (depth: number): AttributeValue => (depth === 0 ? { S: 'deep' } : { M: { l: { L: [nested(depth - 1)] } } });
