import type { CloudCall, Fault } from '../../lib/adapters/memory/call.ts';
import { SeededChance } from '../../lib/adapters/memory/chance.ts';
import { ManualClock } from '../../lib/adapters/memory/clock.ts';
import { MemoryCloud } from '../../lib/adapters/memory/cloud.ts';
import { slotOf } from '../../lib/adapters/memory/shard.ts';
import type { Item } from '../../lib/core/attribute.ts';
import { FUNCTION_TIMEOUT_MS } from '../../lib/core/constants.ts';
import { keyText } from '../../lib/core/key.ts';
import { RemoteError } from '../../lib/ports/errors.ts';
import type { Log, Runtime } from '../../lib/ports/runtime.ts';
import type { StreamRecord } from '../../lib/ports/stream.ts';
import type { TableWrite } from '../../lib/ports/table.ts';
import { sweepEveryMs } from './checker.ts';
import { Doubt } from './doubt.ts';
import { Faults } from './fault-set.ts';
import { hashOf } from './hash.ts';
import type { Knobs } from './knobs.ts';
import type { QueueMapping } from './mappings/queue.ts';
import type { StreamMapping } from './mappings/stream.ts';
import { OBSERVER_LATE_MS } from './mappings/stream.ts';
import { Messages } from './messages.ts';
import { Model } from './model.ts';
import type { Operator } from './operator.ts';
import type { MakeOracle, Oracle } from './oracle.ts';
import { heldAt } from './oracles/held.ts';
import type { Violation } from './outcome.ts';
import { SimProcess } from './process.ts';
import { KEY, keyOfName, nameOfKey, SimSet } from './set.ts';
import { Silent } from './silent.ts';
import { Trace } from './trace.ts';
import type { Workload } from './workload.ts';

/** Wall clocks of two regions differ by up to this (ms): nothing may compare them. */
const REGION_OFFSET_MAX_MS = 3_600_000;
/** The same where the checker runs, which chooses by them which changes may still be on the way, and allows for a minute (lib/reconcile/proof/limits.ts). */
const CHECKED_OFFSET_MAX_MS = 20_000;
/** Time from the socket to the effect of a request (virtual ms), at most, as a rule: within a region, and to another. */
const NEAR_MS = 8;
const FAR_MS = 60;
/** Idle sandboxes that are kept of one function. */
const SANDBOXES_MAX = 3;

/** What becomes of an invocation. */
export interface InvocationEnd<T> {
  ok?(value: T): void;
  /** It threw, was killed, or ran out of time. */
  failed?(): void;
  /** In every case, last. */
  ended(): void;
}

/** A set of members in a memory cloud, in virtual time: what all parts of a run share. */
export class World {
  readonly seed: number;
  readonly knobs: Knobs;
  readonly clock: ManualClock;
  readonly cloud: MemoryCloud;
  readonly set: SimSet;
  readonly model = new Model();
  readonly doubt = new Doubt();
  readonly silent = new Silent();
  readonly trace: Trace;
  readonly faults: Faults;
  readonly messages: Messages;
  readonly oracles: Oracle[] = [];
  /** Chance of the mappings and latencies. */
  readonly chance: SeededChance;
  readonly streams: StreamMapping[] = [];
  /** Mappings of queues, by link. */
  readonly queues = new Map<string, QueueMapping>();
  /** Names of the workload's keys. */
  readonly keys: readonly string[];
  violation: Violation | undefined;
  calls = 0;
  invocations = 0;
  states = 0;
  /** Invocations that have neither returned nor been killed: those included that Lambda has given up because they are frozen. */
  unfinished = 0;
  /** Numbers of requests whose callers are never answered. */
  readonly unanswered = new Set<number>();
  /** Whether it has a checker. */
  readonly checked: boolean;
  /** Whether the faults are over. */
  healing = false;
  /** Whether the run is over. */
  ended = false;
  operator!: Operator;
  workload!: Workload;
  /** Members whose region is down, and until when (virtual ms). */
  readonly #downUntil = new Map<string, number>();
  #jumpMs = 0;
  readonly #offsets = new Map<string, number>();
  readonly #idle = new Map<string, SimProcess[]>();
  readonly #processes = new Set<SimProcess>();
  #processCount = 0;

