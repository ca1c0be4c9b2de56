import { epochOf, readPosition, sequenceOf } from '../../core/formats/position.ts';
import { SHARD_ROW_LIFE_MS } from '../behind.ts';
import type { Outcome, PastChange, Said, VerdictBatch } from './batch.ts';
import { EXPIRY_NEAR_MS } from './limits.ts';
import type { DivergenceKind } from './suspicion.ts';

/**
 * What is concluded of a difference. Pure. See docs/reconcile.md for the whole argument; in short:
 *
 * The answer was given in the key's lane, so the copy must contain every change of the key that was in the lane before the question. A
 * difference is divergence when it is sure that the source's value was in the lane, or that the copy is nothing that the lane ever carried.
 * "Nothing was read lately" is no such proof: two readers that stand still look like a table that is not written.
 */

/** What a round knows of both readers of the source's stream. */
export interface RoundFacts {
  readonly t: number;
  readonly epoch: number;
  /** `since` of the source's seat (ms): what is older belongs to another role, and nothing of it is on the way. */
  readonly roleSinceMs: number;
  readonly sent: Readonly<Record<string, string>>;
  /** By records that fan-out had read: everything made before T was in the lanes. */
  readonly sentHard: boolean;
  /** By records that the observer has archived: the log shows everything up to the answer and MOTION_MARGIN_MS more. */
  readonly seenHard: boolean;
}

/** The facts of a batch's round. */
export const factsOf = ({ t = 0, epoch = 0, sent = {}, sentHard = false }: VerdictBatch, roleSinceMs: number, seenHard: boolean): RoundFacts => ({
  t,
  epoch,
  roleSinceMs,
  sent,
  sentHard,
  seenHard,
});

/** What can be said of an answer by itself; undefined for a difference that wants to be explained. */
export function judgeAnswer(said: Said): Outcome | undefined {
  if (said.equal) return { verdict: 'verified' };
  if (isExpired(said)) return { verdict: 'expired' };
  if (said.refused !== undefined) return { verdict: 'refused' };
  return undefined;
}

/**
 * Whether each member removes the item by itself, about now. It goes by the source's item: a copy that is to expire while the source's item
 * is not was made of another version, which is as good a difference as any.
 */
function isExpired({ s, es, et, at }: Said): boolean {
  const expires = s === undefined ? et : es;
  return expires !== undefined && expires * 1_000 <= at + EXPIRY_NEAR_MS;
}

/** What is wrong with a copy. One that a later tombstone hides is not there for readers. */
export const kindOf = ({ s, t, hidden }: Said): DivergenceKind => (s === undefined ? 'extra' : t === undefined || hidden === true ? 'missing' : 'changed');

/** The outcome of a key that is divergent. */
export const divergent = (said: Said): Outcome => ({
  verdict: 'divergent',
  kind: kindOf(said),
  at: said.at,
  ...(said.s !== undefined && { sourceHash: said.s }),
  ...(said.t !== undefined && { targetHash: said.t }),
});

/** Whether a change made the source's item what the answer says that it is. A log without images cannot contradict. */
export function explains({ removed, hash }: Pick<PastChange, 'removed' | 'hash'>, { s }: Said): boolean {
  if (removed || s === undefined) return removed === (s === undefined);
  return hash === undefined || Buffer.from(s, 'base64').toString('hex').startsWith(hash);
}

/** Of a difference: `candidate` when it is divergence if another round says the same; `motion`, `unexplained` with a sentence; `look` when the key's past must be looked up. */
export type Judgement =
  | { readonly kind: 'candidate' | 'look' }
  | { readonly kind: 'expired' }
  | { readonly kind: 'motion' | 'unexplained'; readonly why: string };

/** The key's log around an answer. */
export interface NearLog {
  /** A change of it was made between T and the answer, or so near that it may have been. */
  readonly moved: boolean;
  /** The newest change before, if one was made since LOOKBACK_MS before T. */
  readonly near: (Pick<PastChange, 'removed' | 'hash'> & { readonly byExpiry: boolean }) | undefined;
  /** The same, whole, or an older one; undefined as long as nobody has looked, null when the log shows none. */
  readonly past: PastChange | null | undefined;
}

