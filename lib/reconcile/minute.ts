import type { Item, Key } from '../core/attribute.ts';
import {
  LINK_STALE_AFTER_MS,
  RECONCILE_TIMEOUT_MS,
  REFUSED_PER_RUN,
  REFUSED_RETRY_MS,
  REQUEST_EFFECT_MAX_MS,
  SENT_BEHIND_MAX_MS,
  TICK_MS,
} from '../core/constants.ts';
import type { ResyncKey } from '../core/formats/message.ts';
import type { Link, Shard } from '../core/formats/rows.ts';
import { decodeRefused, decodeShard, isPrimary, linkKey, numberValue, REFUSED, SHARD, stringValue } from '../core/formats/rows.ts';
import { isRemote, whyText } from '../ports/errors.ts';
import type { QueuePort } from '../ports/queue.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { TablePort } from '../ports/table.ts';
import type { LinkContext, MemberContext } from '../replicate/context.ts';
import { markerBody, planResync } from '../replicate/fanout-plan.ts';
import { retried } from '../replicate/retry.ts';
import { NotInitialisedError, readSelf } from '../replicate/self.ts';
import { sendToLanes } from '../replicate/send.ts';
import { together } from '../replicate/together.ts';
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
/** Shards of a stream that are looked at. Closed shards leave after a day. */
const SHARDS_MAX = 2_000;

/**
 * The minute run of a member: at the primary, for each link, dead letters become resyncs, refused keys are tried again
 * each hour, a marker goes down one lane (the lanes in turn), and a link that has lost or is about to lose changes is
 * declared stale. A secondary sends nothing: no lane message carries an epoch that its sender's seat does not own.
 *
 * One link's trouble does not stop the others; it is logged, and the next minute tries again.
 */
export async function minuteRun(member: MemberContext, ports: MinutePorts, runtime: Runtime): Promise<MinuteResult> {
  const until = runtime.clock.elapsed() + RECONCILE_TIMEOUT_MS - 3 * REQUEST_EFFECT_MAX_MS;
  const { seat, links } = await retried(runtime, until, () => readSelf(ports.table, member.tables.control));
  if (seat === undefined) throw new NotInitialisedError(member.set, member.member);
  if (!isPrimary(seat)) return { primary: false, links: {} };
  const epoch = seat.own;
  const shards = (await allRows(ports.table, member.tables.control, SHARD, SHARDS_MAX)).map(decodeShard);

  const results = await together(
    member.links.map(async (link) => {
      const row = links.get(link.target);
      const lost = staleReason(row, shards, runtime.clock.now());
      if (lost !== undefined) await makeStale(link, lost);
      const deadLetters = await attempt(link, 'dead letters', () => drainDeadLetters(link, epoch, ports.queue, runtime, until));
      const refusedRetried = (await attempt(link, 'refused keys', () => retryRefused(link))) ?? 0;
      const marked = (await attempt(link, 'marker', () => mark(link))) ?? false;
      return [link.target, { ...(deadLetters !== undefined && { deadLetters }), refusedRetried, marked, ...(lost !== undefined && { stale: lost }) }] as const;
    }),
  );
  return { primary: true, links: Object.fromEntries(results) };

  async function attempt<T>(link: LinkContext, what: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!isRemote(error)) throw error;
      runtime.log.warn('A part of the minute run failed; the next one tries again.', { link: link.target, what, why: whyText(error) });
      return undefined;
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

/**
 * Why a link has lost changes, or is about to, or undefined. Pure.
 *
 * ⚠ DynamoDB drops stream records in silence after 24 h, and SQS drops messages after 14 days.
 */
export function staleReason(link: Link | undefined, shards: readonly Shard[], nowMs: number): string | undefined {
  if (link === undefined || link.state === 'stale') return undefined;
  if (link.state === 'paused' && nowMs - link.since >= LINK_STALE_AFTER_MS) return 'paused for 12 days: its queue is about to drop changes';
  if (link.failing !== undefined && nowMs - link.failing.since >= LINK_STALE_AFTER_MS)
    return `the target has failed for 12 days (${link.failing.why}): its queue is about to drop changes`;
  for (const { id, sent, seen } of shards) {
    if (seen === undefined || nowMs - seen.at >= SENT_BEHIND_MAX_MS) continue;
    if (sent !== undefined && seen.at - sent.at >= SENT_BEHIND_MAX_MS)
      return `fan-out is ${Math.round((seen.at - sent.at) / 3_600_000)} h behind the observer in shard ${id}: DynamoDB drops what it has not read`;
  }
  return undefined;
}
