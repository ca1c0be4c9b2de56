import type { Condition, Sort } from '../conditions.ts';
import type { NativeValue } from '../values.ts';
import { readCondition } from './condition.ts';
import type { Placeholders } from './reader.ts';
import { invalid } from './tokens.ts';

type Comparison = Extract<Condition, { path: unknown }>;

/**
 * DynamoDB's key condition expressions: `PARTITION = :v`, and at most one condition on the sort key beside it.
 *
 * @param keyNames the partition key's name, and the sort key's, if there is one.
 * @throws SynclineError "invalid-expression"
 */
export function keyCondition(
  expression: string,
  placeholders: Placeholders,
  keyNames: readonly string[],
): { readonly partition: NativeValue; readonly sort?: Sort } {
  const condition = readCondition(expression, placeholders);
  const parts = 'and' in condition ? condition.and : [condition];
  const [partitionName, sortName] = keyNames;
  let partition: { readonly value: NativeValue } | undefined;
  let sort: Sort | undefined;
  for (const part of parts) {
    if (!('path' in part)) throw invalid(expression, 'a key condition joins its parts with AND only');
    const name = nameOf(part);
    if (name === partitionName && partition === undefined && part.op === '=') partition = { value: part.value };
    else if (name === sortName && sort === undefined) sort = sortOf(part, expression);
    else throw invalid(expression, `it must have "${partitionName} = :value"${sortName === undefined ? '' : `, and at most one condition on "${sortName}"`}`);
  }
  if (partition === undefined) throw invalid(expression, `"${partitionName} = :value" is missing`);
  return { partition: partition.value, ...(sort !== undefined && { sort }) };
}

function nameOf({ path }: Comparison): string | undefined {
  if (typeof path === 'string') return path;
  return path.length === 1 ? (path[0] as string) : undefined;
}

const SORT_OPS = ['=', '<', '<=', '>', '>=', 'begins-with'] as const;

function sortOf(part: Comparison, expression: string): Sort {
  if (part.op === 'between') return { op: 'between', from: part.from, to: part.to };
  const op = SORT_OPS.find((known) => known === part.op);
  if (op === undefined || !('value' in part)) throw invalid(expression, `a sort key takes ${SORT_OPS.join(', ')} and BETWEEN`);
  return { op, value: part.value as NativeValue };
}
