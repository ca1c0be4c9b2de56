import type { AttributeValue } from '@aws-sdk/client-dynamodb';

/**
 * Whether two attribute values are the same to DynamoDB. This is the comparator of the demonstration and of end-to-end
 * tests. It uses nothing of `lib/` on purpose: a mistake there must not hide itself.
 */

/** Attributes of Syncline's own, which differ between members by design. */
export const RESERVED = ['_s'] as const;

type Item = Readonly<Record<string, AttributeValue>>;

/** Whether two items are equal, apart from Syncline's own attribute. */
export function sameItem(a: Item, b: Item): boolean {
  return sameMap(without(a), without(b));
}

const without = (item: Item): Item => Object.fromEntries(Object.entries(item).filter(([name]) => !(RESERVED as readonly string[]).includes(name)));

/** Whether two values are equal: numbers by value, sets without order, binary by bytes. @throws Error for a type that DynamoDB does not have. */
export function sameValue(a: AttributeValue, b: AttributeValue): boolean {
  if (a.S !== undefined) return a.S === b.S;
  if (a.N !== undefined) return b.N !== undefined && plainNumber(a.N) === plainNumber(b.N);
  if (a.B !== undefined) return b.B !== undefined && hex(a.B) === hex(b.B);
  if (a.BOOL !== undefined) return a.BOOL === b.BOOL;
  if (a.NULL !== undefined) return a.NULL === b.NULL;
  if (a.L !== undefined) return b.L !== undefined && sameList(a.L, b.L);
  if (a.M !== undefined) return b.M !== undefined && sameMap(a.M, b.M);
  if (a.SS !== undefined) return b.SS !== undefined && sameSet(a.SS, b.SS);
  if (a.NS !== undefined) return b.NS !== undefined && sameSet(a.NS.map(plainNumber), b.NS.map(plainNumber));
  if (a.BS !== undefined) return b.BS !== undefined && sameSet(a.BS.map(hex), b.BS.map(hex));
  throw new Error(`A value of an unknown type: ${JSON.stringify(a)}`);
}

function sameList(a: readonly AttributeValue[], b: readonly AttributeValue[]): boolean {
  return a.length === b.length && a.every((value, i) => sameValue(value, b[i] as AttributeValue));
}

function sameMap(a: Item, b: Item): boolean {
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && sameValue(a[name] as AttributeValue, b[name] as AttributeValue))
  );
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  const members = new Set(b);
  return a.length === b.length && members.size === b.length && a.every((member) => members.has(member));
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** A decimal number's one and only spelling, `-123e-4` for `-0.0123`: 38 digits do not fit a JavaScript number. Pure. */
export function plainNumber(text: string): string {
  const match = /^([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/.exec(text.trim());
  if (match === null || `${match[2]}${match[3]}` === '') throw new Error(`Not a number: ${text}`);
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  return `${sign === '-' ? '-' : ''}${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`;
}
