import type { Item } from './attribute.ts';
import { text } from './attribute.ts';

/** Seconds of a day. */
const DAY_S = 86_400;
/** The largest day that two bytes hold, one left over. */
export const DAY_MAX = 65_534;
/** The day of an item that does not expire. */
export const DAY_NONE = 0;

/**
 * When DynamoDB may remove an item by itself (s since 1970): the value of its TTL attribute. Undefined for an item without one, or with one that DynamoDB
 * does not heed: another type than number, or no number of seconds.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/howitworks-ttl.html
 */
export function expiryTimeS(item: Item, attribute: string | undefined): number | undefined {
  if (attribute === undefined) return undefined;
  const value = text(item[attribute], 'N');
  if (value === undefined) return undefined;
  const seconds = Number(value);
  return Number.isFinite(seconds) && seconds > 0 ? seconds : undefined;
}

/** The day on which an item expires, counted from 1970: 1 to DAY_MAX, DAY_NONE for one that does not. Pure. */
export function expiryDay(item: Item, attribute: string | undefined): number {
  const seconds = expiryTimeS(item, attribute);
  return seconds === undefined ? DAY_NONE : Math.min(DAY_MAX, Math.max(1, Math.floor(seconds / DAY_S)));
}
