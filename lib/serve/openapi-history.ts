import type { HistoryOption } from '../core/history-query.ts';
import type { KeySchema } from '../core/key.ts';
import { HISTORY_CURSOR_MAX } from './history-cursor.ts';
import { HISTORY_LIMIT_DEFAULT, HISTORY_LIMIT_MAX, historyNames } from './history-query.ts';
import type { JsonSchema } from './openapi-values.ts';

/** The query parameters of a history, for the OpenAPI document. */

const TIME: JsonSchema = { type: 'string', format: 'date-time' };

const OPTIONS: Readonly<Record<HistoryOption, JsonSchema>> = {
  since: { description: 'Only changes of this time and later (RFC 3339).', schema: TIME, example: '2026-11-24T10:00:00Z' },
  until: { description: 'Only changes of this time and earlier (RFC 3339).', schema: TIME, example: '2026-11-24T11:00:00Z' },
  limit: {
    description: 'Changes of a page. A page may end earlier.',
    schema: { type: 'integer', minimum: 1, maximum: HISTORY_LIMIT_MAX, default: HISTORY_LIMIT_DEFAULT },
    example: 10,
  },
  cursor: { description: '`next` of the page before, with the same key.', schema: { type: 'string', minLength: 1, maxLength: HISTORY_CURSOR_MAX } },
  images: {
    description: '`true`: each change with the whole item before and after it.',
    schema: { type: 'string', enum: ['true', 'false'], default: 'false' },
    example: 'true',
  },
  member: { description: 'Whose log is read; by default that of the member that is asked.', schema: { type: 'string' } },
};

/** The parameters, by the names that they have beside this key. */
export const historyParameters = (options: readonly HistoryOption[], key: KeySchema): JsonSchema[] =>
  options.map((option) => ({ name: historyNames(key)[option], in: 'query', required: false, ...OPTIONS[option] }));
