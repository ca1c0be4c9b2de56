import type { Images, ShownDifference } from '../../lib/archive/history/shown.ts';
import { factsOf, shownDifference } from '../../lib/archive/history/shown.ts';
import type { LogRecord } from '../../lib/core/formats/log-record.ts';
import { toPlainText } from '../../lib/core/plain-json.ts';
import type { Output, Style } from '../output.ts';
import { printable } from '../output.ts';

/** The history of a key, for a terminal. Pure. */

/** Longest value that is shown on a line (characters); --json shows all of it. */
const VALUE_MAX = 120;

/** What a change was, in a word. */
export const EVENT: Readonly<Record<LogRecord['event'], { readonly word: string; readonly style: Style }>> = {
  INSERT: { word: 'created', style: 'green' },
  MODIFY: { word: 'changed', style: 'yellow' },
  REMOVE: { word: 'deleted', style: 'red' },
};
/** Who made a change. */
export const ORIGIN: Readonly<Record<LogRecord['origin'], string>> = {
  local: 'a write at this member',
  applier: 'a copy from the primary',
  expiry: 'DynamoDB’s own expiry (TTL)',
};

/** One change: a line of what it was, and a line for each attribute that differs. */
export function showChange(record: LogRecord, images: Images, out: Output): string {
  const { time, position, origin, event, sequence } = factsOf(record);
  const { word, style } = EVENT[event];
  const where = position === undefined ? `sequence number ${sequence}` : `position ${position}`;
  const head = `${out.style('bold', time)}  ${out.style(style, word)} by ${ORIGIN[origin]}  ${out.style('dim', where)}`;
  const differences = shownDifference(images, toPlainText);
  if (differences.length === 0) return `${head}\n  ${out.style('dim', 'nothing but Syncline’s own metadata')}`;
  return [head, ...differenceLines(differences, out)].join('\n');
}

/** A line for each attribute that differs. */
export function differenceLines(differences: readonly ShownDifference[], out: Output): string[] {
  const width = Math.max(...differences.map((d) => printable(d.path).length));
  return differences.map((d) => `  ${differenceLine(d, width, out)}`);
}

/** "+ name  "Ulm"", "- name  "Ulm"", "~ name  "Ulm" → "Bonn"". */
function differenceLine({ path, before, after }: ShownDifference, width: number, out: Output): string {
  const name = printable(path).padEnd(width);
  const value = (text: unknown): string => cut(printable(String(text)));
  if (before === undefined) return `${out.style('green', '+')} ${name}  ${value(after)}`;
  if (after === undefined) return `${out.style('red', '-')} ${name}  ${value(before)}`;
  return `${out.style('yellow', '~')} ${name}  ${value(before)} → ${value(after)}`;
}

/** By code points, so that none is broken. */
const cut = (text: string): string => (text.length <= VALUE_MAX ? text : `${[...text].slice(0, VALUE_MAX - 1).join('')}…`);
