import type { AttributeValue } from '../core/attribute.ts';
import type { KeySchema } from '../core/key.ts';
import { fromPlain, parsePlain } from '../core/plain-json.ts';
import type { Form } from './body.ts';
import type { Json, JsonSchema } from './openapi-values.ts';
import { exampleKey, exampleOf } from './openapi-values.ts';
import type { ContentName } from './route.ts';

/** Examples of bodies, for the document and the page: with the key of the set, in either form. */

/** A value in a form, given in plain JSON. */
function valueIn(form: Form, plain: Json): Json {
  if (form === 'plain') return plain;
  // A value of an example is JSON already.
  return fromPlain(parsePlain(JSON.stringify(plain)), 'example') as AttributeValue as unknown as Json;
}

/** An example of what a request's body holds; undefined for what is no body. */
export function bodyExample(content: ContentName, key: KeySchema, form: Form): JsonSchema | undefined {
  const value = (plain: Json): Json => valueIn(form, plain);
  const item = { ...exampleKey(key, form), name: value('Ulm'), visits: value(1), tags: value(['old', 'river']) };
  const where = { partition: exampleOf(key.partition, form), filter: { path: 'visits', op: '>=', value: value(1) } };
  switch (content) {
    case 'item':
      return item;
    case 'patch':
      return {
        operations: [
          { op: 'increment', path: 'visits', value: value(1) },
          { op: 'set', path: 'name', value: value('Ulm on the Danube') },
          { op: 'remove', path: 'tags[0]' },
        ],
        if: { path: 'closed', op: 'not-exists' },
      };
    case 'batch':
      return { writes: [{ put: item, ifNoneMatch: '*' }] };
    case 'query':
      return { ...where, select: ['name', 'visits'], limit: 10 };
    case 'count':
      return where;
    default:
      return undefined;
  }
}
