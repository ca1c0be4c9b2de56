import { MemoryEventPort } from '../../../../lib/adapters/memory/event-port.ts';
import { archivePlace } from '../../../../lib/archive/place.ts';
import type { Key } from '../../../../lib/core/attribute.ts';
import type { CheckPorts, MemberReach } from '../../../../lib/reconcile/ports.ts';
import type { VerdictBatch } from '../../../../lib/reconcile/verdict/batch.ts';
import { freshBatch } from '../../../../lib/reconcile/verdict/batch.ts';
import { stepVerdict } from '../../../../lib/reconcile/verdict/step.ts';
import type { KeyVerdict } from '../../../../lib/reconcile/verdict/suspicion.ts';
import { memberContext } from '../../../../lib/replicate/context.ts';
import { key, World } from '../../../flows/support/world.ts';

/** What the checker of a member of a world reaches. */
export function checkPorts(world: World, member = world.primary): CheckPorts {
  const reach = (name: string): MemberReach => {
    const { table, objects } = world.cloud.region(name);
    const context = memberContext(world.config, world.named(name));
    return { member: context, table, place: archivePlace(context, objects) };
  };
  const { queue, stream } = world.cloud.region(member);
  const others = new Map(world.config.members.filter(({ name }) => name !== member).map(({ name }) => [name, reach(name)]));
  return { own: reach(member), others, queue, stream, events: new MemoryEventPort() };
}

/** Which functions of a world stand still. */
export interface Frozen {
  fanout?: boolean;
  observe?: boolean;
  apply?: boolean;
}

/** Steps of one verdict: far more than any takes. */
const STEPS_MAX = 4_000;
/** How often the functions run while the checker waits (ms). */
const TICK_MS = 1_000;
/** How long the observer gathers records (ms). */
const WINDOW_MS = 10_000;

/** A world whose functions run while the checker waits. */
export class Court {
  readonly world: World;
  readonly frozen: Frozen = {};
  readonly ports: CheckPorts;
  /** Called at each tick, before the functions run. */
  during: (() => Promise<void>) | undefined;
  /** The batch after each step. */
  readonly batches: VerdictBatch[] = [];
  readonly #observed = new Map<string, number>();
  #observeAt = 0;

  private constructor(world: World) {
    this.world = world;
    this.ports = checkPorts(world);
  }

  static async create(options: Parameters<typeof World.create>[0] = {}): Promise<Court> {
    return new Court(await World.create(options));
  }

  /** Gives the observer of a member what is new. */
  async observe(member = this.world.primary): Promise<void> {
    const all = this.world.records(member);
    const from = this.#observed.get(member) ?? 0;
    if (all.length > from) await this.world.observeOf(all.slice(from), member);
    this.#observed.set(member, all.length);
  }

  /** One run of every function that is not frozen. */
  async tick(): Promise<void> {
    const { world } = this;
    await this.during?.();
    if (this.frozen.fanout !== true) await world.pumpFanout();
    if (this.frozen.observe !== true && world.clock.now() >= this.#observeAt) {
      this.#observeAt = world.clock.now() + WINDOW_MS;
      await this.observe();
    }
    if (this.frozen.apply !== true)
      for (const { name } of world.config.members) if (name !== world.primary) while ((await world.pumpApply(world.primary, name)) > 0);
  }

  /** Lets time go by, with the functions at work. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= TICK_MS) {
      await this.world.clock.advance(Math.min(left, TICK_MS));
      await this.tick();
    }
  }

  /** Everything that was written arrives, and is archived. */
  async settle(): Promise<void> {
    await this.tick();
    await this.pass(5_000);
    if (this.frozen.observe !== true) await this.observe();
  }

  /** Another write that comes through, so that both readers are known to run. */
  async alive(): Promise<void> {
    await this.world.put({ ...key('alive'), n: { N: String(this.world.clock.now()) } });
  }

  /** Steps from a batch to its end. The batch goes through JSON after each step, as a caller keeps it. */
  async judge(keys: readonly Key[] | VerdictBatch, passesMax?: number): Promise<readonly KeyVerdict[]> {
    const { world } = this;
    let batch: VerdictBatch =
      'format' in keys
        ? keys
        : freshBatch(
            'check-1',
            0,
            keys.map((k) => ({ key: k, target: world.secondary })),
            passesMax === undefined ? {} : { passesMax },
          );
    for (let step = 0; step < STEPS_MAX; step += 1) {
      const came = await world.clock.run(stepVerdict(batch, this.ports, world.runtime, world.clock.elapsed() + 20_000));
      batch = JSON.parse(JSON.stringify(came.batch)) as VerdictBatch;
      this.batches.push(batch);
      if (came.waitMs === 0) return came.verdicts;
      await this.pass(came.waitMs);
    }
    throw new Error(`No verdict in ${STEPS_MAX} steps: ${JSON.stringify(batch).slice(0, 500)}`);
  }
}

/** The verdicts' words by the partition key. */
export const words = (verdicts: readonly KeyVerdict[]): Record<string, string> =>
  Object.fromEntries(verdicts.map((v) => [(v.key['pk'] as { S: string }).S, v.verdict === 'divergent' ? `divergent ${v.kind}` : v.verdict]));
