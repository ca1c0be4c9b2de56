import { setImmediate } from 'node:timers/promises';
import { SeededChance } from '../../../../lib/adapters/memory/chance.ts';
import { ManualClock } from '../../../../lib/adapters/memory/clock.ts';
import type { MemoryRegion } from '../../../../lib/adapters/memory/cloud.ts';
import { MemoryCloud } from '../../../../lib/adapters/memory/cloud.ts';
import type { ArchivePlace } from '../../../../lib/archive/place.ts';
import type { Applied, RewriteProgress } from '../../../../lib/archive/rewrite/apply.ts';
import { applyPlan } from '../../../../lib/archive/rewrite/apply.ts';
import type { PlanLine } from '../../../../lib/archive/rewrite/change.ts';
import { findOriginal, inverseLines, markTakenBack } from '../../../../lib/archive/rewrite/inverse.ts';
import type { RewriteKind, RewritePlan } from '../../../../lib/archive/rewrite/plan.ts';
import { rewriteId, writePlan } from '../../../../lib/archive/rewrite/plan.ts';
import { rewriteContext } from '../../../../lib/archive/rewrite/seats.ts';
import type { AttributeValue, Item } from '../../../../lib/core/attribute.ts';
import type { SetConfig } from '../../../../lib/core/config.ts';
import { setConfigSchema } from '../../../../lib/core/config.ts';
import type { Seat } from '../../../../lib/core/formats/rows.ts';
import { CONTROL_KEY_SCHEMA, encodeSeat, SEAT_KEY } from '../../../../lib/core/formats/rows.ts';
import { withoutMeta } from '../../../../lib/core/formats/seal.ts';
import { memberNames } from '../../../../lib/core/names.ts';
import type { ObjectPort } from '../../../../lib/ports/objects.ts';
import type { Runtime } from '../../../../lib/ports/runtime.ts';
import type { TablePort } from '../../../../lib/ports/table.ts';
import type { MemberContext } from '../../../../lib/replicate/context.ts';
import { memberContext } from '../../../../lib/replicate/context.ts';
import { together } from '../../../../lib/replicate/together.ts';
import type { Death } from '../../../flows/support/mortal.ts';
import { mortal } from '../../../flows/support/mortal.ts';

/** One member of a set, primary, on the memory cloud. */

const REGION = 'eu-central-1';

/** Who makes the requests of a run. */
export const REWRITER = 'rewrite';

export class Member {
  readonly clock = new ManualClock({ turn: () => setImmediate() });
  readonly cloud = new MemoryCloud({ clock: this.clock, chance: new SeededChance(5) });
  readonly config: SetConfig = setConfigSchema.parse({
    set: 'cities',
    key: { partition: { name: 'id', type: 'S' } },
    members: [{ name: REGION, region: REGION, account: '000000000000', generation: 1, items: `syncline-cities-${REGION}-g1-items` }],
  });
  readonly region: MemoryRegion = this.cloud.region(REGION);
  readonly context: MemberContext = memberContext(this.config, this.config.members[0] as SetConfig['members'][number]);
  readonly bucket = memberNames('cities', this.config.members[0] as SetConfig['members'][number]).bucket;
  readonly runtime: Runtime;
  #calls: () => number = () => 0;

  private constructor() {
    const quiet = (): void => undefined;
    this.runtime = {
      clock: this.clock,
      chance: new SeededChance(9),
      metrics: { count: quiet },
      log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    };
    this.region.createTable({ name: this.context.tables.items, key: this.context.key, stream: true });
    this.region.createTable({ name: this.context.tables.control, key: CONTROL_KEY_SCHEMA });
    this.region.buckets.createBucket(this.bucket);
  }

  static async create(items: readonly Item[] = []): Promise<Member> {
    const member = new Member();
    await member.seat({});
    const { table } = member.region;
    for (let at = 0; at < items.length; at += 1_000) {
      await member.now(together(items.slice(at, at + 1_000).map((item) => table.put(member.context.tables.items, item))));
    }
    return member;
  }

  get tableId(): string {
    return this.region.tableNamed(this.context.tables.items).tableId;
  }

  /** Writes the seat: primary in epoch 3, unless said otherwise. */
  async seat(more: Partial<Seat>): Promise<void> {
    const seat: Seat = { fence: 3, own: 3, primary: REGION, since: 0, stream: 'arn', tableId: this.tableId, v: 1, ...more };
    await this.now(this.region.table.put(this.context.tables.control, encodeSeat(seat)));
  }

  /** Another member raises the fence, without moving time. */
  async raiseFence(fence: number, primary: string): Promise<void> {
    await this.region.table.update(this.context.tables.control, SEAT_KEY, { set: { fence: { N: String(fence) }, primary: { S: primary } } });
  }

