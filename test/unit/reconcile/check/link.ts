import type { CheckLink } from '../../../../lib/reconcile/check/job.ts';

/** A link of which nothing is known yet. */
export const LINK: CheckLink = {
  source: 'a',
  target: 'b',
  stage: 'compare',
  since: 1,
  ...{ keys: 0, verified: 0, divergent: 0, unverified: 0, repaired: 0, left: 0, held: 0 },
  ...{ changed: 0, missing: 0, extra: 0, refused: 0, expired: 0, suspicions: 0, judged: 0, bytes: 0 },
  reasons: [],
};
