import { factsOf, imagesOf, shownDifference } from '../archive/history/shown.ts';
import type { Finding } from '../archive/log/finding.ts';
import type { AttributeValue, Item } from '../core/attribute.ts';
import type { LogRecord } from '../core/formats/log-record.ts';
import { mapToPlain, toPlain } from '../core/plain-json.ts';
import type { Form } from './body.ts';
import { ANSWER_BYTES_MAX, fitsAnswer } from './http.ts';

/** The JSON of a page of a key's history. Pure. */

/** How values and items stand in each form, for JSON.stringify. */
const SHOW: Readonly<Record<Form, { readonly value: (value: AttributeValue) => unknown; readonly item: (item: Item) => unknown }>> = {
  plain: { value: toPlain, item: mapToPlain },
  dynamodb: { value: (value) => value, item: (item) => item },
};

/** The JSON text of a change. What does not fit into one answer is left out, the items first; `cut` then says so. */
export function changeText(record: LogRecord, form: Form, images: boolean): string {
  const found = imagesOf(record);
  const { value, item } = SHOW[form];
  const facts = factsOf(record);
  const difference = shownDifference(found, value);
  const items = { ...(found.before && { before: item(found.before) }), ...(found.after && { after: item(found.after) }) };
  const whole = JSON.stringify({ ...facts, difference, ...(images && items) });
  if (fitsAnswer(pageText([whole]))) return whole;
  const values = JSON.stringify({ ...facts, difference, cut: true });
  if (images && fitsAnswer(pageText([values]))) return values;
  return JSON.stringify({ ...facts, difference: difference.map(({ path }) => ({ path })), cut: true });
}

/** What is not known of the time that was looked at. */
export interface Gap {
  /** ms since 1970 */
  readonly from?: number;
  readonly to?: number;
  readonly what: string;
}

/** Gaps that one page tells of. */
const GAPS_MAX = 20;

/** What could not be read of the log. */
export const gapsOf = (findings: readonly Finding[]): readonly Gap[] =>
  findings
    .slice(0, GAPS_MAX)
    .map(({ fromMs, toMs, what }) => ({ ...(fromMs !== undefined && { from: fromMs }), ...(toMs !== undefined && { to: toMs }), what }));

/** What a page has beside its changes. */
export interface PageEnd {
  readonly gaps?: readonly Gap[];
  /** Where the next page begins. */
  readonly next?: string;
}

/** A page's JSON text. */
export const pageText = (changes: readonly string[], { gaps = [], next }: PageEnd = {}): string => {
  const end = JSON.stringify({ ...(gaps.length > 0 && { gaps }), ...(next !== undefined && { next }) });
  return `{"changes":[${changes.join(',')}]${end === '{}' ? '' : `,${end.slice(1, -1)}`}}`;
};

/**
 * The texts of as many changes, from the first one on, as fit into an answer; one always does. No more of them are made than
 * an answer can hold.
 *
 * @param textOf makes the text of one.
 * @param end as long as it may be.
 */
export function fittingTexts<T>(changes: readonly T[], textOf: (change: T) => string, end: PageEnd): readonly string[] {
  const texts: string[] = [];
  let length = 0;
  for (const change of changes) {
    const text = textOf(change);
    length += text.length;
    // A character takes a byte at least.
    if (texts.length > 0 && length > ANSWER_BYTES_MAX) break;
    texts.push(text);
  }
  let most = texts.length;
  while (most > 1 && !fitsAnswer(pageText(texts.slice(0, most), end))) most = Math.ceil(most / 2);
  return texts.slice(0, most);
}
