import type { Finding } from '../log/finding.ts';
import { FINDINGS_MAX } from './limits.ts';

/** A restore that is not begun: the archive does not surely hold what it would need. Nothing was written. */
export class RestoreRefusedError extends Error {
  /** What was found, where, and what can be done; at most FINDINGS_MAX. */
  readonly findings: readonly Finding[];
  /** How many there are. */
  readonly found: number;
  constructor(why: string, findings: readonly Finding[]) {
    super(why);
    this.name = 'RestoreRefusedError';
    this.findings = findings.slice(0, FINDINGS_MAX);
    this.found = findings.length;
  }
}
