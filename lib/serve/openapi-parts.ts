import type { JsonSchema } from './openapi-values.ts';
import type { AnswerHeader, HeaderName } from './route.ts';

/** Headers of requests and answers, as components of the OpenAPI document. */

const text = (more: JsonSchema = {}): JsonSchema => ({ type: 'string', ...more });

/** A revision as text: base64url. */
export const REVISION_PATTERN = '[A-Za-z0-9_-]{8,64}';

/** A list of entity tags (RFC 9110, 8.8.3), or any. */
const TAGS: JsonSchema = { type: 'string', pattern: '^(\\*|(W/)?"[!#-~]*"(, (W/)?"[!#-~]*")*)$' };

/** Request headers. */
export const PARAMETERS: Readonly<Record<HeaderName, JsonSchema>> = {
  'if-match': {
    name: 'If-Match',
    in: 'header',
    description: 'Go on only if the item has one of these tags, as they came in `ETag`; `*` for any item.',
    schema: TAGS,
    example: '*',
  },
  'if-none-match': {
    name: 'If-None-Match',
    in: 'header',
    description: 'Go on only if the item has none of these tags; `*`: only if there is no item.',
    schema: TAGS,
    example: '*',
  },
  'idempotency-key': {
    name: 'Idempotency-Key',
    in: 'header',
    description:
      'A text of your own, new for each write. Sent again within 24 hours with the same request, it gets the first outcome again, and nothing is written twice.',
    schema: text({ pattern: '^[\\x21-\\x7e]{1,128}$' }),
    example: '5f0e6c1c-8a53-4a0e-9d6b-0c6b4e4ad6f0',
  },
  'syncline-consistency': {
    name: 'Syncline-Consistency',
    in: 'header',
    description: 'What the read must see: `eventual` (the default), `strong` (all writes), or `at-least=` and a revision from `Syncline-Revision`.',
    schema: text({ pattern: `^(eventual|strong|at-least=${REVISION_PATTERN})$`, default: 'eventual' }),
    example: 'eventual',
  },
  'syncline-consistency-many': {
    name: 'Syncline-Consistency',
    in: 'header',
    description: 'What the read must see: `eventual` (the default), or `strong` (all writes).',
    schema: text({ enum: ['eventual', 'strong'], default: 'eventual' }),
    example: 'eventual',
  },
  prefer: {
    name: 'Prefer',
    in: 'header',
    description: '`return=minimal` for an answer without a body.',
    schema: text(),
    example: 'return=minimal',
  },
};

/** Headers of answers. */
export const ANSWER_HEADERS: Readonly<Record<AnswerHeader, JsonSchema>> = {
  etag: { description: "The item's tag. The same at every member, and in every form.", schema: text({ pattern: '^"[^"]+"$' }) },
  'syncline-revision': {
    description: 'The revision of the write. Absent for items that others wrote than this API.',
    schema: text({ pattern: `^${REVISION_PATTERN}$` }),
  },
  'syncline-member': { description: 'The member that answered.', schema: text() },
  'syncline-consistency': { description: 'The consistency that was given.', schema: text() },
  'idempotency-replayed': { description: '`true`: the outcome was remembered under the idempotency key.', schema: text({ const: 'true' }) },
  'preference-applied': { description: 'The preference that was followed.', schema: text() },
};

/** Component names of headers: `etag` → `ETag`-like names without characters that references would have to escape. */
export const componentName = (header: string): string =>
  header
    .split('-')
    .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1))
    .join('');

/** Headers that problems may have. */
export const PROBLEM_HEADERS: JsonSchema = {
  'Retry-After': { description: 'When to try again (s).', schema: { type: 'string', pattern: '^\\d+$' } },
};
