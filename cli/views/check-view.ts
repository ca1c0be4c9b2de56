import { isBraked } from '../../lib/archive/rewrite/brake.ts';
import { isoSeconds } from '../../lib/core/calendar.ts';
import type { KeySchema } from '../../lib/core/key.ts';
import type { CheckReport, Finding, LinkReport } from '../../lib/reconcile/check/report.ts';
import { span } from '../../lib/status/span.ts';
import { PHASE_WORDS } from '../check-progress.ts';
import { showKey } from '../keys.ts';
import type { Output, Style } from '../output.ts';
import { count, plural, printable } from '../output.ts';

/** What `check` and `prove` tell a person. Pure. */

/** What will be done, before it is. */
export interface CheckPlan {
  readonly mode: 'proof' | 'sweep' | 'keys' | 'sample';
  readonly targets: readonly string[];
  readonly action: 'report' | 'ask' | 'repair';
  readonly keys?: number;
  readonly share?: number;
  readonly itemsPerS?: number;
  /** Items and read units of all tables that are read, and what that costs. */
  readonly items: number;
  readonly readUnits: number;
  readonly usd: number;
  readonly seconds?: number;
}

const WHAT: Readonly<Record<CheckPlan['mode'], (plan: CheckPlan) => string>> = {
  proof: () => 'what the logs of both say of every item; no table is read',
  sweep: () => 'every item, by reading the tables',
  keys: ({ keys = 0 }) => plural(keys, 'key'),
  sample: ({ share = 0 }) => `${(share * 100).toLocaleString('en-US')} % of the items, by reading that much of the tables`,
};

const THEN: Readonly<Record<CheckPlan['action'], string>> = {
  report: 'what differs is told, nothing is written',
  ask: 'what differs is shown; it is repaired when you agree',
  repair: 'what differs is repaired',
};

const dollars = (value: number): string => (value < 0.01 ? 'less than $0.01' : `about $${value.toFixed(2)}`);

/** The plan. @param detached the functions carry it out */
export function planText(source: string, plan: CheckPlan, detached: boolean): string {
  const { items, readUnits, usd, seconds, itemsPerS } = plan;
  const reads = plan.mode === 'sweep' || plan.mode === 'sample';
  return [
    `This compares ${plan.targets.join(' and ')} with the primary ${source}:`,
    `  what   ${WHAT[plan.mode](plan)}`,
    ...(reads
      ? [
          `  reads  about ${plural(items, 'item')}, ${count(readUnits)} read units in all${itemsPerS === undefined ? '' : `, at most ${count(itemsPerS)} items/s of each table`}`,
          `  cost   ${dollars(usd)}`,
          ...(seconds === undefined
            ? []
            : [`  time   about ${span(seconds * 1_000)} to read, a guess; then some minutes, until the logs reach the end and the verdicts are there`]),
        ]
      : ['  time   seconds; a minute or two, and at times more, for what seems to differ']),
    `  then   ${THEN[plan.action]}`,
    detached
      ? '  who    the minute runs of the members; "syncline check --show ID" says how far they are'
      : '  stop   Ctrl-C at any time; the minute runs go on with it then, and "syncline check --resume ID" does so from here',
  ].join('\n');
}

const RESULT_STYLE: Readonly<Record<CheckReport['result'], Style>> = {
  equal: 'green',
  repaired: 'green',
  pending: 'cyan',
  unverified: 'yellow',
  divergent: 'red',
  failed: 'red',
};

/** A result, in its colour. */
export const resultWord = (result: CheckReport['result'], out: Output): string => out.style(RESULT_STYLE[result], result);

const DIFFERS = { changed: 'differs', missing: 'is missing there', extra: 'is only there' } as const;
const DIFFERED = { changed: 'differed', missing: 'was missing there', extra: 'was only there' } as const;

/** What is wrong with one key, in words. */
function findingWords({ verdict, kind = 'changed', outcome, why }: Finding): string {
  const because = why === undefined ? '' : `: ${why}`;
  if (verdict !== 'divergent') return `${verdict === 'refused' ? 'is refused there' : 'is unverified'}${because}`;
  if (outcome === 'repaired') return `${DIFFERED[kind]}; repaired${because}`;
  return `${DIFFERS[kind]}${outcome === undefined ? '' : { left: '; not repaired yet', held: '; its deletion is held back' }[outcome]}${because}`;
}

/** The first findings, a line each, and where all of them are. */
export function findingsText(report: Pick<CheckReport, 'id' | 'first' | 'findings'>, key: KeySchema, bucket: string, out: Output): string {
  if (report.first.length === 0) return '';
  const rows = report.first.map((finding) => [finding.target, printable(showKey(finding.key, key)), printable(findingWords(finding))]);
  const more = report.findings - report.first.length;
  const all = `s3://${bucket}/reports/${report.id}/findings/`;
  return `${out.table(['MEMBER', 'KEY', 'WHAT'], rows)}\n${more > 0 ? `… and ${count(more)} more. All of them: ${all}` : `The same as lines of JSON: ${all}`}`;
}

