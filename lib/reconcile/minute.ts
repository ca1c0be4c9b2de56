import type { AttributeValue, Item, Key } from '../core/attribute.ts';
import { LINK_STALE_AFTER_MS, RECONCILE_TIMEOUT_MS, REFUSED_PER_RUN, REFUSED_RETRY_MS, REQUEST_EFFECT_MAX_MS, TICK_MS } from '../core/constants.ts';
import type { ResyncKey } from '../core/formats/message.ts';
import { decodeRefused, REFUSED } from '../core/formats/refused-row.ts';
import type { Link, Shard, ShardMark } from '../core/formats/rows.ts';
import { decodeShard, isPrimary, linkKey, numberValue, SHARD, sequenceValue, shardKey, stringValue, unsentValue } from '../core/formats/rows.ts';
import { noteDeposed } from '../observe/deposed.ts';
import { noteKept } from '../observe/kept.ts';
import { isRemote, whyText } from '../ports/errors.ts';
import type { QueuePort } from '../ports/queue.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { Condition, TablePort } from '../ports/table.ts';
import type { LinkContext, MemberContext } from '../replicate/context.ts';
import { markerBody, planResync } from '../replicate/fanout-plan.ts';
import { retried } from '../replicate/retry.ts';
import { NotInitialisedError, readSelf } from '../replicate/self.ts';
import { sendToLanes } from '../replicate/send.ts';
import { together } from '../replicate/together.ts';
import { isForgettable, lossOf, notesOf, sameNotes } from './behind.ts';
import type { DrainResult } from './dead-letters.ts';
import { drainDeadLetters } from './dead-letters.ts';

/** What the minute run needs: its own region, and the targets' tables (refused rows). */
export interface MinutePorts {
  readonly table: TablePort;
  readonly queue: QueuePort;
  readonly target: (region: string) => TablePort;
}

/** What a run did, a link. */
export interface MinuteResult {
  readonly primary: boolean;
  readonly links: Readonly<
    Record<string, { readonly deadLetters?: DrainResult; readonly refusedRetried: number; readonly marked: boolean; readonly stale?: string }>
  >;
}

/** Rows in one page of a query here. */
const PAGE = 200;
/** Rows of shards that one run looks at, those of the oldest shards first. A row leaves two days after its shard's last record. */
const SHARDS_MAX = 2_000;
/** Rows of shards that one run forgets. */
const FORGOTTEN_PER_RUN = 200;
/** Rows of shards that are written at the same time. */
const SHARDS_AT_ONCE = 20;

/**
 * The minute run of a member: at the primary, for each link, dead letters become resyncs, refused keys are tried again
 * each hour, a marker goes down one lane (the lanes in turn), and a link that has lost or is about to lose changes is
 * declared stale. A secondary sends nothing: no lane message carries an epoch that its sender's seat does not own; it
 * only drops the rows of shards that are over, and notes whether its observer keeps up.
 *
 * One link's trouble does not stop the others; it is logged, and the next minute tries again.
 */
