import { LINK_STALE_AFTER_MS, STALLED_AFTER_MS, TICK_MS } from '../core/constants.ts';
import type { Link } from '../core/formats/rows.ts';
import type { QueueDepth } from '../ports/queue.ts';
import { ago, span } from './span.ts';

/**
 * How a link is, judged from its row and its queue. Pure: the rows and the depth are read elsewhere.
 *
 * | state | meaning | needs a person |
 * |---|---|---|
 * | ok | markers arrive in time, changes are moving | no |
 * | idle | markers arrive in time, nothing was written lately: idle is not stalled | no |
 * | lagging | markers arrive, but late: the target is behind and catches up | no |
 * | standby | its source is not the primary, so nothing is sent here | no |
 * | paused | by a person's wish; the queue keeps what is sent | when it nears the queue's retention |
 * | unknown | it is too young to tell, or its row is not there | when its row is not there |
 * | stalled | no marker has arrived for STALLED_AFTER_MS | yes |
 * | failing | the target does not answer, or the queue refuses sends | yes |
 * | stale | messages were dropped or skipped: the target must be made equal again before it counts | yes |
 */
export type LinkState = 'ok' | 'idle' | 'lagging' | 'standby' | 'paused' | 'unknown' | 'stalled' | 'failing' | 'stale';

/** A marker that took longer than this on its way means that the link lags (ms). Well above a healthy link's second or two. */
export const LAGGING_AFTER_MS = 30_000;
/** The newest marker that arrived was sent longer ago than this: at least one marker is overdue (ms). */
export const MARKER_OVERDUE_MS = 2 * TICK_MS + LAGGING_AFTER_MS;
/** No change was moved for this long, and the queue is empty: the link is idle (ms). */
export const IDLE_AFTER_MS = TICK_MS;
/** A link that has been paused for this share of LINK_STALE_AFTER_MS needs a person. */
const PAUSED_WARN_SHARE = 0.75;

/** What is known of a link beside its row. */
export interface LinkEvidence {
  /** Whether the source's seat is primary. Nothing is sent from a secondary. */
  readonly active: boolean;
  readonly depth?: QueueDepth;
  /** When the newest change that fan-out has moved was made (ms), if a shard's row says so. */
  readonly lastSentMs?: number;
}

/** The verdict on a link. */
export interface LinkHealth {
  readonly state: LinkState;
  /** One sentence for a person. */
  readonly reason: string;
  readonly attention: boolean;
  /** How long the newest marker that arrived was on its way (ms). */
  readonly lagMs?: number;
  /** How long ago that marker arrived (ms). */
  readonly markAgeMs?: number;
}

/**
 * Judges a link.
 *
 * @param now wall clock (ms) of whoever asks. It is compared with the source region's clocks for a display only, never
 * for a decision of the pipeline; a clock that runs behind shows ages of 0.
 */
export function linkHealth(link: Link | undefined, now: number, evidence: LinkEvidence): LinkHealth {
  const mark = link?.mark;
  const lagMs = mark === undefined ? undefined : Math.max(0, mark.arrived - mark.sent);
  const markAgeMs = mark === undefined ? undefined : Math.max(0, now - mark.arrived);
  const say = (state: LinkState, reason: string, attention = false): LinkHealth => ({
    state,
    reason,
    attention,
    ...(lagMs !== undefined && { lagMs }),
    ...(markAgeMs !== undefined && { markAgeMs }),
  });

  if (!evidence.active) return say('standby', 'The source is not the primary: nothing is sent on this link.');
  if (link === undefined) return say('unknown', 'The link has no row, so fan-out skips it. Run "syncline init --primary MEMBER".', true);

  const held = Math.max(0, now - link.since);
  const why = link.why === undefined || link.why === '' ? '' : `: ${link.why}`;
  if (link.state === 'stale') return say('stale', `Stale for ${span(held)}${why}. What it skipped must be resynced before it counts.`, true);
  if (link.state === 'paused') {
    const near = held >= LINK_STALE_AFTER_MS * PAUSED_WARN_SHARE;
    const limit = near ? ` It becomes stale after ${span(LINK_STALE_AFTER_MS)}: resume it before.` : '';
    return say('paused', `Paused for ${span(held)}${why}.${limit}`, near);
  }
  if (link.failing !== undefined) return say('failing', `The target has not answered for ${ago(now, link.failing.since)}: ${link.failing.why}`, true);
  if (link.refusing !== undefined) return say('failing', `The link's queue has refused sends for ${ago(now, link.refusing.since)}: ${link.refusing.why}`, true);

  // A link that was just opened has no marker of its own yet: its age counts from its opening.
  const quiet = Math.min(markAgeMs ?? Number.POSITIVE_INFINITY, held);
  if (quiet > STALLED_AFTER_MS) {
    const newest = markAgeMs === undefined ? 'has ever arrived' : `has arrived for ${span(markAgeMs)}`;
    return say('stalled', `No marker ${newest}; one is sent each minute. Look at the logs of reconcile and apply in the source's region.`, true);
  }
  if (mark === undefined || lagMs === undefined)
    return say('unknown', `Opened ${span(held)} ago; no marker has arrived yet. The first is due within two minutes.`);

  if (lagMs > LAGGING_AFTER_MS) return say('lagging', `The newest marker took ${span(lagMs)}.`);
  const sentAge = Math.max(0, now - mark.sent);
  if (sentAge > MARKER_OVERDUE_MS) return say('lagging', `The newest marker that arrived was sent ${span(sentAge)} ago; the next is overdue.`);

  const empty = evidence.depth !== undefined && evidence.depth.visible + evidence.depth.inFlight + evidence.depth.delayed === 0;
  const quietWrites = evidence.lastSentMs === undefined || now - evidence.lastSentMs > IDLE_AFTER_MS;
  return empty && quietWrites ? say('idle', 'Nothing is on its way; markers arrive in time.') : say('ok', 'Markers arrive in time.');
}
