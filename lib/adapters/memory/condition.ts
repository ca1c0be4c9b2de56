import type { Item } from '../../core/attribute.ts';
import { compareValues, sameValue, valueAt } from '../../core/values.ts';
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
      return valueAt(item, condition.path) === undefined;
    case 'present':
      return valueAt(item, condition.path) !== undefined;
    default: {
      const found = valueAt(item, condition.path);
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
