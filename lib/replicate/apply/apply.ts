import { CLOCK_OFFSET_MAX_MS, VISIBILITY_S, WRITE_CONCURRENCY } from '../../core/constants.ts';
import type { ResyncMessage } from '../../core/formats/message.ts';
import { linkKey, markValue, numberValue, sinceWhyValue } from '../../core/formats/rows.ts';
import { isRemote, whyText } from '../../ports/errors.ts';
import type { QueueMessage } from '../../ports/queue.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { Changes, Condition } from '../../ports/table.ts';
import { giveBackSeconds } from '../back-off.ts';
import type { LinkContext } from '../context.ts';
import { applyChanges, readStates } from './changes.ts';
import { judgeFence, OPEN_WAIT_MS, raiseFence, resetOpen } from './fence.ts';
import type { LaneWork, Unit } from './lane-work.ts';
import { lanesOf, unfinished } from './lane-work.ts';
import type { KeyOp } from './ops.ts';
import { coalesce } from './ops.ts';
import type { ApplyCounts, ApplyPorts, ApplySandbox } from './pass.ts';
import { Pass } from './pass.ts';
import type { Refusal } from './refuse.ts';
import { sendRefusals } from './refuse.ts';
import { BucketAwayError, report } from './report.ts';
import { resync } from './resync.ts';
import { ForeignSourceError, SourceView } from './source-view.ts';

/** A paused link's lanes come back after this (s). */
const PAUSED_S = 60;

/** What an invocation answers: the messages that are to stay in the queue. */
export interface ApplyResult {
  readonly failures: readonly string[];
  readonly counts: ApplyCounts;
}

/** What a sandbox keeps for one link. */
export function applySandbox(link: LinkContext, ports: ApplyPorts, runtime: Runtime): ApplySandbox {
  return { pace: { limit: WRITE_CONCURRENCY.start }, source: new SourceView(ports.source, link, runtime.clock) };
}

/**
 * Applies up to 10 messages of one link. See docs/ARCHITECTURE.md, "Apply".
 *
 * Never throws for the target's sake, which would shrink the whole mapping's concurrency: it answers with the messages
 * that failed, from the first failed one of each lane on. It returns only when none of its requests can have an effect
 * any more.
 *
 * @param remainingMs time that the function has left.
 * @throws InvariantError and other broken invariants only.
 */
export async function apply(
  messages: readonly QueueMessage[],
  link: LinkContext,
  ports: ApplyPorts,
  runtime: Runtime,
  sandbox: ApplySandbox,
  remainingMs: number,
): Promise<ApplyResult> {
  const pass = new Pass(link, ports, runtime, sandbox, remainingMs);
  const lanes = lanesOf(messages, link);
  try {
    const [row] = await Promise.all([sandbox.source.link(), own(pass, lanes)]);
    if (row?.state === 'paused') for (const lane of lanes) pass.fail(lane, { cause: 'paused', why: row.why ?? 'the link is paused', waitMs: PAUSED_S * 1_000 });
    // Every round finishes or fails the next unit of each lane, so there are at most as many rounds as messages.
    for (let live = lanes.filter(isLive); live.length > 0; live = lanes.filter(isLive)) await round(pass, live);
  } finally {
    await pass.settle();
  }
  await giveBack(pass, lanes);
  await noteHealth(pass, lanes);
  count(pass);
  return { failures: lanes.flatMap((lane) => unfinished(lane).map((m) => m.id)), counts: pass.counts };
}

const isLive = (lane: LaneWork): boolean => lane.failure === undefined && lane.done < lane.units.length;

/** ⚠ Owns the lanes: a refused handle means that another owner has the lane, so nothing of it is touched. */
async function own(pass: Pass, lanes: readonly LaneWork[]): Promise<void> {
  const entries = lanes.flatMap((lane) => lane.messages.map((m) => ({ receipt: m.receipt, lane })));
  try {
    const { failed } = await pass.ports.queue.changeVisibilityBatch(
      pass.link.queueUrl,
      entries.map((e, i) => ({ id: String(i), receipt: e.receipt, seconds: VISIBILITY_S })),
    );
    for (const f of failed) {
      const entry = entries[Number(f.id)];
      if (entry !== undefined) pass.fail(entry.lane, { cause: 'owner', why: `${f.code}: ${f.message}` });
    }
  } catch (error) {
    if (!isRemote(error)) throw error;
    for (const lane of lanes) pass.fail(lane, { cause: 'owner', why: whyText(error) });
  }
}

