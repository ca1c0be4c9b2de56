import type { SearchMark } from '../../archive/log/newest.ts';
import type { Key } from '../../core/attribute.ts';
import { assert } from '../../core/errors.ts';
import type { ReportKey } from '../../core/formats/report.ts';
import type { ImageAt } from './judge.ts';
import { PASSES_MAX, VERDICT_BATCH_KEYS } from './limits.ts';
import type { DivergenceKind, KeyVerdict, Suspicion } from './suspicion.ts';

/** What an answer said of a key, and when both sides were read (ms, clock of the source's region). */
export type Said = Omit<ReportKey, 'k'> & { readonly at: number };

/** A key's newest change before a round, as the source's log has it. */
export interface PastChange {
  readonly shard: string;
  /** Decimal text. */
  readonly sequence: string;
  /** ms. */
  readonly at: number;
  readonly removed: boolean;
  /** Of the new image, hex of its first 8 bytes; absent for a removal, and where the log has no image. */
  readonly hash?: string;
  /** What it made, or removed, has an expiry time. */
  readonly mortal?: true;
}

/** One key of a batch. */
export interface BatchKey {
  readonly k: Key;
  readonly target: string;
  /** What the answer of this round said; absent before it came, and again when the next round begins. */
  readonly said?: Said;
  /** Item hashes of a round in which it looked divergent: another round must say the same. */
  readonly candidate?: { readonly s?: string; readonly t?: string };
  /** The newest change before this round, looked up; null when the log shows none. */
  readonly past?: PastChange | null;
  /** What the change at its copy's position made of it, looked up in the last rounds; null when the log does not show it. */
  readonly image?: ImageAt | null;
  /** Why it was carried over: for people, when nothing better is known in the end. */
  readonly why?: string;
  /** Rounds in which nothing explained its value. */
  readonly unexplained?: number;
  /** In the round before, the copy lacked a change that was in its lane before the question. */
  readonly owed?: true;
  readonly outcome?: Outcome;
}

/** A search in the log that is under way: see lib/archive/log/newest.ts. */
export interface BatchSearch extends SearchMark {
  /** Of which of the keys' parts, and the places of the keys that are still sought. */
  readonly of: 'past' | 'image';
  readonly keys: readonly number[];
}

/** What came of a key. */
export interface Outcome {
  readonly verdict: Exclude<KeyVerdict['verdict'], 'in-motion'>;
  readonly why?: string;
  readonly kind?: DivergenceKind;
  readonly sourceHash?: string;
  readonly targetHash?: string;
  readonly at?: number;
}

/** A question that was sent down a lane. */
export interface Asked {
  readonly target: string;
  readonly lane: number;
  /** The job under which its answer is kept. Its name is made up for each attempt: a late answer to an earlier one is never taken for this one's. */
  readonly job: string;
  /** Places of its keys in `keys`. */
  readonly keys: readonly number[];
  readonly answered: boolean;
}

/**
 * A verdict over some suspicions, as it stands: plain JSON, kept by the caller between two steps. A step that is repeated from the state
 * before it does no harm.
 */
export interface VerdictBatch {
  readonly format: 1;
  readonly check: string;
  readonly n: number;
  readonly passesMax: number;
  /** `pass`: until everything made before T is in the lanes, then the questions are sent · `sent`: until the answers are there · `log`: until the source's log reaches past them, then they are judged. */
  readonly phase: 'pass' | 'sent' | 'log' | 'done';
  /** From 1. */
  readonly round: number;
  /** T of this round (ms, clock of the source's region); absent before its first step. */
  readonly t?: number;
  /** The source's own epoch in this round. */
  readonly epoch?: number;
  /** When the phase began (ms). */
  readonly since?: number;
  /** Since when (ms) there are dead letters that may hold changes of candidates. */
  readonly letters?: number;
  /** What fan-out had sent of each shard when the questions were asked: sequence numbers. */
  readonly sent?: Readonly<Record<string, string>>;
  /** Fan-out had surely sent everything made before T, by records that it had read. */
  readonly sentHard?: boolean;
  /** How far the log was searched in this round for what the keys lack. */
  readonly search?: BatchSearch;
  readonly asked: readonly Asked[];
  readonly keys: readonly BatchKey[];
}

/**
 * A batch that begins.
 *
 * @param n its number within the check.
 * @param suspicions at most VERDICT_BATCH_KEYS, of one link or several.
 * @param options.passesMax rounds in which a key may be in motion; PASSES_MAX when absent.
 */
export function freshBatch(check: string, n: number, suspicions: readonly Suspicion[], options: { readonly passesMax?: number } = {}): VerdictBatch {
  assert(suspicions.length <= VERDICT_BATCH_KEYS, 'more suspicions than a batch holds', { suspicions: suspicions.length, max: VERDICT_BATCH_KEYS });
  const keys = suspicions.map(({ key, target }) => ({ k: key, target }));
  return { format: 1, check, n, passesMax: options.passesMax ?? PASSES_MAX, phase: keys.length === 0 ? 'done' : 'pass', round: 1, asked: [], keys };
}

/** The verdicts of all keys, in their order; those that are not decided yet are in motion. */
export function verdictsOf(batch: VerdictBatch): readonly KeyVerdict[] {
  return batch.keys.map(({ k: key, target, outcome }): KeyVerdict => {
    if (outcome === undefined) return { key, target, verdict: 'in-motion' };
    const { verdict, why = '', kind = 'changed', sourceHash, targetHash, at = 0 } = outcome;
    if (verdict === 'unverified') return { key, target, verdict, why };
    if (verdict !== 'divergent') return { key, target, verdict };
    return { key, target, verdict, kind, at, ...(sourceHash !== undefined && { sourceHash }), ...(targetHash !== undefined && { targetHash }) };
  });
}

/** Gives outcomes to keys by their places. */
export const decided = (batch: VerdictBatch, outcomes: ReadonlyMap<number, Outcome>): VerdictBatch => ({
  ...batch,
  keys: batch.keys.map((key, i) => {
    const outcome = outcomes.get(i);
    return outcome === undefined ? key : { k: key.k, target: key.target, outcome };
  }),
});

/** Gives up every key that has no outcome yet, or those of some targets. */
export function givenUp(batch: VerdictBatch, why: string, targets?: ReadonlySet<string>): VerdictBatch {
  const open = batch.keys.flatMap(({ outcome, target }, i) => (outcome === undefined && (targets === undefined || targets.has(target)) ? [i] : []));
  return decided(batch, new Map(open.map((i) => [i, { verdict: 'unverified', why }])));
}

/** The next round, of the keys that have no outcome yet; or the end. */
export function nextRound(batch: VerdictBatch): VerdictBatch {
  const { format, check, n, passesMax, round } = batch;
  if (batch.keys.every(({ outcome }) => outcome !== undefined)) return { format, check, n, passesMax, phase: 'done', round, asked: [], keys: batch.keys };
  const keys = batch.keys.map(({ said: _, past: __, image: ___, ...key }) => key);
  return { format, check, n, passesMax, phase: 'pass', round: round + 1, asked: [], keys };
}