/** Judges a difference by the source's log. */
export function judgeDifference(said: Said, facts: RoundFacts, { moved, near, past }: NearLog): Judgement {
  if (moved) return { kind: 'motion', why: 'It was written again while it was looked at.' };
  // Not fanned out by default: each member removes its own copy.
  if (near?.byExpiry === true && said.s === undefined) return { kind: 'expired' };
  const newest = past ?? near;
  if (newest !== undefined && !explains(newest, said)) {
    return { kind: 'unexplained', why: 'The log of the source does not show how its item became what it is.' };
  }
  if (facts.sentHard && facts.seenHard) return { kind: 'candidate' };
  if (isHandMade(said)) return { kind: 'candidate' };
  if (past === undefined) return { kind: 'look' };
  if (past !== null && past.hash === undefined && !past.removed) {
    return {
      kind: 'unexplained',
      why: 'The stream of the source shows no images, and nothing was written since by which to know that both of its readers run.',
    };
  }
  if (past !== null && isOwed(past, said, facts, true)) return { kind: 'candidate' };
  return {
    kind: 'unexplained',
    why: `Nothing shows that the functions which read the source's stream run: nothing was written lately, and ${
      past === null ? 'the log does not reach back to the last change of this item' : 'its last change was not surely sent'
    }. Write any item of the table, and check again.`,
  };
}

/** A copy that no applier wrote as it is. It is nothing that is only late. */
const isHandMade = ({ t, sealed }: Said): boolean => t !== undefined && sealed !== true;

/** Whether fan-out had a change behind it when the question was sent. Rows of shards go two days after the last record, and only when both readers were done. */
function wasSent({ shard, sequence, at }: PastChange, { sent, t }: RoundFacts): boolean {
  const mark = sent[shard];
  return mark === undefined ? at < t - SHARD_ROW_LIFE_MS : BigInt(mark) >= BigInt(sequence);
}

/**
 * Whether the copy lacks a change that was in its lane before the question: by the order of the lane, whatever the clocks say.
 *
 * @param same the source's item still is what that change made it. Only then a copy made by a repair can be told: it may hold more than its
 *   position says.
 */
export function isOwed(past: PastChange, said: Said, facts: RoundFacts, same: boolean): boolean {
  const p = said.p === undefined ? undefined : readPosition(Buffer.from(said.p, 'base64'));
  // Nothing of an earlier role is on the way any more: what lacks it lacks it for good.
  if (past.at <= facts.roleSinceMs) return p === undefined || epochOf(p) < facts.epoch;
  if (!wasSent(past, facts)) return false;
  if (p === undefined || epochOf(p) < facts.epoch) return true;
  const sequence = BigInt(past.sequence);
  if (epochOf(p) > facts.epoch || sequenceOf(p) > sequence) return false;
  if (said.kind === 'repair') return same && sequenceOf(p) < sequence;
  return same || sequenceOf(p) < sequence;
}

/** A change at the copy's position, as the log of the source shows it; undefined when it does not. @see finalOutcome */
export interface ImageAt {
  /** Item hash (base64 of 16 bytes) of its new image; absent for a removal. */
  readonly hash?: string;
  readonly removed: boolean;
}

/** What a copy lacks of the changes that were made before T: nothing, one that is not surely in its lane yet, or one that was. */
export type Lacks = 'nothing' | 'unsent' | 'owed';

/** What the copy lacks, by the newest change before T; `unsent` where that is not known. Not for items that expire: a member may have removed its copy. */
export function lacksOf(past: PastChange | null | undefined, said: Said, facts: RoundFacts): Lacks {
  if (past === null || past === undefined) return 'unsent';
  const mortal = past.mortal === true || said.es !== undefined || said.et !== undefined;
  if (!mortal && isOwed(past, said, facts, false)) return 'owed';
  const p = said.p === undefined ? undefined : readPosition(Buffer.from(said.p, 'base64'));
  return p !== undefined && epochOf(p) === facts.epoch && sequenceOf(p) >= BigInt(past.sequence) ? 'nothing' : 'unsent';
}

/**
 * What is said in the end of a key that was in motion at every look: whether its copy is what the source once held, at the position that the
 * copy names.
 *
 * @param lacks what the copy lacks; `owed` only where the look before said so, too: a dead letter of it may have become a repair meanwhile.
 */
export function finalOutcome(said: Said, epoch: number, image: ImageAt | undefined, lacks: Lacks, why: string): Outcome {
  if (isHandMade(said) || lacks === 'owed') return divergent(said);
  const unverified = (more: string): Outcome => ({ verdict: 'unverified', why: `${why} ${more}` });
  const p = said.p === undefined ? undefined : readPosition(Buffer.from(said.p, 'base64'));
  if (p === undefined) return unverified('Its copy has no position by which to compare it.');
  if (said.kind === 'repair' || epochOf(p) !== epoch) return unverified('Its copy was made by a repair, or in an earlier epoch.');
  if (image === undefined || (image.hash === undefined && !image.removed))
    return unverified('The log of the source does not show the change that its copy holds.');
  if (image.hash !== said.t) return divergent(said);
  return lacks === 'nothing' ? { verdict: 'verified' } : unverified('Its copy is a faithful one of an older change; a newer one is still on its way.');
}
