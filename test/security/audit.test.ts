import { describe, expect, test } from 'vitest';
import { judgeAudit } from '../../tools/audit-report.ts';

const report = (...found: readonly (readonly [name: string, severity: string])[]): string =>
  JSON.stringify({
    auditReportVersion: 2,
    vulnerabilities: Object.fromEntries(
      found.map(([name, severity]) => [
        name,
        {
          name,
          severity,
          isDirect: false,
          via: [{ title: 'Prototype pollution', url: 'https://github.com/advisories/GHSA-1' }, 'other'],
          range: '<1.2.3',
          fixAvailable: true,
        },
      ]),
    ),
    metadata: { vulnerabilities: { total: found.length } },
  });

describe('what npm audit says', () => {
  test('is good news when nothing is known', () => {
    expect(judgeAudit(report()).verdict).toBe('clean');
  });

  test('stops a build from high on, the worst named first, with why', () => {
    const { verdict, lines } = judgeAudit(report(['a', 'low'], ['b', 'critical'], ['c', 'high']));
    expect(verdict).toBe('stopped');
    expect(lines[0]).toBe('critical: b <1.2.3: Prototype pollution (https://github.com/advisories/GHSA-1); through other');
    expect(lines.map((line) => line.split(':')[0])).toEqual(['critical', 'high', 'low']);
  });

  test('below high is told, and stops nothing', () => {
    const { verdict, lines } = judgeAudit(report(['a', 'moderate'], ['b', 'low'], ['c', 'info']));
    expect([verdict, lines.length]).toEqual(['clean', 3]);
  });

  test.each(['high', 'critical'])('one vulnerability that is %s is enough', (severity) => {
    expect(judgeAudit(report(['a', severity])).verdict).toBe('stopped');
  });

  test('names not more than it must', () => {
    const { lines } = judgeAudit(report(...Array.from({ length: 45 }, (_, i) => [`p${i}`, 'high'] as const)));
    expect([lines.length, lines.at(-1)]).toEqual([41, '… and 5 more']);
  });
});

describe('a registry without advisories', () => {
  // As npm 11 prints it for a mirror that takes no POST.
  const refused = (statusCode: number): string =>
    JSON.stringify({
      message: `${statusCode} Method Not Allowed - POST https://mirror/-/npm/v1/security/advisories/bulk`,
      statusCode,
      body: '',
      error: { summary: '', detail: '' },
    });

  test.each([403, 404, 405, 501])('that answers %i was not asked: that is said aloud, and is no good news', (status) => {
    const { verdict, lines } = judgeAudit(refused(status));
    expect(verdict).toBe('skipped');
    expect(lines[0]).toMatch(/^skipped: dependencies were NOT checked.*since the registry answers \d+/);
  });

  test('that cannot be reached is no good news either', () => {
    expect(judgeAudit(JSON.stringify({ error: { code: 'ENOTFOUND', summary: 'request failed', detail: '' } })).verdict).toBe('skipped');
    expect(judgeAudit(JSON.stringify({ message: 'request to https://r failed, reason: connect ECONNREFUSED 127.0.0.1:1' })).verdict).toBe('skipped');
  });
});

describe('what is no report', () => {
  test.each([
    ['nothing', ''],
    ['no JSON', 'npm ERR! code'],
    ['a report of another version', JSON.stringify({ auditReportVersion: 3, vulnerabilities: {} })],
    ['an unknown severity', report(['a', 'apocalyptic'])],
    ['a registry that is broken', JSON.stringify({ message: '500 Internal Server Error', statusCode: 500 })],
    ['a lock file that is none', JSON.stringify({ error: { code: 'ENOLOCK', summary: 'This command requires an existing lockfile.', detail: '' } })],
  ])('%s is an error, never good news', (_what, output) => {
    expect(judgeAudit(output).verdict).toBe('unreadable');
  });
});
