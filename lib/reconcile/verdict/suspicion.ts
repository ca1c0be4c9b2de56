import type { Key } from '../../core/attribute.ts';

/** A key that somebody found to differ between the primary and a member. Not yet a finding: most are changes on their way. */
export interface Suspicion {
  readonly key: Key;
  /** The member whose copy differs. */
  readonly target: string;
}

/** What is wrong with a copy: another content, none, or one of an item that the source does not have. */
export type DivergenceKind = 'changed' | 'missing' | 'extra';

/** A key whose source and copy differ, with no change of it on the way. */
export interface Divergence {
  readonly key: Key;
  readonly target: string;
  readonly kind: DivergenceKind;
  /** Item hash at the source (base64 of 16 bytes); absent where there is no item. */
  readonly sourceHash?: string;
  /** Item hash at the target, likewise. */
  readonly targetHash?: string;
  /** When both were read (ms, clock of the source's region). */
  readonly at: number;
}

/**
 * What a check says of one key.
 *
 * - `verified`: equal in the lane, or a faithful copy of what the source held a moment ago.
 * - `in-motion`: it differed, and a change of it was on the way. Only within a batch: when a batch is done it has none of these.
 * - `expired`: the item's expiry time is over or near; each member removes it by itself, at its own time.
 * - `refused`: the target cannot take the item as it is; such keys are listed by themselves ("refused" rows).
 * - `unverified`: nothing could be said, and why.
 * - `divergent`: see Divergence.
 */
export type KeyVerdict =
  | { readonly key: Key; readonly target: string; readonly verdict: 'verified' | 'in-motion' | 'expired' | 'refused' }
  | { readonly key: Key; readonly target: string; readonly verdict: 'unverified'; readonly why: string }
  | (Divergence & { readonly verdict: 'divergent' });
