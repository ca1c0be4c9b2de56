import type { AttributeValue, Item } from '../lib/core/attribute.ts';
import type { HistoryOption } from '../lib/core/history-query.ts';
import { historyParameter } from '../lib/core/history-query.ts';
import { SynclineError } from './errors.ts';
import type { CallOptions, ReadItem } from './types.ts';
import type { NativeItem, NativeValue } from './values.ts';
import { unmarshal, unmarshalItem } from './values.ts';
import { encoded } from './wire.ts';

/** The history of an item, as callers ask for it and get it. */

export interface HistoryOptions extends CallOptions {
  /** Both inclusive. */
  readonly since?: Date | string;
  readonly until?: Date | string;
  /** Changes of a page: 1 to 100. Default: 20. */
  readonly limit?: number;
  /** `next` of the page before. */
  readonly cursor?: string;
  /** Whether each change has the whole item before and after it. */
  readonly images?: boolean;
  /** Whose log is read. Default: that of whichever member answers. The primary's shows who wrote what; the others' show copies. */
  readonly member?: string;
}

/** One attribute, or one member of a map, that a change touched. Without `before` it was added, without `after` removed. */
export interface AttributeChange {
  /** "address.city" */
  readonly path: string;
  readonly before?: NativeValue;
  readonly after?: NativeValue;
}

/** One change of an item. */
export interface ItemChange {
  /** When it was made, by DynamoDB's clock: whole seconds. */
  readonly at: Date;
  readonly sequence: string;
  /** "epoch/sequence": its place among all changes of the set. */
  readonly position?: string;
  /** A write at the member, a copy from the primary, or DynamoDB's own expiry (TTL). */
  readonly origin: 'local' | 'applier' | 'expiry';
  readonly event: 'INSERT' | 'MODIFY' | 'REMOVE';
  /** Empty when only Syncline's own metadata changed. */
  readonly difference: readonly AttributeChange[];
  /** The whole items, when `images` asked for them. */
  readonly before?: ReadItem;
  readonly after?: ReadItem;
  /** It was too large for an answer: whole items, or values, were left out. */
  readonly cut?: true;
}

/** The newest change first. */
export interface HistoryPage {
  readonly changes: readonly ItemChange[];
  /** Stretches of time in which the log lacks changes. */
  readonly gaps: readonly { readonly from?: Date; readonly to?: Date; readonly what: string }[];
  /** Where older changes begin; absent at the end. */
  readonly next?: string;
  /** Whose log it is. */
  readonly member: string;
}

/** The query's part beside the key. @throws SynclineError "invalid-value" for a date that is none */
export function historyQuery(key: NativeItem, { since, until, limit, cursor, images, member }: HistoryOptions): string {
  const values: Readonly<Record<HistoryOption, string | undefined>> = {
    since: since === undefined ? undefined : timeText(since, 'since'),
    until: until === undefined ? undefined : timeText(until, 'until'),
    limit: limit === undefined ? undefined : String(limit),
    cursor,
    images: images === undefined ? undefined : String(images),
    member,
  };
  const names = Object.keys(key);
  return (Object.keys(values) as HistoryOption[])
    .flatMap((option) => (values[option] === undefined ? [] : [`&${encoded(historyParameter(option, names))}=${encoded(values[option])}`]))
    .join('');
}

function timeText(time: Date | string, what: string): string {
  if (typeof time === 'string') return time;
  if (Number.isNaN(time.getTime())) throw new SynclineError('invalid-value', `${what}: the date is none.`);
  return time.toISOString();
}

/** A page as it travels, its values in DynamoDB JSON. */
export interface WirePage {
  readonly changes: readonly (Omit<ItemChange, 'at' | 'difference' | 'before' | 'after'> & {
    readonly at: number;
    readonly difference: readonly { readonly path: string; readonly before?: AttributeValue; readonly after?: AttributeValue }[];
    readonly before?: Item;
    readonly after?: Item;
  })[];
  readonly gaps?: readonly { readonly from?: number; readonly to?: number; readonly what: string }[];
  readonly next?: string;
}

/** The page as callers get it. */
export const historyPageOf = ({ changes, gaps = [], next }: WirePage, member: string): HistoryPage => ({
  changes: changes.map(({ at, sequence, position, origin, event, difference, before, after, cut }) => ({
    at: new Date(at),
    sequence,
    ...(position !== undefined && { position }),
    origin,
    event,
    difference: difference.map((d) => ({
      path: d.path,
      ...(d.before !== undefined && { before: unmarshal(d.before) }),
      ...(d.after !== undefined && { after: unmarshal(d.after) }),
    })),
    ...(before !== undefined && { before: unmarshalItem(before) }),
    ...(after !== undefined && { after: unmarshalItem(after) }),
    ...(cut !== undefined && { cut }),
  })),
  gaps: gaps.map(({ from, to, what }) => ({ ...(from !== undefined && { from: new Date(from) }), ...(to !== undefined && { to: new Date(to) }), what })),
  ...(next !== undefined && { next }),
  member,
});
