import type { AttributeType, AttributeValue } from '../lib/core/attribute.ts';
import type { NativeValue } from './values.ts';
import { marshal } from './values.ts';

/** Where a value stands: text such as `a.b[0]`, or a list such as `['a', 'b', 0]`. */
export type PathLike = string | readonly (string | number)[];

type Comparator = '=' | '<>' | '<' | '<=' | '>' | '>=';

/** A condition on an item, of a patch (`if`) or a query (`filter`), with values as JavaScript has them. */
export type ConditionOf<V> =
  | { readonly and: readonly ConditionOf<V>[] }
  | { readonly or: readonly ConditionOf<V>[] }
  | { readonly not: ConditionOf<V> }
  | { readonly path: PathLike; readonly op: Comparator | 'begins-with' | 'contains'; readonly value: V }
  | { readonly path: PathLike; readonly op: 'between'; readonly from: V; readonly to: V }
  | { readonly path: PathLike; readonly op: 'in'; readonly values: readonly V[] }
  | { readonly path: PathLike; readonly op: 'exists' | 'not-exists' }
  | { readonly path: PathLike; readonly op: 'type'; readonly value: AttributeType }
  | { readonly path: PathLike; readonly op: 'size'; readonly is: Comparator; readonly value: number };
export type Condition = ConditionOf<NativeValue>;

/** A change of a part of an item. */
export type OperationOf<V> =
  | { readonly op: 'set' | 'set-if-absent' | 'append' | 'prepend' | 'increment' | 'add-to-set' | 'remove-from-set'; readonly path: PathLike; readonly value: V }
  | { readonly op: 'remove'; readonly path: PathLike };
export type Operation = OperationOf<NativeValue>;

/** What a query asks of the sort key. */
export type SortOf<V> =
  | { readonly op: '=' | '<' | '<=' | '>' | '>=' | 'begins-with'; readonly value: V }
  | { readonly op: 'between'; readonly from: V; readonly to: V };
export type Sort = SortOf<NativeValue>;

/** A condition as the API takes it. @throws SynclineError "invalid-value" */
export function marshalCondition(condition: Condition): ConditionOf<AttributeValue> {
  if ('and' in condition) return { and: condition.and.map(marshalCondition) };
  if ('or' in condition) return { or: condition.or.map(marshalCondition) };
  if ('not' in condition) return { not: marshalCondition(condition.not) };
  switch (condition.op) {
    case 'exists':
    case 'not-exists':
    case 'type':
    case 'size':
      return condition;
    case 'between':
      return { ...condition, from: marshal(condition.from), to: marshal(condition.to) };
    case 'in':
      return { ...condition, values: condition.values.map((value) => marshal(value)) };
    default:
      return { ...condition, value: marshal(condition.value) };
  }
}

/** A change as the API takes it. @throws SynclineError "invalid-value" */
export const marshalOperation = (operation: Operation): OperationOf<AttributeValue> =>
  operation.op === 'remove' ? operation : { ...operation, value: marshal(operation.value) };

/** A condition on the sort key as the API takes it. @throws SynclineError "invalid-value" */
export const marshalSort = (sort: Sort): SortOf<AttributeValue> =>
  sort.op === 'between' ? { op: 'between', from: marshal(sort.from), to: marshal(sort.to) } : { op: sort.op, value: marshal(sort.value) };
