import { checkDone, checkedSince, sweepEveryMs } from './checker.ts';
import { drawKnobs } from './draw.ts';
import type { Knobs } from './knobs.ts';
import { Operator } from './operator.ts';
import { settled } from './oracle.ts';
import { ORACLES } from './oracles/all.ts';
import { refusedAnywhere, refusedSettled } from './oracles/converge.ts';
import type { Outcome } from './outcome.ts';
import type { TraceEvent, TraceHeader } from './trace.ts';
import { startMinutes, wire } from './wire.ts';
import { Workload } from './workload.ts';
import { World } from './world.ts';

/** How long a world may take to come to rest after its faults are over (virtual ms): a lane that was given back for half an hour, a few times over, and refused keys, which are tried hourly. */
const HEAL_MAX_MS = 8 * 3_600_000;
/** How long the checker may take after that (virtual ms), beside the time between two sweeps: one that is under way ends, the next is done, its verdicts are there, and its repairs are verified. */
const CHECK_MAX_MS = 6 * 3_600_000;
/** A sweep that begins so soon after a change (virtual ms) may take the last record of its key for what is there: replay begins five minutes before a scan. */
const FRESH_MS = 6 * 60_000;
/** While the checker is waited for, somebody writes a key so often (virtual ms): of a table that nobody writes less can be said. */
const WRITE_EVERY_MS = 60_000;
/** A key that nothing else is done to. */
const HEARTBEAT = 'beat';
/** From the end of the faults to the mending (virtual ms), so that what comes right by itself has begun to. */
const MEND_AFTER_MS = 60_000;
/** Longest time of a promotion, the time until somebody begins it included (virtual ms). */
const PROMOTION_MAX_MS = 300_000;
/** What a rested world is watched for (virtual ms): nothing may happen in it but the minute run. */
const WATCH_MS = 3 * 60_000;
/** Frames of an error's stack in a run whose trace is kept. */
const FRAMES = 20;

/** Options of a run. */
export interface RunOptions {
  /** Knobs that are not drawn from the seed. */
  readonly knobs?: Partial<Knobs>;
  /** Keep the trace, not only its digest. */
  readonly keepTrace?: boolean;
  /** Is given the world when it is made, so that a run that neither ends nor fails can still be looked at. */
  readonly watch?: (world: World) => void;
}

/** A run's outcome, and its trace if it was kept. */
export interface Run {
  readonly outcome: Outcome;
  readonly trace?: { readonly header: TraceHeader; readonly events: readonly TraceEvent[] };
}

/** Runs one seed: break, heal, converge. The same seed and knobs give the same run, everywhere. */
export async function runSeed(seed: number, options: RunOptions = {}): Promise<Run> {
  const knobs: Knobs = { ...drawKnobs(seed), ...options.knobs };
  // Most errors of a run are refusals that were injected: their stacks are made only for a run that somebody will read. Runs may
  // overlap: the first one notes what the process had, the last one gives it back.
  if (running === 0) framesBefore = Error.stackTraceLimit;
  running += 1;
  Error.stackTraceLimit = options.keepTrace === true ? FRAMES : 0;
  try {
    return await runWorld(seed, knobs, options);
  } finally {
    running -= 1;
    if (running === 0) Error.stackTraceLimit = framesBefore;
  }
}

/** Runs that are under way in this process, and how many frames its errors had before the first. */
let running = 0;
let framesBefore = Error.stackTraceLimit;

async function runWorld(seed: number, knobs: Knobs, options: RunOptions): Promise<Run> {
  const keepTrace = options.keepTrace === true;
  const world = new World(seed, knobs, keepTrace, ORACLES);
  options.watch?.(world);
  const operator = new Operator(world);
  const workload = new Workload(world);
  world.operator = operator;
  world.workload = workload;
  wire(world);
  const first = world.set.members[0] as string;
  await world.clock.run(operator.init(first));
  operator.accepted(first, 1, world.set.items(first).stream?.arn ?? '', 0);
  startMinutes(world);

  world.trace.add('phase', () => ({ text: 'break' }));
  await breakPhase(world, workload);
  if (world.violation === undefined) await healPhase(world, operator);
  return { outcome: outcomeOf(world), ...(keepTrace && { trace: { header: headerOf(world), events: world.trace.events } }) };
}

async function breakPhase(world: World, workload: Workload): Promise<void> {
  for (let step = 0; step < world.knobs.steps && world.violation === undefined; step += 1) {
    workload.step();
    world.faults.step();
    await pass(world, workload.gapMs() + world.takeJump());
  }
}

/** Lets time pass, or less when a rule is broken meanwhile. */
async function pass(world: World, ms: number): Promise<void> {
  const end = world.clock.elapsed() + ms;
  await until(world, () => false, ms);
  if (world.violation === undefined) await world.clock.advance(end - world.clock.elapsed());
}

