import { showBytes } from '../lib/adopt/estimate.ts';
import type { RestoreEstimate } from '../lib/archive/restore/estimate.ts';
import type { RestoreJob } from '../lib/archive/restore/job.ts';
import type { RestorePlan } from '../lib/archive/restore/plan.ts';
import type { ToTableResult } from '../lib/archive/restore/to-table.ts';
import { isoSeconds } from '../lib/core/calendar.ts';
import type { MemberConfig } from '../lib/core/config.ts';
import { PRICE_DATE } from '../lib/cost/prices.ts';
import { span } from '../lib/status/span.ts';
import type { MemberArchive } from './archive-place.ts';
import { EXIT } from './errors.ts';
import { showKey } from './keys.ts';
import type { NextStep } from './next-steps.ts';
import { shellWord } from './next-steps.ts';
import { count, plural, printable } from './output.ts';
import type { ToTableWords } from './restore-table.ts';
import { foundLines } from './restore-words.ts';
import type { Session } from './session.ts';

/** What `restore --to` tells a person. */

export interface First {
  readonly own: ToTableWords;
  readonly archive: MemberArchive;
  readonly into: MemberConfig;
  readonly what: string;
  readonly estimate: RestoreEstimate;
  readonly priceRegion: string;
  readonly creates: boolean;
  readonly job: RestoreJob | undefined;
  readonly nowMs: number;
  readonly zone: string;
}

/** What will be done, before it is. */
export function toldFirst(plan: RestorePlan, f: First): string {
  const { estimate: e } = f;
  return [
    `This writes the table of "${f.archive.member.name}" as it was into ${f.creates ? 'the new table' : 'the table'} "${f.own.to}" in ${f.into.region}:`,
    ...foundLines(plan, f.nowMs, f.zone),
    ...(f.what === '' ? [] : [`  only      ${printable(f.what)}`]),
    ...(f.job === undefined ? [] : [`  goes on   after ${plural(f.job.items, 'item')} that are written already`]),
    `  reads     ${showBytes(plan.bytes.segments + plan.bytes.snapshot)} from the bucket, once more`,
    `  writes    at most about ${plural(e.items, 'item')}, ${plural(e.writes, 'unit')} (each index takes as many again)`,
    `  cost      ${e.dollars < 0.01 ? 'less than $0.01' : `at most about $${dollars(e.dollars)}`} on demand, indexes apart (prices of ${f.priceRegion}, as of ${PRICE_DATE})`,
    `  after     it is a plain table of its own: no stream, no time to live, no tags, not part of the set${f.own.keepMeta === true ? '' : ', nothing of Syncline in its items'}`,
    '  stop      Ctrl-C at any time; the same command goes on where it was',
  ].join('\n');
}

/** 1,234.50. */
const dollars = (n: number): string => n.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** That it was done before. @returns the exit code */
export function toldBefore({ out }: Session, job: RestoreJob, to: string): number {
  const done = isoSeconds(job.done ?? 0);
  out.result(
    { table: to, state: 'done-before', at: isoSeconds(job.atMs), items: job.items, refused: job.refused, done },
    () => `This restore is done since ${done}: ${plural(job.items, 'item')} as of ${isoSeconds(job.atMs)}. Restore into another table to have it once more.`,
  );
  return job.refused > 0 ? EXIT.attention : EXIT.ok;
}

export interface Last {
  readonly document: object;
  readonly indexes: readonly string[] | undefined;
  readonly goOn: NextStep;
  readonly archive: MemberArchive;
  readonly to: string;
  readonly zone: string;
}

/** What came out. @returns the exit code */
export function told({ out }: Session, { ended, job, resumed }: ToTableResult, last: Last): number {
  const rate = job.worked > 0 ? Math.round((job.items * 1_000) / job.worked) : 0;
  const document = {
    ...last.document,
    state: ended,
    resumed,
    ...(last.indexes !== undefined && { indexes: last.indexes }),
    result: { items: job.items, refused: job.refused, firstRefused: job.refusedNamed, workedMs: Math.round(job.worked), itemsPerS: rate },
  };
  if (ended === 'stopped') {
    out.result(document, () => `Stopped after ${plural(job.items, 'item')}. Nothing is lost; this goes on:\n  ${last.goOn.command}`, [last.goOn]);
    return EXIT.attention;
  }
  const text = (): string => {
    const lines = [
      `${out.style('green', 'Restored.')} "${last.to}" holds ${plural(job.items, 'item')} as of ${isoSeconds(job.atMs)}; ${span(job.worked)}, ${count(rate)} items/s.`,
    ];
    if (last.indexes !== undefined && last.indexes.length > 0) lines.push(`Indexes: ${last.indexes.map(printable).join(', ')}.`);
    if (job.refused > 0) {
      const named = job.refusedNamed.map((r) => `  ${printable(showKey(r.key, last.archive.context.key))}: ${printable(r.reason)}`);
      lines.push(
        `The table refused ${plural(job.refused, 'item')}, which ${job.refused === 1 ? 'is' : 'are'} not in it${job.refused > named.length ? `, the first ${named.length} of them` : ''}:`,
        ...named,
      );
    }
    return lines.join('\n');
  };
  out.result(document, text);
  return job.refused > 0 ? EXIT.attention : EXIT.ok;
}

/** The words of a command that goes on, with the time said in full. */
export function againWords(own: ToTableWords, time: string): string {
  const options = [
    ['--at', time],
    ['--to', own.to],
    ...(own.member === undefined ? [] : [['--member', own.member]]),
    ...(own.into === undefined ? [] : [['--into', own.into]]),
    ...(own.prefix === undefined ? [] : [['--prefix', own.prefix]]),
    ...(own.key ?? []).map((key) => ['--key', key]),
  ];
  return ['restore', ...options.map(([name, value]) => `${name} ${shellWord(value ?? '')}`), ...(own.keepMeta === true ? ['--keep-meta'] : [])].join(' ');
}
