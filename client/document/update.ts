import type { Operation, OperationOf } from '../conditions.ts';
import type { NativeValue } from '../values.ts';
import { NumberValue } from '../values.ts';
import { afterRemoval, comparePaths, overlap } from './paths.ts';
import type { DocumentPath, Placeholders } from './reader.ts';
import { Reader } from './reader.ts';

/**
 * DynamoDB's update expressions, read into the API's operations.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html
 *
 * DynamoDB works all parts out on the item as it was; the API applies its operations one after the other. Both come to the
 * same, since no path may lie within another one, and no attribute may be worked out from another one: what is left is lists.
 * Their members are removed first, from the end of each, and the indexes of all else are those that are left then.
 */

/** An operation, with its path in steps. */
type Step = OperationOf<NativeValue> & { readonly path: DocumentPath };

/** @throws SynclineError "invalid-expression" */
export function readUpdate(expression: string, placeholders: Placeholders): Operation[] {
  const reader = new Reader(expression, placeholders);
  const changes: Step[][] = [];
  const removed: DocumentPath[] = [];
  const seen = new Set<string>();
  while (!reader.done) {
    const clause = (['SET', 'ADD', 'DELETE', 'REMOVE'] as const).find((word) => reader.word(word));
    if (clause === undefined) return reader.fail('SET, REMOVE, ADD or DELETE is expected');
    if (seen.has(clause)) reader.fail(`${clause} stands twice`);
    seen.add(clause);
    do {
      if (clause === 'REMOVE') removed.push(reader.path());
      else if (clause === 'SET') changes.push(assignment(reader));
      else changes.push([addition(reader, clause)]);
    } while (reader.sign(','));
  }
  if (changes.length + removed.length === 0) reader.fail('it changes nothing');
  refuseOverlaps(reader, [...changes.map(pathOf), ...removed]);
  return [
    ...removed.sort((a, b) => comparePaths(b, a)).map((path): Operation => ({ op: 'remove', path })),
    // Members that are appended since their index lies beyond the end come in the order of their indexes.
    ...changes
      .sort((a, b) => comparePaths(pathOf(a), pathOf(b)))
      .flatMap((steps) => steps.map((step): Operation => ({ ...step, path: afterRemoval(step.path, removed) }))),
  ];
}

/** All operations of one change have one path. */
const pathOf = (steps: readonly Step[]): DocumentPath => (steps[0] as Step).path;

function refuseOverlaps(reader: Reader, paths: readonly DocumentPath[]): void {
  for (const [i, a] of paths.entries()) {
    for (const b of paths.slice(i + 1)) {
      if (overlap(a, b)) reader.fail(`the paths ${JSON.stringify(a)} and ${JSON.stringify(b)} lie within each other`);
    }
  }
}

/** `path = …` */
function assignment(reader: Reader): Step[] {
  const path = reader.path();
  reader.expectSign('=');
  if (reader.peek()?.is === 'value') return ofValue(reader, path);
  const name = reader.functionName();
  if (name === 'list_append') return listAppend(reader, path);
  if (name === 'if_not_exists') {
    const value = ifNotExists(reader, path);
    return changed(reader, path, () => standIn(reader, path, value, isZero)) ?? [{ op: 'set-if-absent', path, value }];
  }
  if (name !== undefined) reader.fail(`the function ${name} is not known here`);
  same(reader, path);
  return changed(reader, path, () => []) ?? reader.fail('an attribute cannot be set to an attribute');
}

/** `+ :v` or `- :v`, behind what makes the attribute hold what it is added to. */
function changed(reader: Reader, path: DocumentPath, first: () => Step[]): Step[] | undefined {
  if (reader.sign('+')) return [...first(), { op: 'increment', path, value: added(reader) }];
  if (reader.sign('-')) return [...first(), { op: 'increment', path, value: negative(added(reader)) }];
  return undefined;
}

/** `:v`, or `:v + path` */
function ofValue(reader: Reader, path: DocumentPath): Step[] {
  const value = reader.value();
  if (reader.sign('-')) reader.fail('nothing can be subtracted from a value');
  if (!reader.sign('+')) return [{ op: 'set', path, value }];
  if (reader.peek()?.is === 'value') reader.fail('two values cannot be added: add them before');
  return [...operand(reader, path, isZero), { op: 'increment', path, value: number(reader, value) }];
}

/** What a value is added to: the attribute itself, or `if_not_exists(path, :v)`. */
function operand(reader: Reader, path: DocumentPath, isNothing: (value: NativeValue) => boolean): Step[] {
  const name = reader.functionName();
  if (name === 'if_not_exists') return standIn(reader, path, ifNotExists(reader, path), isNothing);
  if (name !== undefined) reader.fail(`the function ${name} is not known here`);
  same(reader, path);
  return [];
}

/**
 * What stands for an attribute that is not there, before something is added to it. 0 and the empty list need not: the API takes
 * nothing for them. ⚠ A member of a list takes no two steps: the first one may append it, and the second would append another.
 */
function standIn(reader: Reader, path: DocumentPath, value: NativeValue, isNothing: (value: NativeValue) => boolean): Step[] {
  if (isNothing(value)) return [];
  if (typeof path.at(-1) === 'number') reader.fail('for a member of a list, only 0 or an empty list can stand in if_not_exists when something is added');
  return [{ op: 'set-if-absent', path, value }];
}

const isZero = (value: NativeValue): boolean => isNumber(value) && Number(value) === 0;
const isEmptyList = (value: NativeValue): boolean => Array.isArray(value) && value.length === 0;

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
function listAppend(reader: Reader, path: DocumentPath): Step[] {
  const inFront = reader.peek()?.is === 'value' ? list(reader, reader.value()) : undefined;
  if (inFront !== undefined) reader.expectSign(',');
  if (reader.peek()?.is === 'value') reader.fail('two values cannot be joined: join them before');
  const first = operand(reader, path, isEmptyList);
  if (inFront !== undefined) {
    reader.expectSign(')');
    return [...first, { op: 'prepend', path, value: inFront }];
  }
  reader.expectSign(',');
  const value = list(reader, reader.value());
  reader.expectSign(')');
  return [...first, { op: 'append', path, value }];
}

/** `ADD path :v`, `DELETE path :set` */
function addition(reader: Reader, clause: 'ADD' | 'DELETE'): Step {
  const path = reader.path();
  const value = reader.value();
  if (value instanceof Set) return { op: clause === 'ADD' ? 'add-to-set' : 'remove-from-set', path, value };
  if (clause === 'DELETE') reader.fail('DELETE takes a Set');
  return { op: 'increment', path, value: number(reader, value, 'ADD takes a number or a Set') };
}

/** What stands behind + and -. */
function added(reader: Reader): number | bigint | NumberValue {
  if (reader.isPath()) reader.fail('an attribute cannot be worked out from another attribute');
  return number(reader, reader.value());
}

const isNumber = (value: NativeValue): value is number | bigint | NumberValue =>
  typeof value === 'number' || typeof value === 'bigint' || value instanceof NumberValue;

function number(reader: Reader, value: NativeValue, why = 'only numbers can be added and subtracted'): number | bigint | NumberValue {
  return isNumber(value) ? value : reader.fail(why);
}

const list = (reader: Reader, value: NativeValue): NativeValue => (Array.isArray(value) ? value : reader.fail('list_append joins lists'));

function negative(value: number | bigint | NumberValue): NativeValue {
  if (!(value instanceof NumberValue)) return -value;
  const text = value.toString().trim();
  return new NumberValue(text.startsWith('-') ? text.slice(1) : `-${text.replace(/^\+/, '')}`);
}
