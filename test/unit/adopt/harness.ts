import type { BackfillOptions, BackfillResult } from '../../../lib/adopt/backfill.ts';
import { backfill } from '../../../lib/adopt/backfill.ts';
import type { BackfillPorts, Progress } from '../../../lib/adopt/ports.ts';
import type { AdoptJob } from '../../../lib/adopt/savepoint.ts';
import { adoptPlace } from '../../../lib/adopt/savepoint.ts';
import { readJob } from '../../../lib/job/lease.ts';
import type { Runtime } from '../../../lib/ports/runtime.ts';
import type { StreamView } from '../../../lib/ports/stream.ts';
import { memberContext } from '../../../lib/replicate/context.ts';
import type { Death } from '../../flows/support/mortal.ts';
import { mortal } from '../../flows/support/mortal.ts';
import { item, World } from '../../flows/support/world.ts';

export const SET = ['eu-west-1', 'us-east-1', 'ap-southeast-2'] as const;
const OPTIONS: BackfillOptions = { generation: 1, owner: 'a test' };
/** Rounds in which a run must end. */
const ROUNDS_MAX = 3_000;

/** A world whose primary's table has been there for long: nothing of what it holds is in its stream any more. */
export async function adopted(items: number, options: { seed?: number; view?: StreamView; members?: readonly string[] } = {}): Promise<World> {
  const world = await World.create({ members: SET.slice(0, 2), lanes: 3, ...options });
  for (let i = 0; i < items; i += 1) await world.put(item(`k${i}`, 1, { n: { N: String(i) } }));
  world.consumed.set(world.primary, world.records().length);
  return world;
}

/** The ports of one process. */
function portsOf(world: World, death?: Death): BackfillPorts {
  const { wrap } = mortal(death);
  const region = world.cloud.region(world.primary);
  return { table: wrap(region.table), queue: wrap(region.queue), target: (name) => wrap(world.cloud.region(name).table) };
}

/** A runtime whose elapsed time has fractions, as a host's has. */
function runtimeOf(world: World): Runtime {
  const { clock } = world;
  return { ...world.runtime, clock: { now: () => clock.now(), elapsed: () => clock.elapsed() * 1.000_1, sleep: (ms) => clock.sleep(ms) } };
}

export interface Run {
  readonly options?: Partial<BackfillOptions>;
  readonly death?: Death;
  readonly stopped?: () => boolean;
  readonly heard?: Progress[];
  /** Apply gets a turn only every so many rounds, and one message then. */
  readonly slow?: number;
  /** What else happens meanwhile, once a round. */
  readonly meanwhile?: () => Promise<void>;
}

/** Runs a backfill while the set's functions run. */
export async function run(world: World, { options, death, stopped, heard, slow, meanwhile }: Run = {}): Promise<BackfillResult> {
  const member = memberContext(world.config, world.member(0));
  let outcome: { result: BackfillResult } | { error: unknown } | undefined;
  const work = backfill(
    member,
    portsOf(world, death),
    runtimeOf(world),
    { ...OPTIONS, ...options },
    { progress: (now) => heard?.push(now), stopped: stopped ?? (() => false) },
  ).then(
    (result) => {
      outcome = { result };
    },
    (error: unknown) => {
      outcome = { error };
    },
  );
  for (let round = 0; outcome === undefined; round += 1) {
    if (round > ROUNDS_MAX) throw new Error('the backfill does not end');
    await world.clock.advance(40);
    await meanwhile?.();
    await world.pumpFanout();
    for (const link of member.links) {
      if (slow === undefined) await world.pumpApply(link.source, link.target);
      else if (round % slow === 0) await world.applyOf(await world.receive(link.source, link.target, 1), link.source, link.target);
    }
  }
  await work;
  if ('error' in outcome) throw outcome.error;
  return outcome.result;
}

export const jobOf = (world: World): Promise<AdoptJob | undefined> =>
  world.clock.run(readJob(adoptPlace(world.table(world.primary), world.control(world.primary), 1), world.runtime));