export async function minuteRun(member: MemberContext, ports: MinutePorts, runtime: Runtime): Promise<MinuteResult> {
  const until = runtime.clock.elapsed() + RECONCILE_TIMEOUT_MS - 3 * REQUEST_EFFECT_MAX_MS;
  const { seat, links } = await retried(runtime, until, () => readSelf(ports.table, member.tables.control));
  if (seat === undefined) throw new NotInitialisedError(member.set, member.member);
  const shards = (await allRows(ports.table, member.tables.control, SHARD, SHARDS_MAX)).map(decodeShard);
  if (shards.length >= SHARDS_MAX) runtime.log.warn('There are more shards than one run looks at: losses in the newest are not noticed.', { max: SHARDS_MAX });
  else await attempt(undefined, 'note of the observer', () => noteKept(shards, ports.table, member.tables.control, runtime, until));
  await attempt(undefined, 'note of the role', () => noteDeposed(seat, ports.table, member.tables.control, runtime, until));
  await forgetShards(isPrimary(seat) ? [...links.values()] : [], seat.since);
  if (!isPrimary(seat)) return { primary: false, links: {} };
  const epoch = seat.own;
  await noteUnsent();

  const results = await together(
    member.links.map(async (link) => {
      const row = links.get(link.target);
      const lost = staleReason(row, seat.since, shards, runtime.clock.now());
      if (lost !== undefined) await makeStale(link, lost);
      const deadLetters = await attempt(link, 'dead letters', () => drainDeadLetters(link, epoch, ports.queue, runtime, until));
      const refusedRetried = (await attempt(link, 'refused keys', () => retryRefused(link))) ?? 0;
      const marked = (await attempt(link, 'marker', () => mark(link))) ?? false;
      return [link.target, { ...(deadLetters !== undefined && { deadLetters }), refusedRetried, marked, ...(lost !== undefined && { stale: lost }) }] as const;
    }),
  );
  return { primary: true, links: Object.fromEntries(results) };

  async function attempt<T>(link: LinkContext | undefined, what: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!isRemote(error)) throw error;
      runtime.log.warn('A part of the minute run failed; the next one tries again.', { link: link?.target, what, why: whyText(error) });
      return undefined;
    }
  }

  /** Brings the notes in the shards' rows up to date. Another run that did so meanwhile wins: the next one looks again. */
  async function noteUnsent(): Promise<void> {
    await someShards('unsent records', shards, async ({ id, unsent = [], ...marks }) => {
      const notes = notesOf({ id, unsent, ...marks }, runtime.clock.now());
      if (sameNotes(notes, unsent)) return;
      await ports.table.update(
        member.tables.control,
        shardKey(id),
        notes.length === 0 ? { remove: ['unsent'] } : { set: { unsent: unsentValue(notes) } },
        // A row that another run has dropped is not made anew.
        { op: 'and', of: [{ op: 'present', path: ['f'] }, unchanged('unsent', unsent.length === 0 ? undefined : unsentValue(unsent))] },
      );
    });
  }

  /**
   * Drops the rows of shards that are over. A shard that is read again meanwhile keeps its row, and so does one by which a link is still to
   * become stale.
   */
  async function forgetShards(rows: readonly Link[], roleSinceMs: number): Promise<void> {
    const over = shards.filter((shard) => isForgettable(shard, rows, roleSinceMs, runtime.clock.now())).slice(0, FORGOTTEN_PER_RUN);
    const marked = (name: 'sent' | 'seen', mark: ShardMark | undefined): Condition =>
      unchanged(name, mark === undefined ? undefined : sequenceValue(mark.sequence));
    await someShards('rows of old shards', over, async ({ id, sent, seen }) => {
      await ports.table.delete(member.tables.control, shardKey(id), { op: 'and', of: [marked('sent', sent), marked('seen', seen)] });
    });
  }

  /** Does something for each shard, SHARDS_AT_ONCE at a time, as long as the run has time; the next run does what this one has not. */
  async function someShards(what: string, some: readonly Shard[], work: (shard: Shard) => Promise<void>): Promise<void> {
    for (let at = 0; at < some.length && runtime.clock.elapsed() < until; at += SHARDS_AT_ONCE) {
      await together(some.slice(at, at + SHARDS_AT_ONCE).map((shard) => attempt(undefined, what, () => work(shard))));
    }
  }

  function envelope(link: LinkContext): { set: string; epoch: number; source: string; lanes: number; sent: number } {
    return { set: link.set, epoch, source: link.source, lanes: link.lanes, sent: runtime.clock.now() };
  }

  async function mark(link: LinkContext): Promise<boolean> {
    const lane = Math.floor(runtime.clock.now() / TICK_MS) % link.lanes;
    const { failed } = await sendToLanes(ports.queue, link.queueUrl, [{ lane, body: markerBody({ ...envelope(link), lane }) }], () => runtime.chance.nonce());
    return failed.size === 0;
  }

  async function retryRefused(link: LinkContext): Promise<number> {
    const now = runtime.clock.now();
    const rows = await allRows(ports.target(link.targetRegion), link.targetTables.control, REFUSED, REFUSED_PER_RUN);
    const due: ResyncKey[] = rows
      .map(decodeRefused)
      .filter((r) => r.link === link.source && now - r.tried >= REFUSED_RETRY_MS)
      .map((r) => ({ k: r.key, p: r.position.toString('base64') }));
    if (due.length === 0) return 0;
    const { failed } = await sendToLanes(ports.queue, link.queueUrl, planResync(due, envelope(link), link.key), () => runtime.chance.nonce());
    return failed.size === 0 ? due.length : 0;
  }

  async function makeStale(link: LinkContext, why: string): Promise<void> {
    runtime.log.error('A link is stale: it has lost changes, or is about to. It is skipped until it is refilled.', { link: link.target, why });
    runtime.metrics.count('LinkStale', 1, { link: link.target });
    await attempt(link, 'stale', () =>
      ports.table.update(
        member.tables.control,
        linkKey(link.target),
        { set: { state: stringValue('stale'), why: stringValue(why), since: numberValue(runtime.clock.now()) }, remove: ['proven'] },
        {
          op: 'and',
          of: [
            { op: 'present', path: ['state'] },
            { op: '<>', path: ['state'], value: stringValue('stale') },
          ],
        },
      ),
    );
  }

  async function allRows(table: TablePort, control: string, partition: string, max: number): Promise<Item[]> {
    const rows: Item[] = [];
    let after: Key | undefined;
    // At most max / PAGE pages, and one for each page that comes back short.
    for (let page = 0; page < max && rows.length < max; page += 1) {
      const from = after;
      const answer = await retried(runtime, until, () =>
        table.query({ table: control, partition: { name: 'pk', value: { S: partition } }, limit: PAGE, ...(from !== undefined && { after: from }) }),
      );
      rows.push(...answer.items);
      after = answer.next;
      if (after === undefined) break;
    }
    return rows;
  }
}

const unchanged = (name: string, value: AttributeValue | undefined): Condition =>
  value === undefined ? { op: 'absent', path: [name] } : { op: '=', path: [name], value };

/**
 * Why a link has lost changes, or is about to, or undefined. Pure.
 *
 * ⚠ DynamoDB drops stream records in silence after 24 h, and SQS drops messages after 14 days.
 *
 * @param roleSinceMs the `since` of the seat.
 */
export function staleReason(link: Link | undefined, roleSinceMs: number, shards: readonly Shard[], nowMs: number): string | undefined {
  if (link === undefined || link.state === 'stale') return undefined;
  if (link.state === 'paused' && nowMs - link.since >= LINK_STALE_AFTER_MS) return 'paused for 12 days: its queue is about to drop changes';
  if (link.failing !== undefined && nowMs - link.failing.since >= LINK_STALE_AFTER_MS)
    return `the target has failed for 12 days (${link.failing.why}): its queue is about to drop changes`;
  const loss = lossOf(link, roleSinceMs, shards, nowMs);
  if (loss === undefined) return undefined;
  const hours = Math.floor((nowMs - loss.record.at) / 3_600_000);
  return `fan-out is ${hours} h behind in shard ${loss.shard}: it has not sent a record that the observer has seen, and DynamoDB drops records after 24 h`;
}
