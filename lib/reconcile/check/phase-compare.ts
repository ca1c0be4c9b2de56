import type { Key } from '../../core/attribute.ts';
import { FormatError } from '../../core/errors.ts';
import { keyText } from '../../core/key.ts';
import { isRemote, whyText } from '../../ports/errors.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { retried } from '../../replicate/retry.ts';
import { readSelf } from '../../replicate/self.ts';
import type { CheckPorts } from '../ports.ts';
import type { LinkComparison } from '../proof/compare.ts';
import { compareLink } from '../proof/compare.ts';
import { foldMember } from '../proof/fold.ts';
import { lagOf } from '../proof/lag.ts';
import { beginOpening } from '../proof/opening.ts';
import type { Standing } from '../proof/standing.ts';
import { readStanding } from '../proof/standing.ts';
import { readBase } from '../scan/base.ts';
import { sampledKeys } from '../scan/resolve.ts';
import { LogGapError } from '../segments.ts';
import type { Suspicion } from '../verdict/suspicion.ts';
import { storeSuspicions } from './batches.ts';
import { afterCompare, afterFailure } from './counts.ts';
import type { Sides } from './hot.ts';
import { hotSuspicions } from './hot.ts';
import type { CheckJob, CheckLink } from './job.ts';
import { BEGUN_KEYS_MAX, COMPARE_MAX_MS, MEMBER_SILENT_MAX_MS, REQUEST_MAX_MS, SAMPLE_KEYS_MAX, WAIT_MS } from './limits.ts';
import { storeOpening } from './objects.ts';
import type { Step } from './step.ts';
import { beating, inPhase, reachOf, tell, withLink } from './step.ts';

/**
 * Phase "compare": one link a step. What is equal is counted; keys in motion go to the verdict; cells that differ are opened in the
 * next phase. A comparison that cannot be made yet, since the logs are behind, is tried again.
 */
export async function comparePhase(step: Step): Promise<number> {
  const { lease, runtime } = step;
  const { job } = lease;
  const link = job.links.find(({ stage }) => stage === 'compare');
  if (link === undefined) {
    await lease.save(inPhase('open', runtime.clock.now()));
    return 0;
  }
  const waitMs = await beating(step, job.request.mode === 'sample' ? sampleLink(step, link) : compareOne(step, link)).catch((error: unknown) =>
    failedLook(step, link, error),
  );
  tell(step);
  return waitMs;
}

/** One side's trouble ends its own link: at once where its objects are damaged or its log has a gap, after a while where it does not answer. */
async function failedLook({ lease, runtime }: Step, link: CheckLink, error: unknown): Promise<number> {
  const isGone = isRemote(error);
  if (!isGone && !(error instanceof FormatError) && !(error instanceof LogGapError)) throw error;
  const why = isGone ? `one side does not answer: ${whyText(error)}` : error.message;
  runtime.log.warn('A link could not be compared.', { link: link.target, why });
  if (isGone && runtime.clock.now() - link.since <= MEMBER_SILENT_MAX_MS) return WAIT_MS.failed;
  await lease.save(({ links }) => ({ links: withLink(links, link.target, (one) => afterFailure(one, 0, why)) }));
  return 0;
}

/** @returns the states of both sides, or why there are none yet */
async function sidesOf(ports: CheckPorts, runtime: Runtime, job: CheckJob, target: string, untilMs: number): Promise<Sides | string> {
  const side = async (member: string): Promise<Standing | string> => {
    if (job.request.mode === 'proof') {
      return (await readStanding(ports.own.place, runtime, member)) ?? `${member}: it has no standing state yet; the minute run of the primary makes one`;
    }
    const reach = reachOf(ports, member);
    const id = job.tasks.find((task) => task.member === member)?.id ?? '';
    const base = await readBase(reach.place, runtime, id);
    const { standing } = await foldMember(reach, undefined, base, runtime, untilMs, () => undefined);
    return standing;
  };
  const source = await side(job.source);
  if (typeof source === 'string') return source;
  const there = await side(target);
  return typeof there === 'string' ? there : { source, target: there };
}

