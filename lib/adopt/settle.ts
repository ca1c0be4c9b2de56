import type { Key } from '../core/attribute.ts';
import type { Refused } from '../core/formats/refused-row.ts';
import type { Link } from '../core/formats/rows.ts';
import { decodeLink, decodeSeat, linkKey, SEAT_KEY } from '../core/formats/rows.ts';
import type { JobLease } from '../job/lease.ts';
import { whyText } from '../ports/errors.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { TablePort } from '../ports/table.ts';
import { retryDelayMs } from '../replicate/back-off.ts';
import type { LinkContext, MemberContext } from '../replicate/context.ts';
import { markerBody } from '../replicate/fanout-plan.ts';
import { retried } from '../replicate/retry.ts';
import { sendToLanes } from '../replicate/send.ts';
import { together } from '../replicate/together.ts';
import { readRefused } from '../status/gather.ts';
import { COUNT_WAIT_MS, COUNTS_MAX, MARKER_AGAIN_MAX, MARKER_AHEAD_MAX_MS, MARKER_MAX_MS, MARKER_WAIT, REQUEST_MAX_MS } from './limits.ts';
import type { BackfillPorts, Watcher } from './ports.ts';
import { isCopy, keyPaths, readySeat } from './ready.ts';
import type { AdoptJob } from './savepoint.ts';

/** How one link stands at the end. */
export interface SettledLink {
  readonly target: string;
  /** Items at the target, and those of them that no applier wrote; absent when it was not counted. */
  readonly items?: number;
  readonly old?: number;
  /** Keys that the target has refused. */
  readonly refused: readonly Refused[];
  /** There are more of them. */
  readonly refusedMore: boolean;
  /** Messages in the dead-letter queue. */
  readonly deadLetters: number;
}

/** How it ended. */
export interface Settled {
  /** Why not everything is known to have arrived; absent when it is. */
  readonly ended?: 'stopped' | 'stuck';
  /** The link whose marker does not come out, and what the link says of itself. */
  readonly stuck?: { readonly target: string; readonly why: string };
  /** Items at the source; absent when it was not counted. */
  readonly items?: number;
  readonly links: readonly SettledLink[];
}

/**
 * Waits until everything that was sent before has come out of every lane of every link, then counts both sides.
 *
 * @param epoch of the seat. ⚠ No lane message carries an epoch that its sender's seat does not own.
 * @throws as `backfill`
 */
