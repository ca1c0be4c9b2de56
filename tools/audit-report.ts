import { z } from 'zod';

/** Judges what `npm audit --json` says. Pure: the process is in audit.ts. */

/** Severities that stop a build; lower ones are told. https://docs.npmjs.com/cli/v11/commands/npm-audit */
const STOPPING = ['high', 'critical'] as const;
/** Packages that are named one by one; more are counted only. */
const NAMED_MAX = 40;

const severity = z.enum(['info', 'low', 'moderate', 'high', 'critical']);

const reportSchema = z.object({
  auditReportVersion: z.literal(2),
  vulnerabilities: z.record(
    z.string(),
    z.object({ name: z.string(), severity, range: z.string(), via: z.array(z.union([z.string(), z.object({ title: z.string(), url: z.string() })])) }),
  ),
});

/** What npm prints in place of a report when the registry did not give one. */
const refusalSchema = z.object({ message: z.string(), statusCode: z.int().optional() });
/** npm's own words when the registry could not be reached. */
const failureSchema = z.object({ error: z.object({ code: z.string(), summary: z.string() }) });

/** Answers of a registry that has no advisories to give: a mirror, a proxy, one of a company. */
const NO_ENDPOINT = [400, 403, 404, 405, 410, 501];
/** Errors of a machine without a network. */
const UNREACHED = ['ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'ENETUNREACH'];

/** `stopped`: something must be done. `skipped`: nothing was looked at, which is no good news. `unreadable`: npm or this tool is broken. */
export type Verdict = 'clean' | 'stopped' | 'skipped' | 'unreadable';

export interface AuditOutcome {
  readonly verdict: Verdict;
  /** What a person is told; at least one line. */
  readonly lines: readonly string[];
}

/**
 * The verdict on a run of npm.
 *
 * @param output what it wrote to standard output.
 */
export function judgeAudit(output: string): AuditOutcome {
  let json: unknown;
  try {
    json = JSON.parse(output);
  } catch {
    return { verdict: 'unreadable', lines: [`npm audit gave no JSON: ${JSON.stringify(output.slice(0, 200))}`] };
  }
  const report = reportSchema.safeParse(json);
  if (report.success) return judged(report.data);
  const refusal = refusalSchema.safeParse(json);
  if (refusal.success && NO_ENDPOINT.includes(refusal.data.statusCode ?? 0)) return skipped(`the registry answers ${refusal.data.message}`);
  const failure = failureSchema.safeParse(json);
  const words = refusal.success ? refusal.data.message : failure.success ? `${failure.data.error.code} ${failure.data.error.summary}` : undefined;
  const code = UNREACHED.find((name) => words?.includes(name));
  if (code !== undefined) return skipped(`the registry cannot be reached (${code})`);
  return { verdict: 'unreadable', lines: [`npm audit gave no report: ${words ?? JSON.stringify(json).slice(0, 200)}`] };
}

const skipped = (why: string): AuditOutcome => ({
  verdict: 'skipped',
  lines: [`skipped: dependencies were NOT checked against known vulnerabilities, since ${why}. Run this where the public npm registry can be asked.`],
});

function judged({ vulnerabilities }: z.infer<typeof reportSchema>): AuditOutcome {
  const found = Object.values(vulnerabilities);
  if (found.length === 0) return { verdict: 'clean', lines: ['No known vulnerability in what is shipped.'] };
  const stops = (s: z.infer<typeof severity>): boolean => (STOPPING as readonly string[]).includes(s);
  const ordered = [...found].sort((a, b) => severity.options.indexOf(b.severity) - severity.options.indexOf(a.severity));
  const lines = ordered.slice(0, NAMED_MAX).map(({ name, severity: s, range, via }) => {
    const why = via.map((v) => (typeof v === 'string' ? `through ${v}` : `${v.title} (${v.url})`));
    return `${s}: ${name} ${range}: ${why.join('; ')}`;
  });
  if (ordered.length > NAMED_MAX) lines.push(`… and ${ordered.length - NAMED_MAX} more`);
  return { verdict: found.some((v) => stops(v.severity)) ? 'stopped' : 'clean', lines };
}
