import type { Finding } from '../lib/archive/log/finding.ts';
import { LOG_PREFIX, SCANS_PREFIX } from '../lib/core/formats/archive-names.ts';

/** What a verification's findings mean for the snapshots, and for the log. Pure. */

/** What is wrong with each snapshot that is damaged, by its id: the first of its findings. */
export function damagedSnapshots(findings: readonly Finding[]): ReadonlyMap<string, Finding> {
  const damaged = new Map<string, Finding>();
  for (const finding of findings) {
    const { kind, object = '' } = finding;
    if (!object.startsWith(SCANS_PREFIX) || kind === 'unfinished') continue;
    const id = object.slice(SCANS_PREFIX.length).split('/')[0] as string;
    if (!damaged.has(id)) damaged.set(id, finding);
  }
  return damaged;
}

/** What is wrong with the log itself: neither snapshots nor roll-ups, which only make reading quicker, stand in the way of a replay. */
export const ofLog = (findings: readonly Finding[]): readonly Finding[] =>
  findings.filter(({ object }) => object === undefined || object.startsWith(LOG_PREFIX));
