import { SeededChance } from '../../../lib/adapters/memory/chance.ts';
import { ManualClock } from '../../../lib/adapters/memory/clock.ts';
import type { MemoryRegion } from '../../../lib/adapters/memory/cloud.ts';
import { MemoryCloud } from '../../../lib/adapters/memory/cloud.ts';
import type { Item, Key } from '../../../lib/core/attribute.ts';
import type { SetConfig } from '../../../lib/core/config.ts';
import { setConfigSchema } from '../../../lib/core/config.ts';
import type { Seat } from '../../../lib/core/formats/rows.ts';
import { CONTROL_KEY_SCHEMA, encodeSeat } from '../../../lib/core/formats/rows.ts';
import type { KeySchema } from '../../../lib/core/key.ts';
import { memberNames } from '../../../lib/core/names.ts';
import type { Runtime } from '../../../lib/ports/runtime.ts';
import type { WriteOutcome } from '../../../lib/serve/anywhere.ts';
import { writeAnywhere } from '../../../lib/serve/anywhere.ts';
import type { Change, Intent } from '../../../lib/serve/attempt.ts';
import type { ServeContext } from '../../../lib/serve/context.ts';
import { serveContext } from '../../../lib/serve/context.ts';
import type { Preconditions } from '../../../lib/serve/etag.ts';
import type { ApiRequest } from '../../../lib/serve/http.ts';
import { fingerprintOf, REQUESTS_KEY_SCHEMA, REQUESTS_TTL } from '../../../lib/serve/idempotency.ts';
import type { Done } from '../../../lib/serve/write.ts';

/** The flows of the API below its operations: three members on the memory cloud, without HTTP. */

export const [EU, US, AP] = ['eu-central-1', 'us-east-1', 'ap-southeast-2'] as const;
export const SCHEMA: KeySchema = { partition: { name: 'id', type: 'S' } };
/** Budget of a write and of a read (ms), as the operations give them. */
export const WRITE_MS = 10_000;
export const READ_MS = 5_000;

export class Seams {
  readonly clock = new ManualClock();
  readonly cloud: MemoryCloud;
  readonly config: SetConfig;
  readonly runtime: Runtime;
  readonly logged: { readonly message: string; readonly fields: unknown }[] = [];

  constructor(seed = 7) {
    this.cloud = new MemoryCloud({ clock: this.clock, chance: new SeededChance(seed) });
    this.config = setConfigSchema.parse({
      set: 'cities',
      key: SCHEMA,
      members: [EU, US, AP].map((region) => ({ name: region, region, account: '000000000000', generation: 1, items: `syncline-cities-${region}-g1-items` })),
    });
    const log = (message: string, fields?: unknown): void => {
      this.logged.push({ message, fields });
    };
    this.runtime = {
      clock: this.clock,
      chance: new SeededChance(seed + 1),
      metrics: { count: () => undefined },
      log: { debug: log, info: log, warn: log, error: log },
    };
    for (const member of this.config.members) {
      const names = memberNames(this.config.set, member);
      const region = this.cloud.region(member.region);
      region.createTable({ name: names.items, key: SCHEMA, stream: true });
      region.createTable({ name: names.tombstones, key: SCHEMA });
      region.createTable({ name: names.control, key: CONTROL_KEY_SCHEMA });
      region.createTable({ name: names.requests, key: REQUESTS_KEY_SCHEMA, ttl: REQUESTS_TTL });
    }
  }

  /** A set whose primary is that member, in epoch 1. */
  static async of(primary: string = EU, seed = 7): Promise<Seams> {
    const made = new Seams(seed);
    for (const member of [EU, US, AP]) await made.seat(member, primary);
    return made;
  }

  member(name: string): SetConfig['members'][number] {
    return this.config.members.find((m) => m.name === name) as SetConfig['members'][number];
  }

  region(name: string): MemoryRegion {
    return this.cloud.region(name);
  }

  /** A sandbox of a member's API: each has a clock of revs of its own. */
  context(name: string = EU): ServeContext {
    return serveContext(
      this.config,
      this.member(name),
      this.region(name),
      (peer) => this.region(peer.name).invoke,
      (peer) => this.region(peer.name).table,
    );
  }

  async seat(member: string, primary: string | undefined, more: Partial<Seat> = {}): Promise<void> {
    const { items, control } = this.context(member).tables;
    const tableId = this.region(member).tableNamed(items).tableId;
    const seat: Seat = {
      fence: 1,
      own: member === primary ? 1 : 0,
      since: 0,
      stream: 'arn',
      tableId,
      v: 1,
      ...(primary !== undefined && { primary }),
      ...more,
    };
    await this.clock.run(this.region(member).table.put(control, encodeSeat(seat)));
  }

  item(id = 'a', member: string = EU): Item | undefined {
    return this.region(member)
      .items(this.context(member).tables.items)
      .find((item) => (item['id'] as { S: string }).S === id);
  }

  requests(member: string = EU): readonly Item[] {
    return this.region(member).items(this.context(member).tables.requests);
  }

  /** Starts a write of a fresh sandbox of EU, or of a given one. */
  start(intent: Intent, ctx = this.context()): Promise<WriteOutcome> {
    return writeAnywhere(ctx, this.runtime, request(), intent, this.clock.elapsed() + WRITE_MS);
  }

  /** A write at EU to its end. @throws what writeAnywhere does; Error when another member answered. */
  async write(intent: Intent, ctx = this.context()): Promise<Done> {
    const outcome = await this.clock.run(this.start(intent, ctx));
    if (outcome.at !== 'here') throw new Error('another member answered');
    return outcome.value;
  }

  /** An item put past the API. */
  async direct(item: Item, member: string = EU): Promise<void> {
    await this.clock.run(this.region(member).table.put(this.context(member).tables.items, item));
  }
}

export const request = (more: Partial<ApiRequest> = {}): ApiRequest => ({
  method: 'PUT',
  path: '/items',
  query: new Map(),
  headers: new Map(),
  body: '',
  id: 'r1',
  forwarded: false,
  ...more,
});

export const keyOf = (id: string): Key => ({ id: { S: id } });

/** A write of the item "a". @param name its idempotency key. */
export function intent(change: Change, more: { readonly id?: string; readonly name?: string; readonly expected?: Preconditions } = {}): Intent {
  const plain = { key: keyOf(more.id ?? 'a'), change, expected: more.expected ?? {} };
  return more.name === undefined ? plain : { ...plain, idempotency: { id: more.name, fingerprint: fingerprintOf(plain, SCHEMA) } };
}

export const putOf = (value: string, id = 'a'): Change => ({ put: { id: { S: id }, value: { S: value } } });
export const DELETE: Change = { delete: true };
export const increment = (by = 1): Change => ({ patch: [{ op: 'increment', path: ['n'], value: { N: String(by) } }] });
export const count = (item: Item | undefined): number => Number((item?.['n'] as { N: string } | undefined)?.N ?? '0');
