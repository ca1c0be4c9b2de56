import type { KeySchema } from '../core/key.ts';
import type { Form } from './body.ts';
import type { JsonSchema } from './openapi-values.ts';
import { keyValue, PREFIX } from './openapi-values.ts';
import { componentsOf } from './openapi-zod.ts';
import { batchSchema, countSchema, patchSchema, querySchema } from './schemas.ts';

/**
 * The documents that requests have as bodies, as components: made from the zod schemas that check them, once a form,
 * since values look different in each. Of values and items the zod schemas know nothing; openapi-values.ts has these.
 */
export function bodySchemas(key: KeySchema, form: Form): Readonly<Record<string, JsonSchema>> {
  // A path is the same text in both forms.
  const made = componentsOf([patchSchema, batchSchema, querySchema, countSchema], (id) => (id === 'Path' ? id : `${PREFIX[form]}${id}`));
  const schemas: Record<string, JsonSchema> = {};
  for (const [name, schema] of Object.entries(made)) {
    const { examples, ...rest } = schema;
    // Examples are written in plain JSON, and with another set's key; the document has its own (openapi-examples.ts).
    schemas[name] = name === 'Path' ? schema : rest;
  }
  for (const id of ['Query', 'Count']) {
    const name = `${PREFIX[form]}${id}`;
    schemas[name] = ofKey(schemas[name] ?? {}, key, form);
  }
  return schemas;
}

/** A query's schema with the type of the partition key, and without a sort condition where there is no sort key. */
function ofKey(schema: JsonSchema, key: KeySchema, form: Form): JsonSchema {
  const { sort, ...rest } = schema['properties'] as JsonSchema;
  return { ...schema, properties: { ...rest, partition: keyValue(key.partition, form), ...(key.sort !== undefined && sort !== undefined && { sort }) } };
}
