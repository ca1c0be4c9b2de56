import { describe, expect, it } from 'vitest';
import { itemBytes } from '../../../../lib/core/size.ts';
import type { CheckJob } from '../../../../lib/reconcile/check/job.ts';
import { decodeCheck, encodeCheck } from '../../../../lib/reconcile/check/job.ts';
import { makeReport } from '../../../../lib/reconcile/check/make-report.ts';
import { checkReportSchema } from '../../../../lib/reconcile/check/report.ts';
import { LINK } from './link.ts';

const JOB: CheckJob = {
  id: '20260101T000000Z-abcdef',
  set: 'test',
  source: 'a',
  request: { mode: 'sweep', targets: ['b'], action: 'repair', by: 'a test' },
  phase: 'scan',
  started: 1,
  since: 1,
  links: [LINK],
  tasks: [{ member: 'a', id: '20260101T000001Z-abcdef', objects: 0, since: 1, done: false }],
  ...{ made: 0, next: 0, active: [{ n: 0, since: 1 }], round: 0, findings: 0, parts: 0, told: 0 },
  v: 3,
};

describe('the row of a check', () => {
  it('is read as it was written', () => {
    const whole: CheckJob = { ...JOB, done: 5, failed: 'x', approved: { by: 'ada', at: 4, deletes: true }, owner: { id: 'o', name: 'host', until: 9 } };
    expect(decodeCheck(encodeCheck(JOB))).toEqual(JOB);
    expect(decodeCheck(encodeCheck(whole))).toEqual(whole);
  });

  it('of another version, or damaged, is refused, not guessed', () => {
    expect(() => decodeCheck({ ...encodeCheck(JOB), state: { S: '{' } })).toThrow(/not JSON/);
    expect(() => decodeCheck({ ...encodeCheck(JOB), state: { S: '{}' } })).toThrow(/another version/);
    expect(() => decodeCheck({ ...encodeCheck(JOB), kind: { S: 'sweep' } })).toThrow(/sweep/);
  });

  it('fits an item with the most links there are, each with all its reasons', () => {
    const reasons = Array.from({ length: 8 }, (_, i) => ({ why: `${i}`.padEnd(300, 'x'), keys: 1_000_000 }));
    const links = Array.from({ length: 15 }, () => ({ ...LINK, why: 'x'.repeat(300), reasons }));
    expect(itemBytes(encodeCheck({ ...JOB, links }))).toBeLessThan(100_000);
  });
});

describe('the report of a check', () => {
  const report = (change: Partial<CheckJob>, link: Partial<typeof LINK> = {}) => makeReport({ ...JOB, ...change, links: [{ ...LINK, ...link }] }, []);

  it('is as its schema says, and says the worst of its links', () => {
    expect(checkReportSchema.parse(JSON.parse(JSON.stringify(report({}))))).toMatchObject({ schema: 'syncline.check/1', result: 'pending' });
    const done = { phase: 'done', done: 9 } as const;
    const cases: [Partial<CheckJob>, Partial<typeof LINK>, string][] = [
      [done, { stage: 'ended' }, 'equal'],
      [done, { stage: 'ended', divergent: 2, repaired: 2 }, 'repaired'],
      [done, { stage: 'ended', divergent: 2 }, 'divergent'],
      [done, { stage: 'ended', divergent: 2, repaired: 1, left: 1 }, 'divergent'],
      [done, { stage: 'ended', divergent: 1, repaired: 1, unverified: 1 }, 'unverified'],
      [done, { stage: 'ended', why: 'it is away' }, 'unverified'],
      [{ ...done, failed: 'damaged' }, { stage: 'ended' }, 'failed'],
    ];
    for (const [change, link, result] of cases) expect(report(change, link).result, JSON.stringify(link)).toBe(result);
  });
});
