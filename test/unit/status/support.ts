import type { CheckJob, CheckLink } from '../../../lib/reconcile/check/job.ts';
import type { LinkProof, MemberProof, ProofRow } from '../../../lib/reconcile/proof/row.ts';

/** Rows of the checker, as tests of the status need them. */

export const NOW = 1_800_000_000_000;
export const [A, B, C] = ['eu-central-1', 'us-east-1', 'ap-southeast-2'] as const;
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
export const MONTH = '2027-01';

/** An id of a check, or of a scan, that was begun so long ago. */
export const idAt = (ago: number, tail = 'abcdef'): string => `${new Date(NOW - ago).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z-${tail}`;

const linkOf = (target: string, more: Partial<CheckLink> = {}): CheckLink => ({
  source: A,
  target,
  stage: 'ended',
  since: NOW,
  ...{ keys: 100, verified: 100, divergent: 0, unverified: 0, repaired: 0, left: 0, held: 0 },
  ...{ changed: 0, missing: 0, extra: 0, refused: 0, expired: 0, suspicions: 0, judged: 0, bytes: 0 },
  reasons: [],
  ...more,
});

/** A check of B that began so long ago, and took a minute. */
export const job = (ago: number, link: Partial<CheckLink> = {}, more: Partial<CheckJob> = {}): CheckJob => ({
  v: 1,
  id: idAt(ago),
  set: 'cities',
  source: A,
  request: { mode: 'sweep', targets: [B], action: 'repair', by: 'somebody' },
  phase: 'done',
  started: NOW - ago,
  since: NOW - ago,
  done: NOW - ago + MINUTE,
  links: [linkOf(B, link)],
  tasks: [],
  active: [],
  ...{ made: 0, next: 0, round: 0, findings: 0, parts: 0, told: 0 },
  ...more,
});

/** Three keys that differ, of a hundred. */
export const DIFFERS: Partial<CheckLink> = { verified: 97, divergent: 3, changed: 3 };

/** A look a minute ago, as of three minutes ago. */
export const looked = (more: Partial<LinkProof> = {}): LinkProof => ({
  state: 'verified',
  at: NOW - MINUTE,
  asOf: NOW - 3 * MINUTE,
  cells: 256,
  differing: 0,
  hot: 2,
  ...more,
});

export const proof = (link: LinkProof, members: Record<string, MemberProof> = {}): ProofRow => ({ at: NOW - MINUTE, links: { [B]: link }, members, v: 1 });
