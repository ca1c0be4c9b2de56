import type { AttributeType, AttributeValue, Item } from '../attribute.ts';
import { typeNames } from '../attribute.ts';
import { InputError } from '../errors.ts';
import type { Path } from '../values.ts';
import { bytesBeginWith, bytesOf, compareValues, sameValue, valueAt } from '../values.ts';
import { valueSize } from './value-size.ts';

/**
 * Conditions on an item, as callers state them: of writes (`if`) and of queries (`filter`). They are judged here, on the
 * item that was read, by DynamoDB's rules: a comparison with an attribute that is not there is false, but for `<>`; orders
 * are of strings, numbers and binaries of one type.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
 */

export type Comparator = '=' | '<>' | '<' | '<=' | '>' | '>=';

/** A condition whose values are in DynamoDB JSON. */
export type ItemCondition =
  | { readonly and: readonly ItemCondition[] }
  | { readonly or: readonly ItemCondition[] }
  | { readonly not: ItemCondition }
  | { readonly path: Path; readonly op: Comparator | 'begins-with' | 'contains'; readonly value: AttributeValue }
  | { readonly path: Path; readonly op: 'between'; readonly from: AttributeValue; readonly to: AttributeValue }
  | { readonly path: Path; readonly op: 'in'; readonly values: readonly AttributeValue[] }
  | { readonly path: Path; readonly op: 'exists' | 'not-exists' }
  | { readonly path: Path; readonly op: 'type'; readonly type: AttributeType }
  /** The size of a value, in DynamoDB's sense: characters of a string, bytes of a binary, members of a set, list or map. */
  | { readonly path: Path; readonly op: 'size'; readonly is: Comparator; readonly size: number };

/** Levels of a condition, and its parts in all. */
export const CONDITION_DEPTH_MAX = 16;
export const CONDITION_PARTS_MAX = 300;
/** Values in one `in`: DynamoDB's limit. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html */
export const IN_VALUES_MAX = 100;

/**
 * Checks a condition before it is judged, as DynamoDB does: orders are of strings, numbers and binaries, and the ends of
 * `between` are in order.
 *
 * @param path where it stands, for messages.
 * @throws InputError "invalid-condition"
 */
export function checkCondition(condition: ItemCondition, path: string): void {
  let parts = 0;
  const check = (part: ItemCondition, at: string, depth: number): void => {
    parts += 1;
    if (depth > CONDITION_DEPTH_MAX) throw wrong(`A condition has at most ${CONDITION_DEPTH_MAX} levels.`, path);
    if (parts > CONDITION_PARTS_MAX) throw wrong(`A condition has at most ${CONDITION_PARTS_MAX} parts.`, path);
    if ('not' in part) check(part.not, `${at}.not`, depth + 1);
    else if ('and' in part) for (const [i, inner] of part.and.entries()) check(inner, `${at}.and[${i}]`, depth + 1);
    else if ('or' in part) for (const [i, inner] of part.or.entries()) check(inner, `${at}.or[${i}]`, depth + 1);
    else checkOperands(part, at);
  };
  check(condition, path, 1);
}

const wrong = (message: string, path: string): InputError => new InputError('invalid-condition', message, path);

const typeOf = (value: AttributeValue): string => typeNames(value)[0] ?? '?';

function checkOperands(part: Extract<ItemCondition, { path: Path }>, at: string): void {
  switch (part.op) {
    case '<':
    case '<=':
    case '>':
    case '>=':
      if (!hasOrder(part.value)) throw wrong(`"${part.op}" compares strings, numbers and binaries; got ${typeOf(part.value)}.`, `${at}.value`);
      break;
    case 'begins-with':
      if (!('S' in part.value || 'B' in part.value)) throw wrong(`"begins-with" takes a string or a binary; got ${typeOf(part.value)}.`, `${at}.value`);
      break;
    case 'between': {
      const order = compareValues(part.from, part.to);
      if (order === undefined)
        throw wrong(`"between" takes two strings, two numbers or two binaries; got ${typeOf(part.from)} and ${typeOf(part.to)}.`, `${at}.from`);
      if (order > 0) throw wrong('"from" lies above "to". Give the smaller one first.', `${at}.from`);
      break;
    }
    default:
      break;
  }
}

const hasOrder = (value: AttributeValue): boolean => 'S' in value || 'N' in value || 'B' in value;

/** Whether a condition holds for an item, or for none. Pure. */
export function holds(condition: ItemCondition, item: Item | undefined): boolean {
  if ('and' in condition) return condition.and.every((part) => holds(part, item));
  if ('or' in condition) return condition.or.some((part) => holds(part, item));
  if ('not' in condition) return !holds(condition.not, item);
  const found = valueAt(item, condition.path);
  switch (condition.op) {
    case 'exists':
      return found !== undefined;
    case 'not-exists':
      return found === undefined;
    case '<>':
      return found === undefined || !sameValue(found, condition.value);
    case 'size': {
      // What is not there has no size, nor has a number: as with any comparison, only "<>" holds then.
      const size = found === undefined ? undefined : valueSize(found);
      return size === undefined ? condition.is === '<>' : ordered(size - condition.size, condition.is);
    }
    default:
      return found !== undefined && holdsOf(found, condition);
  }
}

type OfValue = Exclude<Extract<ItemCondition, { path: Path }>, { op: 'exists' | 'not-exists' | 'size' }>;

function holdsOf(found: AttributeValue, condition: OfValue): boolean {
  switch (condition.op) {
    case 'begins-with':
      return beginsWith(found, condition.value);
    case 'contains':
      return contains(found, condition.value);
    case 'between': {
      const [low, high] = [compareValues(found, condition.from), compareValues(found, condition.to)];
      return low !== undefined && high !== undefined && low >= 0 && high <= 0;
    }
    case 'in':
      return condition.values.some((value) => sameValue(found, value));
    case 'type':
      return condition.type in found;
    case '=':
      return sameValue(found, condition.value);
    case '<>':
      return !sameValue(found, condition.value);
    default: {
      const order = compareValues(found, condition.value);
      return order !== undefined && ordered(order, condition.op);
    }
  }
}

/** Whether an order (below, at or above zero) is the one that is asked for. */
function ordered(order: number, op: Comparator): boolean {
  switch (op) {
    case '=':
      return order === 0;
    case '<>':
      return order !== 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
}

function beginsWith(value: AttributeValue, prefix: AttributeValue): boolean {
  if ('S' in value && 'S' in prefix) return value.S.startsWith(prefix.S);
  if ('B' in value && 'B' in prefix) return bytesBeginWith(bytesOf(value.B), bytesOf(prefix.B));
  return false;
}

/** A part of a string or binary, a member of a set or list. */
function contains(value: AttributeValue, wanted: AttributeValue): boolean {
  if ('S' in value) return 'S' in wanted && value.S.includes(wanted.S);
  if ('B' in value) return 'B' in wanted && bytesInclude(bytesOf(value.B), bytesOf(wanted.B));
  if ('L' in value) return value.L.some((member) => sameValue(member, wanted));
  if ('SS' in value) return 'S' in wanted && value.SS.includes(wanted.S);
  if ('NS' in value) return 'N' in wanted && value.NS.some((member) => sameValue({ N: member }, wanted));
  if ('BS' in value) return 'B' in wanted && value.BS.includes(wanted.B);
  return false;
}

/** Whether one binary stands within another. Linear: each byte is looked at in Latin-1 text, where a byte is a character. */
const bytesInclude = (bytes: Uint8Array, part: Uint8Array): boolean => latin1(bytes).includes(latin1(part));

function latin1(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
