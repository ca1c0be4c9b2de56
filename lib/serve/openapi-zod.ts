import { z } from 'zod';
import type { Json, JsonSchema } from './openapi-values.ts';
import { refTo } from './openapi-values.ts';

/** JSON Schemas of zod schemas, as components of an OpenAPI document. */

const DEFS = '#/$defs/';

/**
 * Turns zod schemas into components. Each schema that has an id in its metadata becomes a component of that name, and is
 * referred to; all others stand where they are used.
 *
 * @param schemas what to convert, each with an id.
 * @param nameOf the component's name of an id.
 * @param replace gives another schema for one that was made, or undefined to keep it.
 */
export function componentsOf(
  schemas: readonly z.ZodType[],
  nameOf: (id: string) => string = (id) => id,
  replace: (schema: z.core.$ZodType) => JsonSchema | undefined = () => undefined,
): Readonly<Record<string, JsonSchema>> {
  const out: Record<string, JsonSchema> = {};
  for (const schema of schemas) {
    const {
      $schema: _,
      $defs,
      ...root
    } = z.toJSONSchema(schema, {
      target: 'draft-2020-12',
      io: 'output',
      // `replace` says what they are.
      unrepresentable: 'any',
      override: ({ zodSchema, jsonSchema }) => {
        const other = replace(zodSchema);
        if (other === undefined) return;
        for (const name of Object.keys(jsonSchema)) delete jsonSchema[name];
        Object.assign(jsonSchema, other);
      },
    }) as JsonSchema & { readonly id?: string };
    const id = schema.meta()?.id;
    if (id !== undefined) out[nameOf(id)] = renamed(root, nameOf) as JsonSchema;
    for (const [name, definition] of Object.entries(($defs ?? {}) as JsonSchema)) out[nameOf(name)] = renamed(definition, nameOf) as JsonSchema;
  }
  return out;
}

/** The same schema with its references to definitions made references to components. `id` is zod's own, and no keyword of JSON Schema. */
function renamed(json: Json, nameOf: (id: string) => string): Json {
  if (Array.isArray(json)) return json.map((member: Json) => renamed(member, nameOf));
  if (typeof json !== 'object' || json === null) return json;
  const { $ref, ...rest } = json as JsonSchema;
  if (typeof $ref === 'string' && $ref.startsWith(DEFS)) return { ...rest, ...refTo(nameOf($ref.slice(DEFS.length))) };
  return Object.fromEntries(Object.entries(json).map(([name, value]) => [name, renamed(value, nameOf)]));
}
