import type { AttributeValue, Item } from '../../core/attribute.ts';
import { itemHash } from '../../core/canonical.ts';
import type { LogRecord } from '../../core/formats/log-record.ts';
import type { KeySchema } from '../../core/key.ts';
import { keyAttributes } from '../../core/key.ts';
import { sameValue } from '../../core/values.ts';
import { imagesOf } from '../history/shown.ts';

/**
 * What a key would be without its bad changes: the item as it was before the first of them, and on it the differences of all
 * later changes that are not bad, attribute by attribute. Pure.
 *
 * The unit is the attribute at the top level. Within a map nothing is told apart: a good change of one member writes the map
 * as it then was, with what a bad change had put into it. Taking single members would give maps that no writer ever made.
 */

/** A key's changes so far, from its first bad one on. Images are without the reserved attribute. */
export interface Undone {
  /** What the key would be. */
  readonly merged: Item | undefined;
  /** What the log last showed, as `contentId` says it. */
  readonly last: string;
  /** Attributes that bad changes touched. */
  readonly bad: ReadonlySet<string>;
  /** Those of them that good changes touched later. */
  readonly kept: ReadonlySet<string>;
  /** An old image was not the image before it, or an image is missing: the log does not show each change of the key. */
  readonly broken: boolean;
}

/** Attributes by which two items differ, in no order. None has no attributes. */
export function differing(a: Item | undefined, b: Item | undefined): string[] {
  const names = new Set([...Object.keys(a ?? {}), ...Object.keys(b ?? {})]);
  return [...names].filter((name) => {
    const [x, y] = [attributeOf(a, name), attributeOf(b, name)];
    return x === undefined || y === undefined ? x !== y : !sameValue(x, y);
  });
}

const attributeOf = (item: Item | undefined, name: string): AttributeValue | undefined =>
  item !== undefined && Object.hasOwn(item, name) ? item[name] : undefined;

/** One text for each content, the reserved attribute apart; none has one, too. */
export const contentId = (item: Item | undefined): string => (item === undefined ? 'none' : itemHash(item).toString('base64'));

/** Whether a record lacks an image, as those of a stream do that does not show both: what it did is not known then. */
const isBlind = ({ event, oldImage, newImage }: LogRecord): boolean =>
  (event === 'INSERT') !== (oldImage === undefined) || (event === 'REMOVE') !== (newImage === undefined);

/** Begins a key with its first bad change. */
export function firstBad(record: LogRecord): Undone {
  const { before: old, after: next } = imagesOf(record);
  return { merged: old, last: contentId(next), bad: new Set(differing(old, next)), kept: new Set(), broken: isBlind(record) };
}

/** Adds the next change of a key. */
export function nextChange(state: Undone, record: LogRecord, isBad: boolean, schema: KeySchema): Undone {
  const { before: old, after: next } = imagesOf(record);
  const broken = state.broken || isBlind(record) || contentId(old) !== state.last;
  const touched = differing(old, next);
  if (isBad) return { ...state, last: contentId(next), bad: new Set([...state.bad, ...touched]), broken };
  const kept = new Set([...state.kept, ...touched.filter((name) => state.bad.has(name) && !isKey(name, schema))]);
  return { merged: good(state.merged, old, next, touched, schema), last: contentId(next), bad: state.bad, kept, broken };
}

/** What a good change makes of the key as it would be. */
function good(merged: Item | undefined, old: Item | undefined, next: Item | undefined, touched: readonly string[], schema: KeySchema): Item | undefined {
  // A removal, and a new item after none, say all there is to say.
  if (next === undefined || old === undefined) return next;
  // Only metadata: it says nothing of the item.
  if (touched.length === 0) return merged;
  // Without the bad changes there would be no item: as DynamoDB's update does, one is made of the key and what is set.
  const item = new Map(Object.entries(merged ?? keyPart(next, schema)));
  for (const name of touched) {
    const value = attributeOf(next, name);
    if (value === undefined) item.delete(name);
    else item.set(name, value);
  }
  return Object.fromEntries(item);
}

const isKey = (name: string, schema: KeySchema): boolean => keyAttributes(schema).some((attribute) => attribute.name === name);

const keyPart = (item: Item, schema: KeySchema): Item =>
  Object.fromEntries(keyAttributes(schema).flatMap(({ name }) => (Object.hasOwn(item, name) ? [[name, item[name] as AttributeValue]] : [])));

/** Why a key cannot be, or need not be, rewritten; undefined when it is to be. @param now the item as it is, without the reserved attribute. */
export function whyNot(state: Undone, now: Item | undefined): string | undefined {
  if (state.broken) return 'the log does not show each of its changes';
  if (contentId(now) !== state.last) return 'the log has not yet what is there now';
  if (contentId(state.merged) !== state.last) return undefined;
  if (now === undefined) return 'it was deleted again later';
  return state.kept.size > 0 ? 'every attribute was written again later' : 'the bad changes left nothing behind';
}