async function compareOne(step: Step, link: CheckLink): Promise<number> {
  const { ports, runtime, lease } = step;
  const { job } = lease;
  const { clock } = runtime;
  const sides = await sidesOf(ports, runtime, job, link.target, step.endMs);
  const comparison = typeof sides === 'string' ? undefined : await compared(ports, runtime, link.target, sides);
  const now = clock.now();
  if (comparison === undefined || typeof sides === 'string' || comparison.state === 'unverified') {
    const why = typeof sides === 'string' ? sides : (comparison?.why ?? 'nothing is known of it');
    // Logs that are behind, and a window that is too short, are so for minutes at most. The standing proof is looked at as it is.
    if (job.request.mode !== 'proof' && now - link.since < COMPARE_MAX_MS) return WAIT_MS.compare;
    const keys = typeof sides === 'string' ? 0 : (sides.source.items ?? 0);
    await lease.save(({ links }) => ({ links: withLink(links, link.target, (one) => afterFailure(one, keys, why)) }));
    return 0;
  }
  await keep(step, link, sides, comparison);
  return 0;
}

/** Keeps what a comparison has shown: its hot keys become suspicions, its cells are left to the next phase. */
async function keep({ ports, runtime, lease }: Step, link: CheckLink, sides: Sides, comparison: LinkComparison): Promise<void> {
  const { job } = lease;
  const target = reachOf(ports, link.target);
  const hot = await hotSuspicions(ports.own, target, runtime, sides, comparison.hotKeys);
  const made = await storeSuspicions(ports.own.place, runtime, job.id, job.made, hot.suspicions, () => lease.renew());
  const { begun } = comparison;
  // They differ whenever one side removes what has expired before the other does: a verdict on each key tells that from a hole.
  const isOpened = begun !== undefined && begun.sourceKeys + begun.targetKeys <= BEGUN_KEYS_MAX;
  const cells = [...comparison.differing, ...(isOpened ? begun.cells : [])];
  const toOpen = cells.length > 0;
  if (toOpen) {
    const opening = await beginOpening(ports.own, target, runtime, { by: `check ${job.id}`, ...sides, comparison, cells });
    await storeOpening(ports.own.place, runtime, job.id, opening);
  }
  await lease.save(({ links }) => ({
    made,
    links: withLink(links, link.target, (one) => {
      const counted = afterCompare(one, {
        sourceKeys: sides.source.items ?? 0,
        suspicions: hot.suspicions.length + hot.unknown,
        targetOnly: hot.targetOnly,
        unknown: hot.unknown,
        expired: comparison.expired ?? 0,
        ...(begun !== undefined && !isOpened && { begun: { sourceKeys: begun.sourceKeys, keys: Math.max(begun.sourceKeys, begun.targetKeys) } }),
      });
      return { ...counted, stage: toOpen ? 'open' : 'verdict', since: runtime.clock.now(), asOfMs: Math.max(0, Math.floor(comparison.asOfMs)) };
    }),
  }));
}

async function compared({ own, queue }: CheckPorts, runtime: Runtime, target: string, { source, target: there }: Sides): Promise<LinkComparison> {
  const { table, member } = own;
  const until = runtime.clock.elapsed() + REQUEST_MAX_MS;
  const { links } = await retried(runtime, until, () => readSelf(table, member.tables.control));
  const url = member.links.find((link) => link.target === target)?.queueUrl;
  const depth = url === undefined ? undefined : await retried(runtime, until, () => queue.depth(url));
  const now = runtime.clock.now();
  return compareLink(source, there, now, lagOf(links.get(target), depth, source.window, now));
}

/** A sample: all keys of the segments that were read, at either side, go to the verdict. */
async function sampleLink({ ports, runtime, lease }: Step, link: CheckLink): Promise<number> {
  const { job } = lease;
  const keys = new Map<string, Key>();
  for (const member of [job.source, link.target]) {
    const id = job.tasks.find((task) => task.member === member)?.id ?? '';
    for await (const key of sampledKeys(reachOf(ports, member).place, runtime, id)) {
      keys.set(keyText(key, ports.own.member.key), key);
      if (keys.size >= SAMPLE_KEYS_MAX) break;
    }
  }
  const suspicions = [...keys.values()].map((key): Suspicion => ({ key, target: link.target }));
  const made = await storeSuspicions(ports.own.place, runtime, job.id, job.made, suspicions, () => lease.renew());
  await lease.save(({ links }) => ({
    made,
    links: withLink(links, link.target, (one) => ({ ...one, stage: 'verdict' as const, suspicions: suspicions.length })),
  }));
  return 0;
}
