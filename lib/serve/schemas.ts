import { z } from 'zod';
import { ATTRIBUTE_TYPES } from '../core/attribute.ts';
import { CONDITION_DEPTH_MAX, CONDITION_PARTS_MAX, IN_VALUES_MAX } from '../core/expression/condition.ts';
import { OPERATIONS_MAX } from '../core/expression/patch.ts';
import { PATH_STEPS_MAX, PATH_TEXT_MAX } from '../core/expression/path.ts';
import { SELECT_PATHS_MAX } from '../core/expression/projection.ts';
import { PlainNumber } from '../core/plain-json.ts';
import { CURSOR_TEXT_MAX } from './cursor.ts';

/**
 * The documents that requests have as their bodies, as zod 4 schemas. Items, keys and values are `unknown` here, since they
 * are written in one of two forms (plain JSON or DynamoDB JSON); body.ts reads them by form afterwards.
 *
 * Each document comes twice, from one definition. The `…Schema` are whole, and the OpenAPI document is made from them
 * (`z.toJSONSchema`). The `…Shape` have conditions as `unknown`, and body.ts checks with them: it reads conditions itself,
 * part by part (condition-document.ts), since zod tries all branches of all parts and tells all that is wrong with each,
 * which took 16 s for a wrong condition of 4 MB.
 */

/** Writes in one batch. */
export const BATCH_WRITES_MAX = 100;
/** Items of a page of a query: most, and by default. */
export const QUERY_LIMIT_MAX = 1_000;
export const QUERY_LIMIT_DEFAULT = 100;

/** A number of the document itself, which plain JSON is read with as its source text. */
const numeric = <T extends z.ZodType>(schema: T): z.ZodPreprocess<T> =>
  z.preprocess((value) => (value instanceof PlainNumber ? Number(value.text) : value), schema);

const count = (min: number, max?: number): z.ZodPreprocess<z.ZodInt> => numeric(max === undefined ? z.int().min(min) : z.int().min(min).max(max));

export const valueSchema = z.unknown().meta({
  id: 'Value',
  title: 'Value',
  description: 'One value, in the form of the body: `"Ulm"` in plain JSON, `{"S":"Ulm"}` in DynamoDB JSON.',
});

export const itemSchema = z.unknown().meta({
  id: 'Item',
  title: 'Item',
  description: 'One item, its key attributes included, in the form of the body.',
});

export const keySchema = z.unknown().meta({
  id: 'Key',
  title: 'Key',
  description: 'Exactly the key attributes of one item, in the form of the body.',
});

const PATH_HINT = 'A path is text such as "a.b[0]", or a list such as ["a","b",0].';

export const pathSchema = z
  .union(
    [
      z.string().min(1).max(PATH_TEXT_MAX),
      z
        .array(z.union([z.string().min(1), count(0)]))
        .min(1)
        .max(PATH_STEPS_MAX),
    ],
    { error: PATH_HINT },
  )
  .meta({
    id: 'Path',
    title: 'Path',
    description:
      'Where a value stands in an item. As text, names are joined by dots, indexes of lists stand in brackets, and names with other characters in quotes and brackets: `a.b[0]["x.y"]`. As a list: `["a", "b", 0, "x.y"]`.',
    examples: ['address.city', 'tags[0]', ['odd.name', 0]],
  });

const comparator = z.enum(['=', '<>', '<', '<=', '>', '>=']);

/** A condition without parts. */
export const comparisonSchema = z.discriminatedUnion('op', [
  z.strictObject({ path: pathSchema, op: z.enum([...comparator.options, 'begins-with', 'contains']), value: valueSchema }),
  z.strictObject({ path: pathSchema, op: z.literal('between'), from: valueSchema, to: valueSchema }),
  z.strictObject({ path: pathSchema, op: z.literal('in'), values: z.array(valueSchema).min(1).max(IN_VALUES_MAX) }),
  z.strictObject({ path: pathSchema, op: z.enum(['exists', 'not-exists']) }),
  z.strictObject({ path: pathSchema, op: z.literal('type'), value: z.enum(ATTRIBUTE_TYPES) }),
  z.strictObject({ path: pathSchema, op: z.literal('size'), is: comparator, value: count(0) }),
]);

/** A condition as it is written. */
export type ConditionDocument =
  | { readonly and: readonly ConditionDocument[] }
  | { readonly or: readonly ConditionDocument[] }
  | { readonly not: ConditionDocument }
  | z.infer<typeof comparisonSchema>;

export const conditionSchema: z.ZodType<ConditionDocument> = z
  .lazy(() =>
    z.union(
      [
        z.strictObject({ and: z.array(conditionSchema).min(1).max(CONDITION_PARTS_MAX) }),
        z.strictObject({ or: z.array(conditionSchema).min(1).max(CONDITION_PARTS_MAX) }),
        z.strictObject({ not: conditionSchema }),
        comparisonSchema,
      ],
      { error: 'A condition has "and", "or" or "not", or a "path" and an "op".' },
    ),
  )
  .meta({
    id: 'Condition',
    title: 'Condition',
    description: `What must hold of an item, by DynamoDB's rules: a comparison with an attribute that is not there is false, but for "<>"; orders are of texts, numbers and binaries of one type. At most ${CONDITION_DEPTH_MAX} levels and ${CONDITION_PARTS_MAX} parts.`,
    examples: [
      { path: 'population', op: '>', value: 100_000 },
      { and: [{ path: 'name', op: 'begins-with', value: 'U' }, { not: { path: 'closed', op: 'exists' } }] },
      { path: 'tags', op: 'size', is: '>=', value: 2 },
    ],
  });

