import type { CloudCall } from '../../../../lib/adapters/memory/call.ts';
import { settled } from '../../oracle.ts';
import type { SimProcess } from '../../process.ts';
import type { Arguments } from '../arguments.ts';
import { durationMs, UsageError } from '../arguments.ts';
import { beginApply, deleteFinished, receive } from '../flows.ts';
import type { HandFault } from '../hand-faults.ts';
import { STRIKES } from '../hand-faults.ts';
import type { Stage } from '../stage.ts';
import { readAll, unread } from './streams.ts';
import type { Verbs } from './verb.ts';

/** Rounds in which `drain` must have brought everything to rest. */
const DRAIN_ROUNDS_MAX = 400;
/** Longest step of time between two rounds (virtual ms): a lane may be away for half an hour. */
const DRAIN_STEP_MAX_MS = 30 * 60_000;
const DRAIN_STEP_MIN_MS = 500;

/** Time, faults, and coming to rest. */
export const TIME: Verbs = {
  /** `advance DURATION` */
  async advance(stage, args) {
    await stage.world.clock.advance(durationMs(args.word('duration')));
    return [];
  },

  /**
   * `fault [op=…] [at=MEMBER] [table=items|tombstones|control] [link=LINK] [fn=fanout|apply|reconcile] [by=NAME] [skip=N]
   * [times=N|*] HOW …`: what shall happen to the next requests that match. HOW: lost · late · swallowed · throttled · down ·
   * denied · kill · kill-after, or any of delay=DURATION (until the effect) · queued=DURATION (in the client, before the
   * socket) · freeze=DURATION (its process, with the request not yet at the socket) · unprocessed=0,2|all · fail=0,2|all.
   */
  fault(stage, args) {
    const matches = matcher(stage, args);
    const skip = args.number('skip') ?? 0;
    const times = args.option('times') ?? '1';
    stage.faults.add({ matches, skip, times: times === '*' ? Number.POSITIVE_INFINITY : Number(times), strike: strikeOf(args) });
    return [];
  },
  /** `heal`: no more faults. */
  heal(stage) {
    stage.faults.clear();
    return [];
  },

  /** `drain`: fan-out and apply of every link run until nothing is on its way, as the mappings would have them. */
  async drain(stage) {
    const { world } = stage;
    for (let round = 0; round < DRAIN_ROUNDS_MAX && world.violation === undefined; round += 1) {
      let moved = 0;
      for (const member of world.set.members) {
        moved += await readAll(stage, member, 'fanout');
        moved += await readAll(stage, member, 'observe');
      }
      for (const link of world.set.links) moved += await deliverOnce(stage, link.id);
      const left = leftOver(stage);
      if (moved === 0 && left === undefined) return ['at rest'];
      if (moved === 0) await world.clock.advance(nextStepMs(stage));
    }
    return [`not at rest: ${leftOver(stage) ?? 'a rule is broken'}`];
  },

  /** `equal`: nothing is on its way, and every oracle is satisfied with the end: all replicas equal the primary, but for refused keys. */
  async equal(stage) {
    const { world } = stage;
    const left = leftOver(stage);
    if (left !== undefined) throw new UsageError(`something is on its way: ${left}; "drain" comes first`);
    await world.clock.run(settled(world.oracles));
    return [`all replicas equal ${world.model.primary?.member}`];
  },
};

async function deliverOnce(stage: Stage, link: string): Promise<number> {
  const received = receive(stage, stage.link(link));
  if (received.messages.length === 0) return 0;
  await stage.wait(beginApply(stage, received));
  if (received.failures !== undefined) deleteFinished(stage, received);
  return received.messages.length;
}

function leftOver(stage: Stage): string | undefined {
  const { set } = stage.world;
  const parts: string[] = [];
  for (const member of set.members) if (unread(stage, member) > 0) parts.push(`${member} has records to read`);
  for (const { id, queue } of set.links) if (queue.size > 0) parts.push(`${id} has messages`);
  return parts.length > 0 ? parts.join(', ') : undefined;
}

function nextStepMs(stage: Stage): number {
  let step = DRAIN_STEP_MAX_MS;
  for (const { queue, source } of stage.world.set.links) {
    const now = stage.world.nowAt(source);
    const at = queue.receivableAt(now);
    if (at !== undefined) step = Math.min(step, at - now);
  }
  for (const member of stage.world.set.members) if (unread(stage, member) > 0) step = DRAIN_STEP_MIN_MS;
  return Math.max(step, DRAIN_STEP_MIN_MS);
}

function matcher(stage: Stage, args: Arguments): HandFault['matches'] {
  const op = args.option('op');
  const at = args.option('at');
  if (at !== undefined) stage.member(at);
  const table = args.option('table');
  const tests: ((call: CloudCall, process: SimProcess) => boolean)[] = [];
  if (op !== undefined) tests.push((call) => call.op === op);
  if (at !== undefined) tests.push((call) => call.region === at);
  if (table !== undefined) {
    const name = tableName(stage, table);
    tests.push((call) => call.resources.includes(name(call.region)));
  }
  const link = args.option('link');
  if (link !== undefined) {
    const { url } = stage.link(link).queue;
    tests.push((call) => call.args[0] === url);
  }
  const fn = args.option('fn');
  if (fn !== undefined) tests.push((_call, process) => process.fn.startsWith(fn));
  const by = args.option('by');
  if (by !== undefined) tests.push((_call, process) => stage.tasks.get(by)?.process === process);
  return (call, process) => tests.every((test) => test(call, process));
}

function tableName(stage: Stage, table: string): (member: string) => string {
  const { set } = stage.world;
  if (table === 'items') return (m) => set.items(m).name;
  if (table === 'tombstones') return (m) => set.tombstonesName(m);
  if (table === 'control') return (m) => set.controlName(m);
  throw new UsageError(`table=${table} is none of items, tombstones, control`);
}

function strikeOf(args: Arguments): HandFault['strike'] {
  const named = args.optionalWord();
  if (named !== undefined) {
    const strike = STRIKES[named];
    if (strike === undefined) throw new UsageError(`there is no fault "${named}": there are ${Object.keys(STRIKES).join(', ')}`);
    return strike;
  }
  const delay = args.ms('delay');
  const queued = args.ms('queued');
  const freeze = args.ms('freeze');
  const unprocessed = places(args.option('unprocessed'));
  const fail = places(args.option('fail'));
  if ([delay, queued, freeze, unprocessed, fail].every((given) => given === undefined)) throw new UsageError('what shall happen is missing');
  return (_call, process) => {
    if (freeze !== undefined) process.freeze(freeze);
    return {
      ...(delay !== undefined && { effectMs: delay }),
      // A frozen process is not let to the socket: the client waits for it there.
      ...((queued !== undefined || freeze !== undefined) && { queueMs: queued ?? 1 }),
      ...(unprocessed !== undefined && { unprocessed }),
      ...(fail !== undefined && { failEntry: (_id: string, index: number) => (fail(index) ? { code: 'InternalError', message: 'try again' } : undefined) }),
    };
  };
}

/** "all", or places from 0, with commas. */
function places(text: string | undefined): ((index: number) => boolean) | undefined {
  if (text === undefined) return undefined;
  const listed = text.split(',').map(Number);
  return text === 'all' ? () => true : (index) => listed.includes(index);
}
