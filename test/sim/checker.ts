import { MemoryEventPort } from '../../lib/adapters/memory/event-port.ts';
import { archivePlace } from '../../lib/archive/place.ts';
import type { CheckJob } from '../../lib/reconcile/check/job.ts';
import { decodeCheck } from '../../lib/reconcile/check/job.ts';
import type { CheckPorts, MemberReach } from '../../lib/reconcile/ports.ts';
import type { CheckSettings } from '../../lib/reconcile/schedule/settings.ts';
import { memberContext } from '../../lib/replicate/context.ts';
import type { Knobs } from './knobs.ts';
import type { SimProcess } from './process.ts';
import type { World } from './world.ts';

/** The kinds of fault that are about the checker: a world that has one always has a checker. */
const KINDS: readonly string[] = ['backfill-hole', 'silent-corruption', 'hot-keys', 'checks'];
/** Time between two sweeps where the knobs do not say it (virtual ms): more often than anybody would, so that runs of hours have some. */
const SWEEP_EVERY_MS = 2 * 3_600_000;

/** Time between two sweeps of a world (virtual ms); undefined where it has no checker. */
export function sweepEveryMs({ checkMs = 0, faults }: Pick<Knobs, 'checkMs' | 'faults'>): number | undefined {
  if (checkMs > 0) return checkMs;
  return KINDS.some((name) => faults[name] !== undefined) ? SWEEP_EVERY_MS : undefined;
}

/** The checker's settings in a world. */
export function checkSettings(world: World): CheckSettings {
  const every = sweepEveryMs(world.knobs);
  return { repair: 'auto', ...(every !== undefined && { sweepEveryMs: every }) };
}

/** What the checker of a member reaches, by one process. @param options.all a person may describe the streams of all members, a function only its own. */
export function checkPorts(world: World, member: string, process: SimProcess, options: { readonly all?: boolean } = {}): CheckPorts {
  const { set } = world;
  const reach = (name: string): MemberReach => {
    const { table, objects, stream } = set.region(name).ports(process);
    const context = memberContext(set.config, set.memberConfig(name));
    return { member: context, table, place: archivePlace(context, objects), ...((name === member || options.all === true) && { stream }) };
  };
  const { queue, stream } = set.region(member).ports(process);
  const others = set.members.filter((name) => name !== member).map((name): [string, MemberReach] => [name, reach(name)]);
  return { own: reach(member), others: new Map(others), queue, stream, events: eventsOf(world) };
}

const EVENTS = new WeakMap<World, MemoryEventPort>();

/** What the checkers of a world have told their users. */
export function eventsOf(world: World): MemoryEventPort {
  let found = EVENTS.get(world);
  if (found === undefined) {
    found = new MemoryEventPort();
    EVENTS.set(world, found);
  }
  return found;
}

/** The checks that the primary's table has rows of, read past the ports. */
export function checksOf(world: World): readonly CheckJob[] {
  const primary = world.model.primary?.member;
  if (primary === undefined) return [];
  const rows = world.set.control(primary).items();
  return rows.filter((row) => (row['pk'] as { S: string }).S === 'job' && (row['sk'] as { S: string }).S.startsWith('check#')).map(decodeCheck);
}

/** Whether a sweep of all members was begun after a time (virtual ms), and is over. */
export function checkedSince(world: World, t: number): boolean {
  const primary = world.model.primary?.member;
  if (primary === undefined) return true;
  const startedMs = world.nowAt(primary) - world.clock.elapsed() + t;
  return checksOf(world).some(({ request, started, done }) => request.mode === 'sweep' && started > startedMs && done !== undefined);
}

/** Whether no check is under way. */
export const checkDone = (world: World): boolean => checksOf(world).every(({ done }) => done !== undefined);