async function healPhase(world: World, operator: Operator): Promise<void> {
  world.healing = true;
  world.faults.heal();
  world.thawAll(MEND_AFTER_MS / 2);
  world.trace.add('phase', () => ({ text: 'heal' }));
  for (const mapping of [...world.streams, ...world.queues.values()]) {
    mapping.pausedUntil = 0;
    mapping.kick();
  }
  await until(world, () => operator.promoting === 0, PROMOTION_MAX_MS);
  await pass(world, MEND_AFTER_MS);
  if (world.violation !== undefined) return;
  await world.clock.run(operator.reopenAll());
  await until(world, () => atRest(world), HEAL_MAX_MS / 2);
  if (world.violation === undefined) for (const oracle of world.oracles) oracle.rested?.();
  if (world.violation === undefined) await world.clock.run(operator.resyncDoubtful());
  // Somebody mends half of what is refused; it has to be taken, and to leave the list.
  const primary = world.model.primary?.member;
  if (primary !== undefined) for (const [i, key] of refusedAnywhere(world).entries()) if (i % 2 === 0) world.workload.put(primary, key);
  await until(world, () => atRest(world) && refusedSettled(world), HEAL_MAX_MS / 2);
  if (world.violation === undefined && world.checked) await (canCheck(world) ? checkPhase(world, operator) : resyncSilent(world, operator));
  if (world.violation !== undefined) return;
  if (!atRest(world) || !refusedSettled(world))
    return world.violate('I1', `does not come to rest within ${HEAL_MAX_MS / 3_600_000} h after the faults are over: ${unrest(world)}`);
  await world.clock.run(settled(world.oracles));
  const before = world.states;
  await until(world, () => world.violation !== undefined, WATCH_MS);
  if (world.states !== before) world.violate('I9', `${world.states - before} keys of replicas were written after all was at rest`);
}

/** Whether the checker can come to an end: of several open shards fan-out marks none (Gap 2 of docs/SPEC.md), so that nobody can say what is on the way. */
const canCheck = (world: World): boolean => world.set.members.every((member) => world.openShards(member).length <= 1);

/** A person mends what the checker cannot come to. */
async function resyncSilent(world: World, operator: Operator): Promise<void> {
  const primary = world.model.primary?.member;
  for (const { id, source, target } of world.set.links) {
    if (source !== primary) continue;
    const keys = [...world.silent.of(source), ...world.silent.of(target)].map(({ key }) => key);
    await world.clock.run(operator.resync(source, target, [...new Set([...keys, ...world.doubt.keys(id)])]));
  }
  await until(world, () => atRest(world) && refusedSettled(world), HEAL_MAX_MS / 2);
}

/** What nobody knows of is found and mended by the checker, within its time; then it has nothing more to say. */
async function checkPhase(world: World, operator: Operator): Promise<void> {
  world.trace.add('phase', () => ({ text: 'check' }));
  const from = world.clock.elapsed();
  const maxMs = CHECK_MAX_MS + 2 * (sweepEveryMs(world.knobs) ?? 0);
  const end = from + maxMs;
  const isOver = (): boolean => checkedSince(world, from + FRESH_MS) && checkDone(world) && atRest(world) && refusedSettled(world);
  while (!isOver() && world.violation === undefined && world.clock.elapsed() < end) {
    const primary = world.model.primary?.member;
    if (primary !== undefined) world.workload.put(primary, HEARTBEAT);
    await pass(world, WRITE_EVERY_MS);
    // A link that fan-out gives up even now is a person's to open and to fill again.
    if (world.violation === undefined && world.set.links.some((l) => l.source === primary && world.set.linkRow(l.source, l.target)?.state === 'stale')) {
      await world.clock.run(operator.reopenAll());
      await world.clock.run(operator.resyncDoubtful());
    }
  }
  if (world.violation === undefined && !isOver()) world.violate('I7', `no sweep was begun and done within ${maxMs / 3_600_000} h: ${unrest(world)}`);
}

const until = (world: World, done: () => boolean, maxMs: number): Promise<boolean> =>
  world.clock.runUntil(() => world.violation !== undefined || done(), maxMs);

/** Whether nothing is on its way. */
function atRest(world: World): boolean {
  if (world.unfinished > 0) return false;
  const primary = world.model.primary?.member;
  // Dead letters at a member that is not primary any more wait until it is again: nobody may send for it (Gaps of docs/SPEC.md).
  for (const { queue, dlq, source } of world.set.links) if (queue.size > 0 || (dlq.size > 0 && source === primary)) return false;
  return world.streams.every((mapping) => mapping.idle);
}

function unrest(world: World): string {
  const parts: string[] = [];
  for (const { id, queue, dlq } of world.set.links) if (queue.size + dlq.size > 0) parts.push(`${id} has ${queue.size} messages and ${dlq.size} dead letters`);
  for (const mapping of world.streams) if (!mapping.idle) parts.push(`${mapping.member}/${mapping.fn} has ${mapping.unread} records to read`);
  if (world.unfinished > 0) parts.push(`${world.unfinished} invocations have not returned`);
  return parts.join('; ') || 'the refused keys do not settle';
}

function outcomeOf(world: World): Outcome {
  world.ended = true;
  return {
    seed: world.seed,
    knobs: world.knobs,
    ...(world.violation !== undefined && { violation: world.violation }),
    virtualMs: Math.round(world.clock.elapsed()),
    writes: world.model.userWrites,
    calls: world.calls,
    invocations: world.invocations,
    states: world.states,
    injected: world.faults.injected,
    events: world.trace.count,
    digest: world.trace.digest,
  };
}

function headerOf(world: World): TraceHeader {
  return {
    syncline: 'trace',
    version: 1,
    seed: world.seed,
    knobs: { ...world.knobs },
    members: world.set.members,
    links: world.set.links.map((l) => l.id),
    lanes: world.knobs.lanes,
    keys: world.keys,
    endMs: Math.round(world.clock.elapsed()),
    ...(world.violation !== undefined && { violation: world.violation }),
  };
}
