import type { AttributeValue, Item } from './attribute.ts';
import { canonicalNumber, compareCanonicalNumbers } from './number.ts';

/**
 * Values as DynamoDB compares them: equality of any two, the order of strings, numbers and binaries, and what stands at a
 * path. Runs in a browser: it uses nothing of Node's.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
 */

/** Where a value stands within an item: names of attributes and map members, and indexes of lists. The first is a name. */
export type Path = readonly (string | number)[];

/** The value at a path, or undefined. */
export function valueAt(item: Item | undefined, path: Path): AttributeValue | undefined {
  const [first] = path;
  if (item === undefined || typeof first !== 'string') return undefined;
  let value = Object.hasOwn(item, first) ? item[first] : undefined;
  for (let i = 1; i < path.length && value !== undefined; i += 1) {
    const step = path[i] as string | number;
    if (typeof step === 'number') value = 'L' in value ? value.L[step] : undefined;
    else value = 'M' in value && Object.hasOwn(value.M, step) ? value.M[step] : undefined;
  }
  return value;
}

/** Whether two values are equal: numbers by value, sets without order, lists and maps member by member, everything else exactly. Binaries are in canonical base64. */
export function sameValue(a: AttributeValue, b: AttributeValue): boolean {
  if (a === b) return true;
  if ('S' in a) return 'S' in b && a.S === b.S;
  if ('N' in a) return 'N' in b && (a.N === b.N || canonicalNumber(a.N) === canonicalNumber(b.N));
  if ('B' in a) return 'B' in b && a.B === b.B;
  if ('L' in a) return 'L' in b && a.L.length === b.L.length && a.L.every((v, i) => sameValue(v, b.L[i] as AttributeValue));
  if ('M' in a) return 'M' in b && sameItem(a.M, b.M);
  if ('SS' in a) return 'SS' in b && sameSet(a.SS, b.SS);
  if ('BS' in a) return 'BS' in b && sameSet(a.BS, b.BS);
  if ('NS' in a) return 'NS' in b && sameSet(a.NS.map(canonicalNumber), b.NS.map(canonicalNumber));
  if ('BOOL' in a) return 'BOOL' in b && a.BOOL === b.BOOL;
  return 'NULL' in b;
}

/** Whether two items, or maps, have the same names with equal values. */
export function sameItem(a: Item, b: Item): boolean {
  if (a === b) return true;
  let surplus = 0;
  for (const name in a) {
    const other = Object.hasOwn(b, name) ? b[name] : undefined;
    if (other === undefined || !sameValue(a[name] as AttributeValue, other)) return false;
    surplus += 1;
  }
  for (const _ in b) surplus -= 1;
  return surplus === 0;
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  const members = new Set(b);
  return a.length === b.length && a.every((member) => members.has(member));
}

/** The order of two strings (by UTF-8 bytes), numbers (by value) or binaries (by unsigned bytes); undefined for other or differing types. */
export function compareValues(a: AttributeValue, b: AttributeValue): number | undefined {
  if ('S' in a && 'S' in b) return compareStrings(a.S, b.S);
  if ('N' in a && 'N' in b) return compareCanonicalNumbers(canonicalNumber(a.N), canonicalNumber(b.N));
  if ('B' in a && 'B' in b) return compareBase64(a.B, b.B);
  return undefined;
}

/** The order of two strings by their UTF-8 bytes, which is that of their code points: DynamoDB's. */
export function compareStrings(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    // A surrogate pair is a code point beyond all that have one unit; by its units it would stand below the last of them.
    const xHigh = x >= SURROGATES_FROM && x <= SURROGATES_TO;
    const yHigh = y >= SURROGATES_FROM && y <= SURROGATES_TO;
    if (xHigh === yHigh) return x - y;
    return xHigh ? 1 : -1;
  }
  return a.length - b.length;
}

const SURROGATES_FROM = 0xd800;
const SURROGATES_TO = 0xdfff;

/**
 * The order of two binaries by their unsigned bytes, from their padded base64. It is that of the sextets, since the bits
 * that fill the last one are zeros; where all are alike, the text that is padded first is the shorter binary.
 */
export function compareBase64(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) {
    const difference = sextet(a.charCodeAt(i)) - sextet(b.charCodeAt(i));
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** The value of a character of base64; −1 for padding. */
function sextet(code: number): number {
  if (code >= 0x61) return code - 0x61 + 26;
  if (code >= 0x41) return code - 0x41;
  if (code >= 0x30) return code === PADDING ? -1 : code - 0x30 + 52;
  return code === PLUS ? 62 : 63;
}

const PADDING = 0x3d;
const PLUS = 0x2b;

/** The bytes of a base64 text that is known to be one. `atob` is in Node and in browsers. */
export function bytesOf(base64: string): Uint8Array {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** Whether a binary begins with another. */
export function bytesBeginWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return bytes.length >= prefix.length && prefix.every((byte, i) => bytes[i] === byte);
}
