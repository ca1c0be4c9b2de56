import { MemoryEventPort } from '../../../../lib/adapters/memory/event-port.ts';
import { archivePlace } from '../../../../lib/archive/place.ts';
import type { Item, Key } from '../../../../lib/core/attribute.ts';
import { keyOf } from '../../../../lib/core/key.ts';
import { RemoteError } from '../../../../lib/ports/errors.ts';
import type { OutgoingEvent } from '../../../../lib/ports/events.ts';
import type { RunOptions } from '../../../../lib/reconcile/check/engine.ts';
import { runCheck } from '../../../../lib/reconcile/check/engine.ts';
import type { CheckJob } from '../../../../lib/reconcile/check/job.ts';
import { readFindings, readReport } from '../../../../lib/reconcile/check/objects.ts';
import type { CheckReport, Finding } from '../../../../lib/reconcile/check/report.ts';
import type { CheckRequest } from '../../../../lib/reconcile/check/request.ts';
import { startCheck } from '../../../../lib/reconcile/check/start.ts';
import type { CheckWatcher } from '../../../../lib/reconcile/check/step.ts';
import type { CheckPorts, MemberReach } from '../../../../lib/reconcile/ports.ts';
import { memberContext } from '../../../../lib/replicate/context.ts';
import type { Death } from '../../../flows/support/mortal.ts';
import { mortal } from '../../../flows/support/mortal.ts';
import { item, KEY, World } from '../../../flows/support/world.ts';

/** Rounds in which whatever runs must end. */
const ROUNDS_MAX = 20_000;
/** Between two rounds of the set's functions (ms). */
const ROUND_MS = 500;
/** Rounds between two minute runs. */
const MINUTE_ROUNDS = 60_000 / ROUND_MS;

/** A world whose functions run while a check does, and what may be done to it meanwhile. */
export class Rig {
  readonly world: World;
  readonly events = new MemoryEventPort();
  /** Called once a round, before the functions run. */
  during: (() => Promise<void>) | undefined;
  /** Members whose applier gives everything back, and those whose observer stands still. */
  readonly frozen = new Set<string>();
  readonly blind = new Set<string>();
  /** Members that answer to no checker. */
  readonly away = new Set<string>();
  #round = 0;
  readonly #observed = new Map<string, number>();

  private constructor(world: World) {
    this.world = world;
  }

  /** A set whose replicas are equal, with so many items. */
  static async create(items: number, options: Parameters<typeof World.create>[0] = {}): Promise<Rig> {
    const rig = new Rig(await World.create({ lanes: 2, ...options }));
    for (let i = 0; i < items; i += 1) await rig.world.put(item(`k${i}`, 1, { n: { N: String(i) } }));
    await rig.pass(20_000);
    await rig.world.minute();
    await rig.pass(10_000);
    return rig;
  }

  get targets(): readonly string[] {
    return this.world.config.members.slice(1).map(({ name }) => name);
  }

  /** What a checker's process reaches. It dies at a call. */
  ports(death?: Death, member = this.world.primary): CheckPorts & { readonly calls: () => number } {
    const { wrap, calls } = mortal(death);
    const { world } = this;
    const reach = (name: string): MemberReach => {
      const region = world.cloud.region(name);
      const context = memberContext(world.config, world.named(name));
      const near = <T extends object>(port: T): T => this.#unlessAway(name, wrap(port));
      return { member: context, table: near(region.table), place: archivePlace(context, near(region.objects)), stream: near(region.stream) };
    };
    const { queue, stream } = world.cloud.region(member);
    const others = new Map(world.config.members.filter(({ name }) => name !== member).map(({ name }) => [name, reach(name)]));
    return { own: reach(member), others, queue: wrap(queue), stream: wrap(stream), events: wrap<MemoryEventPort>(this.events), calls };
  }

