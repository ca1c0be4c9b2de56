import { describe, expect, it } from 'vitest';
import { FormatError } from '../../../../lib/core/errors.ts';
import type { LaneReport } from '../../../../lib/core/formats/report.ts';
import { decodeReport, encodeReport, REPORT_JOB_MAX, reportJobProblem, reportName } from '../../../../lib/core/formats/report.ts';

const report: LaneReport = {
  format: 1,
  set: 'orders',
  job: '20261127T101503Z-abcdef/0-1-x-b-0',
  target: 'b',
  lane: 3,
  epoch: 7,
  at: 1_800_000_000_123,
  keys: [
    {
      k: { pk: { S: 'ü/#' }, sk: { N: '1' } },
      s: Buffer.alloc(16, 1).toString('base64'),
      t: Buffer.alloc(16, 2).toString('base64'),
      p: 'AQID',
      kind: 'lane',
      sealed: true,
      equal: false,
    },
    { k: { pk: { S: 'b' }, sk: { N: '2' } }, p: 'AQID', kind: 'repair', grave: true, hidden: true, refused: 5, es: 1, et: 2.5, equal: true },
  ],
};

describe('a lane’s report', () => {
  it('is read as it was written', () => {
    expect(decodeReport(encodeReport(report), 'x')).toEqual(report);
  });

  it('is stored under its job and lane', () => {
    expect(reportName(report.job, 3)).toBe('reports/20261127T101503Z-abcdef/0-1-x-b-0/3');
  });

  it('of another kind or format, or damaged, is refused by the name of its object', () => {
    const bad = [
      Buffer.from('{'),
      Buffer.from('[]'),
      encodeReport({ ...report, format: 2 } as never),
      encodeReport({ ...report, lane: 256 }),
      encodeReport({ ...report, more: 1 } as never),
    ];
    for (const bytes of bad) expect(() => decodeReport(bytes, 'reports/x/3')).toThrow(/^reports\/x\/3 is/);
    for (const bytes of bad) expect(() => decodeReport(bytes, 'reports/x/3')).toThrow(FormatError);
    const hash = { ...report, keys: [{ ...report.keys[0], s: 'short' }] } as LaneReport;
    expect(() => decodeReport(encodeReport(hash), 'x')).toThrow(FormatError);
  });

  it('has a job that is a safe part of a name (table)', () => {
    for (const job of ['a', 'check#1/0-1', 'A_b.c-d/e/f', 'a'.repeat(REPORT_JOB_MAX)]) expect(reportJobProblem(job)).toBeUndefined();
    for (const job of [undefined, '', '/', 'a/', '/a', 'a//b', '..', 'a/../b', 'a b', 'a/b#c', 'ü', 'a'.repeat(REPORT_JOB_MAX + 1)]) {
      expect(reportJobProblem(job)).toEqual(expect.any(String));
    }
  });
});
