import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvariantError } from '../../../../lib/core/errors.ts';
import {
  afterCompare,
  afterFailure,
  afterHeld,
  afterOpen,
  afterSpoiled,
  afterVerdicts,
  afterVerify,
  checkCounts,
  findingOf,
  isToMend,
  mendedBy,
  withReason,
} from '../../../../lib/reconcile/check/counts.ts';
import type { CheckLink } from '../../../../lib/reconcile/check/job.ts';
import { REASONS_MAX } from '../../../../lib/reconcile/check/limits.ts';
import type { Finding } from '../../../../lib/reconcile/check/report.ts';
import { findingSchema } from '../../../../lib/reconcile/check/report.ts';
import type { KeyVerdict } from '../../../../lib/reconcile/verdict/suspicion.ts';
import { LINK } from './link.ts';

const verdict: fc.Arbitrary<KeyVerdict> = fc
  .record({
    pk: fc.nat(1e6),
    target: fc.constantFrom('b', 'c'),
    word: fc.constantFrom('verified', 'in-motion', 'expired', 'refused', 'unverified', 'changed', 'missing', 'extra'),
    why: fc.string({ maxLength: 5 }),
  })
  .map(({ pk, target, word, why }): KeyVerdict => {
    const of = { key: { pk: { S: String(pk) } }, target };
    if (word === 'changed' || word === 'missing' || word === 'extra') return { ...of, verdict: 'divergent', kind: word, at: 1 };
    if (word === 'unverified') return { ...of, verdict: 'unverified', why };
    return { ...of, verdict: word as 'verified' };
  });

const total = ({ verified, divergent, unverified }: CheckLink): number => verified + divergent + unverified;

describe('the counts of a link', () => {
  it('call no key verified whose day of expiry has begun and which was not looked at, and count it once', () => {
    const compared = { sourceKeys: 10, suspicions: 2, targetOnly: 1, unknown: 0, expired: 3 };
    const link = afterCompare(LINK, { ...compared, begun: { sourceKeys: 4, keys: 6 } });
    expect(link).toMatchObject({ keys: 11, verified: 5, unverified: 6, expired: 3, reasons: [{ keys: 6 }] });
    expect(link.reasons[0]?.why).toContain('expires today');
    // All that the source had there is gone: what only the target has is unverified all the same.
    expect(afterCompare(LINK, { ...compared, begun: { sourceKeys: 0, keys: 2 } })).toMatchObject({ verified: 9, unverified: 2 });
    expect(afterSpoiled(link, 'No.')).toMatchObject({ keys: 11, verified: 0, unverified: 11, expired: 0 });
  });

  it('count every key once, whatever a comparison, its cells and the verdicts show', () => {
    fc.assert(
      fc.property(fc.nat(500), fc.array(verdict, { maxLength: 60 }), fc.array(verdict, { maxLength: 60 }), fc.nat(20), (more, hot, opened, unknown) => {
        const own = (all: readonly KeyVerdict[]): KeyVerdict[] => all.filter(({ target }) => target === 'b');
        const extras = (all: readonly KeyVerdict[]): number => own(all).filter((v) => v.verdict === 'divergent' && v.kind === 'extra').length;
        // What is suspected and not the target's alone is one of the source's keys.
        const sourceKeys = more + own(hot).length + own(opened).length + unknown;
        let link = afterCompare(LINK, { sourceKeys, suspicions: own(hot).length + unknown, targetOnly: extras(hot), unknown });
        link = afterOpen(link, { suspicions: own(opened).length, targetOnly: extras(opened), unknown: 0 });
        for (const batch of [hot, opened]) link = afterVerdicts(link, batch);
        expect(total(link)).toBe(link.keys);
        expect(link.keys).toBe(sourceKeys + extras(hot) + extras(opened));
        expect(link.changed + link.missing + link.extra).toBe(link.divergent);
        expect(link.reasons.reduce((sum, { keys }) => sum + keys, 0)).toBe(link.unverified);
      }),
    );
  });

  it('of a repair rest on the verdicts that follow on it: a step that is done again counts the same', () => {
    fc.assert(
      fc.property(fc.array(verdict, { maxLength: 40 }), fc.infiniteStream(fc.boolean()), (verdicts, chance) => {
        const mends = (): boolean => chance.next().value === true;
        let link = afterVerdicts(LINK, verdicts);
        let findings = verdicts
          .flatMap((one) => findingOf(one) ?? [])
          .map((one): Finding => (one.kind === 'extra' && mends() ? { ...one, outcome: 'held' } : one));
        link = afterHeld(link, findings);
        for (const round of [1, 2, 3]) {
          const due = findings.filter(isToMend);
          const second = due.map(
            ({ key, target, kind = 'changed' }): KeyVerdict =>
              mends() ? { key, target, verdict: 'verified' } : { key, target, verdict: 'divergent', kind, at: 2 },
          );
          const twice = [afterVerify(link, second, round), afterVerify(link, second, round)];
          expect(twice[0]).toEqual(twice[1]);
          link = twice[0] as CheckLink;
          findings = findings.map((one) => {
            const i = due.indexOf(one);
            return i < 0 ? one : mendedBy(one, second[i] as KeyVerdict);
          });
        }
        const own = findings.filter(({ target, verdict: word }) => target === 'b' && word === 'divergent');
        expect(link.repaired).toBe(own.filter(({ outcome }) => outcome === 'repaired').length);
        expect(link.held).toBe(own.filter(({ outcome }) => outcome === 'held').length);
        expect(link.left).toBe(own.filter(({ outcome }) => outcome !== 'repaired').length);
      }),
    );
  });

  it('say why a link could not be verified as a whole, and how many keys that is', () => {
    const failed = afterFailure(LINK, 7, 'it is away');
    expect(failed).toMatchObject({ stage: 'ended', keys: 7, unverified: 7, why: 'it is away', reasons: [{ why: 'it is away', keys: 7 }] });
    const spoiled = afterSpoiled(afterCompare(LINK, { sourceKeys: 9, suspicions: 0, targetOnly: 0, unknown: 0 }), 'no sketch');
    expect(spoiled).toMatchObject({ keys: 9, verified: 0, unverified: 9, why: 'no sketch' });
  });

  it('are refused where a key is counted twice, or not at all', () => {
    expect(() => checkCounts({ ...LINK, keys: 1 })).toThrow(InvariantError);
    expect(() => checkCounts({ ...LINK, keys: 1, verified: 1, divergent: 1 })).toThrow(InvariantError);
    expect(() => checkCounts({ ...LINK, keys: 1, divergent: 1 })).toThrow(InvariantError);
  });

  it('name the most frequent reasons, and let the rarest fall together', () => {
    let reasons: CheckLink['reasons'] = [];
    for (let i = 1; i <= 20; i += 1) reasons = withReason(reasons, `reason ${i}`, i);
    expect(reasons).toHaveLength(REASONS_MAX);
    expect(reasons.reduce((sum, { keys }) => sum + keys, 0)).toBe(210);
    expect(reasons.at(-1)?.why).toBe('other reasons');
    expect(withReason(reasons, 'none', 0)).toBe(reasons);
  });
});

describe('a finding', () => {
  it('is made of every verdict but that of an equal key, and is as its schema says', () => {
    fc.assert(
      fc.property(verdict, (one) => {
        const finding = findingOf(one);
        expect(finding === undefined).toBe(one.verdict === 'verified' || one.verdict === 'expired');
        if (finding !== undefined) expect(findingSchema.parse(JSON.parse(JSON.stringify(finding)))).toEqual(finding);
      }),
    );
  });
});
