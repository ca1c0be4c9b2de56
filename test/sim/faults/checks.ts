import { InputError } from '../../../lib/core/errors.ts';
import { runCheck } from '../../../lib/reconcile/check/engine.ts';
import type { CheckRequest } from '../../../lib/reconcile/check/request.ts';
import { startCheck } from '../../../lib/reconcile/check/start.ts';
import { checkPorts } from '../checker.ts';
import type { FaultKind } from '../fault.ts';
import { keyOfName } from '../set.ts';
import type { World } from '../world.ts';

/** How often one check is gone on with, after it failed or its time was over. */
const TRIES_MAX = 6;
/** Waits before that (virtual ms), at most. */
const AGAIN_MAX_MS = 180_000;
/** Longest time of one run (virtual ms). */
const RUN_MAX_MS = 15 * 60_000;
/** Checks that one run of the world begins, at most. */
const CHECKS_MAX = 3;

export const checks: FaultKind = {
  name: 'checks',
  about:
    'Somebody begins a check of some keys, of a sample or of everything at any moment, and runs it until it ends or fails; the minute run goes on with it.',
  share: 0.5,
  checker: true,
  rate: (chance) => 0.01 + chance.random() * 0.03,
  make: (at) => {
    let begun = 0;
    return {
      step() {
        const { world, chance } = at;
        const primary = world.model.primary?.member;
        if (primary === undefined || begun >= CHECKS_MAX || !at.strikes()) return;
        begun += 1;
        const targets = world.set.members.filter((m) => m !== primary);
        const mode = (['proof', 'sweep', 'keys', 'sample'] as const)[chance.below(4)] as CheckRequest['mode'];
        const keys = world.keys.slice(0, 1 + chance.below(world.keys.length)).map(keyOfName);
        const request: CheckRequest = {
          ...{ mode, targets, by: 'somebody', action: chance.random() < 0.5 ? 'report' : 'repair' },
          ...(mode === 'keys' && { keys }),
          ...(mode === 'sample' && { share: 0.1 + 0.9 * chance.random() }),
        };
        at.injected(() => `a check begins: ${mode}, ${request.action}`, { at: primary });
        const drive = chance.random() < 0.5;
        run(world, primary, request, undefined, drive, TRIES_MAX, () => chance.below(AGAIN_MAX_MS));
      },
    };
  },
};

function run(world: World, member: string, request: CheckRequest, id: string | undefined, drive: boolean, tries: number, againMs: () => number): void {
  const process = world.process(member, 'check');
  const ports = checkPorts(world, member, process, { all: drive });
  const runtime = world.runtimeOf(process);
  let check = id;
  let done = false;
  const work = async (): Promise<void> => {
    check ??= (await startCheck(ports, runtime, request)).id;
    const untilMs = process.clock.elapsed() + RUN_MAX_MS / 2;
    const job = await runCheck(ports, runtime, check, { owner: 'somebody', untilMs, drive }, { progress: () => undefined, stopped: () => false });
    done = job.done !== undefined;
  };
  world.invoke(
    process,
    () =>
      work().catch((error: unknown) => {
        // Another run has it, the primary is another one, or too many are under way.
        if (!(error instanceof InputError)) throw error;
        done = error.code !== 'job-taken' && error.code !== 'job-lost';
      }),
    {
      ended: () => {
        if (!done && tries > 1 && !world.ended && !world.healing)
          world.clock.after(againMs(), () => run(world, member, request, check, drive, tries - 1, againMs));
      },
    },
    RUN_MAX_MS,
  );
}
