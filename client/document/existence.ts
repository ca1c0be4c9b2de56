import type { Condition } from '../conditions.ts';
import { SynclineError } from '../errors.ts';
import { readCondition } from './condition.ts';
import type { Placeholders } from './reader.ts';

/**
 * The conditions that a put and a delete can have: that there is an item, or none, which is If-Match and If-None-Match. It
 * is written with any key attribute, or with all of them joined by AND.
 *
 * @param keyNames names of the key attributes.
 * @returns whether there must be an item; undefined without a condition.
 * @throws SynclineError "invalid-expression"
 */
export function existence(input: Placeholders & { readonly ConditionExpression?: string }, keyNames: readonly string[]): boolean | undefined {
  if (input.ConditionExpression === undefined) return undefined;
  const condition = readCondition(input.ConditionExpression, input);
  const parts = 'and' in condition ? condition.and : [condition];
  const found = new Set(parts.map((part) => existenceOf(part, keyNames)));
  const [whether] = found;
  if (found.size === 1 && whether !== undefined) return whether;
  throw new SynclineError(
    'invalid-expression',
    `The condition ${JSON.stringify(input.ConditionExpression.slice(0, 200))} has no translation for put and delete: only attribute_exists and attribute_not_exists of a key attribute have one. Use update, whose condition is free, or ifMatch with the item’s ETag.`,
  );
}

function existenceOf(part: Condition, keyNames: readonly string[]): boolean | undefined {
  if (!('op' in part) || (part.op !== 'exists' && part.op !== 'not-exists')) return undefined;
  const [name, ...more] = part.path;
  return more.length === 0 && keyNames.includes(name as string) ? part.op === 'exists' : undefined;
}