  #unlessAway<T extends object>(member: string, port: T): T {
    return new Proxy(port, {
      get: (target, name) => {
        const method = Reflect.get(target, name) as (...args: unknown[]) => Promise<unknown>;
        return async (...args: unknown[]) => {
          if (this.away.has(member)) throw new RemoteError('transient', 'Away', 'nobody there');
          return method.apply(target, args);
        };
      },
    });
  }

  /** One round of every function of the set. */
  async round(): Promise<void> {
    const { world } = this;
    this.#round += 1;
    await this.during?.();
    for (const { name } of world.config.members) {
      await world.pumpFanout(name);
      if (!this.blind.has(name)) await this.#observe(name);
      for (const target of world.config.members) if (target.name !== name && !this.frozen.has(target.name)) await world.pumpApply(name, target.name);
    }
    if (this.#round % MINUTE_ROUNDS === 0) await world.minute();
  }

  async #observe(member: string): Promise<void> {
    const all = this.world.records(member);
    const from = this.#observed.get(member) ?? 0;
    if (all.length > from) await this.world.observeOf(all.slice(from), member);
    this.#observed.set(member, all.length);
  }

  /** Lets time go by, with the functions at work. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= ROUND_MS) {
      await this.world.clock.advance(Math.min(left, ROUND_MS));
      await this.round();
    }
  }

  /** Lets minutes go by in which nobody writes: only the minute runs and their markers. */
  async idle(minutes: number): Promise<void> {
    for (let minute = 0; minute < minutes; minute += 1) {
      await this.world.clock.advance(60_000);
      await this.world.minute();
      await this.round();
    }
  }

  /** Waits for some work, with the functions at work. */
  async beside<T>(work: Promise<T>): Promise<T> {
    let outcome: { value: T } | { error: unknown } | undefined;
    const over = work.then(
      (value) => {
        outcome = { value };
      },
      (error: unknown) => {
        outcome = { error };
      },
    );
    for (let round = 0; outcome === undefined; round += 1) {
      if (round > ROUNDS_MAX) throw new Error('It does not end.');
      await this.world.clock.advance(ROUND_MS);
      if (outcome === undefined) await this.round();
    }
    await over;
    const ended = outcome as { value: T } | { error: unknown };
    if ('error' in ended) throw ended.error;
    return ended.value;
  }

  start(request: Partial<CheckRequest>, ports: CheckPorts = this.ports()): Promise<CheckJob> {
    const { runtime } = this.world;
    return this.beside(startCheck(ports, runtime, { mode: 'sweep', targets: this.targets, action: 'repair', by: 'a test', ...request }));
  }

  run(id: string, options: Partial<RunOptions> & { readonly death?: Death; readonly progress?: CheckWatcher['progress'] } = {}): Promise<CheckJob> {
    const { death, progress = () => undefined, ...more } = options;
    const whole: RunOptions = { owner: 'a test', untilMs: Number.POSITIVE_INFINITY, drive: true, ...more };
    return this.beside(runCheck(this.ports(death), this.world.runtime, id, whole, { progress, stopped: () => false }));
  }

  /** A whole check. */
  async check(request: Partial<CheckRequest>, options: Partial<RunOptions> = {}): Promise<CheckReport> {
    const { id } = await this.start(request);
    await this.run(id, options);
    return this.report(id);
  }

  async report(id: string): Promise<CheckReport> {
    const { own } = this.ports();
    const report = await this.beside(readReport(own.place, this.world.runtime, id));
    if (report === undefined) throw new Error(`The check ${id} has no report.`);
    return report;
  }

  async findings(id: string): Promise<readonly Finding[]> {
    const all: Finding[] = [];
    const { own } = this.ports();
    const read = async (): Promise<void> => {
      for await (const finding of readFindings(own.place, this.world.runtime, id)) all.push(finding);
    };
    await this.beside(read());
    return all;
  }

  /** Writes at a member by hand, as somebody with the SDK would. */
  async plant(member: string, plants: readonly ({ readonly put: Item } | { readonly remove: Key })[]): Promise<void> {
    for (const one of plants) await ('put' in one ? this.world.put(one.put, member) : this.world.remove(one.remove, member));
    await this.pass(5_000);
  }

  /** Changes what a member stores behind everyone's back, as a defect of the storage would: no stream tells of it. */
  corrupt(member: string, plants: readonly ({ readonly put: Item } | { readonly remove: Key })[]): void {
    const table = this.world.cloud.region(member).tableNamed(this.world.items(member));
    for (const one of plants) {
      if ('remove' in one) table.corrupt(table.checkKey(one.remove), undefined);
      else {
        // What an applier has left on the item stays, as it would.
        const meta = table.read(table.checkKey(keyOf(one.put, KEY)))?.['_s'];
        table.corrupt(table.checkKey(keyOf(one.put, KEY)), table.checkItem({ ...one.put, ...(meta && { _s: meta }) }));
      }
    }
  }

  /** Whether a member has what the primary has. */
  isEqual(member: string): boolean {
    const [a, b] = [this.world.content(this.world.primary), this.world.content(member)];
    return a.size === b.size && [...a].every(([name, text]) => b.get(name) === text);
  }

  told(type: string): readonly OutgoingEvent[] {
    return this.events.events.filter((event) => event.type === type);
  }
}
