import { isBraked } from '../../archive/rewrite/brake.ts';
import type { CheckJob, CheckLink } from '../check/job.ts';

/** The brake of a check's repairs: whether a human must allow what they would delete. It is decided by the totals of a link, so that many small parts pass no more than one large one. */

/** Whether a check may delete what only the targets have, however much it is. Pure. */
export const mayDelete = (job: Pick<CheckJob, 'request' | 'approved'>): boolean => job.approved?.deletes ?? job.request.allowDeletes ?? false;

/**
 * Whether a check resyncs keys that have no verdict, too: a proof must come to an end also for keys of which nothing can be said, and a
 * resync of one that is equal does nothing. Pure.
 */
export const sendsUnknown = ({ request }: Pick<CheckJob, 'request'>): boolean => request.purpose === 'prove' && request.keepExtras !== true;

/** How many items the whole repair of a link may delete: those that only the target has, and keys that the source may not have. Pure. */
export const deletionsOf = (job: Pick<CheckJob, 'request'>, { extra, unverified, refused }: Pick<CheckLink, 'extra' | 'unverified' | 'refused'>): number =>
  extra + (sendsUnknown(job) ? unverified - refused : 0);

/** Whether the brake holds the deletions of a link. Pure. */
export const isLinkBraked = (job: Pick<CheckJob, 'request' | 'approved'>, link: CheckLink): boolean =>
  !mayDelete(job) && isBraked(deletionsOf(job, link), link.keys);

/** Targets at which nothing is deleted: the check was told so, or the brake holds. Pure. */
export const heldTargets = (job: CheckJob): ReadonlySet<string> =>
  new Set(job.links.filter((link) => (!mayDelete(job) && job.request.keepExtras === true) || isLinkBraked(job, link)).map((link) => link.target));
