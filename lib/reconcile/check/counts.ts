import { assert } from '../../core/errors.ts';
import type { KeyVerdict } from '../verdict/suspicion.ts';
import type { CheckLink } from './job.ts';
import { REASON_TEXT_MAX, REASONS_MAX } from './limits.ts';
import type { Finding } from './report.ts';

/** How the counts of a link grow. Pure. `verified + divergent + unverified = keys` holds before and after each of these. */

/** Refuses counts of which one key is counted twice, or not at all. @throws InvariantError */
export function checkCounts(link: CheckLink): CheckLink {
  const { target, keys, verified, divergent, unverified, repaired, left, changed, missing, extra } = link;
  const counts = { target, keys, verified, divergent, unverified, repaired, left };
  assert(verified + divergent + unverified === keys, 'a link whose keys are not all counted once', counts);
  assert(changed + missing + extra === divergent && repaired + left <= divergent, 'a link whose divergent keys are not all counted once', counts);
  return link;
}

/** What is unverified for the reason `why`, added to those there are; the rarest fall together when there are too many. */
export function withReason(reasons: CheckLink['reasons'], why: string, keys: number): CheckLink['reasons'] {
  if (keys === 0) return reasons;
  const text = why.slice(0, REASON_TEXT_MAX);
  const found = reasons.find((one) => one.why === text);
  const all = found === undefined ? [...reasons, { why: text, keys }] : reasons.map((one) => (one === found ? { why: text, keys: one.keys + keys } : one));
  const sorted = [...all].sort((a, b) => b.keys - a.keys || (a.why < b.why ? -1 : 1));
  if (sorted.length <= REASONS_MAX) return sorted;
  const named = sorted.slice(0, REASONS_MAX - 1);
  return [...named, { why: OTHER_REASONS, keys: sorted.slice(REASONS_MAX - 1).reduce((sum, one) => sum + one.keys, 0) }];
}

const OTHER_REASONS = 'other reasons';
const REFUSED = 'the target can never take the item as it is: see "syncline refused list"';
const IN_MOTION = 'it kept changing';

/** What a link's whole comparison has shown. */
export interface Compared {
  /** Keys of the source. */
  readonly sourceKeys: number;
  /** Keys that go to the verdict, and those of them that only the target is known to have. */
  readonly suspicions: number;
  readonly targetOnly: number;
  /** Those of the suspicions that nobody can be asked about. */
  readonly unknown: number;
  /** Keys of the source that have expired for more than a day’s part: they count as equal. */
  readonly expired?: number;
  /** Keys that are not compared since they expire about now, of the source, and at the side that has more of them. */
  readonly begun?: { readonly sourceKeys: number; readonly keys: number };
}

/**
 * After the comparison: what was not suspected is equal. Keys that are suspected are counted by their verdict, batch by batch, so that a
 * link whose verdicts are not all there counts fewer keys, never a key as what it may not be.
 */
export function afterCompare(link: CheckLink, { sourceKeys, suspicions, targetOnly, unknown, expired = 0, begun = NONE_BEGUN }: Compared): CheckLink {
  const equal = Math.max(0, sourceKeys - (suspicions - targetOnly) - begun.sourceKeys);
  return checkCounts({
    ...link,
    keys: link.keys + equal + unknown + begun.keys,
    verified: link.verified + equal,
    expired: link.expired + Math.min(equal, expired),
    unverified: link.unverified + unknown + begun.keys,
    reasons: withReason(withReason(link.reasons, UNKNOWN, unknown), BEGUN, begun.keys),
    suspicions: link.suspicions + suspicions,
    judged: link.judged + unknown,
  });
}

const NONE_BEGUN = { sourceKeys: 0, keys: 0 } as const;
const BEGUN = 'it expires today, and too many items do for a look at each: such items are not compared';
const UNKNOWN = 'it changed while the tables were compared, and was not looked at by itself';

/** Keys that the opened cells add to a comparison's suspicions: those that the source has were counted as equal so far. */
export function afterOpen(link: CheckLink, { suspicions, targetOnly, unknown }: Omit<Compared, 'sourceKeys'>): CheckLink {
  const less = Math.min(link.verified, suspicions - targetOnly);
  return checkCounts({
    ...link,
    keys: link.keys - less + unknown,
    verified: link.verified - less,
    expired: Math.min(link.expired, link.verified - less),
    unverified: link.unverified + unknown,
    reasons: withReason(link.reasons, UNKNOWN, unknown),
    suspicions: link.suspicions + suspicions,
    judged: link.judged + unknown,
  });
}

/** Cells differ, and nobody can say which keys: those that were counted as equal are not known to be. Verdicts that are under way still count. */
export function afterSpoiled(link: CheckLink, why: string): CheckLink {
  return checkCounts({
    ...link,
    stage: 'verdict',
    why: why.slice(0, REASON_TEXT_MAX),
    verified: 0,
    expired: 0,
    unverified: link.unverified + link.verified,
    reasons: withReason(link.reasons, why, link.verified),
  });
}