const operation = z.discriminatedUnion('op', [
  z.strictObject({
    op: z.enum(['set', 'set-if-absent', 'append', 'prepend', 'increment', 'add-to-set', 'remove-from-set']),
    path: pathSchema,
    value: valueSchema,
  }),
  z.strictObject({ op: z.literal('remove'), path: pathSchema }),
]);

const patchMembers = <T extends z.ZodType>(condition: T): { operations: z.ZodArray<typeof operation>; if: z.ZodExactOptional<T> } => ({
  operations: z.array(operation).min(1).max(OPERATIONS_MAX),
  if: condition.exactOptional(),
});

export const patchShape = z.strictObject(patchMembers(z.unknown()));

export const patchSchema = z.strictObject(patchMembers(conditionSchema)).meta({
  id: 'Patch',
  title: 'Patch',
  description: `Changes to parts of an item, applied in their order, all of them or none. \`append\` and \`prepend\` take a list and add its members; \`add-to-set\` and \`remove-from-set\` take a set; \`increment\` takes a number. What is not there counts as an empty list, an empty set or 0. \`set\` needs the map or list that its path leads through. Key attributes cannot be changed.`,
  examples: [
    {
      operations: [
        { op: 'set', path: 'name', value: 'Ulm' },
        { op: 'increment', path: 'visits', value: 1 },
        { op: 'remove', path: 'old.note' },
      ],
      if: { path: 'closed', op: 'not-exists' },
    },
  ],
});

const tag = (what: string): z.ZodString => z.string().min(1).max(2_048).meta({ description: what });
const ifMatch = tag('As the header If-Match: the write is made only where the item has this tag.').exactOptional();
const ifNoneMatch = tag('As the header If-None-Match; "*": only where there is no item.').exactOptional();

const batch = <T extends z.ZodType>(condition: T) =>
  z.strictObject({
    writes: z
      .array(
        z.union(
          [
            z.strictObject({ put: itemSchema, ifMatch, ifNoneMatch }),
            z.strictObject({ delete: keySchema, ifMatch }),
            z.strictObject({ patch: z.strictObject({ key: keySchema, ...patchMembers(condition) }), ifMatch }),
          ],
          { error: 'A write has one of "put", "delete" and "patch".' },
        ),
      )
      .min(1)
      .max(BATCH_WRITES_MAX),
  });

export const batchShape = batch(z.unknown());

export const batchSchema = batch(conditionSchema).meta({
  id: 'Batch',
  title: 'Batch',
  description: `1 to ${BATCH_WRITES_MAX} writes of different keys. Each is a write of its own, with its own result; they are no transaction.`,
  examples: [{ writes: [{ put: { country: 'DE', cityId: 1, name: 'Ulm' } }, { delete: { country: 'DE', cityId: 2 }, ifMatch: '"…"' }] }],
});

const sort = z
  .discriminatedUnion('op', [
    z.strictObject({ op: z.enum(['=', '<', '<=', '>', '>=', 'begins-with']), value: valueSchema }),
    z.strictObject({ op: z.literal('between'), from: valueSchema, to: valueSchema }),
  ])
  .meta({ id: 'SortCondition', title: 'Sort condition', description: 'Which sort keys are wanted. `between` includes both ends.' });

const limit = (what: string): z.ZodExactOptional<z.ZodPreprocess<z.ZodInt>> => count(1, QUERY_LIMIT_MAX).meta({ description: what }).exactOptional();

const counting = <T extends z.ZodType>(condition: T) =>
  z.strictObject({
    partition: valueSchema,
    sort: sort.exactOptional(),
    filter: condition.exactOptional(),
    after: z
      .string()
      .min(1)
      .max(CURSOR_TEXT_MAX)
      .meta({ description: '`next` of the page before, with the same partition, sort and direction.' })
      .exactOptional(),
    descending: z.boolean().meta({ description: 'The largest sort key first.' }).exactOptional(),
    limit: limit('Counting ends at so many items.'),
  });

const querying = <T extends z.ZodType>(condition: T) =>
  counting(condition).extend({
    select: z.array(pathSchema).min(1).max(SELECT_PATHS_MAX).meta({ description: 'Only these parts of each item.' }).exactOptional(),
    limit: limit(`Items of a page; ${QUERY_LIMIT_DEFAULT} when absent. A page may end earlier.`),
  });

export const queryShape = querying(z.unknown());

export const querySchema = querying(conditionSchema).meta({
  id: 'Query',
  title: 'Query',
  description: 'Which items of one partition are wanted, in the order of their sort keys.',
  examples: [{ partition: 'DE', sort: { op: 'between', from: 1, to: 99 }, filter: { path: 'population', op: '>', value: 100_000 }, limit: 10 }],
});

export const countShape = counting(z.unknown());

export const countSchema = counting(conditionSchema).meta({
  id: 'Count',
  title: 'Count',
  description: 'Which items of one partition are counted.',
  examples: [{ partition: 'DE', filter: { path: 'population', op: '>', value: 100_000 } }],
});
