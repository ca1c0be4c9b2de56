import type { CloudCall } from '../../../lib/adapters/memory/call.ts';
import type { Item, Key } from '../../../lib/core/attribute.ts';
import { FUNCTION_TIMEOUT_MS } from '../../../lib/core/constants.ts';
import type { QueueMessage, SendEntry } from '../../../lib/ports/queue.ts';
import type { TableWrite } from '../../../lib/ports/table.ts';
import type { ApplySandbox } from '../../../lib/replicate/apply/pass.ts';
import { drawKnobs } from '../draw.ts';
import { laneOfGroup } from '../messages.ts';
import { Operator } from '../operator.ts';
import type { MakeOracle } from '../oracle.ts';
import { ORACLES } from '../oracles/all.ts';
import { heldAt } from '../oracles/held.ts';
import type { SimProcess } from '../process.ts';
import type { SimLink } from '../set.ts';
import { nameOfKey } from '../set.ts';
import { Workload } from '../workload.ts';
import { World } from '../world.ts';
import { UsageError } from './arguments.ts';
import { HandFaults } from './hand-faults.ts';
import { Names } from './names.ts';

/** Longest time that a command waits for what it has begun (virtual ms): longer than any function runs. */
const WAIT_MAX_MS = 10 * 60_000;
/** From the start to the first write (virtual ms): records are stamped with whole seconds, so they begin in one of their own. */
const SETTLE_MS = 2_000;

/** Something that was begun by a command: an invocation of a function, or what a person does. */
export interface Task {
  readonly process: SimProcess | undefined;
  done: boolean;
  /** What it came to, for the output. */
  lines: readonly string[];
}

/** Messages that were received together, and what apply said of them. */
export interface Received {
  readonly link: SimLink;
  readonly messages: readonly QueueMessage[];
  /** Their names, "m3", by id: a message that is gone has none any more. */
  readonly names: ReadonlyMap<string, string>;
  /** Ids that apply named as failed; undefined until it answers. */
  failures: readonly string[] | undefined;
}

/** A world that is driven by hand: no mapping reads its streams and queues, nothing happens but what a command says. */
export class Stage {
  readonly world: World;
  readonly names: Names;
  readonly faults: HandFaults;
  /** What was begun in the background, and what was received, by the names that the scenario gives. */
  readonly tasks = new Map<string, Task>();
  readonly received = new Map<string, Received>();
  /** What each sandbox of apply keeps. */
  readonly sandboxes = new WeakMap<SimProcess, ApplySandbox>();
  /** How far fan-out and the observer have read each shard, by "fanout STREAM SHARD". */
  readonly checkpoints = new Map<string, string>();
  /** Effects of each process's writes that were not printed yet, by its name. */
  readonly #effects = new Map<string, string[]>();

  private constructor(seed: number, members: number, lanes: number, keys: number) {
    const slot: { names?: Names } = {};
    const naming: MakeOracle = (world) => {
      slot.names = new Names(world);
      return slot.names.oracle;
    };
    // No sweep is due by itself; every oracle of the checker watches.
    // Named first, so that what an oracle says can be named.
    this.world = new World(seed, { ...drawKnobs(seed), members, lanes, keys, checkMs: Number.MAX_SAFE_INTEGER, faults: {} }, false, [naming, ...ORACLES]);
    this.names = slot.names as Names;
    this.faults = new HandFaults(this.world);
    this.world.operator = new Operator(this.world);
    this.world.workload = new Workload(this.world);
    const witness = this.world.cloud.witness;
    this.world.cloud.witness = (call, answer) => {
      this.#note(call, answer);
      witness?.(call, answer);
    };
  }

  /** A set whose first member is primary in epoch 1. The seed decides what must not matter: clocks, ids, sequence numbers. */
  static async create(of: { readonly seed: number; readonly members: number; readonly lanes: number; readonly keys: number }): Promise<Stage> {
    const stage = new Stage(of.seed, of.members, of.lanes, of.keys);
    const { world } = stage;
    const first = world.set.members[0] as string;
    await world.clock.run(world.operator.init(first));
    world.operator.accepted(first, 1, world.set.items(first).stream?.arn ?? '', 0);
    await world.clock.advance(SETTLE_MS);
    return stage;
  }

  /** @throws UsageError */
  member(name: string): string {
    if (!this.world.set.members.includes(name)) throw new UsageError(`there is no member "${name}": there are ${this.world.set.members.join(', ')}`);
    return name;
  }
  /** The link of that name, "a>b". @throws UsageError */
  link(name: string): SimLink {
    const found = this.world.set.links.find((l) => l.id === name);
    if (found === undefined) throw new UsageError(`there is no link "${name}": there are ${this.world.set.links.map((l) => l.id).join(', ')}`);
    return found;
  }
  /** @throws UsageError */
  task(name: string): Task {
    const found = this.tasks.get(name);
    if (found === undefined) throw new UsageError(`nothing is named "${name}": there are ${[...this.tasks.keys()].join(', ') || 'none'}`);
    return found;
  }
  /** @throws UsageError */
  batch(name: string): Received {
    const found = this.received.get(name);
    if (found === undefined) throw new UsageError(`nothing was received as "${name}": there are ${[...this.received.keys()].join(', ') || 'none'}`);
    return found;
  }