  /** The lease lasts so long from now (ms), without moving time. */
  async renewLease(ms: number): Promise<void> {
    await this.region.table.update(this.context.tables.control, SEAT_KEY, { set: { until: { N: String(this.clock.now() + ms) } } });
  }

  /** Runs something, moving time. */
  now<T>(work: Promise<T>): Promise<T> {
    return this.clock.run(work);
  }

  /** Writes as a direct SDK writer does: without metadata, unless it is in the item. */
  async put(item: Item): Promise<void> {
    await this.now(this.region.table.put(this.context.tables.items, item));
  }

  async remove(id: string): Promise<void> {
    await this.now(this.region.table.delete(this.context.tables.items, { id: { S: id } }));
  }

  /** All items by their ids, as callers see them. */
  items(): Map<string, Item> {
    return new Map(this.raw().map((item) => [(item['id'] as { S: string }).S, withoutMeta(item)]));
  }

  raw(): readonly Item[] {
    return this.region.items(this.context.tables.items);
  }

  place(objects: ObjectPort = this.region.objects): ArchivePlace {
    return { objects, bucket: this.bucket, set: 'cities', member: REGION, key: this.context.key };
  }

  /** Writes a plan. */
  async plan(lines: Iterable<PlanLine> | AsyncIterable<PlanLine>, kind: RewriteKind = 'undo', takesBack?: string): Promise<RewritePlan> {
    const about = {
      id: rewriteId(kind, this.clock.now(), this.runtime.chance.nonce()),
      kind,
      args: { test: 'yes' },
      table: this.context.tables.items,
      tableId: this.tableId,
      epoch: 3,
      ...(takesBack !== undefined && { takesBack }),
    };
    return (await this.now(writePlan(this.place(), this.runtime, about, each(lines)))).plan;
  }

  /** Carries a plan out. */
  async apply(
    plan: RewritePlan,
    options: { readonly death?: Death; readonly stopped?: () => boolean; readonly heard?: RewriteProgress[] } = {},
  ): Promise<Applied> {
    const { death, stopped, heard } = options;
    const ports = this.#mortal(death);
    const watcher = { progress: (now: RewriteProgress) => heard?.push(now), stopped: stopped ?? (() => false) };
    return this.now(
      applyPlan(rewriteContext(this.context, this.place(ports.objects), ports.table), this.place(ports.objects), this.runtime, plan, 'a test', watcher),
    );
  }

  /** Plans to take a rewrite back, and carries that out. */
  async takeBack(id: string): Promise<{ readonly plan: RewritePlan; readonly applied: Applied }> {
    const ctx = rewriteContext(this.context, this.place(), this.region.table);
    const original = await this.now(findOriginal(ctx, this.place(), this.runtime, id));
    const plan = await this.plan(inverseLines(this.place(), this.runtime, original), 'take-back', id);
    await this.now(markTakenBack(ctx, this.runtime, original, plan.id, 'a test'));
    return { plan, applied: await this.apply(plan) };
  }

  /** Requests of the last run. */
  get calls(): number {
    return this.#calls();
  }

  #mortal(death: Death | undefined): { readonly table: TablePort; readonly objects: ObjectPort } {
    const own = this.region.ports({ name: REWRITER, gate: () => undefined });
    const process = mortal(death);
    this.#calls = process.calls;
    const { wrap } = process;
    return { table: wrap(own.table), objects: wrap(own.objects) };
  }
}

async function* each<T>(lines: Iterable<T> | AsyncIterable<T>): AsyncGenerator<T> {
  yield* lines;
}

/** An item of some attributes. */
export const item = (id: string, more: Readonly<Record<string, AttributeValue>> = {}): Item => ({ id: { S: id }, ...more });
export const text = (value: string): { readonly S: string } => ({ S: value });
export const key = (id: string): Item => ({ id: { S: id } });

/** Every type that an attribute may have, and a name that JavaScript treats in its own way. */
export const ALL: Readonly<Record<string, AttributeValue>> = Object.fromEntries<AttributeValue>([
  ['s', { S: 'Ü\u0000\u{1F600}' }],
  ['n', { N: '-12345678901234567890123456789012345678' }],
  ['b', { B: 'AP+A' }],
  ['t', { BOOL: true }],
  ['z', { NULL: true }],
  ['ss', { SS: ['a', 'b'] }],
  ['ns', { NS: ['1', '2.5'] }],
  ['bs', { BS: ['AA==', 'AQ=='] }],
  ['l', { L: [{ S: '' }, { L: [] }, { M: {} }] }],
  ['m', { M: { $binary: { NULL: true }, 'a.b': { N: '0' } } }],
  ['__proto__', { S: 'a name as any other' }],
]);
