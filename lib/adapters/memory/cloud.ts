import type { Item } from '../../core/attribute.ts';
import { RemoteError } from '../../ports/errors.ts';
import type { InvokePort } from '../../ports/invoke.ts';
import type { ObjectPort } from '../../ports/objects.ts';
import type { QueuePort } from '../../ports/queue.ts';
import type { Clock } from '../../ports/runtime.ts';
import type { ShardDescription, StreamPort, StreamRecord } from '../../ports/stream.ts';
import type { TablePort } from '../../ports/table.ts';
import type { CallingProcess, CloudCall, CloudHook, CloudWitness } from './call.ts';
import { Caller, Calls } from './call.ts';
import type { SeededChance } from './chance.ts';
import { MemoryObjectPort, MemoryObjects } from './objects.ts';
import type { QueueDefinition, StoredMessage } from './queue.ts';
import { MemoryQueue } from './queue.ts';
import { MemoryQueuePort } from './queue-port.ts';
import type { MemoryStream } from './stream.ts';
import type { TableDefinition } from './table.ts';
import { MemoryTable } from './table.ts';
import { MemoryTablePort } from './table-port.ts';

/** Account of the memory cloud. */
const ACCOUNT = '000000000000';

/** A function of the memory cloud. */
export type MemoryFunction = (payload: string) => Promise<string>;

/** Sees every stream record when it is made: who made it by which request, or nobody (DynamoDB's own expiry). */
export type RecordWitness = (region: string, table: string, record: StreamRecord, call: CloudCall | undefined) => void;

/** The ports of one region, as one process has them. */
export interface RegionPorts {
  readonly table: TablePort;
  readonly queue: QueuePort;
  readonly stream: StreamPort;
  readonly invoke: InvokePort;
  readonly objects: ObjectPort;
}

/**
 * The parts of AWS that Syncline stands on, in memory: regions with tables, streams, FIFO queues, buckets and functions. It
 * behaves as AWS documents it (test/adapters holds the same suite against it and against real servers), on a clock and a
 * chance that are given, so that a run can be repeated.
 *
 * `hook` sees every request of every port first, and can delay it, refuse it, or lose its answer; `witness` sees it right
 * after its effect.
 */
export class MemoryCloud {
  readonly #regionClock: (region: string) => Clock;
  readonly #chance: SeededChance;
  readonly #calls: Calls;
  readonly #regions = new Map<string, MemoryRegion>();
  /** Sees every stream record when it is made. */
  recorded: RecordWitness | undefined;

  /**
   * @param parts.clock moves the requests.
   * @param parts.regionClock the clock that the services of a region stamp with; by default the same everywhere.
   */
  constructor(parts: { readonly clock: Clock; readonly chance: SeededChance; readonly regionClock?: (region: string) => Clock }) {
    this.#regionClock = parts.regionClock ?? (() => parts.clock);
    this.#chance = parts.chance;
    this.#calls = new Calls(parts.clock);
  }

  get hook(): CloudHook | undefined {
    return this.#calls.hook;
  }
  set hook(hook: CloudHook | undefined) {
    this.#calls.hook = hook;
  }

  get witness(): CloudWitness | undefined {
    return this.#calls.witness;
  }
  set witness(witness: CloudWitness | undefined) {
    this.#calls.witness = witness;
  }

  /** The request whose effect is taking place; undefined between requests. */
  get current(): CloudCall | undefined {
    return this.#calls.current;
  }

  /** The region of that name; made at its first use. */
  region(name: string): MemoryRegion {
    const found = this.#regions.get(name);
    if (found !== undefined) return found;
    const made = new MemoryRegion(name, this.#calls, this.#regionClock(name), this.#chance, (table, record, call) =>
      this.recorded?.(name, table, record, call),
    );
    this.#regions.set(name, made);
    return made;
  }
}

/** One region: its ports, and what a test or simulator may do beside them. */
export class MemoryRegion implements RegionPorts {
  readonly name: string;
  readonly table: TablePort;
  readonly queue: QueuePort;
  readonly stream: StreamPort;
  readonly invoke: InvokePort;
  readonly objects: ObjectPort;
  /** The state of the region's buckets. */
  readonly buckets = new MemoryObjects();
  readonly #calls: Calls;
  readonly #clock: Clock;
  readonly #chance: SeededChance;
  readonly #recorded: (table: string, record: StreamRecord, call: CloudCall | undefined) => void;
  readonly #tables = new Map<string, MemoryTable>();
  /** Streams outlive their tables. */
  readonly #streams: MemoryStream[] = [];
  readonly #queues = new Map<string, MemoryQueue>();
  readonly #functions = new Map<string, MemoryFunction>();

  constructor(
    name: string,
    calls: Calls,
    clock: Clock,
    chance: SeededChance,
    recorded: (table: string, record: StreamRecord, call: CloudCall | undefined) => void,
  ) {
    this.name = name;
    this.#calls = calls;
    this.#clock = clock;
    this.#chance = chance;
    this.#recorded = recorded;
    const { table, queue, stream, invoke, objects } = this.ports(undefined);
    this.table = table;
    this.queue = queue;
    this.stream = stream;
    this.invoke = invoke;
    this.objects = objects;
  }