  constructor(seed: number, knobs: Knobs, keepTrace: boolean, oracles: readonly MakeOracle[]) {
    this.seed = seed;
    this.knobs = knobs;
    this.checked = sweepEveryMs(knobs) !== undefined;
    this.chance = this.chanceOf('mappings');
    const ties = this.chanceOf('ties');
    this.clock = new ManualClock({ turn: () => new Promise((done) => setImmediate(done)), tie: () => ties.random() });
    this.trace = new Trace(() => this.clock.elapsed(), keepTrace);
    const members = ['a', 'b', 'c'].slice(0, knobs.members);
    const offsets = this.chanceOf('offsets');
    const apart = this.checked ? CHECKED_OFFSET_MAX_MS : REGION_OFFSET_MAX_MS;
    for (const member of members) this.#offsets.set(member, offsets.below(2 * apart) - apart);
    this.cloud = new MemoryCloud({
      clock: this.clock,
      chance: this.chanceOf('cloud'),
      regionClock: (region) => ({ now: () => this.nowAt(region), elapsed: () => this.clock.elapsed(), sleep: (ms) => this.clock.sleep(ms) }),
    });
    this.set = new SimSet(this.cloud, members, knobs.lanes, 1);
    this.keys = Array.from({ length: knobs.keys }, (_, i) => `k${i}`);
    this.faults = new Faults(this);
    this.messages = new Messages(this);
    this.cloud.hook = (call) => this.#beforeCall(call);
    this.cloud.witness = (call, answer) => this.#afterEffect(call, answer);
    this.cloud.recorded = (region, table, record, call) => this.#recorded(region, table, record, call);
    this.oracles.push(...oracles.map((make) => make(this)));
  }

  /** A source of chance of its own for each purpose, so that a change in one leaves the others as they were. */
  chanceOf(purpose: string): SeededChance {
    return new SeededChance(hashOf(purpose, 0x811c9dc5 ^ this.seed));
  }