/** A link whose suspicions all have their verdict. @throws InvariantError when one has none, or two */
export function afterAllVerdicts(link: CheckLink): CheckLink {
  const { target, suspicions, judged, stage } = link;
  assert(stage === 'ended' || suspicions === judged, 'a link whose suspicions do not all have one verdict', { target, suspicions, judged });
  return { ...link, stage: 'ended' };
}

/** A link of a check that cannot go on: its suspicions without a verdict are unverified. */
export const afterBreak = (link: CheckLink, why: string): CheckLink => afterFailure(link, link.suspicions - link.judged, why);

/** A link that could not be compared as a whole. @param keys of the source, 0 where nobody knows */
export function afterFailure(link: CheckLink, keys: number, why: string): CheckLink {
  return checkCounts({
    ...link,
    stage: 'ended',
    why: why.slice(0, REASON_TEXT_MAX),
    keys: link.keys + keys,
    unverified: link.unverified + keys,
    reasons: withReason(link.reasons, why, keys),
  });
}

/** After the verdicts of a batch, as far as they are of this link's target. */
export function afterVerdicts(link: CheckLink, verdicts: readonly KeyVerdict[]): CheckLink {
  const own = verdicts.filter(({ target }) => target === link.target);
  let next: CheckLink = { ...link, judged: link.judged + own.length };
  const grow = (change: Partial<CheckLink>): void => {
    next = { ...next, keys: next.keys + 1, ...change };
  };
  for (const one of own) {
    switch (one.verdict) {
      case 'verified':
        grow({ verified: next.verified + 1 });
        break;
      case 'expired':
        grow({ verified: next.verified + 1, expired: next.expired + 1 });
        break;
      case 'divergent':
        grow({ divergent: next.divergent + 1, [one.kind]: next[one.kind] + 1 });
        break;
      case 'refused':
        grow({ unverified: next.unverified + 1, refused: next.refused + 1, reasons: withReason(next.reasons, REFUSED, 1) });
        break;
      case 'in-motion':
        grow({ unverified: next.unverified + 1, reasons: withReason(next.reasons, IN_MOTION, 1) });
        break;
      case 'unverified':
        grow({ unverified: next.unverified + 1, reasons: withReason(next.reasons, one.why, 1) });
        break;
    }
  }
  return checkCounts(next);
}

/** The finding of a verdict; undefined where there is nothing to tell. */
export function findingOf(one: KeyVerdict): Finding | undefined {
  const { key, target } = one;
  switch (one.verdict) {
    case 'verified':
    case 'expired':
      return undefined;
    case 'divergent': {
      const { kind, sourceHash, targetHash, at } = one;
      return { key, target, verdict: 'divergent', kind, ...(sourceHash !== undefined && { sourceHash }), ...(targetHash !== undefined && { targetHash }), at };
    }
    case 'refused':
      return { key, target, verdict: 'refused', why: REFUSED };
    case 'in-motion':
      return { key, target, verdict: 'unverified', why: IN_MOTION };
    case 'unverified':
      return { key, target, verdict: 'unverified', why: one.why.slice(0, REASON_TEXT_MAX) };
  }
}

/** Divergent keys that a repair is still to mend: neither mended nor held back. */
export const isToMend = (finding: Finding): boolean => finding.verdict === 'divergent' && finding.outcome !== 'repaired' && finding.outcome !== 'held';

/** Whether a second verdict shows that nothing is left to mend. */
const isMended = ({ verdict }: KeyVerdict): boolean => verdict === 'verified' || verdict === 'expired';

/** A divergent finding after the verdict that followed on its repair. */
export function mendedBy(finding: Finding, verdict: KeyVerdict): Finding {
  const { why: _, ...rest } = finding;
  if (isMended(verdict)) return { ...rest, outcome: 'repaired' };
  const why = findingOf(verdict)?.why;
  return { ...rest, outcome: 'left', ...(why !== undefined && { why }) };
}

/** After the findings of one part were looked through before the first repair: those that are held back. */
export function afterHeld(link: CheckLink, findings: readonly Finding[]): CheckLink {
  const held = findings.filter(({ target, outcome }) => target === link.target && outcome === 'held').length;
  return checkCounts({ ...link, held: link.held + held, left: link.left + held });
}

/**
 * After the verdicts that followed on a repair. It rests on them alone: a step that is done again counts the same.
 *
 * @param round 1 for the first repair; what a later one is about was counted as left before.
 */
export function afterVerify(link: CheckLink, verdicts: readonly KeyVerdict[], round: number): CheckLink {
  const own = verdicts.filter(({ target }) => target === link.target);
  const mended = own.filter(isMended).length;
  return checkCounts({
    ...link,
    repaired: link.repaired + mended,
    left: round === 1 ? link.left + own.length - mended : link.left - mended,
  });
}
