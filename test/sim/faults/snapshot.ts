import { archivePlace } from '../../../lib/archive/place.ts';
import type { SnapshotOptions } from '../../../lib/archive/snapshot/take.ts';
import { takeSnapshot } from '../../../lib/archive/snapshot/take.ts';
import { memberContext } from '../../../lib/replicate/context.ts';
import type { FaultKind } from '../fault.ts';
import type { World } from '../world.ts';

/** How often one snapshot is gone on with, after it failed or its time was over. */
const TRIES_MAX = 12;
/** Waits before that (virtual ms), at most. */
const AGAIN_MAX_MS = 120_000;
/** Longest time of one run (virtual ms); its savepoint is free after a minute and a half. */
const RUN_MAX_MS = 10 * 60_000;

export const snapshot: FaultKind = {
  name: 'snapshot',
  about: 'A snapshot of a member begins at any moment, and is taken while others write. Where it fails it is begun again.',
  share: 0.3,
  rate: (chance) => 0.01 + chance.random() * 0.05,
  make: (at) => {
    const running = new Set<string>();
    return {
      step() {
        if (!at.strikes()) return;
        const { world, chance } = at;
        const member = world.set.members[chance.below(world.set.members.length)] as string;
        if (running.has(member)) return;
        running.add(member);
        // Slow ones, of which pages are days apart in the eyes of a busy table, and quick ones.
        const itemsPerS = [undefined, 1, 5, 50][chance.below(4)];
        const options = { owner: 'somebody', segments: 1 + chance.below(3), ...(itemsPerS !== undefined && { itemsPerS }) };
        const sliceMs = chance.random() < 0.5 ? 1_000 + chance.below(10_000) : undefined;
        const again = (): number => chance.below(AGAIN_MAX_MS);
        at.injected(() => `a snapshot of ${member} begins${itemsPerS === undefined ? '' : `, ${itemsPerS} items a second`}`, { at: member });
        run(world, member, { options, sliceMs }, TRIES_MAX, again, () => running.delete(member));
      },
    };
  },
};

/** How it is taken: in one go, or in slices (virtual ms). */
interface How {
  readonly options: SnapshotOptions;
  readonly sliceMs: number | undefined;
}

function run(world: World, member: string, how: How, tries: number, againMs: () => number, over: () => void): void {
  const { set } = world;
  const process = world.process(member, 'snapshot');
  const { table, objects } = set.region(member).ports(process);
  const context = memberContext(set.config, set.memberConfig(member));
  const ports = { table, place: archivePlace(context, objects) };
  const watcher = { progress: () => undefined, stopped: () => false };
  const { clock } = process;
  const options = { ...how.options, ...(how.sliceMs !== undefined && { untilMs: clock.elapsed() + how.sliceMs }) };
  let done = false;
  world.invoke(
    process,
    () => takeSnapshot(context, ports, world.runtimeOf(process), options, watcher),
    {
      ok: ({ manifest }) => {
        done = manifest !== undefined;
      },
      ended: () => {
        if (done || tries <= 1 || world.ended) over();
        else world.clock.after(againMs(), () => (world.ended ? over() : run(world, member, how, tries - 1, againMs, over)));
      },
    },
    RUN_MAX_MS,
  );
}