/** Handles the next unit of each lane. */
async function round(pass: Pass, lanes: readonly LaneWork[]): Promise<void> {
  const heads = lanes.map((lane) => ({ lane, unit: lane.units[lane.done] as Unit }));
  const ops: KeyOp[] = [];
  const refusals: Refusal[] = [];
  for (const { lane, unit } of heads) {
    if (unit.kind === 'unreadable') refusals.push({ lane, reason: unit.reason, what: { body: unit.source.body } });
    if (unit.kind !== 'changes') continue;
    const found = coalesce(lane, unit.messages, pass.link.key);
    pass.counts.superseded += found.folded;
    ops.push(...found.ops);
    refusals.push(...found.unreadable.map((u) => ({ lane, reason: u.reason, what: { change: u.change, envelope: u.envelope } })));
  }

  // The first read of the seat rides in the guard's read; without changes it is read by itself.
  const states = ops.length > 0 ? await readStates(pass, ops) : undefined;
  await freshSeat(pass, lanes);
  const admitted = new Set<LaneWork>();
  for (const { lane, unit } of heads) if (lane.failure === undefined && (unit.kind === 'unreadable' || (await mayGo(pass, lane, unit)))) admitted.add(lane);
  const going = (lane: LaneWork): boolean => admitted.has(lane) && lane.failure === undefined;

  const live = ops.filter((op) => going(op.lane));
  if (states !== undefined && live.length > 0) refusals.push(...(await applyChanges(pass, (live[0] as KeyOp).envelope.epoch, live, states)));
  for (const { lane, unit } of heads) if (unit.kind === 'resync' && going(lane)) await handleResync(pass, lane, unit.message, unit.receives);
  await sendRefusals(
    pass,
    refusals.filter((r) => going(r.lane)),
  );
  for (const lane of lanes) if (going(lane)) lane.done += 1;
}

/** Reads the seat when the view of it is old; lanes that failed already do not need it. */
async function freshSeat(pass: Pass, lanes: readonly LaneWork[]): Promise<void> {
  if (pass.fenceFresh || lanes.every((lane) => lane.failure !== undefined)) return;
  try {
    await pass.readSeat();
  } catch (error) {
    for (const lane of lanes) pass.failFor(lane, error);
  }
}

/** Acts on the fence's verdict of one unit, and says whether it may go on; else it was dropped as of an older epoch, or its lane is given back. */
async function mayGo(pass: Pass, lane: LaneWork, unit: Exclude<Unit, { kind: 'unreadable' }>): Promise<boolean> {
  const { link, ports, runtime } = pass;
  try {
    const verdict = judgeFence(unit.epoch, pass.seat, link.sourceRegion, runtime.clock.now());
    switch (verdict.kind) {
      case 'go':
        return true;
      case 'older':
        pass.counts.olderEpoch += unit.count;
        lane.done += 1;
        break;
      case 'wait':
        pass.fail(lane, { cause: 'fence', why: 'the new epoch is not open yet', waitMs: verdict.ms });
        break;
      default: {
        // Two hosts of this region may differ by what A2 allows, so that much is added to the wall time.
        const open = { region: link.sourceRegion, at: runtime.clock.now() + OPEN_WAIT_MS + CLOCK_OFFSET_MAX_MS };
        if (verdict.kind === 'newer') await raiseFence(ports.target, link.targetTables.control, unit.epoch, link.source, open);
        else await resetOpen(ports.target, link.targetTables.control, pass.seat, open);
        runtime.log.info(verdict.kind === 'newer' ? 'Raised a fence.' : 'Set "open" anew.', { link: link.target, epoch: unit.epoch, open });
        pass.fail(lane, { cause: 'fence', why: 'the fence was just raised', waitMs: OPEN_WAIT_MS + CLOCK_OFFSET_MAX_MS });
      }
    }
  } catch (error) {
    pass.failFor(lane, error);
  }
  return false;
}

async function handleResync(pass: Pass, lane: LaneWork, message: ResyncMessage, receives: number): Promise<void> {
  try {
    if (message.mode === 'report') await report(pass, message, receives);
    else if (message.keys.length === 0) await mark(pass, message);
    else await resync(pass, message);
  } catch (error) {
    if (error instanceof BucketAwayError) pass.fail(lane, { cause: 'bucket', why: error.message });
    else if (error instanceof ForeignSourceError) pass.fail(lane, { cause: 'source', why: error.message });
    else pass.failFor(lane, error);
  }
}

