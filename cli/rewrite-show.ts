import { shownDifference } from '../lib/archive/history/shown.ts';
import type { Rewrite } from '../lib/archive/rewrite/change.ts';
import type { Preview, RewritePlan } from '../lib/archive/rewrite/plan.ts';
import type { RewriteCounts, RewriteJob } from '../lib/archive/rewrite/savepoint.ts';
import { countedOf, skippedOf } from '../lib/archive/rewrite/savepoint.ts';
import { planName, resultName } from '../lib/archive/rewrite/store.ts';
import { isoSeconds } from '../lib/core/calendar.ts';
import { formatPath } from '../lib/core/expression/path.ts';
import type { KeySchema } from '../lib/core/key.ts';
import { keyAttributes } from '../lib/core/key.ts';
import { toPlainText } from '../lib/core/plain-json.ts';
import { showKey } from './keys.ts';
import type { Output } from './output.ts';
import { count, plural, printable } from './output.ts';

/** The words of a rewrite: what is planned, and what became of it. Pure. */

/** Longest text of a value that is shown (characters). */
const VALUE_TEXT_MAX = 60;
/** Attributes of one key that are shown. */
const ATTRIBUTES_MAX = 12;

const KINDS = { restore: 'Restore in place', undo: 'Undo', 'take-back': 'Take back' } as const;

/** "1 item", "12 items". */
const items = (n: number): string => plural(n, 'item');

/** How far a rewrite is that goes on. */
export interface SoFar {
  /** Rewrites that are neither written nor skipped yet. */
  readonly left: number;
  /** Absent where it was planned only. */
  readonly job: RewriteJob | undefined;
}

/** What a plan does, for a person who is asked. @param soFar of one that goes on: the preview is of what is left */
export function planText(plan: RewritePlan, preview: Preview, notes: readonly string[], bucket: string, schema: KeySchema, out: Output, soFar?: SoFar): string {
  const skipped = Object.entries(plan.skipped);
  const of = plan.takesBack === undefined ? '' : ` of ${plan.takesBack}`;
  const parts = [
    `${KINDS[plan.kind]}${of}: ${plan.id}`,
    `${items(plan.puts)} would be written, ${items(plan.deletes)} deleted, at the primary "${plan.member}"; the writes are replicated as any other.`,
    ...(plan.kept > 0 ? [`In ${items(plan.kept)} some attributes keep what was written later.`] : []),
    ...(skipped.length > 0 ? [['Left as they are:', ...skipped.map(([why, n]) => `  ${count(n)}  ${why}`)].join('\n')] : []),
    ...notes,
    ...(soFar === undefined ? [] : [soFarText(soFar)]),
    ...rewriteLines(soFar?.left ?? plan.puts + plan.deletes, preview, schema, out),
    ...(preview.skipped.length > 0
      ? [
          [
            `Left as they are, the first ${preview.skipped.length}:`,
            ...preview.skipped.map((s) => `  ${printable(showKey(s.key, schema))}  (${s.skipped})`),
          ].join('\n'),
        ]
      : []),
    `The whole plan: s3://${bucket}/${planName(plan.id)}`,
  ];
  return parts.join('\n\n');
}

function soFarText({ left, job }: SoFar): string {
  if (job === undefined) return 'It was planned only: nothing of it is done yet.';
  const { counts, window } = job;
  const done = `Done already, since ${isoSeconds(job.started)}: ${items(counts.put)} written, ${items(counts.deleted)} deleted, ${items(skippedOf(counts))} skipped; ${count(left)} of ${count(countedOf(counts) + left)} are left.`;
  return window === undefined ? done : `${done} It ended in the midst of the next ${plural(window.lines, 'line')}: some of them may be written, too.`;
}

/** @param all rewrites that there are to do */
function rewriteLines(all: number, { rewrites }: Preview, schema: KeySchema, out: Output): string[] {
  if (rewrites.length === 0) return [];
  const head = all > rewrites.length ? `The first ${rewrites.length} of ${count(all)}:` : 'In full:';
  return [[head, ...rewrites.flatMap((rewrite) => keyLines(rewrite, schema, out))].join('\n')];
}

