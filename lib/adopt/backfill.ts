import type { Key } from '../core/attribute.ts';
import { InputError } from '../core/errors.ts';
import { keyOf } from '../core/key.ts';
import { JobLease } from '../job/lease.ts';
import { isRemote, whyText } from '../ports/errors.ts';
import type { Runtime } from '../ports/runtime.ts';
import { retryDelayMs } from '../replicate/back-off.ts';
import type { LinkContext, MemberContext } from '../replicate/context.ts';
import { planResync } from '../replicate/fanout-plan.ts';
import { retried } from '../replicate/retry.ts';
import type { LaneSend } from '../replicate/send.ts';
import { sendToLanes } from '../replicate/send.ts';
import { together } from '../replicate/together.ts';
import { DEPTH_WAIT, FOREIGN_NAMED_MAX, FULL_MAX_MS, REQUEST_MAX_MS, SEGMENTS_DEFAULT, SEND_ATTEMPTS_MAX } from './limits.ts';
import { depthMax, stepKeys, waitForRate } from './pace.ts';
import type { BackfillPorts, Watcher } from './ports.ts';
import { hasForeignMeta, keyPaths, readySeat } from './ready.ts';
import type { AdoptJob } from './savepoint.ts';
import { adoptPlace, isScanned } from './savepoint.ts';
import type { Settled } from './settle.ts';
import { settle } from './settle.ts';

/** How it goes. */
export interface BackfillOptions {
  /** Generation of the source's member. */
  readonly generation: number;
  /** Who runs it, for people: host and process. */
  readonly owner: string;
  /** Keys a second at most. */
  readonly ratePerS?: number;
  /** Parts of the source. Default: SEGMENTS_DEFAULT. A run that goes on keeps those that it began with. */
  readonly segments?: number;
  /** Begins anew, whatever was done before. */
  readonly restart?: boolean;
}

/** What it came to. */
export interface BackfillResult {
  readonly job: AdoptJob;
  /** It went on where an earlier run ended. */
  readonly resumed: boolean;
  /** Why it ended before all was done; what is left is done by the next run. */
  readonly ended?: 'stopped' | 'full';
  /** Absent when it ended before. */
  readonly settled?: Settled;
}

/**
 * Copies everything that the primary holds to its secondaries, beside live writes: scans the keys and sends a resync of
 * each down its lane on every link. Apply reads the item when the message's turn comes, in the same lane as the key's
 * changes, so that nothing older can overtake anything newer, and a key that is deleted meanwhile is simply not there.
 *
 * A run that is killed goes on from its savepoint. It writes nothing to the source's table, and to the replicas only
 * what apply writes there.
 *
 * @throws InputError "not-primary", "link-not-open", "job-taken", "job-lost", "primary-moved", "foreign-table", "not-sent" ·
 *   NotInitialisedError, RemoteError, FormatError. The savepoint is kept, so that the next run goes on.
 */
