import type { JsonSchema } from './openapi-values.ts';
import { PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX, STATES } from './options.ts';
import type { OptionName } from './route.ts';
import { CURSOR_MAX } from './text-cursor.ts';

/** Parameters of the routes that have no key in the query, for the OpenAPI document. */

const OF_OPTION: Readonly<Record<OptionName, JsonSchema>> = {
  'check-id': {
    name: 'id',
    in: 'path',
    required: true,
    description: 'Id of the check.',
    schema: { type: 'string' },
    example: '20261127T101503Z-ab12cd',
  },
  'orphan-id': {
    name: 'id',
    in: 'path',
    required: true,
    description: 'Id of the orphan, with "-" in place of its "#".',
    schema: { type: 'string' },
    example: '00112233445566778899aabbccddeeff-0000000000000000000000000000000000004711',
  },
  limit: {
    name: 'limit',
    in: 'query',
    required: false,
    description: 'Entries of a page.',
    schema: { type: 'integer', minimum: 1, maximum: PAGE_LIMIT_MAX, default: PAGE_LIMIT_DEFAULT },
    example: 10,
  },
  cursor: {
    name: 'cursor',
    in: 'query',
    required: false,
    description: '`next` of the page before, with all else the same.',
    schema: { type: 'string', minLength: 1, maxLength: CURSOR_MAX },
  },
  state: { name: 'state', in: 'query', required: false, description: 'Which ones.', schema: { type: 'string', enum: [...STATES], default: 'open' } },
  member: {
    name: 'member',
    in: 'query',
    required: false,
    description: 'Whose they are; by default those of the member that is asked.',
    schema: { type: 'string' },
  },
};

/** The parameters of a route. */
export const optionParameters = (options: readonly OptionName[]): JsonSchema[] => options.map((option) => OF_OPTION[option]);