/** A marker arrived: the link's lag is the age of the newest one. A marker that cannot be noted is not worth a failure. */
async function mark(pass: Pass, message: ResyncMessage): Promise<void> {
  const value = { sent: message.sent, arrived: pass.runtime.clock.now() };
  await ownRow(pass, { set: { mark: markValue(value) } }, [
    { op: 'absent', path: ['mark'] },
    { op: '<', path: ['mark', 'sent'], value: numberValue(message.sent) },
  ]);
}

/** ⚠ The circuit breaker: a lane that failed gives its messages back, for longer at each receive of its head. */
async function giveBack(pass: Pass, lanes: readonly LaneWork[]): Promise<void> {
  const { clock, chance, log } = pass.runtime;
  const entries: { id: string; receipt: string; seconds: number }[] = [];
  for (const lane of lanes) {
    const { failure } = lane;
    if (failure === undefined) continue;
    log.warn('A lane was given back.', { link: pass.link.target, lane: lane.group, cause: failure.cause, why: failure.why });
    if (failure.cause === 'owner') continue;
    const left = unfinished(lane);
    const head = left[0];
    if (head === undefined) continue;
    const seconds =
      failure.waitMs !== undefined ? Math.ceil(failure.waitMs / 1_000) : giveBackSeconds(head.receiveCount, clock.now() - head.sentMs, chance.random());
    for (const m of left) entries.push({ id: String(entries.length), receipt: m.receipt, seconds });
  }
  if (entries.length === 0) return;
  try {
    const { failed } = await pass.ports.queue.changeVisibilityBatch(pass.link.queueUrl, entries);
    if (failed.length > 0) log.warn('Messages could not be given back; they come again after their visibility timeout.', { failed: failed.length });
  } catch (error) {
    if (!isRemote(error)) throw error;
    log.warn('Messages could not be given back; they come again after their visibility timeout.', { why: whyText(error) });
  }
}

/** Writes `link.failing` on change: when a lane failed for the target, and when the target works again. */
async function noteHealth(pass: Pass, lanes: readonly LaneWork[]): Promise<void> {
  const failure = lanes.find((l) => l.failure?.cause === 'target' || l.failure?.cause === 'source')?.failure;
  const row = await pass.sandbox.source.link();
  if (failure !== undefined && row !== undefined && row.failing === undefined) {
    await ownRow(pass, { set: { failing: sinceWhyValue({ since: pass.runtime.clock.now(), why: failure.why }) } }, [{ op: 'absent', path: ['failing'] }]);
    pass.sandbox.source.forget();
  } else if (failure === undefined && row?.failing !== undefined && lanes.some((l) => l.done > 0)) {
    await ownRow(pass, { remove: ['failing'] }, []);
    pass.sandbox.source.forget();
  }
}

/** Updates this link's row at the source, if it is there. What is noted here is for people and routing; a failure is only logged. */
async function ownRow(pass: Pass, changes: Changes, anyOf: readonly Condition[]): Promise<void> {
  const exists: Condition = { op: 'present', path: ['state'] };
  const condition: Condition = anyOf.length === 0 ? exists : { op: 'and', of: [exists, { op: 'or', of: anyOf }] };
  try {
    await pass.ports.source.update(pass.link.sourceTables.control, linkKey(pass.link.target), changes, condition);
  } catch (error) {
    if (!isRemote(error)) throw error;
    pass.runtime.log.warn('A link’s row could not be written.', { link: pass.link.target, why: whyText(error) });
  }
}

function count(pass: Pass): void {
  const { counts, runtime, link } = pass;
  const at = { link: link.target };
  if (counts.applied > 0) runtime.metrics.count('ChangesApplied', counts.applied, at);
  if (counts.superseded > 0) runtime.metrics.count('ChangesSuperseded', counts.superseded, at);
  if (counts.refused > 0) runtime.metrics.count('ChangesRefused', counts.refused, at);
  if (counts.resynced > 0) runtime.metrics.count('KeysResynced', counts.resynced, at);
  if (counts.olderEpoch > 0) runtime.metrics.count('MessagesOfOldEpoch', counts.olderEpoch, at);
}