export async function settle(
  member: MemberContext,
  ports: BackfillPorts,
  runtime: Runtime,
  epoch: number,
  lease: JobLease<AdoptJob>,
  options: { readonly count: boolean; readonly watcher: Watcher },
): Promise<Settled> {
  const { watcher } = options;
  const of = member.links.length * member.lanes;
  let passed = 0;
  const say = (phase: 'arrive' | 'count'): void => watcher.progress({ phase, keys: lease.job.keys, worked: lease.job.worked, lanes: { passed, of } });
  say('arrive');
  // Lane by lane, since a link's row remembers one marker only; the links at the same time. Whoever waits renews for all.
  const outcomes = await together(
    member.links.map(async (link) => {
      for (let lane = 0; lane < link.lanes; lane += 1) {
        const outcome = await passLane(link, lane);
        if (outcome !== undefined) return outcome;
        passed += 1;
        say('arrive');
      }
      return undefined;
    }),
  );
  await readySeat(member, ports.table, runtime, epoch);
  const bad = outcomes.find((o) => o !== undefined);
  if (bad !== undefined) return { ended: bad.stopped ? 'stopped' : 'stuck', ...(bad.stuck && { stuck: bad.stuck }), links: [] };
  say('count');
  const counted = options.count ? await counts() : undefined;
  const links = await together(
    member.links.map(async (link): Promise<SettledLink> => {
      const until = runtime.clock.elapsed() + REQUEST_MAX_MS;
      const { refused, more } = await retried(runtime, until, () => readRefused(ports.target(link.targetRegion), link.targetTables.control));
      const dead = await retried(runtime, until, () => ports.queue.depth(link.dlqUrl));
      return {
        target: link.target,
        ...counted?.targets.get(link.target),
        refused: refused.filter((r) => r.link === link.source),
        refusedMore: more,
        deadLetters: dead.visible + dead.inFlight,
      };
    }),
  );
  return { ...(counted !== undefined && { items: counted.source }), links };

  /** Sends a marker down a lane, and waits until it has come out: then everything before it has, too. */
  async function passLane(link: LinkContext, lane: number): Promise<{ stopped: boolean; stuck?: { target: string; why: string } } | undefined> {
    const began = runtime.clock.elapsed();
    let sent: number | undefined;
    let sends = 0;
    let row = await linkRow(link);
    for (let wait: number = MARKER_WAIT.firstMs; ; wait = Math.min(wait * 2, MARKER_WAIT.maxMs)) {
      // A minute's marker of another lane that arrived later hides ours: then nobody knows, and it is sent again.
      if (sent === undefined || (row?.mark !== undefined && row.mark.sent > sent)) {
        if (sends < MARKER_AGAIN_MAX) {
          sent = await sendMarker(link, lane, row?.mark);
          sends += 1;
        }
      } else if (row?.mark?.sent === sent) return undefined;
      if (watcher.stopped()) return { stopped: true };
      if (runtime.clock.elapsed() - began > MARKER_MAX_MS) {
        const why = row?.failing === undefined ? 'nothing is known of it' : row.failing.why;
        return { stopped: false, stuck: { target: link.target, why } };
      }
      await runtime.clock.sleep(wait);
      await lease.renew();
      row = await linkRow(link);
    }
  }

  async function sendMarker(link: LinkContext, lane: number, mark: Link['mark']): Promise<number | undefined> {
    const sent = markerTime(runtime.clock.now(), mark);
    const body = markerBody({ set: link.set, epoch, source: link.source, lanes: link.lanes, sent, lane });
    const { failed } = await sendToLanes(ports.queue, link.queueUrl, [{ lane, body }], () => runtime.chance.nonce());
    const error = failed.values().next().value;
    if (error === undefined) return sent;
    runtime.log.warn('A marker could not be sent; it is tried again.', { link: link.target, why: whyText(error) });
    await runtime.clock.sleep(retryDelayMs(4, runtime.chance.random()));
    return undefined;
  }

  async function linkRow(link: LinkContext): Promise<Link | undefined> {
    const row = await retried(runtime, runtime.clock.elapsed() + REQUEST_MAX_MS, () => ports.table.get(member.tables.control, linkKey(link.target)));
    return row === undefined ? undefined : decodeLink(row);
  }

  async function counts(): Promise<Counts> {
    let last = await countAll();
    for (let again = 1; again < COUNTS_MAX && !allEqual(last) && !watcher.stopped(); again += 1) {
      await runtime.clock.sleep(COUNT_WAIT_MS);
      last = await countAll();
    }
    return last;
  }

  async function countAll(): Promise<Counts> {
    const [source, ...targets] = await together([
      count(ports.table, member.tables.items, () => true),
      ...member.links.map(async (link) => {
        const table = ports.target(link.targetRegion);
        const seat = await retried(runtime, runtime.clock.elapsed() + REQUEST_MAX_MS, () => table.get(link.targetTables.control, SEAT_KEY));
        const tableId = seat === undefined ? '' : decodeSeat(seat).tableId;
        return count(table, link.targetTables.items, (item) => isCopy(item, tableId, link.key));
      }),
    ]);
    return {
      source: source?.items ?? 0,
      targets: new Map(
        member.links.map((link, i) => [link.target, { items: targets[i]?.items ?? 0, old: (targets[i]?.items ?? 0) - (targets[i]?.copies ?? 0) }]),
      ),
    };
  }

  async function count(table: TablePort, name: string, isOurs: (item: Key) => boolean): Promise<{ items: number; copies: number }> {
    let items = 0;
    let copies = 0;
    let after: Key | undefined;
    // As many pages as the table has: each moves on.
    do {
      const from = after;
      const page = await retried(runtime, runtime.clock.elapsed() + REQUEST_MAX_MS, () =>
        table.scan({ table: name, project: keyPaths(member.key), ...(from && { after: from }) }),
      );
      items += page.items.length;
      copies += page.items.filter(isOurs).length;
      after = page.next;
      await lease.renew();
    } while (after !== undefined);
    return { items, copies };
  }
}

interface Counts {
  readonly source: number;
  readonly targets: ReadonlyMap<string, { readonly items: number; readonly old: number }>;
}

const allEqual = (counts: Counts): boolean => [...counts.targets.values()].every((t) => t.items === counts.source);

/**
 * The time that a marker carries: now, but above that of the newest marker that arrived, or it would not be noted; and not
 * so far ahead of it that the minute's own markers would not be noted. Pure. @param now ms, this host's clock
 */
export function markerTime(now: number, mark: Link['mark']): number {
  if (mark === undefined) return now;
  const least = mark.sent + 1;
  return Math.max(least, Math.min(now, mark.arrived + MARKER_AHEAD_MAX_MS));
}
