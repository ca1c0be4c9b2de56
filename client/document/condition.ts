import type { AttributeType } from '../../lib/core/attribute.ts';
import { ATTRIBUTE_TYPES } from '../../lib/core/attribute.ts';
import type { Condition } from '../conditions.ts';
import type { NativeValue } from '../values.ts';
import type { DocumentPath, Placeholders } from './reader.ts';
import { Reader } from './reader.ts';

/**
 * DynamoDB's condition expressions, read into the API's conditions.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
 *
 * What has no translation is refused: comparisons of two attributes with each other, and of two values.
 */

/** Parentheses within each other: as deep as the API takes conditions. */
const DEPTH_MAX = 16;

/** @throws SynclineError "invalid-expression" */
export function readCondition(expression: string, placeholders: Placeholders): Condition {
  const reader = new Reader(expression, placeholders);
  const condition = either(reader, 0);
  reader.end();
  return condition;
}

function either(reader: Reader, depth: number): Condition {
  if (depth > DEPTH_MAX) reader.fail(`it has more than ${DEPTH_MAX} levels of parentheses`);
  const parts = [both(reader, depth)];
  while (reader.word('OR')) parts.push(both(reader, depth));
  return parts.length === 1 ? (parts[0] as Condition) : { or: parts };
}

function both(reader: Reader, depth: number): Condition {
  const parts = [negated(reader, depth)];
  while (reader.word('AND')) parts.push(negated(reader, depth));
  return parts.length === 1 ? (parts[0] as Condition) : { and: parts };
}

function negated(reader: Reader, depth: number): Condition {
  if (depth > DEPTH_MAX) reader.fail(`it has more than ${DEPTH_MAX} levels`);
  return reader.word('NOT') ? { not: negated(reader, depth + 1) } : primary(reader, depth);
}

function primary(reader: Reader, depth: number): Condition {
  if (reader.sign('(')) {
    const inner = either(reader, depth + 1);
    reader.expectSign(')');
    return inner;
  }
  const name = reader.functionName();
  if (name === 'size') {
    const path = reader.path();
    reader.expectSign(')');
    return sizeCondition(reader, path);
  }
  if (name !== undefined) return functionCondition(reader, name);
  if (!reader.isPath()) return turned(reader);
  const path = reader.path();
  if (reader.word('BETWEEN')) {
    const from = reader.value();
    if (!reader.word('AND')) reader.fail('BETWEEN takes two values, with AND between them');
    return { path, op: 'between', from, to: reader.value() };
  }
  if (reader.word('IN')) {
    reader.expectSign('(');
    const values = [reader.value()];
    while (reader.sign(',')) values.push(reader.value());
    reader.expectSign(')');
    return { path, op: 'in', values };
  }
  const op = comparator(reader);
  if (reader.isPath()) reader.fail('two attributes cannot be compared with each other');
  return { path, op, value: reader.value() };
}

/** A value on the left: the comparison is turned round. */
function turned(reader: Reader): Condition {
  const value = reader.value();
  const op = comparator(reader);
  if (!reader.isPath()) reader.fail('one side of a comparison must be an attribute');
  const other = { '<': '>', '<=': '>=', '>': '<', '>=': '<=', '=': '=', '<>': '<>' } as const;
  return { path: reader.path(), op: other[op], value };
}

const COMPARATORS = ['=', '<>', '<=', '>=', '<', '>'] as const;

function comparator(reader: Reader): (typeof COMPARATORS)[number] {
  return COMPARATORS.find((sign) => reader.sign(sign)) ?? reader.fail('a comparison is expected: =, <>, <, <=, >, >=, BETWEEN or IN');
}

function sizeCondition(reader: Reader, path: DocumentPath): Condition {
  const size = (is: (typeof COMPARATORS)[number], value: number): Condition => ({ path, op: 'size', is, value });
  if (!reader.word('BETWEEN')) return size(comparator(reader), sizeValue(reader));
  const from = sizeValue(reader);
  if (!reader.word('AND')) reader.fail('BETWEEN takes two values, with AND between them');
  return { and: [size('>=', from), size('<=', sizeValue(reader))] };
}

function sizeValue(reader: Reader): number {
  const value = reader.value();
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : reader.fail('size() is compared with a whole number from 0 on');
}

function functionCondition(reader: Reader, name: string): Condition {
  const path = reader.path();
  const condition = ofFunction(reader, name, path);
  reader.expectSign(')');
  return condition;
}

function ofFunction(reader: Reader, name: string, path: DocumentPath): Condition {
  const argument = (): NativeValue => {
    reader.expectSign(',');
    return reader.value();
  };
  switch (name) {
    case 'attribute_exists':
      return { path, op: 'exists' };
    case 'attribute_not_exists':
      return { path, op: 'not-exists' };
    case 'begins_with':
      return { path, op: 'begins-with', value: argument() };
    case 'contains':
      return { path, op: 'contains', value: argument() };
    case 'attribute_type': {
      const type = argument();
      if (!(ATTRIBUTE_TYPES as readonly unknown[]).includes(type)) reader.fail(`attribute_type takes one of ${ATTRIBUTE_TYPES.join(', ')}`);
      return { path, op: 'type', value: type as AttributeType };
    }
    default:
      return reader.fail(`the function ${name} is not known`);
  }
}