/** A link, and the notes that its numbers need. */
function linkRow(link: LinkReport, out: Output): string[] {
  const { keys, verified, divergent, unverified, repaired, left } = link;
  const of = (value: number, style: Style): string => (value === 0 ? '0' : out.style(style, count(value)));
  return [
    `${link.source} → ${link.target}`,
    count(keys),
    count(verified),
    of(divergent, left === 0 && repaired > 0 ? 'yellow' : 'red'),
    of(unverified, 'yellow'),
    count(repaired),
    of(left, 'red'),
    resultWord(link.result, out),
  ];
}

/** What a link's numbers do not say: why keys are unverified, what is held back, as of when it was compared. */
function notesOf(link: LinkReport): string[] {
  const { why, reasons, held, changed, missing, extra, divergent, expired, provenMs, asOfMs } = link;
  return [
    ...(asOfMs === undefined ? [] : [`compared as of ${isoSeconds(asOfMs)}`]),
    ...(why === undefined ? [] : [why]),
    ...(divergent === 0 ? [] : [`divergent: ${kindsText({ changed, missing, extra })}`]),
    ...(held === 0 ? [] : [`${plural(held, 'deletion')} held back: items that only ${link.target} has. To let them be deleted, add --allow-deletes`]),
    ...reasons.map((reason) => `${plural(reason.keys, 'key')} unverified: ${reason.why}`),
    ...(expired === 0 ? [] : [`${plural(expired, 'key')} of the verified ones expired on one side, and may be gone on the other`]),
    ...(provenMs === undefined ? [] : [`proven as of ${isoSeconds(provenMs)}`]),
  ];
}

const KINDS = { changed: 'changed', missing: 'missing there', extra: 'only there' } as const;
const kindsText = (counts: Readonly<Record<keyof typeof KINDS, number>>): string =>
  (['changed', 'missing', 'extra'] as const)
    .filter((kind) => counts[kind] > 0)
    .map((kind) => `${count(counts[kind])} ${KINDS[kind]}`)
    .join(', ');

/** The table of a check's links, and below it what the numbers do not say. */
export function linksText(links: readonly LinkReport[], out: Output): string {
  const table = out.table(
    ['LINK', 'KEYS', 'VERIFIED', 'DIVERGENT', 'UNVERIFIED', 'REPAIRED', 'LEFT', 'RESULT'],
    links.map((link) => linkRow(link, out)),
    [1, 2, 3, 4, 5, 6],
  );
  const notes = links.flatMap((link) => notesOf(link).map((note) => out.wrap(`· ${link.source} → ${link.target}: ${printable(note)}`)));
  return [table, ...notes].join('\n');
}

/** What a check that is not done is doing, or how long it took. */
const howLong = ({ startedMs, endedMs, phase }: CheckReport): string =>
  endedMs === undefined ? `${PHASE_WORDS[phase]}, since ${isoSeconds(startedMs)}` : `in ${span(endedMs - startedMs)}`;

/** What a person is asked before a repair: how many keys it is about, and what it deletes. @param allowed any number of deletions */
export function repairQuestion(links: readonly LinkReport[], allowed: boolean): string {
  const sum = (of: readonly LinkReport[], name: 'divergent' | 'extra'): number => of.reduce((total, link) => total + link[name], 0);
  const held = allowed ? [] : links.filter(({ extra, keys }) => isBraked(extra, keys));
  const deletes = sum(links, 'extra') - sum(held, 'extra');
  const due = sum(links, 'divergent') - sum(held, 'extra');
  return [
    `Repair ${plural(due, 'key')}`,
    ...(deletes === 0 ? [] : [`, ${count(deletes)} of them by deleting what only the member has`]),
    ...(held.length === 0 ? [] : [` (${plural(sum(held, 'extra'), 'deletion')} held back without --allow-deletes)`]),
    '?',
  ].join('');
}

/** A whole report. */
export function reportText(report: CheckReport, key: KeySchema, bucket: string, out: Output): string {
  const found = findingsText(report, key, bucket, out);
  const mode = report.share === undefined ? report.mode : `sample of ${report.share * 100} %`;
  return [
    `Check ${report.id} (${mode}, by ${printable(report.by)}): ${resultWord(report.result, out)}, ${howLong(report)}`,
    ...(report.failed === undefined ? [] : [out.style('red', printable(report.failed))]),
    linksText(report.links, out),
    ...(found === '' ? [] : ['', found]),
    ...(report.endedMs === undefined ? [] : [`The whole report: s3://${bucket}/reports/${report.id}/report.json`]),
  ].join('\n');
}
