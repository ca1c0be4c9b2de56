import { describe, expect, it } from 'vitest';
import { SeededChance } from '../../../../lib/adapters/memory/chance.ts';
import { position } from '../../../../lib/core/formats/position.ts';
import type { PastChange, Said } from '../../../../lib/reconcile/verdict/batch.ts';
import type { NearLog, RoundFacts } from '../../../../lib/reconcile/verdict/judge.ts';
import { explains, finalOutcome, isOwed, judgeAnswer, judgeDifference, kindOf, lacksOf } from '../../../../lib/reconcile/verdict/judge.ts';
import { placeOf } from '../../../../lib/reconcile/verdict/near-log.ts';
import { OnlyLate } from './model.ts';

const T = 1_800_000_000_000;
const hash = (value: number): string => Buffer.alloc(16, value).toString('base64');
const short = (value: number): string => Buffer.alloc(8, value).toString('hex');
const at = (sequence: number, epoch = 3): string => position(epoch, BigInt(sequence)).toString('base64');
const said = (of: Partial<Said>): Said => ({ at: T + 5_000, equal: false, s: hash(2), t: hash(1), p: at(10), kind: 'lane', sealed: true, ...of });
const past = (of: Partial<PastChange> = {}): PastChange => ({ shard: 's', sequence: '20', at: T - 60_000, removed: false, hash: short(2), ...of });
const facts = (of: Partial<RoundFacts> = {}): RoundFacts => ({
  t: T,
  epoch: 3,
  roleSinceMs: T - 3_600_000,
  sent: { s: '20' },
  sentHard: false,
  seenHard: false,
  ...of,
});
const log = (of: Partial<NearLog> = {}): NearLog => ({ moved: false, near: undefined, past: past(), ...of });

describe('what a difference is called', () => {
  it('never is more than late when nothing was lost, however long the readers stand still (2,000 runs of a model)', () => {
    const seen = { judged: 0, candidate: [] as number[] };
    for (let seed = 1; seed <= 2_000; seed += 1) {
      const judgement = new OnlyLate(new SeededChance(seed)).judge();
      if (judgement !== undefined) seen.judged += 1;
      if (judgement?.kind === 'candidate') seen.candidate.push(seed);
    }
    expect(seen.candidate).toEqual([]);
    // The model gets to the point where a difference is judged.
    expect(seen.judged).toBeGreaterThan(300);
  });

  it('is in motion when the key moved, whatever else is known', () => {
    expect(judgeDifference(said({}), facts({ sentHard: true, seenHard: true }), log({ moved: true })).kind).toBe('motion');
  });

  it('is divergence when both readers surely have everything behind them', () => {
    expect(judgeDifference(said({}), facts({ sentHard: true, seenHard: true }), log({ past: undefined })).kind).toBe('candidate');
    for (const one of [{ sentHard: true }, { seenHard: true }, {}]) expect(judgeDifference(said({}), facts(one), log({ past: undefined })).kind).toBe('look');
  });

  it('is not explained where the log shows another value at the source', () => {
    const sure = facts({ sentHard: true, seenHard: true });
    expect(judgeDifference(said({}), sure, log({ past: undefined, near: { removed: false, hash: short(7), byExpiry: false } })).kind).toBe('unexplained');
    expect(judgeDifference(said({}), sure, log({ past: past({ hash: short(7) }) })).kind).toBe('unexplained');
  });

  it('is divergence where the copy is nothing that an applier wrote', () => {
    const { sealed: _, ...hand } = said({});
    expect(judgeDifference(hand, facts(), log({ past: undefined })).kind).toBe('candidate');
  });

  it('needs the change that made the source’s value, where nothing shows that the readers run', () => {
    expect(judgeDifference(said({}), facts(), log()).kind).toBe('candidate');
    expect(judgeDifference(said({}), facts(), log({ past: null }))).toMatchObject({ kind: 'unexplained', why: expect.stringMatching(/does not reach back/) });
    expect(judgeDifference(said({}), facts({ sent: { s: '19' } }), log())).toMatchObject({
      kind: 'unexplained',
      why: expect.stringMatching(/not surely sent/),
    });
    expect(judgeDifference(said({}), facts({ sent: {} }), log()).kind).toBe('unexplained');
    const { hash: _, ...bare } = past();
    expect(judgeDifference(said({}), facts(), log({ past: bare }))).toMatchObject({ kind: 'unexplained', why: expect.stringMatching(/no images/) });
  });

  it('is expired where DynamoDB itself removed the source’s item', () => {
    const { s: _, ...gone } = said({});
    expect(judgeDifference(gone, facts(), log({ near: { removed: true, byExpiry: true } })).kind).toBe('expired');
  });
});

