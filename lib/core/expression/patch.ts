import type { AttributeValue, Item, Key } from '../attribute.ts';
import { RESERVED, typeNames } from '../attribute.ts';
import { addNumbers } from '../decimal.ts';
import { InputError } from '../errors.ts';
import { checkItemBytes, checkNesting } from '../item-input.ts';
import { canonicalNumber } from '../number.ts';
import type { Path } from '../values.ts';
import { valueAt } from '../values.ts';
import { formatPath } from './path.ts';

/**
 * Changes to parts of an item, as callers state them. They are applied here, in their order, to the item that was read,
 * and the result is written whole on the condition that the item still is that: so a patch is all or nothing, and a
 * number never passes through a floating-point one.
 */

/** One change. Values are in DynamoDB JSON. */
export type PatchOperation =
  /** Puts a value there, whatever was there. An index beyond the end of a list appends. */
  | { readonly op: 'set'; readonly path: Path; readonly value: AttributeValue }
  | { readonly op: 'set-if-absent'; readonly path: Path; readonly value: AttributeValue }
  /** Removing what is not there changes nothing. */
  | { readonly op: 'remove'; readonly path: Path }
  /** Adds a number to the one that is there; nothing counts as 0. */
  | { readonly op: 'increment'; readonly path: Path; readonly value: AttributeValue }
  /** Adds members at the end or the beginning of a list; nothing counts as an empty one. */
  | { readonly op: 'append' | 'prepend'; readonly path: Path; readonly value: AttributeValue }
  /** Adds members to a set, or takes them away; a set that becomes empty is removed, since DynamoDB has none. */
  | { readonly op: 'add-to-set' | 'remove-from-set'; readonly path: Path; readonly value: AttributeValue };

/** Changes in one patch. */
export const OPERATIONS_MAX = 100;

/**
 * The item after the changes, its key first if it is new. Pure: what was given stays as it was.
 *
 * @param key the item's key; its attributes cannot be changed.
 * @param item the item without its reserved attribute, or undefined when there is none: it is then made.
 * @throws InputError "invalid-patch", naming the path and what stands there; "item-too-large" and "invalid-item" (nested
 *   too deep) for what would come of it.
 */
export function applyPatch(key: Key, item: Item | undefined, operations: readonly PatchOperation[]): Item {
  let result: Item = item ?? key;
  for (const operation of operations) {
    const [name] = operation.path;
    if (typeof name !== 'string') throw fail('A path begins with the name of an attribute.', operation);
    if (name === RESERVED) throw fail(`The attribute "${RESERVED}" is Syncline's own and cannot be changed.`, operation);
    if (Object.hasOwn(key, name)) throw fail(`"${name}" is part of the key, and a key cannot be changed. Delete the item and put another.`, operation);
    result = applied(result, operation);
  }
  checkNesting(result);
  checkItemBytes(result);
  return result;
}

function applied(item: Item, operation: PatchOperation): Item {
  const { path } = operation;
  const found = valueAt(item, path);
  switch (operation.op) {
    case 'set':
      return withValue(item, operation, operation.value);
    case 'set-if-absent':
      return found === undefined ? withValue(item, operation, operation.value) : item;
    case 'remove':
      return found === undefined ? item : withValue(item, operation, undefined);
    case 'increment':
      return withValue(item, operation, incremented(found, operation));
    case 'append':
    case 'prepend': {
      const added = listOf(operation.value, operation, 'The value');
      const old = found === undefined ? [] : listOf(found, operation, `What stands at "${formatPath(path)}"`);
      return withValue(item, operation, { L: operation.op === 'append' ? [...old, ...added] : [...added, ...old] });
    }
    case 'add-to-set':
    case 'remove-from-set':
      return withValue(item, operation, changedSet(found, operation));
  }
}

const fail = (message: string, { path }: { readonly path: Path }): InputError => new InputError('invalid-patch', message, formatPath(path));

function incremented(found: AttributeValue | undefined, operation: Extract<PatchOperation, { op: 'increment' }>): AttributeValue {
  const { value } = operation;
  if (!('N' in value)) throw fail(`increment takes a number; got ${typeNames(value).join(', ')}.`, operation);
  if (found !== undefined && !('N' in found))
    throw fail(`increment needs a number or nothing at "${formatPath(operation.path)}"; it holds ${typeNames(found).join(', ')}.`, operation);
  try {
    return { N: addNumbers(found?.N ?? '0', value.N) };
  } catch (error) {
    if (error instanceof InputError) throw fail(`The sum cannot be stored: ${error.message}`, operation);
    throw error;
  }
}

