import { showBytes } from '../lib/adopt/estimate.ts';
import { timeLeft } from '../lib/adopt/pace.ts';
import type { Finding } from '../lib/archive/log/finding.ts';
import type { RestorePlan } from '../lib/archive/restore/plan.ts';
import type { RestoreRefusedError } from '../lib/archive/restore/refused.ts';
import type { ToTableProgress } from '../lib/archive/restore/to-table.ts';
import { isoSeconds } from '../lib/core/calendar.ts';
import { ago, span } from '../lib/status/span.ts';
import { count, plural, printable } from './output.ts';

/** The words of a restore. Pure. */

/** Findings that are shown in full; all of them are in the document. */
const FINDINGS_SHOWN = 10;

/** A time in words, in UTC and where this host is. @param zone of this host, an IANA name */
export function timeWords(ms: number, nowMs: number, zone: string): string {
  const words = (timeZone: string): string => new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeStyle: 'long', timeZone }).format(ms);
  const here = zone === 'UTC' || zone === 'Etc/UTC' ? '' : `, here (${zone}) ${words(zone)}`;
  return `${words('UTC')}${here}; ${ms <= nowMs ? `${ago(nowMs, ms)} ago` : 'not yet'}`;
}

/** What was found for T, and what it takes. */
export function foundLines(plan: RestorePlan, nowMs: number, zone: string): string[] {
  const { snapshot, segments, records, bytes } = plan;
  return [
    `  time      ${isoSeconds(plan.atMs)}: ${timeWords(plan.atMs, nowMs, zone)}`,
    `  snapshot  ${snapshot.id}, finished ${isoSeconds(snapshot.endedMs)}: ${plural(snapshot.items, 'item')} in ${plural(snapshot.files.length, 'file')}, ${showBytes(bytes.snapshot)}`,
    `  log       ${plural(records, 'change')} in ${plural(segments.length, 'segment')} from ${isoSeconds(plan.fromMs)} on, ${showBytes(bytes.segments)}`,
    '  checked   every object was read, and every checksum is right',
    ...plan.notes.map((note) => `  note      ${note}`),
  ];
}

/** The same as a document. */
export const foundDocument = (plan: RestorePlan): object => ({
  at: isoSeconds(plan.atMs),
  snapshot: { id: plan.snapshot.id, started: isoSeconds(plan.snapshot.startedMs), ended: isoSeconds(plan.snapshot.endedMs), items: plan.snapshot.items },
  log: { from: isoSeconds(plan.fromMs), segments: plan.segments.length, records: plan.records },
  bytes: plan.bytes,
  notes: plan.notes,
});

/** A refusal: what was found, where, and what can be done. What one sentence says the next line does not say again. */
export function refusalText({ message, findings, found }: RestoreRefusedError): string {
  const shown = findings.slice(0, FINDINGS_SHOWN).map((f) => {
    const said = message.includes(f.what);
    const place = f.object ?? f.shard;
    const where = [place === undefined || f.what.includes(place) ? undefined : place, range(f)].filter((part) => part !== undefined).join(', ');
    return [
      ...(said ? [] : [`  ${f.kind}: ${printable(f.what)}`]),
      ...(where === '' ? [] : [`    where: ${printable(where)}`]),
      `    → ${printable(f.todo)}`,
    ].join('\n');
  });
  const more = found - shown.length;
  return [`${message} Nothing was written.`, ...shown, ...(more > 0 ? [`  and ${count(more)} more (--json names them)`] : [])].join('\n');
}

function range({ fromMs, toMs }: Finding): string | undefined {
  if (fromMs === undefined && toMs === undefined) return undefined;
  return `${fromMs === undefined ? '' : `from ${isoSeconds(fromMs)}`}${toMs === undefined ? '' : `${fromMs === undefined ? '' : ' '}to ${isoSeconds(toMs)}`}`;
}

/** Beside the bar while everything is checked. */
export const checkingWords = (now: { readonly bytes: number; readonly of: number }): string =>
  `checking every object: ${showBytes(now.bytes)} of ${showBytes(now.of)}`;

/** Beside the bar while items are written. */
export function writingWords({ items, worked, share }: ToTableProgress): string {
  const rate = worked > 0 ? Math.round((items * 1_000) / worked) : 0;
  const left = share < 1 ? timeLeft(share, worked, 1) : undefined;
  return `${plural(items, 'item')}, ${count(rate)}/s, ${Math.floor(share * 100)} %${left === undefined ? '' : `, about ${span(left)} left`}`;
}