  /** Wall clock of a region's services (ms). */
  nowAt(member: string): number {
    return this.clock.now() + (this.#offsets.get(member) ?? 0);
  }

  /** The process whose request is having its effect. */
  get currentProcess(): SimProcess | undefined {
    return this.cloud.current?.by as SimProcess | undefined;
  }

  /** Whether a member's region is down. */
  isDown(member: string): boolean {
    return (this.#downUntil.get(member) ?? 0) > this.clock.elapsed();
  }
  /** A region goes down for some time (virtual ms): no requests, no mappings, no writes there. */
  takeDown(member: string, ms: number): void {
    const until = this.clock.elapsed() + ms;
    this.#downUntil.set(member, until);
    for (const mapping of this.streams) if (mapping.member === member) mapping.pausedUntil = Math.max(mapping.pausedUntil, until);
    for (const mapping of this.queues.values()) if (mapping.link.source === member) mapping.pausedUntil = Math.max(mapping.pausedUntil, until);
    this.clock.after(ms, () => this.kickAll());
  }
  /** A region is back before its time. */
  bringBack(): void {
    this.#downUntil.clear();
  }
  /** Every mapping looks whether there is something for it. */
  kickAll(): void {
    for (const mapping of [...this.streams, ...this.queues.values()]) mapping.kick();
  }

  /** A member loses everything, and is there again, empty. */
  wipe(member: string): void {
    this.set.wipe(member, 1);
    this.silent.forget(member);
    for (const link of this.set.links) if (link.target === member || link.source === member) this.doubt.all(link.id, `${member} was wiped`);
    for (const oracle of this.oracles) oracle.wiped?.(member);
  }
  /** Begins a promotion; it goes on by itself. */
  promote(to: string, reachable: (member: string) => boolean, afterMs = 0): void {
    this.operator.promote(to, reachable, afterMs).catch((error: unknown) => this.violate('simulator', `a promotion threw ${String(error)}`));
  }

  /** A write by a person. At a secondary it is drift: the key is in doubt until it is resynced. */
  byHand(member: string, item: Item): void {
    if (this.workload.write(member, item)) this.#drifted(member, nameOfKey(item));
  }
  writeByHand(member: string, key: string): void {
    this.byHand(member, this.workload.item(key));
  }
  removeByHand(member: string, key: string): void {
    this.workload.remove(member, key);
    this.#drifted(member, key);
  }
  /** A table holds something else than it was given, and nothing tells of it: see Silent. */
  corrupt(member: string, key: string, item: Item | undefined): void {
    const table = this.set.items(member);
    const k = table.checkKey(keyOfName(key));
    const before = table.read(k);
    table.corrupt(k, item === undefined ? undefined : table.checkItem(item));
    const after = table.read(k);
    this.silent.add({
      ...{ member, key, before, after, t: this.clock.elapsed(), atMs: this.nowAt(member) },
      writes: this.model.latest(member).length,
    });
    for (const oracle of this.oracles) oracle.corrupted?.(member, key);
  }
  #drifted(member: string, key: string): void {
    if (this.model.primary?.member === member) return;
    for (const link of this.set.links) if (link.target === member) this.doubt.key(link.id, key, 'written by hand');
  }

  /** A mapping delivers nothing for some time (virtual ms). */
  pause(mapping: StreamMapping | QueueMapping, ms: number): void {
    const from = this.clock.elapsed();
    const since = mapping.pausedUntil > from ? mapping.pausedSince : from;
    mapping.pausedSince = since;
    mapping.pausedUntil = Math.max(mapping.pausedUntil, from + ms);
    this.clock.after(ms, () => {
      if ('fn' in mapping && mapping.fn === 'fanout') this.#fanoutStoodStill(mapping, this.clock.elapsed() - since);
      mapping.kick();
    });
  }
  /** What fan-out has lost is told by its marks and the observer's; where they do not, somebody must look at all of it. */
  #fanoutStoodStill({ member }: StreamMapping, ms: number): void {
    // Of several open shards no mark tells (Gap 2 of docs/SPEC.md).
    const several = this.openShards(member).length > 1;
    const observer = this.streams.find((m) => m.member === member && m.fn === 'observe');
    const unseen = ms >= OBSERVER_LATE_MS && observer !== undefined && (observer.pausedUntil > this.clock.elapsed() || observer.unread > 0);
    if (several || unseen) this.#doubtAll(member, several ? 'fan-out stood still, with several open shards' : 'both readers stood still');
  }
  #doubtAll(member: string, why: string): void {
    for (const link of this.set.links) if (link.source === member) this.doubt.all(link.id, why);
  }
  /** Ids of the open shards of a member's stream. */
  openShards(member: string): readonly string[] {
    const { stream } = this.set.items(member);
    return stream?.shardIds(this.nowAt(member)).filter((id) => stream.shard(id)?.closed === false) ?? [];
  }

  /** The next step of the workload comes this much later (virtual ms). */
  jump(ms: number): void {
    this.#jumpMs += ms;
  }
  takeJump(): number {
    const ms = this.#jumpMs;
    this.#jumpMs = 0;
    return ms;
  }

  /** A rule is broken: the run ends, and its story is told. The first one counts. */
  violate(rule: string, message: string, key?: string): void {
    if (this.violation !== undefined) return;
    this.violation = { rule, message, ...(key !== undefined && { key }), t: this.clock.elapsed() };
    this.trace.add('violation', () => ({ ...(key !== undefined && { keys: [key] }), text: `${rule}: ${message}` }));
  }

  /** A sandbox of a function that is free, or a new one. `fn` is "fanout", "observe", "reconcile" or "apply>TARGET". */
  sandbox(member: string, fn: string): SimProcess {
    const pool = this.#idle.get(`${member}/${fn}`);
    return pool?.pop() ?? this.process(member, fn);
  }

  /** A new process at a member. */
  process(member: string, fn: string): SimProcess {
    this.#processCount += 1;
    const process = new SimProcess({
      name: `${member}/${fn}#${this.#processCount}`,
      member,
      fn,
      clock: this.clock,
      regionOffsetMs: this.#offsets.get(member) ?? 0,
      seed: this.chance.below(0x7fff_ffff),
      atAwait: (p) => this.faults.await(p),
    });
    process.onSent = (call) => {
      for (const oracle of this.oracles) oracle.sent?.(process, call);
    };
    process.onAnswered = (call) => {
      for (const oracle of this.oracles) oracle.answered?.(process, call);
    };
    this.#processes.add(process);
    return process;
  }

  /** Frozen processes go on within `ms`. */
  thawAll(ms: number): void {
    for (const process of this.#processes) if (process.frozen) process.thaw(ms);
  }

  runtimeOf(process: SimProcess): Runtime {
    // A part of the minute run that fails is logged, and tried again; a plain bug must not hide behind that.
    const error: Log['error'] = (message, fields) => {
      const why = String(fields?.['why'] ?? '');
      if (BUG.test(why)) this.violate('errors', `${process.name}: ${message} ${why}`);
    };
    return { clock: process.clock, chance: process.chance, log: { ...SILENT, error }, metrics: NO_METRICS };
  }

  /** Runs one invocation as Lambda does: until it answers, is killed, or has had `timeoutMs`. */
  invoke<T>(process: SimProcess, work: () => Promise<T>, end: InvocationEnd<T>, timeoutMs = FUNCTION_TIMEOUT_MS): void {
    this.invocations += 1;
    this.unfinished += 1;
    let told = false;
    const tell = (how: string, then: () => void): boolean => {
      if (told) return false;
      told = true;
      this.trace.add('end', () => ({ who: process.name, at: process.member, text: how }));
      then();
      end.ended();
      return true;
    };
    process.onKilled = () => {
      this.#processes.delete(process);
      this.unfinished -= 1;
      tell('killed', () => end.failed?.());
    };
    this.trace.mix(this.invocations);
    this.trace.add('begin', () => ({ who: process.name, at: process.member, text: 'begins' }));
    for (const oracle of this.oracles) oracle.began?.(process);
    this.clock.after(timeoutMs, () => {
      if (told) return;
      for (const oracle of this.oracles) oracle.timedOut?.(process);
      // Lambda ends a sandbox that has run out of time; one that is frozen with its machine goes on when it thaws.
      if (process.frozen) tell('given up: frozen', () => end.failed?.());
      else process.kill();
    });
    const settle = (how: string, error: unknown, then: () => void): void => {
      this.unfinished -= 1;
      process.onKilled = undefined;
      for (const oracle of this.oracles) oracle.returned?.(process, error);
      if (tell(how, then)) this.#release(process);
      else this.#processes.delete(process);
    };
    work().then(
      (value) => settle('answers', undefined, () => end.ok?.(value)),
      (error: unknown) => settle(`throws ${error instanceof Error ? error.message : String(error)}`, error, () => end.failed?.()),
    );
  }

  #release(process: SimProcess): void {
    const id = `${process.member}/${process.fn}`;
    const pool = this.#idle.get(id);
    if (pool === undefined) this.#idle.set(id, [process]);
    else if (pool.length < SANDBOXES_MAX) pool.push(process);
    else this.#processes.delete(process);
  }

  #beforeCall(call: CloudCall): Fault | undefined {
    this.calls += 1;
    const process = call.by as SimProcess | undefined;
    if (process === undefined) return undefined;
    const near = process.member === call.region;
    const effectMs = 1 + this.chance.below(near ? NEAR_MS : FAR_MS);
    if (process.fn === 'operator') return { effectMs };
    this.trace.mix(call.number);
    let fault: Fault | undefined;
    try {
      fault = this.faults.call(call);
    } catch (error) {
      if (error instanceof RemoteError) {
        this.trace.add('call', () => ({ who: process.name, at: call.region, text: `${call.op} ${call.resources.join(' ')}: ${error.kind} ${error.code}` }));
        // The refusal takes its time, too.
        return { effectMs, refuse: error };
      }
      throw error;
    }
    if (fault === undefined) return { effectMs };
    if (fault.lost !== undefined || fault.refuse?.kind === 'unanswered') this.unanswered.add(call.number);
    this.trace.add('call', () => ({ who: process.name, at: call.region, text: `${call.op} ${call.resources.join(' ')}: ${describeFault(fault)}` }));
    return { effectMs, ...fault };
  }

  #afterEffect(call: CloudCall, answer: unknown): void {
    for (const oracle of this.oracles) {
      try {
        oracle.effect?.(call, answer);
      } catch (error) {
        // Thrown on, it would be the caller's answer, and hide there.
        this.violate('simulator', `the oracle ${oracle.name} threw ${error instanceof Error ? error.stack : String(error)}`);
      }
    }
    const process = call.by as SimProcess | undefined;
    if (process === undefined || call.service !== 'dynamodb' || !WRITES.has(call.op)) return;
    const items = `items-${call.region}`;
    const tombstones = this.set.tombstonesName(call.region);
    const [first, second] = call.args;
    if (call.op === 'batchWrite') {
      for (const { table, put, delete: removed } of first as readonly TableWrite[]) {
        if (table === items || table === tombstones) this.#state(call, nameOfKey(put ?? removed), put);
      }
    } else if (first === items || first === tombstones) this.#state(call, nameOfKey(second as Item), call.op === 'put' ? (second as Item) : undefined);
  }

  #state(call: CloudCall, key: string, written: Item | undefined): void {
    this.states += 1;
    const state = { member: call.region, key, call, written, held: heldAt(this, call.region, key) };
    for (const oracle of this.oracles) oracle.state?.(state);
  }

  #recorded(member: string, table: string, record: StreamRecord, call: CloudCall | undefined): void {
    if (table !== `items-${member}`) return;
    const by = record.byTtl ? 'ttl' : call?.by === undefined ? 'user' : 'apply';
    const shard = this.set.items(member).stream?.shardOf(slotOf(keyText(record.keys, KEY))).id ?? '';
    const version = this.model.record(member, record, shard, by, this.clock.elapsed());
    this.trace.mix(Number(version.sequence % 0x7fff_ffffn));
    if (by !== 'apply') {
      this.trace.add('write', () => ({ who: by, at: member, keys: [version.key], text: describeVersion(version) }));
    } else {
      this.trace.add('state', () => ({ who: call?.by?.name ?? '?', at: member, keys: [version.key], text: describeVersion(version) }));
    }
    for (const oracle of this.oracles) oracle.recorded?.(version);
    for (const mapping of this.streams) if (mapping.member === member) mapping.kick();
  }
}