function keyLines(rewrite: Rewrite, schema: KeySchema, out: Output): string[] {
  const { before, after, kept } = rewrite;
  const what = after === undefined ? out.style('red', 'delete') : before === undefined ? out.style('green', 'create') : out.style('yellow', 'change');
  const keyNames = keyAttributes(schema).map(({ name }) => formatPath([name]));
  const changes = shownDifference(rewrite, toPlainText).filter(({ path }) => !keyNames.includes(path));
  const more = changes.length - ATTRIBUTES_MAX;
  return [
    `  ${what} ${printable(showKey(rewrite.key, schema))}${kept === undefined || kept.length === 0 ? '' : `  (kept: ${kept.map(printable).join(', ')})`}`,
    ...changes.slice(0, ATTRIBUTES_MAX).map((change) => `    ${printable(change.path)}: ${valueText(change.before)} → ${valueText(change.after)}`),
    ...(more > 0 ? [`    and ${plural(more, 'more attribute')}`] : []),
  ];
}

function valueText(value: unknown): string {
  if (value === undefined) return '(none)';
  const text = printable(String(value));
  return text.length > VALUE_TEXT_MAX ? `${[...text].slice(0, VALUE_TEXT_MAX - 1).join('')}…` : text;
}

/** A plan as a document. */
export function planDocument(plan: RewritePlan, preview: Preview, notes: readonly string[], bucket: string): object {
  return {
    job: plan.id,
    kind: plan.kind,
    ...(plan.takesBack !== undefined && { takesBack: plan.takesBack }),
    set: plan.set,
    member: plan.member,
    table: plan.table,
    epoch: plan.epoch,
    args: plan.args,
    puts: plan.puts,
    deletes: plan.deletes,
    kept: plan.kept,
    skipped: plan.skipped,
    ...(notes.length > 0 && { notes }),
    first: preview.rewrites.map((rewrite) => ({
      key: rewrite.key,
      what: rewrite.after === undefined ? 'delete' : rewrite.before === undefined ? 'create' : 'change',
      attributes: shownDifference(rewrite, (value) => value),
      ...(rewrite.kept !== undefined && { kept: rewrite.kept }),
    })),
    firstSkipped: preview.skipped,
    plan: `s3://${bucket}/${planName(plan.id)}`,
  };
}

/** What became of a rewrite. */
export const doneText = (plan: RewritePlan, counts: RewriteCounts, bucket: string): string =>
  [`Done: ${writtenText(counts)}. Job ${plan.id}.`, ...skippedText(plan, counts, bucket)].join('\n');

/** What had become of one that was done before. @param done when (ISO, UTC) @param takenBack the rewrite that took it back */
export function doneBeforeText(plan: RewritePlan, counts: RewriteCounts, done: string, takenBack: string | undefined, bucket: string): string {
  const back = takenBack === undefined ? '' : ` It was taken back by ${takenBack}.`;
  return [`${plan.id} was done at ${done}: ${writtenText(counts)}.${back} Nothing was written now.`, ...skippedText(plan, counts, bucket)].join('\n');
}

const writtenText = (counts: RewriteCounts): string => `${items(counts.put)} written, ${items(counts.deleted)} deleted`;

function skippedText(plan: RewritePlan, counts: RewriteCounts, bucket: string): string[] {
  const skipped = skippedOf(counts);
  const why = [
    ...(counts.already > 0 ? [`${count(counts.already)} as wanted already`] : []),
    ...(counts.changed > 0 ? [`${count(counts.changed)} changed since the plan was made`] : []),
    ...(counts.refused > 0 ? [`${count(counts.refused)} refused by DynamoDB`] : []),
  ];
  if (skipped === 0) return [];
  return [`Skipped ${items(skipped)}: ${why.join(', ')}. Which ones, and why: s3://${bucket}/${resultName(plan.id).replace(/\.json$/, '/')}`];
}
