import type { Link } from '../../core/formats/rows.ts';
import { decodeLink, linkKey } from '../../core/formats/rows.ts';
import { whyText } from '../../ports/errors.ts';
import type { QueuePort } from '../../ports/queue.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { StreamPort } from '../../ports/stream.ts';
import type { TablePort } from '../../ports/table.ts';
import { retryDelayMs } from '../../replicate/back-off.ts';
import type { LinkContext } from '../../replicate/context.ts';
import { markerBody } from '../../replicate/fanout-plan.ts';
import { retried } from '../../replicate/retry.ts';
import { sendToLanes } from '../../replicate/send.ts';
import { together } from '../../replicate/together.ts';
import { readShards } from '../../status/gather.ts';
import { hasPassed } from '../verdict/passed.ts';
import { MARKER_AGAIN_MAX, MARKER_AHEAD_MAX_MS, MARKER_MAX_MS, MARKER_WAIT, PASSED_MAX_MS, PASSED_WAIT_MS, PROVE_REQUEST_MAX_MS } from './limits.ts';

/** The drain of a link: everything written before a time is in the lanes, and then has come out of them. */

/** What a wait does beside waiting. */
export interface Beat {
  /** Renews whatever lease the waiting run has. */
  renew(): Promise<void>;
  stopped(): boolean;
}

/** Why a wait ended before its time: somebody stopped it, or nothing moves, with what is known of the reason. */
export type Ended = { readonly ended: 'stopped' } | { readonly ended: 'stuck'; readonly why: string };

/**
 * Waits until every change that was made before a time is in the lanes.
 *
 * @param streamArn of the seat. @param tMs clock of the source's region
 * @returns undefined when it is so. @throws RemoteError, FormatError
 */
export async function awaitPassed(
  ports: { readonly table: TablePort; readonly stream: StreamPort },
  runtime: Runtime,
  at: { readonly control: string; readonly streamArn: string; readonly tMs: number },
  beat: Beat,
): Promise<Ended | undefined> {
  const { clock } = runtime;
  const began = clock.elapsed();
  for (;;) {
    // The time first: rows that are read later say at least as much.
    const now = clock.now();
    const until = clock.elapsed() + PROVE_REQUEST_MAX_MS;
    const shards = await retried(runtime, until, () => ports.stream.shards(at.streamArn));
    const { shards: rows } = await retried(runtime, until, () => readShards(ports.table, at.control));
    if (hasPassed(rows, shards, at.tMs, now)) return undefined;
    if (beat.stopped()) return { ended: 'stopped' };
    if (clock.elapsed() - began > PASSED_MAX_MS) {
      return { ended: 'stuck', why: `changes from before are not in the lanes after ${PASSED_MAX_MS / 60_000} minutes: fan-out stands still` };
    }
    await clock.sleep(PASSED_WAIT_MS);
    await beat.renew();
  }
}

/**
 * Sends a marker down every lane of a link, one after the other, since a link's row remembers one marker only, and waits until each has
 * come out: then everything that was in the lane before has, too.
 *
 * @param epoch of the source's seat. ⚠ No lane message carries an epoch that its sender's seat does not own.
 * @param passed hears of each lane.
 * @returns undefined when all have come out. @throws RemoteError, FormatError
 */
export async function passLanes(
  link: LinkContext,
  ports: { readonly table: TablePort; readonly queue: QueuePort },
  runtime: Runtime,
  epoch: number,
  beat: Beat,
  passed: () => void,
): Promise<Ended | undefined> {
  for (let lane = 0; lane < link.lanes; lane += 1) {
    const ended = await passLane(lane);
    if (ended !== undefined) return ended;
    passed();
  }
  return undefined;

  async function passLane(lane: number): Promise<Ended | undefined> {
    const began = runtime.clock.elapsed();
    let sent: number | undefined;
    let sends = 0;
    let row = await linkRow();
    for (let wait: number = MARKER_WAIT.firstMs; ; wait = Math.min(wait * 2, MARKER_WAIT.maxMs)) {
      // A minute's marker of another lane that arrived later hides ours: then nobody knows, and it is sent again.
      if (sent === undefined || (row?.mark !== undefined && row.mark.sent > sent)) {
        if (sends < MARKER_AGAIN_MAX) {
          sent = await sendMarker(lane, row?.mark);
          sends += 1;
        }
      } else if (row?.mark?.sent === sent) return undefined;
      if (beat.stopped()) return { ended: 'stopped' };
      if (runtime.clock.elapsed() - began > MARKER_MAX_MS)
        return { ended: 'stuck', why: row?.failing === undefined ? 'nothing is known of it' : row.failing.why };
      await runtime.clock.sleep(wait);
      await beat.renew();
      row = await linkRow();
    }
  }

  async function sendMarker(lane: number, mark: Link['mark']): Promise<number | undefined> {
    const sent = markerTime(runtime.clock.now(), mark);
    const body = markerBody({ set: link.set, epoch, source: link.source, lanes: link.lanes, sent, lane });
    const { failed } = await sendToLanes(ports.queue, link.queueUrl, [{ lane, body }], () => runtime.chance.nonce());
    const error = failed.values().next().value;
    if (error === undefined) return sent;
    runtime.log.warn('A marker could not be sent; it is tried again.', { link: link.target, why: whyText(error) });
    await runtime.clock.sleep(retryDelayMs(4, runtime.chance.random()));
    return undefined;
  }

  async function linkRow(): Promise<Link | undefined> {
    const row = await retried(runtime, runtime.clock.elapsed() + PROVE_REQUEST_MAX_MS, () => ports.table.get(link.sourceTables.control, linkKey(link.target)));
    return row === undefined ? undefined : decodeLink(row);
  }
}

/** Drains several links side by side. @returns why a link is not drained, by its target; those that are do not stand in it */
export async function drainLinks(
  links: readonly LinkContext[],
  ports: { readonly table: TablePort; readonly queue: QueuePort },
  runtime: Runtime,
  epoch: number,
  beat: Beat,
  say: (lanes: { readonly passed: number; readonly of: number }) => void,
): Promise<ReadonlyMap<string, Ended>> {
  const of = links.reduce((sum, link) => sum + link.lanes, 0);
  let passed = 0;
  say({ passed, of });
  const outcomes = await together(
    links.map((link) =>
      passLanes(link, ports, runtime, epoch, beat, () => {
        passed += 1;
        say({ passed, of });
      }),
    ),
  );
  return new Map(links.flatMap(({ target }, i): [string, Ended][] => (outcomes[i] === undefined ? [] : [[target, outcomes[i]]])));
}

/**
 * The time that a marker carries: now, but above that of the newest marker that arrived, or it would not be noted; and not
 * so far ahead of it that the minute's own markers would not be noted. Pure. @param now ms, this host's clock
 */
export function markerTime(now: number, mark: Link['mark']): number {
  if (mark === undefined) return now;
  const least = mark.sent + 1;
  return Math.max(least, Math.min(now, mark.arrived + MARKER_AHEAD_MAX_MS));
}
