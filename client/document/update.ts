import type { Operation } from '../conditions.ts';
import { SynclineError } from '../errors.ts';
import type { NativeValue } from '../values.ts';
import { NumberValue } from '../values.ts';
import type { DocumentPath, Placeholders } from './reader.ts';
import { Reader } from './reader.ts';

/**
 * DynamoDB's update expressions, read into the API's operations.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html
 *
 * DynamoDB works all parts out on the item as it was; the API applies its operations one after the other. So the order is:
 * SET, ADD, DELETE, then REMOVE from the end of each list, and no attribute may be the source of another one.
 */

/** @throws SynclineError "invalid-expression" */
export function readUpdate(expression: string, placeholders: Placeholders): Operation[] {
  const reader = new Reader(expression, placeholders);
  const operations: Operation[] = [];
  const removed: DocumentPath[] = [];
  const seen = new Set<string>();
  while (!reader.done) {
    const clause = (['SET', 'ADD', 'DELETE', 'REMOVE'] as const).find((word) => reader.word(word));
    if (clause === undefined) return reader.fail('SET, REMOVE, ADD or DELETE is expected');
    if (seen.has(clause)) reader.fail(`${clause} stands twice`);
    seen.add(clause);
    do {
      if (clause === 'REMOVE') removed.push(reader.path());
      else if (clause === 'SET') operations.push(...assignment(reader));
      else operations.push(addition(reader, clause));
    } while (reader.sign(','));
  }
  if (operations.length + removed.length === 0) reader.fail('it changes nothing');
  return [...operations, ...removed.sort(lastFirst).map((path): Operation => ({ op: 'remove', path }))];
}

/** Of two paths within one list, the later index first, so that removing one does not move the other. */
function lastFirst(a: DocumentPath, b: DocumentPath): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) {
    const [x, y] = [a[i], b[i]];
    if (x !== y) return typeof x === 'number' && typeof y === 'number' ? y - x : 0;
  }
  return 0;
}

/** `path = …` */
function assignment(reader: Reader): Operation[] {
  const path = reader.path();
  reader.expectSign('=');
  if (reader.peek()?.is === 'value') return [{ op: 'set', path, value: reader.value() }];
  const name = reader.functionName();
  if (name === 'list_append') return listAppend(reader, path);
  const first: Operation[] = [];
  if (name === 'if_not_exists') {
    first.push({ op: 'set-if-absent', path, value: ifNotExists(reader, path) });
  } else if (name !== undefined) reader.fail(`the function ${name} is not known in SET`);
  else same(reader, path);
  if (reader.sign('+')) return [...first, { op: 'increment', path, value: reader.value() }];
  if (reader.sign('-')) return [...first, { op: 'increment', path, value: negative(reader.value()) }];
  if (first.length === 0) reader.fail('an attribute cannot be set to another attribute');
  return first;
}

/** The rest of `if_not_exists(path, :v)`. */
function ifNotExists(reader: Reader, path: DocumentPath): NativeValue {
  same(reader, path);
  reader.expectSign(',');
  const value = reader.value();
  reader.expectSign(')');
  return value;
}

/** The attribute itself, and no other. */
function same(reader: Reader, path: DocumentPath): void {
  const other = reader.path();
  if (JSON.stringify(other) !== JSON.stringify(path)) reader.fail('an attribute cannot be worked out from another attribute');
}

/** The rest of `list_append(path, :v)`, `list_append(:v, path)`, or the same with if_not_exists(path, :empty) for the path. */
function listAppend(reader: Reader, path: DocumentPath): Operation[] {
  const before = reader.peek()?.is === 'value' ? reader.value() : undefined;
  if (before !== undefined) reader.expectSign(',');
  const first: Operation[] = [];
  if (reader.functionName() === 'if_not_exists') first.push({ op: 'set-if-absent', path, value: ifNotExists(reader, path) });
  else same(reader, path);
  if (before !== undefined) {
    reader.expectSign(')');
    return [...first, { op: 'prepend', path, value: before }];
  }
  reader.expectSign(',');
  const value = reader.value();
  reader.expectSign(')');
  return [...first, { op: 'append', path, value }];
}

/** `ADD path :v`, `DELETE path :set` */
function addition(reader: Reader, clause: 'ADD' | 'DELETE'): Operation {
  const path = reader.path();
  const value = reader.value();
  if (value instanceof Set) return { op: clause === 'ADD' ? 'add-to-set' : 'remove-from-set', path, value };
  if (clause === 'DELETE') reader.fail('DELETE takes a Set');
  return { op: 'increment', path, value };
}

function negative(value: NativeValue): NativeValue {
  if (typeof value === 'number' || typeof value === 'bigint') return -value;
  if (value instanceof NumberValue) {
    const text = value.toString();
    return new NumberValue(text.startsWith('-') ? text.slice(1) : `-${text.replace(/^\+/, '')}`);
  }
  throw new SynclineError('invalid-expression', 'Only numbers can be subtracted.');
}