  /** The region's ports as one process has them: its requests name it, and wait for it when it is frozen. */
  ports(by: CallingProcess | undefined): RegionPorts {
    const { name } = this;
    const caller = new Caller(this.#calls, by);
    return {
      table: new MemoryTablePort(name, this.#tables, caller, this.#clock),
      queue: new MemoryQueuePort(name, this.#queues, caller, this.#clock),
      objects: new MemoryObjectPort(name, this.buckets, caller),
      stream: {
        shards: (arn) => caller.call({ region: name, service: 'streams', op: 'shards', resources: [arn], args: [arn] }, undefined, () => this.#shards(arn)),
      },
      invoke: {
        invoke: (fn, payload) =>
          caller.call({ region: name, service: 'lambda', op: 'invoke', resources: [fn], args: [fn, payload] }, undefined, () => this.#invoke(fn, payload)),
      },
    };
  }

  /** Creates a table: a new TableId each time. */
  createTable(definition: TableDefinition): MemoryTable {
    if (this.#tables.has(definition.name)) throw new Error(`The region ${this.name} has a table ${definition.name} already; delete it first.`);
    const hex = Array.from({ length: 32 }, () => this.#chance.below(16).toString(16)).join('');
    const tableId = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
    const arn = `arn:aws:dynamodb:${this.name}:${ACCOUNT}:table/${definition.name}`;
    const labels = this.#streams.filter((s) => s.arn.startsWith(`${arn}/stream/`)).map((s) => Number(s.arn.slice(s.arn.lastIndexOf('/') + 1)));
    const table = new MemoryTable(definition, arn, tableId, this.#chance, this.#clock.now(), Math.max(0, ...labels));
    table.onRecord = (record) => this.#recorded(definition.name, record, this.#calls.current);
    this.#tables.set(definition.name, table);
    return table;
  }

  /** Deletes a table with its items; its stream ends and stays readable. */
  deleteTable(name: string): void {
    const table = this.tableNamed(name);
    table.disableStream(this.#clock.now());
    this.#streams.push(...table.streams);
    this.#tables.delete(name);
  }

  /** The state of a table, for tests: streams, TTL, shards. @throws Error when there is none. */
  tableNamed(name: string): MemoryTable {
    const table = this.#tables.get(name);
    if (table === undefined) throw new Error(`The region ${this.name} has no table ${name}: it has ${[...this.#tables.keys()].join(', ') || 'none'}.`);
    return table;
  }

  /** Creates a FIFO queue and returns it; name its dead-letter queue, made before, in `dlq`. Its URL is as SQS forms it. */
  createQueue(definition: QueueDefinition): MemoryQueue {
    const url = `https://sqs.${this.name}.amazonaws.com/${ACCOUNT}/${definition.name}`;
    if (this.#queues.has(url)) throw new Error(`The region ${this.name} has a queue ${definition.name} already.`);
    const dlq = definition.dlq === undefined ? undefined : this.queueNamed(definition.dlq);
    const queue = new MemoryQueue(definition, url, `arn:aws:sqs:${this.name}:${ACCOUNT}:${definition.name}`, dlq, this.#chance);
    this.#queues.set(url, queue);
    return queue;
  }

  /** The state of a queue. @throws Error when there is none. */
  queueNamed(name: string): MemoryQueue {
    for (const queue of this.#queues.values()) if (queue.name === name) return queue;
    throw new Error(`The region ${this.name} has no queue ${name}.`);
  }

  /** Makes a function callable by its name. */
  registerFunction(name: string, fn: MemoryFunction): void {
    this.#functions.set(name, fn);
  }

  /** All items of a table, in no order. */
  items(table: string): readonly Item[] {
    return this.tableNamed(table).items();
  }

  /** All records that a table's streams still hold, the oldest stream first; each stream's by sequence number. */
  streamRecords(table: string): readonly StreamRecord[] {
    return this.tableNamed(table).streams.flatMap((s) => s.records(this.#clock.now()));
  }

  /** All messages of a queue, in the order in which they were stored. */
  messages(queue: string): readonly StoredMessage[] {
    return this.queueNamed(queue).contents(this.#clock.now());
  }

  /** Removes what has expired from every table, as DynamoDB's own TTL does some time after. Returns how many items. */
  expireItems(): number {
    let removed = 0;
    for (const table of this.#tables.values()) removed += table.expire(this.#clock.now());
    return removed;
  }

  #shards(arn: string): readonly ShardDescription[] {
    const stream = [...this.#streams, ...[...this.#tables.values()].flatMap((t) => t.streams)].find((s) => s.arn === arn);
    if (stream === undefined) throw new RemoteError('missing', 'ResourceNotFoundException', `Requested resource not found: stream ${arn}`);
    return stream.describe(this.#clock.now());
  }

  async #invoke(name: string, payload: string): Promise<string> {
    const fn = this.#functions.get(name);
    if (fn === undefined) throw new RemoteError('missing', 'ResourceNotFoundException', `Function not found: ${name} in ${this.name}`);
    try {
      return await fn(payload);
    } catch (error) {
      // The function ran and failed: what it had done by then is done.
      throw new RemoteError('unanswered', 'FunctionError', `The function ${name} failed: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
  }
}
