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

/** Checks a condition as DynamoDB does before it looks at the item. @throws RemoteError invalid */
export function checkCondition(condition: Condition): void {
  if (countAndCheck(condition) > OPERANDS_MAX) throw invalid('Invalid ConditionExpression: The expression contains too many operators');
}

function countAndCheck(condition: Condition): number {
  if ('of' in condition) {
    if (condition.of.length === 0) throw invalid('Invalid ConditionExpression: The expression can not be empty');
    return condition.of.reduce((sum, part) => sum + countAndCheck(part), condition.of.length - 1);
  }
  if (condition.path.length === 0) throw invalid('Invalid ConditionExpression: an empty path');
  if ('value' in condition) {
    const value = checkedValue(condition.value);
    if (condition.op !== '=' && condition.op !== '<>' && !('S' in value || 'N' in value || 'B' in value)) {
      throw invalid(
        `Invalid ConditionExpression: Incorrect operand type for operator or function; operator: ${condition.op}, operand type: ${Object.keys(value)[0]}`,
      );
    }
  }
  return 1;
}

/** Whether a condition holds for an item, or for none. */
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
      const value = checkedValue(condition.value);
      if (condition.op === '<>') return found === undefined || canonicalText(found) !== canonicalText(value);
      if (found === undefined) return false;
      if (condition.op === '=') return canonicalText(found) === canonicalText(value);
      const order = compareValues(found, value);
      if (order === undefined) return false;
      if (condition.op === '<') return order < 0;
      if (condition.op === '<=') return order <= 0;
      return condition.op === '>' ? order > 0 : order >= 0;
    }
  }
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
  if ('S' in a && 'S' in b) return Buffer.compare(Buffer.from(a.S, 'utf8'), Buffer.from(b.S, 'utf8'));
  if ('N' in a && 'N' in b) return compareCanonicalNumbers(canonicalNumber(a.N), canonicalNumber(b.N));
  if ('B' in a && 'B' in b) return Buffer.compare(Buffer.from(a.B, 'base64'), Buffer.from(b.B, 'base64'));
  return undefined;
}