export async function backfill(
  member: MemberContext,
  ports: BackfillPorts,
  runtime: Runtime,
  options: BackfillOptions,
  watcher: Watcher,
): Promise<BackfillResult> {
  const { clock } = runtime;
  const seat = await readySeat(member, ports.table, runtime);
  const place = adoptPlace(ports.table, member.tables.control, options.generation);
  const parts = options.segments ?? SEGMENTS_DEFAULT;
  const fresh = {
    table: member.tables.items,
    tableId: seat.tableId,
    epoch: seat.own,
    started: clock.now(),
    segments: Array.from({ length: parts }, () => ({ done: false })),
    keys: 0,
    worked: 0,
    foreign: 0,
    foreignKeys: [],
  };
  const lease = await JobLease.claim(place, runtime, options.owner, fresh, options.restart === true);
  const { resumed } = lease;
  try {
    const ended = await run();
    if (ended !== undefined) {
      await lease.release();
      return { job: lease.job, resumed, ended };
    }
    const settled = await settle(member, ports, runtime, seat.own, lease, watcher);
    const done = settled.ended === undefined;
    await lease.release(done ? { done: clock.now() } : {});
    return { job: lease.job, resumed, settled, ...(settled.ended === 'stopped' && { ended: 'stopped' as const }) };
  } catch (error) {
    // What failed is thrown; a savepoint that cannot be given up is free when its lease ends.
    await lease.release().catch(() => undefined);
    throw error;
  }

  async function run(): Promise<'stopped' | 'full' | undefined> {
    const { job } = lease;
    if (job.table !== member.tables.items || job.tableId !== seat.tableId) {
      throw new InputError('foreign-table', `The savepoint is of another table ("${job.table}", TableId ${job.tableId}). Begin anew with --restart.`);
    }
    if (job.epoch !== seat.own) {
      throw new InputError('primary-moved', `The savepoint is of epoch ${job.epoch}, the primary's is ${seat.own}. Begin anew with --restart.`);
    }
    const began = clock.elapsed();
    const before = job.worked;
    let sentHere = 0;
    for (let turn = 0; !isScanned(lease.job); turn += 1) {
      const wait = await awaitRoom(began, sentHere, before);
      if (wait !== undefined) return wait;
      await readySeat(member, ports.table, runtime, seat.own);
      sentHere += await step(turn, before + clock.elapsed() - began);
      watcher.progress({ phase: 'send', keys: lease.job.keys, worked: lease.job.worked });
    }
    return undefined;
  }

  /** Waits until every link has room and the rate allows more. */
  async function awaitRoom(began: number, sentHere: number, before: number): Promise<'stopped' | 'full' | undefined> {
    const fullSince = clock.elapsed();
    for (let wait: number = DEPTH_WAIT.firstMs; ; wait = Math.min(wait * 2, DEPTH_WAIT.maxMs)) {
      if (watcher.stopped()) return 'stopped';
      const depth = Math.max(0, ...(await together(member.links.map((link) => depthOf(link)))));
      const early = waitForRate(sentHere, began, clock.elapsed(), options.ratePerS);
      const full = depth > depthMax(member.lanes);
      if (!full && early === 0) return undefined;
      if (full && clock.elapsed() - fullSince > FULL_MAX_MS) return 'full';
      await lease.renew();
      watcher.progress({ phase: 'send', keys: lease.job.keys, worked: before + clock.elapsed() - began, depth });
      await clock.sleep(full ? wait : Math.min(early, DEPTH_WAIT.maxMs));
    }
  }

  async function depthOf(link: LinkContext): Promise<number> {
    const { visible, inFlight, delayed } = await retried(runtime, clock.elapsed() + REQUEST_MAX_MS, () => ports.queue.depth(link.queueUrl));
    return visible + inFlight + delayed;
  }

  /** One page of one part: its keys go down every link's lanes, and then it is saved. Returns how many keys. */
  async function step(turn: number, worked: number): Promise<number> {
    const { job } = lease;
    const open = job.segments.flatMap((segment, index) => (segment.done ? [] : [index]));
    const index = open[turn % open.length] as number;
    const { after } = job.segments[index] as AdoptJob['segments'][number];
    const page = await retried(runtime, clock.elapsed() + REQUEST_MAX_MS, () =>
      ports.table.scan({
        table: member.tables.items,
        segment: { index, of: job.segments.length },
        project: keyPaths(member.key),
        limit: stepKeys(member.lanes, options.ratePerS),
        ...(after && { after }),
      }),
    );
    const keys = page.items.map((item) => keyOf(item, member.key));
    await together(member.links.map((link) => sendSurely(link, keys)));
    // ⚠ Only what was surely stored while the seat was still of this epoch counts: appliers drop messages of an older one.
    await readySeat(member, ports.table, runtime, seat.own);
    const foreign = page.items.filter(hasForeignMeta).map((item) => keyOf(item, member.key));
    const mark = page.next === undefined ? { done: true } : { done: false, after: page.next };
    await lease.save({
      segments: job.segments.map((segment, i) => (i === index ? mark : segment)),
      keys: job.keys + keys.length,
      // A host's elapsed time has fractions, rows have whole numbers.
      worked: Math.round(worked),
      foreign: job.foreign + foreign.length,
      foreignKeys: [...job.foreignKeys, ...foreign].slice(0, FOREIGN_NAMED_MAX),
    });
    return keys.length;
  }

  /** Sends until every message is stored. @throws InputError "not-sent" */
  async function sendSurely(link: LinkContext, keys: readonly Key[]): Promise<void> {
    const envelope = { set: link.set, epoch: seat.own, source: link.source, lanes: link.lanes, sent: clock.now() };
    let left: readonly LaneSend[] = planResync(
      keys.map((k) => ({ k })),
      envelope,
      link.key,
    );
    for (let attempt = 1; ; attempt += 1) {
      const { stored, failed } = await sendToLanes(ports.queue, link.queueUrl, left, () => runtime.chance.nonce());
      left = left.filter((_, i) => !stored.has(i));
      const error = failed.values().next().value;
      if (error === undefined) return;
      if (attempt >= SEND_ATTEMPTS_MAX || !isRemote(error, 'throttled', 'transient', 'unanswered')) {
        throw new InputError('not-sent', `The queue ${link.source} → ${link.target} does not take messages: ${whyText(error)}. Run it again: it goes on.`);
      }
      await lease.renew();
      await clock.sleep(retryDelayMs(attempt + 4, runtime.chance.random()));
    }
  }
}
