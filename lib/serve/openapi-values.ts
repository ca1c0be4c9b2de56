import { RESERVED } from '../core/attribute.ts';
import type { KeyAttribute, KeySchema } from '../core/key.ts';
import { keyAttributes } from '../core/key.ts';
import type { Form } from './body.ts';

/**
 * JSON Schemas (draft 2020-12) of values, items and keys in both forms, for the OpenAPI document. They say what the
 * checks of lib/core/item-input.ts and plain-json.ts say, as far as JSON Schema can: not the size of an item, nor that
 * the members of a set differ by value.
 */

/** JSON, as a part of a schema. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };
export type JsonSchema = { readonly [name: string]: Json };

/** How the components of a form are named: `PlainItem`, `TypedItem`, … */
export const PREFIX: Readonly<Record<Form, string>> = { plain: 'Plain', dynamodb: 'Typed' };

export const refTo = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` });

const NUMBER_TEXT: JsonSchema = {
  type: 'string',
  pattern: '^\\s*[+-]?(\\d+\\.?\\d*|\\.\\d+)([eE][+-]?\\d+)?\\s*$',
  description: 'A number as text: up to 38 digits.',
};
const BASE64: JsonSchema = { type: 'string', contentEncoding: 'base64' };
const only = (name: string, schema: JsonSchema): JsonSchema => ({
  type: 'object',
  properties: { [name]: schema },
  required: [name],
  additionalProperties: false,
});
const setOf = (member: JsonSchema): JsonSchema => ({ type: 'array', items: member, minItems: 1, uniqueItems: true });

const TYPED_VALUE: JsonSchema = {
  description: 'A value in DynamoDB JSON: an object with exactly one type.',
  oneOf: [
    only('S', { type: 'string' }),
    only('N', NUMBER_TEXT),
    only('B', BASE64),
    only('BOOL', { type: 'boolean' }),
    only('NULL', { const: true }),
    only('SS', setOf({ type: 'string' })),
    only('NS', setOf(NUMBER_TEXT)),
    only('BS', setOf(BASE64)),
    only('L', { type: 'array', items: refTo('TypedValue') }),
    only('M', { type: 'object', additionalProperties: refTo('TypedValue') }),
  ],
  examples: [{ S: 'Ulm' }, { N: '3.14' }, { L: [{ BOOL: true }, { NULL: true }] }],
};

const PLAIN_VALUE: JsonSchema = {
  description:
    'A value in plain JSON. Strings, numbers, booleans, null, arrays and objects are S, N, BOOL, NULL, L and M. Binaries and sets are objects with one name: `$binary`, `$stringSet`, `$numberSet`, `$binarySet`. A map whose only name begins with `$` is written as `{"$map": {…}}`. Numbers keep all of their digits, up to 38: read them with a parser that does, too.',
  anyOf: [
    { type: ['string', 'number', 'boolean', 'null'] },
    { type: 'array', items: refTo('PlainValue') },
    only('$binary', BASE64),
    only('$stringSet', setOf({ type: 'string' })),
    only('$numberSet', setOf({ type: 'number' })),
    only('$binarySet', setOf(BASE64)),
    only('$map', { type: 'object', additionalProperties: refTo('PlainValue') }),
    { type: 'object', propertyNames: { not: { pattern: '^\\$' } }, additionalProperties: refTo('PlainValue') },
    { type: 'object', minProperties: 2, additionalProperties: refTo('PlainValue') },
  ],
  examples: ['Ulm', 3.14, { $binary: 'AAEC' }, { $stringSet: ['a', 'b'] }],
};

/** The value of a key attribute, in one form. */
export function keyValue({ type }: KeyAttribute, form: Form): JsonSchema {
  if (form === 'dynamodb') return only(type, { S: { type: 'string', minLength: 1 }, N: NUMBER_TEXT, B: { ...BASE64, minLength: 1 } }[type]);
  return { S: { type: 'string', minLength: 1 }, N: { type: 'number' }, B: only('$binary', { ...BASE64, minLength: 1 }) }[type];
}

const keyProperties = (key: KeySchema, form: Form): JsonSchema => Object.fromEntries(keyAttributes(key).map((a) => [a.name, keyValue(a, form)]));

/** An example of a key attribute's value. */
export function exampleOf({ type }: KeyAttribute, form: Form): Json {
  if (form === 'plain') return { S: 'a', N: 1, B: { $binary: 'AQ==' } }[type];
  return { S: { S: 'a' }, N: { N: '1' }, B: { B: 'AQ==' } }[type];
}

export const exampleKey = (key: KeySchema, form: Form): JsonSchema => Object.fromEntries(keyAttributes(key).map((a) => [a.name, exampleOf(a, form)]));

/** The components `…Value`, `…Item` (whole), `…Part` (of a query with `select`) and `…Key` of a form. */
export function valueSchemas(key: KeySchema, form: Form): Readonly<Record<string, JsonSchema>> {
  const prefix = PREFIX[form];
  const names = keyAttributes(key).map((a) => a.name);
  const value = refTo(`${prefix}Value`);
  return {
    [`${prefix}Value`]: form === 'plain' ? PLAIN_VALUE : TYPED_VALUE,
    [`${prefix}Item`]: {
      description: `A whole item: its key and any other attributes, at most 400 KB in all. "${RESERVED}" is reserved.`,
      type: 'object',
      properties: { ...keyProperties(key, form), [RESERVED]: false },
      required: names,
      propertyNames: { minLength: 1 },
      additionalProperties: value,
      examples: [{ ...exampleKey(key, form), note: form === 'plain' ? 'hello' : { S: 'hello' } }],
    },
    [`${prefix}Part`]: { description: 'An item, or those of its attributes that `select` names.', type: 'object', additionalProperties: value },
    [`${prefix}Key`]: {
      description: "An item's key: exactly these attributes.",
      type: 'object',
      properties: keyProperties(key, form),
      required: names,
      additionalProperties: false,
      examples: [exampleKey(key, form)],
    },
  };
}

/** The query parameter of a key attribute. */
export function keyParameter(attribute: KeyAttribute, required: boolean): JsonSchema {
  const { name, type } = attribute;
  const forms = {
    S: { description: 'Text, percent-encoded.', schema: { type: 'string', minLength: 1 } },
    N: { description: 'A number.', schema: NUMBER_TEXT },
    B: { description: 'A binary as base64url (or base64).', schema: { type: 'string', pattern: '^[A-Za-z0-9+/_-]+={0,2}$', contentEncoding: 'base64url' } },
  } as const;
  const { description, schema } = forms[type];
  const part = required ? `Key attribute of type ${type}.` : `Key attribute of type ${type}; may be given beside the body, and must then be the same.`;
  return { name, in: 'query', required, description: `${part} ${description}`, schema, example: { S: 'a', N: '1', B: 'AQ' }[type] };
}
