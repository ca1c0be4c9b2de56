import { FUNCTION_TIMEOUT_MS, REQUEST_EFFECT_MAX_MS, SEND_REFUSED_BUDGET_MS } from '../core/constants.ts';
import type { Link } from '../core/formats/rows.ts';
import { isPrimary, linkKey, numberValue, sinceWhyValue, stringValue } from '../core/formats/rows.ts';
import type { RemoteError } from '../ports/errors.ts';
import { isRemote, whyText } from '../ports/errors.ts';
import type { QueuePort } from '../ports/queue.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { StreamBatch, StreamRecord } from '../ports/stream.ts';
import type { TablePort } from '../ports/table.ts';
import type { LinkContext, MemberContext } from './context.ts';
import { planFanout } from './fanout-plan.ts';
import { retried } from './retry.ts';
import { NotInitialisedError, readSelf } from './self.ts';
import { sendToLanes } from './send.ts';
import type { ShardFinder } from './shards.ts';
import { growMark } from './shards.ts';
import { together } from './together.ts';

/** What fan-out needs: the member's own region only. */
export interface FanoutPorts {
  readonly table: TablePort;
  readonly queue: QueuePort;
  readonly shards: ShardFinder;
}

/** What one batch came to. */
export interface FanoutResult {
  readonly images: number;
  readonly resyncs: number;
  readonly skipped: number;
  readonly messages: number;
  readonly staleLinks: readonly string[];
}

/** Some message of an open link is not surely stored: the batch must come again, cut anywhere. Nothing was skipped. */
export class FanoutIncompleteError extends Error {
  readonly links: ReadonlyMap<string, RemoteError>;
  constructor(links: ReadonlyMap<string, RemoteError>) {
    super(`Not all messages were stored; the batch will come again. ${[...links].map(([t, e]) => `${t}: ${whyText(e)}`).join('; ')}`);
    this.name = 'FanoutIncompleteError';
    this.links = links;
  }
}

/**
 * Fans a batch of one shard out to the lanes of every open link.
 *
 * Returns only when every message for every open link is stored, and then grows the shard's `sent`; otherwise it
 * throws, and the whole batch comes again. Duplicates, other cuts and replays are harmless because of the guard.
 *
 * @throws NotInitialisedError, FanoutIncompleteError, RemoteError (the seat cannot be read), FormatError, InvariantError.
 */
export async function fanout(batch: StreamBatch, member: MemberContext, ports: FanoutPorts, runtime: Runtime): Promise<FanoutResult> {
  const last = batch.records.at(-1);
  if (last === undefined) return { images: 0, resyncs: 0, skipped: 0, messages: 0, staleLinks: [] };
  const until = runtime.clock.elapsed() + FUNCTION_TIMEOUT_MS - 2 * REQUEST_EFFECT_MAX_MS;
  const shard = batch.shardId ?? (await shardOfBatch());

  // ⚠ After the batch was received: a role that ended before this read sends nothing of its epoch any more.
  const { seat, links } = await retried(runtime, until, () => readSelf(ports.table, member.tables.control));
  if (seat === undefined) throw new NotInitialisedError(member.set, member.member);

  const plan = planFanout(batch.records, {
    seat,
    set: member.set,
    member: member.member,
    key: member.key,
    lanes: member.lanes,
    expiry: member.expiry,
    nowMs: runtime.clock.now(),
    ...(shard !== undefined && { shard }),
  });

  const staleLinks: string[] = [];
  if (isPrimary(seat) && plan.sends.length > 0) {
    const incomplete = new Map<string, RemoteError>();
    await together(
      member.links.map(async (link) => {
        const row = links.get(link.target);
        if (row?.state === 'stale') {
          staleLinks.push(link.target);
          return;
        }
        const { failed } = await sendToLanes(ports.queue, link.queueUrl, plan.sends, () => runtime.chance.nonce());
        const error = failed.values().next().value;
        if (error === undefined) {
          if (row?.refusing !== undefined) await updateLink(link, { remove: ['refusing'] });
        } else if (await refusedTooLong(link, row, error)) staleLinks.push(link.target);
        else incomplete.set(link.target, error);
      }),
    );
    if (incomplete.size > 0) throw new FanoutIncompleteError(incomplete);
  }

  if (shard === undefined) runtime.metrics.count('ShardUnknown', 1);
  else await retried(runtime, until, () => growMark(ports.table, member.tables.control, shard, 'sent', last.sequence, last.createdMs));
  runtime.metrics.count('RecordsSent', plan.images + plan.resyncs);
  if (plan.resyncs > 0) runtime.metrics.count('RecordsAsResync', plan.resyncs);
  return { images: plan.images, resyncs: plan.resyncs, skipped: plan.skipped, messages: plan.sends.length, staleLinks };

  /** Only the mark needs it, so a stream that cannot be described stops no change; the next batch grows the mark as well. */
  async function shardOfBatch(): Promise<string | undefined> {
    const { streamArn, sequence, createdMs } = last as StreamRecord;
    try {
      return await retried(runtime, until, () => ports.shards.find(streamArn, sequence, createdMs));
    } catch (error) {
      if (!isRemote(error)) throw error;
      runtime.log.warn('The stream cannot be described: the mark of its shard stays.', { why: whyText(error) });
      return undefined;
    }
  }

  /** Notes the first refusal on the link; past the budget, makes the link stale, so that it cannot stop the others. */
  async function refusedTooLong(link: LinkContext, row: Link | undefined, error: RemoteError): Promise<boolean> {
    const now = runtime.clock.now();
    const why = whyText(error);
    const since = row?.refusing?.since;
    if (since === undefined) {
      runtime.log.warn('A link’s queue refuses sends.', { link: link.target, why });
      await updateLink(link, { set: { refusing: sinceWhyValue({ since: now, why }) } });
      return false;
    }
    if (now - since < SEND_REFUSED_BUDGET_MS) return false;
    runtime.log.error('A link is stale: its queue has refused sends for too long. It is skipped until it is refilled.', { link: link.target, why, since });
    runtime.metrics.count('LinkStale', 1, { link: link.target });
    await updateLink(link, {
      set: {
        state: stringValue('stale'),
        why: stringValue(`its queue refused sends for ${Math.round((now - since) / 60_000)} min: ${why}`),
        since: numberValue(now),
      },
      remove: ['refusing', 'proven'],
    });
    return true;
  }

  /** A link's row is made by `init`; an update of one that is not there would make half a row, so it is refused. */
  async function updateLink(link: LinkContext, changes: Parameters<TablePort['update']>[2]): Promise<void> {
    await retried(runtime, until, () => ports.table.update(member.tables.control, linkKey(link.target), changes, { op: 'present', path: ['state'] }));
  }
}
