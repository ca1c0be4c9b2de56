import type { AttributeValue, Key } from '../core/attribute.ts';
import { InputError } from '../core/errors.ts';
import { numberText } from '../core/item-input.ts';
import type { KeyAttribute, KeySchema } from '../core/key.ts';
import { checkKeyOf, keyAttributes } from '../core/key.ts';

/**
 * A key in query parameters, each named as its attribute: S as its text, N as a number, B as base64url or base64. In
 * the query, and not in the path, since gateways decode "%2F" there: so every key value is addressable.
 */

/** How each type is written, for messages. */
const FORMS = { S: 'text', N: 'a number', B: 'base64url' } as const;

/** What the query must have, for messages. @param beside names of parameters that may be there, too. */
const expected = (schema: KeySchema, beside: readonly string[]): string => {
  const key = keyAttributes(schema)
    .map((a) => `${a.name} (${FORMS[a.type]})`)
    .join(' and ');
  return beside.length === 0 ? key : `${key}; beside it may be ${beside.join(', ')}`;
};

/**
 * Reads the key out of query parameters.
 *
 * @param beside names of parameters that the operation has beside the key, for messages: they must not be in `query`.
 * @throws InputError "invalid-query" for a parameter that is unknown, repeated, missing or of the wrong form;
 *   "invalid-key" for a key that DynamoDB would not take (empty, too long).
 */
export function keyFromQuery(query: ReadonlyMap<string, readonly string[]>, schema: KeySchema, beside: readonly string[] = []): Key {
  const attributes = keyAttributes(schema);
  for (const name of query.keys()) {
    if (!attributes.some((a) => a.name === name)) {
      throw new InputError(
        'invalid-query',
        `Unknown query parameter ${JSON.stringify(name.slice(0, 80))}. Give ${beside.length === 0 ? 'exactly ' : ''}the key: ${expected(schema, beside)}.`,
        name.slice(0, 80),
      );
    }
  }
  const key: Record<string, AttributeValue> = {};
  for (const attribute of attributes) {
    const values = query.get(attribute.name);
    if (values === undefined || values.length === 0) {
      throw new InputError('invalid-query', `The query parameter "${attribute.name}" is missing. Give the key: ${expected(schema, beside)}.`, attribute.name);
    }
    if (values.length > 1)
      throw new InputError('invalid-query', `The query parameter "${attribute.name}" was given ${values.length} times. Give it once.`, attribute.name);
    const value = parameterValue(values[0] as string, attribute);
    Object.defineProperty(key, attribute.name, { value, enumerable: true, writable: true, configurable: true });
  }
  return checkKeyOf(key, schema);
}

const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

function parameterValue(text: string, { name, type }: KeyAttribute): AttributeValue {
  if (type === 'S') {
    if (!text.isWellFormed()) throw new InputError('invalid-query', `The query parameter "${name}" is not well-formed Unicode.`, name);
    return { S: text };
  }
  if (type === 'N') {
    try {
      return { N: numberText(text) };
    } catch (error) {
      if (error instanceof InputError) throw new InputError('invalid-query', `The query parameter "${name}" must be a number. ${error.message}`, name);
      throw error;
    }
  }
  // "+" in a query means a space, so a base64 text that was not percent-encoded arrives with spaces.
  const base64 = text.replaceAll(' ', '+');
  if (!BASE64.test(base64) || base64.replaceAll('=', '').length % 4 === 1) {
    throw new InputError('invalid-query', `The query parameter "${name}" must be base64url (or base64); got ${JSON.stringify(text.slice(0, 60))}.`, name);
  }
  // Node's decoder takes both alphabets.
  return { B: Buffer.from(base64, 'base64').toString('base64') };
}
