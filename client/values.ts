import type { AttributeValue, Item } from '../lib/core/attribute.ts';
import { InputError } from '../lib/core/errors.ts';
import { canonicalNumber } from '../lib/core/number.ts';
import { bytesOf } from '../lib/core/values.ts';
import { SynclineError } from './errors.ts';

/**
 * A number as its digits: what JavaScript's own numbers cannot hold exactly comes back as one of these, whole numbers beyond
 * 2^53 - 1 included. Up to 38 digits.
 */
export class NumberValue {
  readonly #text: string;

  /** @throws SynclineError "invalid-value" for a text that is no number of DynamoDB's. */
  constructor(text: string) {
    try {
      canonicalNumber(text);
    } catch (error) {
      if (error instanceof InputError) throw new SynclineError('invalid-value', error.message, {}, { cause: error });
      throw error;
    }
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }

  /** @throws SynclineError "invalid-value" when it is not whole. */
  toBigInt(): bigint {
    const canonical = canonicalNumber(this.#text);
    const [digits = '0', exponent = '0'] = canonical.split('e');
    if (Number(exponent) < 0) throw new SynclineError('invalid-value', `${this.#text} is not a whole number.`);
    return BigInt(digits) * 10n ** BigInt(exponent);
  }

  /** The nearest JavaScript number, which may differ. */
  toNumber(): number {
    return Number(this.#text);
  }

  /** Its digits, so that JSON.stringify loses none. */
  toJSON(): string {
    return this.#text;
  }
}

/** Values that items take, as JavaScript has them: those of the AWS SDK's document client. */
export type NativeValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | undefined
  | NumberValue
  | Uint8Array
  | ReadonlySet<string>
  | ReadonlySet<number | bigint | NumberValue>
  | ReadonlySet<Uint8Array>
  | readonly NativeValue[]
  | { readonly [name: string]: NativeValue };

/** An item, or a key, as JavaScript has it. */
export type NativeItem = { readonly [name: string]: NativeValue };

/** Levels of nesting that are read; DynamoDB takes 32. A value that contains itself ends here. */
const DEPTH_MAX = 40;

const wrong = (message: string, path: string): SynclineError => new SynclineError('invalid-value', `${path}: ${message}`);

/** A value in DynamoDB JSON. @param path where it stands, for messages. @throws SynclineError "invalid-value" */
export function marshal(value: NativeValue, path = 'value', depth = 0): AttributeValue {
  if (depth > DEPTH_MAX) throw wrong('is nested too deep.', path);
  switch (typeof value) {
    case 'string':
      return { S: value };
    case 'number':
    case 'bigint':
      return { N: numberText(value, path) };
    case 'boolean':
      return { BOOL: value };
    case 'object':
      return value === null ? { NULL: true } : marshalObject(value as object, path, depth);
    default:
      throw wrong(`a value of type ${typeof value} cannot be stored.`, path);
  }
}

function marshalObject(value: object, path: string, depth: number): AttributeValue {
  if (value instanceof NumberValue) return { N: value.toString() };
  if (value instanceof Uint8Array) return { B: toBase64(value) };
  if (value instanceof Set) return marshalSet([...value] as unknown[], path);
  if (Array.isArray(value)) return { L: value.map((member, i) => marshal(member as NativeValue, `${path}[${i}]`, depth + 1)) };
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw wrong(`an object of class ${value.constructor?.name ?? 'unknown'} cannot be stored. Give a plain object, text or a number.`, path);
  }
  return { M: marshalItem(value as NativeItem, path, depth + 1) };
}

/** An item in DynamoDB JSON. Attributes that are undefined are left out. @throws SynclineError "invalid-value" */
export function marshalItem(item: NativeItem, path = 'item', depth = 0): Item {
  const out: Record<string, AttributeValue> = {};
  for (const [name, value] of Object.entries(item)) {
    if (value === undefined) continue;
    // Defined, not assigned: assigning to `__proto__` would set the prototype.
    Object.defineProperty(out, name, { value: marshal(value, `${path}.${name}`, depth), enumerable: true, writable: true, configurable: true });
  }
  return out;
}

function numberText(value: number | bigint | NumberValue, path: string): string {
  const text = String(value);
  if (typeof value === 'number' && !Number.isFinite(value)) throw wrong(`${text} is no number that can be stored.`, path);
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) {
    throw wrong(`${text} may have lost digits already: whole numbers beyond 2^53 - 1 are given as a bigint or a NumberValue.`, path);
  }
  try {
    canonicalNumber(text);
  } catch (error) {
    if (error instanceof InputError) throw wrong(error.message, path);
    throw error;
  }
  return text;
}

function marshalSet(members: readonly unknown[], path: string): AttributeValue {
  if (members.length === 0) throw wrong('a set must not be empty. Leave the attribute out instead.', path);
  if (members.every((m) => typeof m === 'string')) return { SS: members };
  if (members.every((m) => typeof m === 'number' || typeof m === 'bigint' || m instanceof NumberValue)) return { NS: members.map((m) => numberText(m, path)) };
  if (members.every((m) => m instanceof Uint8Array)) return { BS: members.map(toBase64) };
  throw wrong('a set holds only texts, only numbers, or only binaries.', path);
}

/** A value as JavaScript has it: a number where it holds every digit, else a NumberValue. */
export function unmarshal(value: AttributeValue): NativeValue {
  if ('S' in value) return value.S;
  if ('N' in value) return numberOf(value.N);
  if ('BOOL' in value) return value.BOOL;
  if ('NULL' in value) return null;
  if ('B' in value) return bytesOf(value.B);
  if ('L' in value) return value.L.map(unmarshal);
  if ('M' in value) return unmarshalItem(value.M);
  if ('SS' in value) return new Set(value.SS);
  if ('NS' in value) return new Set(value.NS.map(numberOf));
  return new Set(value.BS.map(bytesOf));
}

/** An item as JavaScript has it. */
export function unmarshalItem(item: Item): { [name: string]: NativeValue } {
  const out: Record<string, NativeValue> = {};
  for (const [name, value] of Object.entries(item)) {
    Object.defineProperty(out, name, { value: unmarshal(value), enumerable: true, writable: true, configurable: true });
  }
  return out;
}

function numberOf(text: string): number | NumberValue {
  const number = Number(text);
  const whole = Number.isInteger(number);
  const exact = Number.isFinite(number) && (!whole || Number.isSafeInteger(number)) && canonicalNumber(String(number)) === canonicalNumber(text);
  return exact ? number : new NumberValue(text);
}

/** Bytes turned into characters in one call: more would overflow its arguments. */
const CHUNK_BYTES = 8_192;

/** Padded base64 of bytes. `btoa` is in Node and in browsers. */
export function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += CHUNK_BYTES) text += String.fromCharCode(...bytes.subarray(i, i + CHUNK_BYTES));
  return btoa(text);
}