describe('a change that was in the lane before the question', () => {
  it('is owed by a copy that is older (table)', () => {
    const none = { p: undefined, kind: undefined } as unknown as Partial<Said>;
    const owed = (of: Partial<Said>, same = true, more: Partial<RoundFacts> = {}): boolean => isOwed(past(), { ...said({}), ...of }, facts(more), same);
    expect(owed({ p: at(10) })).toBe(true);
    expect(owed({ p: at(21) })).toBe(false);
    expect(owed({ p: at(99, 2) })).toBe(true);
    expect(owed(none)).toBe(true);
    // A repair may hold more than its position says.
    expect(owed({ p: at(20), kind: 'repair' })).toBe(false);
    expect(owed({ p: at(10), kind: 'repair' })).toBe(true);
    expect(owed({ p: at(10), kind: 'repair' }, false)).toBe(false);
    expect(owed({ p: at(10) }, false)).toBe(true);
    expect(owed({ p: at(20) }, false)).toBe(false);
  });

  it('of an earlier role is owed only by a copy of an earlier epoch, sent or not', () => {
    const old = past({ at: T - 7_200_000 });
    expect(isOwed(old, said({ p: at(10) }), facts({ sent: {} }), true)).toBe(false);
    expect(isOwed(old, said({ p: at(10, 2) }), facts({ sent: {} }), true)).toBe(true);
  });

  it('of a shard that is known no more was sent when it is older than any row', () => {
    const old = past({ shard: 'gone', at: T - 3 * 86_400_000 });
    const ages = facts({ roleSinceMs: 0 });
    expect(isOwed(old, said({}), ages, true)).toBe(true);
    expect(isOwed({ ...old, at: T - 86_400_000 }, said({}), ages, true)).toBe(false);
  });
});

describe('an answer by itself', () => {
  it('is equal, expired or refused, or wants to be explained (table)', () => {
    const soon = (T + 60_000) / 1_000;
    const later = (T + 3_600_000) / 1_000;
    expect(judgeAnswer(said({ equal: true, refused: 1 }))).toEqual({ verdict: 'verified' });
    expect(judgeAnswer(said({ refused: 1 }))).toEqual({ verdict: 'refused' });
    expect(judgeAnswer(said({ es: soon }))).toEqual({ verdict: 'expired' });
    expect(judgeAnswer(said({ es: later, et: soon }))).toBeUndefined();
    expect(judgeAnswer({ at: T, equal: false, t: hash(1), et: soon })).toEqual({ verdict: 'expired' });
    expect(judgeAnswer(said({}))).toBeUndefined();
  });

  it('names the kind of a difference', () => {
    expect(kindOf(said({}))).toBe('changed');
    expect(kindOf({ at: T, equal: false, s: hash(1) })).toBe('missing');
    expect(kindOf({ at: T, equal: false, t: hash(1) })).toBe('extra');
    expect(kindOf(said({ s: hash(1), hidden: true }))).toBe('missing');
  });

  it('is explained by a change of the same content', () => {
    expect(explains(past(), said({}))).toBe(true);
    expect(explains(past({ hash: short(3) }), said({}))).toBe(false);
    expect(explains(past({ removed: true }), said({}))).toBe(false);
    expect(explains({ removed: true }, { at: T, equal: false, t: hash(1) })).toBe(true);
    expect(explains({ removed: false }, said({}))).toBe(true);
  });
});

describe('the times of a round', () => {
  it('leave a margin at both ends', () => {
    const answer = { at: T + 5_000 };
    expect([T - 2_000, T - 1_999, T + 7_000, T + 7_001].map((ms) => placeOf(ms, T, answer))).toEqual(['before', 'moved', 'moved', 'after']);
  });
});

describe('a key that was in motion at every look', () => {
  const image = { removed: false, hash: hash(1) };
  it('is verified by the image at its position, or divergent, or neither (table)', () => {
    expect(finalOutcome(said({}), 3, image, 'nothing', 'W.')).toEqual({ verdict: 'verified' });
    expect(finalOutcome(said({}), 3, image, 'unsent', 'W.')).toMatchObject({ verdict: 'unverified' });
    expect(finalOutcome(said({}), 3, image, 'owed', 'W.')).toMatchObject({ verdict: 'divergent', kind: 'changed' });
    expect(finalOutcome(said({}), 3, { removed: false, hash: hash(5) }, 'nothing', 'W.')).toMatchObject({ verdict: 'divergent' });
    expect(finalOutcome(said({}), 3, undefined, 'nothing', 'W.')).toMatchObject({ verdict: 'unverified' });
    expect(finalOutcome(said({ kind: 'repair' }), 3, image, 'nothing', 'W.')).toMatchObject({ verdict: 'unverified' });
    expect(finalOutcome(said({}), 4, image, 'nothing', 'W.')).toMatchObject({ verdict: 'unverified' });
    const grave: Said = { at: T, equal: false, s: hash(2), p: at(10), kind: 'lane', grave: true };
    expect(finalOutcome(grave, 3, { removed: true }, 'nothing', 'W.')).toEqual({ verdict: 'verified' });
    const { sealed: _, ...hand } = said({});
    expect(finalOutcome(hand, 3, image, 'nothing', 'W.')).toMatchObject({ verdict: 'divergent' });
  });

  it('lacks a change that was sent, one that was not, or nothing', () => {
    expect(lacksOf(past(), said({ p: at(20) }), facts())).toBe('nothing');
    expect(lacksOf(past(), said({ p: at(10) }), facts())).toBe('owed');
    expect(lacksOf(past(), said({ p: at(10) }), facts({ sent: { s: '19' } }))).toBe('unsent');
    expect(lacksOf(past({ mortal: true }), said({ p: at(10) }), facts())).toBe('unsent');
    expect(lacksOf(null, said({}), facts())).toBe('unsent');
  });
});
