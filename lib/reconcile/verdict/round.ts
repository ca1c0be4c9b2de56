import type { Position } from '../../core/formats/position.ts';
import { epochOf, readPosition } from '../../core/formats/position.ts';
import type { BatchKey, Outcome, Said, VerdictBatch } from './batch.ts';
import { decided } from './batch.ts';
import type { Judgement, RoundFacts } from './judge.ts';
import { finalOutcome, judgeDifference, lacksOf } from './judge.ts';
import { UNEXPLAINED_ROUNDS_MAX } from './limits.ts';
import type { Near } from './near-log.ts';

/** What the end of a round concludes of its keys. Pure: what must be looked up was looked up before. */

/** A key that is to be judged, by its place, and what the log shows of it around its answer. */
export interface OpenKey {
  readonly i: number;
  readonly said: Said;
  readonly near: Near;
}

/** In these rounds it counts what the copy of a key in motion lacks. What is in motion in the last ones is in motion always. */
const isLate = ({ round, passesMax }: VerdictBatch): boolean => round >= passesMax - 1;
const isLast = ({ round, passesMax }: VerdictBatch): boolean => round >= passesMax;

const keyAt = (batch: VerdictBatch, i: number): BatchKey => batch.keys[i] as BatchKey;

const judged = (batch: VerdictBatch, facts: RoundFacts, { i, said, near }: OpenKey): Judgement =>
  judgeDifference(said, facts, { ...near, past: keyAt(batch, i).past });

/** The places of the keys whose newest change before the round is needed. */
export function pastsWanted(batch: VerdictBatch, facts: RoundFacts, open: readonly OpenKey[]): number[] {
  return open.flatMap((key) => {
    const { kind } = judged(batch, facts, key);
    return kind === 'look' || (kind === 'motion' && isLate(batch)) ? [key.i] : [];
  });
}

/** The places of the keys of which the change at their copy's position is needed, and that position. */
export function imagesWanted(batch: VerdictBatch, facts: RoundFacts, open: readonly OpenKey[]): { readonly i: number; readonly p: Position }[] {
  if (!isLast(batch)) return [];
  return open.flatMap((key) => {
    const p = key.said.p === undefined ? undefined : readPosition(Buffer.from(key.said.p, 'base64'));
    return p !== undefined && epochOf(p) === facts.epoch && judged(batch, facts, key).kind === 'motion' ? [{ i: key.i, p }] : [];
  });
}

/** A round that has come to its end. */
export interface Judged {
  readonly batch: VerdictBatch;
  /** Targets of keys that look divergent, and are to be looked at once more. */
  readonly candidates: ReadonlySet<string>;
}

/** Judges the open keys of a round. What is not decided is carried over, with what is known of it. */
export function judgeRound(batch: VerdictBatch, facts: RoundFacts, open: readonly OpenKey[]): Judged {
  const outcomes = new Map<number, Outcome>();
  const keys = [...batch.keys];
  const candidates = new Set<string>();
  for (const one of open) {
    const came = conclusion(batch, facts, one);
    if ('outcome' in came) outcomes.set(one.i, came.outcome);
    else {
      keys[one.i] = came.key;
      if (came.key.candidate !== undefined) candidates.add(came.key.target);
    }
  }
  return { batch: decided({ ...batch, keys }, outcomes), candidates };
}

type Conclusion = { readonly outcome: Outcome } | { readonly key: BatchKey };

function conclusion(batch: VerdictBatch, facts: RoundFacts, open: OpenKey): Conclusion {
  const { said } = open;
  const key = keyAt(batch, open.i);
  const judgement = judged(batch, facts, open);
  if (judgement.kind === 'expired') return { outcome: { verdict: 'expired' } };
  if (judgement.kind === 'motion') return motion(batch, facts, key, said, judgement.why);
  if (judgement.kind === 'candidate') {
    // It looked divergent before, too, but each time otherwise.
    if (batch.round > batch.passesMax) return { outcome: { verdict: 'unverified', why: 'It differed at every look, and each time in another way.' } };
    return { key: { ...key, candidate: { ...(said.s !== undefined && { s: said.s }), ...(said.t !== undefined && { t: said.t }) } } };
  }
  const why = 'why' in judgement ? judgement.why : '';
  const unexplained = (key.unexplained ?? 0) + 1;
  return unexplained >= UNEXPLAINED_ROUNDS_MAX || isLast(batch) ? { outcome: { verdict: 'unverified', why } } : { key: { ...key, unexplained, why } };
}

function motion(batch: VerdictBatch, facts: RoundFacts, key: BatchKey, said: Said, why: string): Conclusion {
  if (!isLate(batch)) return { key: { ...key, why } };
  const lacks = lacksOf(key.past, said, facts);
  if (isLast(batch)) {
    return { outcome: finalOutcome(said, facts.epoch, key.image ?? undefined, lacks === 'owed' && key.owed !== true ? 'unsent' : lacks, why) };
  }
  const { owed: _, ...rest } = key;
  return { key: { ...rest, why, ...(lacks === 'owed' && { owed: true as const }) } };
}