const WRITES: ReadonlySet<string> = new Set(['put', 'delete', 'batchWrite']);

const nothing = (): void => undefined;
const SILENT: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing };
/** What the reason of a failure begins with when nobody has foreseen it. */
const BUG = /^(TypeError|RangeError|ReferenceError|SyntaxError|InvariantError)\b/;
const NO_METRICS = { count: nothing };

const describeVersion = (v: { key: string; image: unknown; sequence: bigint }): string =>
  `${v.image === undefined ? `−${v.key}` : `${v.key}=${(v.image as { v?: { N?: string } }).v?.N ?? '?'}`}@${v.sequence}`;

function describeFault(fault: Fault): string {
  const parts: string[] = [];
  if (fault.refuse !== undefined) parts.push(`refused: ${fault.refuse.kind} ${fault.refuse.code}`);
  if (fault.lost !== undefined)
    parts.push((fault.effectMs ?? 0) > (fault.answerMs ?? 0) ? 'takes effect after the client gave up' : 'takes effect, the answer is lost');
  if (fault.queueMs !== undefined) parts.push(`waits ${fault.queueMs} ms in the client`);
  if (fault.unprocessed !== undefined) parts.push('leaves some unprocessed');
  if (fault.failEntry !== undefined) parts.push('fails some entries');
  return parts.join(', ') || `takes ${fault.effectMs ?? 0} ms`;
}
