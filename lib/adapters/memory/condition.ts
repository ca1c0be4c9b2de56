import type { AttributeValue, Item } from '../../core/attribute.ts';
import { canonicalText } from '../../core/canonical.ts';
import { canonicalNumber, compareCanonicalNumbers } from '../../core/number.ts';
import type { Condition } from '../../ports/table.ts';
import { checkedValue, invalid } from './validate.ts';

/**
 * Conditions as DynamoDB evaluates them: `=` and `<>` compare any two values, the orders only strings, numbers and
 * binaries of one type; against an attribute that is not there every comparison but `<>` is false.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
 */

/** Operators and paths in one condition (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html). */
const OPERANDS_MAX = 300;

/** Checks a condition as DynamoDB does before it looks at the item, and normalises its values. @throws RemoteError invalid */
export function checkedCondition(condition: Condition): Condition {
  const count = { operands: 0 };
  const checked = checkedPart(condition, count);
  if (count.operands > OPERANDS_MAX) throw invalid('Invalid ConditionExpression: The expression contains too many operators');
  return checked;
}

function checkedPart(condition: Condition, count: { operands: number }): Condition {
  if ('of' in condition) {
    if (condition.of.length === 0) throw invalid('Invalid ConditionExpression: The expression can not be empty');
    count.operands += condition.of.length - 1;
    return { op: condition.op, of: condition.of.map((part) => checkedPart(part, count)) };
  }
  if (condition.path.length === 0) throw invalid('Invalid ConditionExpression: an empty path');
  count.operands += 1;
  if (!('value' in condition)) return condition;
  const value = checkedValue(condition.value);
  if (condition.op !== '=' && condition.op !== '<>' && !('S' in value || 'N' in value || 'B' in value)) {
    throw invalid(
      `Invalid ConditionExpression: Incorrect operand type for operator or function; operator: ${condition.op}, operand type: ${Object.keys(value)[0]}`,
    );
  }
  return { op: condition.op, path: condition.path, value };
}

/** Whether a condition that was checked holds for an item, or for none. */
export function holds(condition: Condition, item: Item | undefined): boolean {
  switch (condition.op) {
    case 'and':
      return condition.of.every((part) => holds(part, item));
    case 'or':
      return condition.of.some((part) => holds(part, item));
    case 'absent':
      return at(item, condition.path) === undefined;
    case 'present':
      return at(item, condition.path) !== undefined;
    default: {
      const found = at(item, condition.path);
      const { value } = condition;
      if (condition.op === '<>') return found === undefined || !sameValue(found, value);
      if (found === undefined) return false;
      if (condition.op === '=') return sameValue(found, value);
      const order = compareValues(found, value);
      if (order === undefined) return false;
      if (condition.op === '<') return order < 0;
      if (condition.op === '<=') return order <= 0;
      return condition.op === '>' ? order > 0 : order >= 0;
    }
  }
}

/** Whether two normalised items are equal, as DynamoDB compares them. */
export function sameItem(a: Item, b: Item): boolean {
  if (a === b) return true;
  let surplus = 0;
  for (const name in a) {
    const other = b[name];
    if (other === undefined || !sameValue(a[name] as AttributeValue, other)) return false;
    surplus += 1;
  }
  for (const _ in b) surplus -= 1;
  return surplus === 0;
}

/** Whether two normalised values are equal: sets have no order. Of what was normalised, one value has one text. */
export function sameValue(a: AttributeValue, b: AttributeValue): boolean {
  if (a === b) return true;
  for (const type in a) {
    const x = (a as unknown as Record<string, unknown>)[type];
    const y = (b as unknown as Record<string, unknown>)[type];
    if (y === undefined) return false;
    if (type === 'M') return sameItem(x as Item, y as Item);
    if (type === 'L') {
      const other = y as readonly AttributeValue[];
      return (
        (x as readonly AttributeValue[]).length === other.length && (x as readonly AttributeValue[]).every((v, i) => sameValue(v, other[i] as AttributeValue))
      );
    }
    if (Array.isArray(x)) return canonicalText(a) === canonicalText(b);
    return x === y;
  }
  return false;
}

/** The value at a path of map members. */
export function at(item: Item | undefined, path: readonly string[]): AttributeValue | undefined {
  let map: Item | undefined = item;
  let value: AttributeValue | undefined;
  for (const name of path) {
    value = map !== undefined && Object.hasOwn(map, name) ? map[name] : undefined;
    if (value === undefined) return undefined;
    map = 'M' in value ? value.M : undefined;
  }
  return value;
}

/** The order of two strings (by UTF-8 bytes), numbers (by value) or binaries (by unsigned bytes); undefined for other or differing types. */
export function compareValues(a: AttributeValue, b: AttributeValue): number | undefined {
  if ('S' in a && 'S' in b) return compareStrings(a.S, b.S);
  if ('N' in a && 'N' in b) return compareCanonicalNumbers(canonicalNumber(a.N), canonicalNumber(b.N));
  if ('B' in a && 'B' in b) return Buffer.compare(Buffer.from(a.B, 'base64'), Buffer.from(b.B, 'base64'));
  return undefined;
}

/** The first UTF-16 unit of which a character beyond 16 bits is made. Below it, UTF-16 and UTF-8 have the same order. */
const SURROGATES_FROM = 0xd800;

function compareStrings(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    return x < SURROGATES_FROM || y < SURROGATES_FROM ? x - y : Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'));
  }
  return a.length - b.length;
}