function listOf(value: AttributeValue, operation: PatchOperation, what: string): readonly AttributeValue[] {
  if (!('L' in value)) throw fail(`${what} must be a list for ${operation.op}; it is ${typeNames(value).join(', ')}.`, operation);
  return value.L;
}

const SETS = ['SS', 'NS', 'BS'] as const;
/** The set after the change; undefined when nothing is left of it. */
function changedSet(
  found: AttributeValue | undefined,
  operation: Extract<PatchOperation, { op: 'add-to-set' | 'remove-from-set' }>,
): AttributeValue | undefined {
  const given = operation.value as unknown as Record<string, readonly string[] | undefined>;
  const type = SETS.find((t) => given[t] !== undefined);
  if (type === undefined) throw fail(`${operation.op} takes a set; got ${typeNames(operation.value).join(', ')}.`, operation);
  const old = found === undefined ? [] : (found as unknown as Record<string, readonly string[] | undefined>)[type];
  if (old === undefined) throw fail(`"${formatPath(operation.path)}" holds ${typeNames(found).join(', ')}, and not a set of type ${type}.`, operation);
  // Numbers are members by value: 1.0 is 1.
  const identity = type === 'NS' ? canonicalNumber : (member: string): string => member;
  const members = given[type] ?? [];
  const adding = operation.op === 'add-to-set';
  const known = new Set((adding ? old : members).map(identity));
  const left = adding ? [...old, ...members.filter((member) => !known.has(identity(member)))] : old.filter((member) => !known.has(identity(member)));
  return left.length === 0 ? undefined : ({ [type]: left } as unknown as AttributeValue);
}

/** The item with another value at the operation's path, or with none there. Only what lies on the path is copied. */
function withValue(item: Item, operation: PatchOperation, value: AttributeValue | undefined): Item {
  return changedMap(item, operation, 0, value);
}

function changedMap(map: Item, operation: PatchOperation, depth: number, value: AttributeValue | undefined): Item {
  const name = operation.path[depth];
  if (typeof name !== 'string') throw fail(`"${formatPath(operation.path.slice(0, depth))}" holds a map, and maps have names, not indexes.`, operation);
  const next = depth + 1 === operation.path.length ? value : within(Object.hasOwn(map, name) ? map[name] : undefined, operation, depth + 1, value);
  const copy: Record<string, AttributeValue> = { ...map };
  if (next === undefined) delete copy[name];
  // Defined, not assigned: assigning to `__proto__` would set the prototype.
  else Object.defineProperty(copy, name, { value: next, enumerable: true, writable: true, configurable: true });
  return copy;
}

function within(parent: AttributeValue | undefined, operation: PatchOperation, depth: number, value: AttributeValue | undefined): AttributeValue {
  if (parent !== undefined && 'M' in parent) return { M: changedMap(parent.M, operation, depth, value) };
  if (parent !== undefined && 'L' in parent) return { L: changedList(parent.L, operation, depth, value) };
  const at = formatPath(operation.path.slice(0, depth));
  const is = parent === undefined ? 'there is nothing' : `it holds ${typeNames(parent).join(', ')}`;
  throw fail(`The path leads through "${at}", which must be a map or a list; ${is}. Set "${at}" first.`, operation);
}

function changedList(list: readonly AttributeValue[], operation: PatchOperation, depth: number, value: AttributeValue | undefined): AttributeValue[] {
  const index = operation.path[depth];
  if (typeof index !== 'number') throw fail(`"${formatPath(operation.path.slice(0, depth))}" holds a list, and lists have indexes, not names.`, operation);
  const copy = [...list];
  if (depth + 1 < operation.path.length) {
    const at = Math.min(index, copy.length);
    copy[at] = within(copy[index], operation, depth + 1, value);
  } else if (value === undefined) copy.splice(index, 1);
  // Beyond the end it is appended, as DynamoDB does.
  else copy[Math.min(index, copy.length)] = value;
  return copy;
}