  /** Begins an invocation in a sandbox that is free. `work` gives its output. */
  invoke(member: string, fn: string, work: (process: SimProcess) => Promise<readonly string[]>, timeoutMs = FUNCTION_TIMEOUT_MS): Task {
    const process = this.world.sandbox(member, fn);
    // A sandbox that is used again starts a new list.
    this.#effects.delete(process.name);
    const task: Task = { process, done: false, lines: ['does not answer'] };
    const run = async (): Promise<void> => {
      try {
        task.lines = await work(process);
      } catch (error) {
        task.lines = [`throws ${error instanceof Error ? error.message : String(error)}`];
        throw error;
      }
    };
    this.world.invoke(
      process,
      run,
      {
        ended: () => {
          task.done = true;
        },
      },
      timeoutMs,
    );
    return task;
  }

  /** Begins something that is no invocation. */
  begin(work: Promise<readonly string[]>): Task {
    const task: Task = { process: undefined, done: false, lines: [] };
    const end = (lines: readonly string[]): void => {
      task.lines = lines;
      task.done = true;
    };
    work.then(end, (error: unknown) => end([`throws ${error instanceof Error ? error.message : String(error)}`]));
    return task;
  }

  /** Lets time pass until it is done, and gives its output. */
  async wait(task: Task): Promise<readonly string[]> {
    await this.world.clock.runUntil(() => task.done || this.world.violation !== undefined, WAIT_MAX_MS);
    return task.done ? task.lines : ['is not done'];
  }

  /** What a process has written since it was last asked, a line each. */
  takeEffects(process: SimProcess | undefined): readonly string[] {
    const name = process?.name ?? '';
    const lines = this.#effects.get(name) ?? [];
    this.#effects.delete(name);
    return lines.map((line) => `  ${line}`);
  }

  #note(call: CloudCall, answer: unknown): void {
    const who = call.by?.name;
    if (who === undefined) return;
    const line = this.#effect(call, answer);
    if (line === undefined) return;
    const list = this.#effects.get(who);
    if (list === undefined) this.#effects.set(who, [line]);
    else list.push(line);
  }

  #effect(call: CloudCall, answer: unknown): string | undefined {
    const at = call.region;
    const failed = (answer as { ok?: boolean } | undefined)?.ok === false ? ': the condition does not hold' : '';
    if (call.service === 's3') return this.#object(call, failed);
    switch (call.op) {
      case 'sendBatch': {
        const [url, entries] = call.args as [string, readonly SendEntry[]];
        const link = this.world.set.links.find((l) => l.queue.url === url);
        const lanes = entries.map((e) => `lane ${laneOfGroup(e.group)}`).join(', ');
        return link === undefined ? 'sends a dead letter' : `sends to ${link.id}: ${lanes}`;
      }
      case 'put':
      case 'delete': {
        const [table, item] = call.args as [string, Item];
        const what = this.#write(at, call.op === 'put' ? { table, put: item } : { table, delete: item });
        return what === undefined ? undefined : `${at}: ${what}${failed}`;
      }
      case 'batchWrite': {
        // What is unprocessed is named by equal values: told by table and key.
        const idOf = (w: TableWrite): string => `${w.table} ${nameOfKey(w.put ?? w.delete)}`;
        const left = new Set((answer as { readonly unprocessed: readonly TableWrite[] }).unprocessed.map(idOf));
        const done = (call.args[0] as readonly TableWrite[]).filter((w) => !left.has(idOf(w))).map((w) => this.#write(at, w));
        return `${at}: in one call ${done.join(', ') || 'nothing'}${left.size > 0 ? `; ${left.size} unprocessed` : ''}`;
      }
      default:
        return undefined;
    }
  }

  /** What is put into a bucket, by its first words: names of objects hold times and sequence numbers. */
  #object(call: CloudCall, failed: string): string | undefined {
    if (call.op !== 'put' && call.op !== 'delete') return undefined;
    const [, name] = call.args as [string, string];
    return `${call.region}: ${call.op}s an object of ${name.split('/')[0]}/${failed}`;
  }

  #write(at: string, write: TableWrite): string | undefined {
    const key = write.put ?? (write.delete as Key);
    if (write.table === this.world.set.controlName(at)) return undefined;
    const name = nameOfKey(key);
    if (write.delete !== undefined) return `deletes ${name}`;
    if (write.table === this.world.set.tombstonesName(at)) return `buries ${name} at ${this.#position(heldAt(this.world, at, name).tombstone)}`;
    return `puts ${name}`;
  }

  #position(seal: { readonly position: Buffer } | undefined): string {
    return seal === undefined ? 'no position that counts' : this.names.position(seal.position);
  }
}
