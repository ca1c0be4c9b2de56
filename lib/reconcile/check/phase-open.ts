import { FormatError } from '../../core/errors.ts';
import { isRemote, whyText } from '../../ports/errors.ts';
import { together } from '../../replicate/together.ts';
import { openKind } from '../proof/open-kind.ts';
import type { Opened } from '../proof/opening.ts';
import { stepOpening } from '../proof/opening.ts';
import type { Opening } from '../proof/opening-state.ts';
import { LogGapError } from '../segments.ts';
import { storeSuspicions } from './batches.ts';
import { afterOpen, afterSpoiled } from './counts.ts';
import type { CheckLink } from './job.ts';
import { MEMBER_SILENT_MAX_MS, OPEN_MAX_MS, SUSPICIONS_MAX, WAIT_MS } from './limits.ts';
import { readOpening, storeOpening } from './objects.ts';
import type { Step } from './step.ts';
import { beating, inPhase, reachOf, tell, withLink } from './step.ts';
import { driveTask } from './task-look.ts';

/** Phase "open": cells that differ are opened, the links side by side; the keys that differ in them become suspicions. */
export async function openPhase(step: Step): Promise<number> {
  const { lease, runtime } = step;
  const open = lease.job.links.filter(({ stage }) => stage === 'open');
  if (open.length === 0) {
    await lease.save(inPhase('verdict', runtime.clock.now()));
    return 0;
  }
  const steps = await beating(step, together(open.map((link) => openLink(step, link))));
  // One after the other: each takes the next numbers of batches.
  for (const { link, came } of steps) {
    if (typeof came === 'string') await spoiled(step, link, came);
    else if (came !== undefined) await opened(step, link, came);
  }
  tell(step);
  return Math.min(...steps.map(({ waitMs }) => waitMs));
}

/** What a step of a link's opening has come to: what it found, why it ends without that, or how long to wait (ms). */
interface OpenedLink {
  readonly link: CheckLink;
  readonly came?: Opened | string;
  readonly waitMs: number;
}

async function openLink(step: Step, link: CheckLink): Promise<OpenedLink> {
  const { ports, runtime, lease, drive } = step;
  const { clock, log } = runtime;
  const { own } = ports;
  const { id } = lease.job;
  const target = reachOf(ports, link.target);
  try {
    const opening = await readOpening(own.place, runtime, id, link.target);
    if (drive) await driveOpening(step, opening);
    const next = await stepOpening(own, target, runtime, opening);
    // ⚠ Stored before what it found is counted: a step that is done again finds the same.
    if (next.opening !== opening) await storeOpening(own.place, runtime, id, next.opening);
    if (next.opened !== undefined) return { link, came: next.opened, waitMs: 0 };
    if (clock.now() - link.since > OPEN_MAX_MS) {
      return { link, came: `its sketches were not made within ${OPEN_MAX_MS / 60_000} minutes: does the minute run of ${link.target} work?`, waitMs: 0 };
    }
    return { link, waitMs: drive ? WAIT_MS.driven : next.waitMs };
  } catch (error) {
    if (error instanceof FormatError || error instanceof LogGapError) return { link, came: error.message, waitMs: 0 };
    if (!isRemote(error)) throw error;
    log.warn('A member does not answer to a check; the next step tries again.', { member: link.target, why: whyText(error) });
    if (clock.now() - link.since > MEMBER_SILENT_MAX_MS) return { link, came: `${link.target} does not answer: ${whyText(error)}`, waitMs: 0 };
    return { link, waitMs: WAIT_MS.failed };
  }
}

/** Works at both members' parts of an opening: the task of the same id at each. */
async function driveOpening(step: Step, { phase, task, target }: Opening): Promise<void> {
  if (phase === 'done') return;
  const members = [...(phase === 'keys' ? [] : [step.ports.own]), ...(phase === 'names' ? [] : [reachOf(step.ports, target)])];
  await together(members.map((reach) => driveTask(step, reach, task, openKind)));
}

async function opened(step: Step, link: CheckLink, { suspicions, unresolved, bytes, why }: Opened): Promise<void> {
  if (why !== undefined) {
    await spoiled(step, link, why);
    return;
  }
  const { ports, runtime, lease } = step;
  if (suspicions.length > SUSPICIONS_MAX) {
    await spoiled(step, link, `${suspicions.length} keys differ; a check looks at ${SUSPICIONS_MAX} at most. Refill ${link.target}: "syncline prove".`);
    return;
  }
  const { id, made } = lease.job;
  const next = await storeSuspicions(ports.own.place, runtime, id, made, suspicions, () => lease.renew());
  await lease.save(({ links }) => ({
    made: next,
    links: withLink(links, link.target, (one) => ({
      ...afterOpen(one, {
        suspicions: suspicions.length + unresolved,
        targetOnly: suspicions.filter(({ side }) => side === 'target').length,
        unknown: unresolved,
      }),
      stage: 'verdict' as const,
      bytes: one.bytes + bytes,
    })),
  }));
}

/** The cells of a link could not be opened: nobody knows which of its keys differ. */
async function spoiled({ lease }: Step, link: CheckLink, why: string): Promise<void> {
  await lease.save(({ links }) => ({ links: withLink(links, link.target, (one) => afterSpoiled(one, why)) }));
}
