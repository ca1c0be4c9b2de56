import { HISTORY_OPTIONS } from '../core/history-query.ts';
import { batch } from './api-batch.ts';
import { itemHistory } from './api-history.ts';
import { count, getItem, query } from './api-read.ts';
import { deleteItem, patchItem, putItem } from './api-write.ts';
import type { ProblemCode } from './problem.ts';
import type { Answer, Route } from './route.ts';

/** The routes of items: the larger part of the route table (operations.ts). */

const ITEM_PROBLEMS: readonly ProblemCode[] = ['malformed-json', 'invalid-item', 'invalid-key', 'invalid-number', 'reserved-attribute', 'item-too-large'];
const BODY_PROBLEMS: readonly ProblemCode[] = ['malformed-json', 'invalid-body', 'body-too-large', 'unsupported-media-type'];
const KEY_PROBLEMS: readonly ProblemCode[] = ['invalid-query', 'invalid-key'];
const READ_PROBLEMS: readonly ProblemCode[] = ['invalid-header', 'busy', 'store-unavailable', 'not-initialised', 'no-primary', 'primary-unreachable'];
const WRITE_PROBLEMS: readonly ProblemCode[] = [
  'invalid-header',
  'refused-by-table',
  'precondition-failed',
  'idempotency-key-reused',
  'busy',
  'store-unavailable',
  'not-initialised',
  'not-primary',
  'no-primary',
  'primary-unreachable',
  'unknown-outcome',
];

const WRITTEN = ['etag', 'syncline-revision', 'syncline-member', 'idempotency-replayed'] as const;
const FOUND: Answer = { description: 'The item.', content: 'item', headers: ['etag', 'syncline-revision', 'syncline-member', 'syncline-consistency'] };
const UNCHANGED: Answer = { description: 'If-None-Match names the tag that the item has: there is nothing new.', headers: ['etag', 'syncline-member'] };

const ITEM: Omit<Route, 'method' | 'id' | 'summary'> = {
  path: '/items',
  scope: 'read',
  tag: 'Items',
  description:
    'By default from the nearest healthy member, which may be a moment behind the primary. `syncline-consistency` asks for more: `at-least=REVISION` for what has at least a revision that you were given, `strong` for the primary.',
  writes: false,
  forwardable: true,
  key: 'required',
  headers: ['if-match', 'if-none-match', 'syncline-consistency'],
  answers: { 200: FOUND, 304: UNCHANGED },
  problems: [...KEY_PROBLEMS, ...READ_PROBLEMS, 'not-found', 'precondition-failed', 'not-acceptable'],
  run: getItem,
};

export const ITEM_ROUTES: readonly Route[] = [
  { ...ITEM, method: 'GET', id: 'getItem', summary: 'Read an item' },
  { ...ITEM, method: 'HEAD', id: 'headItem', summary: 'Read an item’s headers' },
  {
    method: 'GET',
    path: '/items/history',
    scope: 'read',
    id: 'itemHistory',
    tag: 'Items',
    summary: 'What became of an item',
    description:
      'The changes of an item, the newest first, a page at a time, from the archived log of one member: the one that is asked, or `member`. The log of the primary shows who wrote what, that of a secondary shows the copies. It is some seconds behind the table. An item that was never there has an empty history.',
    writes: false,
    forwardable: true,
    key: 'required',
    query: HISTORY_OPTIONS,
    answers: { 200: { description: 'A page.', content: 'history-page', headers: ['syncline-member'] } },
    problems: [...KEY_PROBLEMS, 'invalid-header', 'invalid-cursor', 'not-acceptable', 'archive-damaged', 'archive-unavailable', 'member-unreachable'],
    run: itemHistory,
  },
  {
    method: 'PUT',
    path: '/items',
    scope: 'write',
    id: 'putItem',
    tag: 'Items',
    summary: 'Write a whole item',
    description:
      'The body is the item; it replaces the one that has its key. With `If-Match` only the version that you read, with `If-None-Match: *` only if there is none.',
    writes: true,
    forwardable: true,
    key: 'optional',
    headers: ['if-match', 'if-none-match', 'idempotency-key'],
    body: 'item',
    answers: {
      201: { description: 'There was none: it was created.', headers: WRITTEN },
      204: { description: 'It replaced another one.', headers: WRITTEN },
    },
    problems: [...ITEM_PROBLEMS, ...BODY_PROBLEMS, ...KEY_PROBLEMS, ...WRITE_PROBLEMS],
    run: putItem,
  },
  {
    method: 'PATCH',
    path: '/items',
    scope: 'write',
    id: 'patchItem',
    tag: 'Items',
    summary: 'Change parts of an item',
    description:
      'The operations are applied in order, all or none, and the item is created when there is none. `if` states a condition on the item as it is. Callers without the right to read get no body.',
    writes: true,
    forwardable: true,
    key: 'required',
    headers: ['if-match', 'if-none-match', 'idempotency-key', 'prefer'],
    body: 'patch',
    answers: {
      200: { description: 'The item as it is now.', content: 'item', headers: WRITTEN },
      201: { description: 'There was none: it was created, and is this.', content: 'item', headers: WRITTEN },
      204: {
        description: 'Done. The caller preferred no body; or the outcome was remembered, and the item has changed since.',
        headers: [...WRITTEN, 'preference-applied'],
      },
    },
    problems: [
      ...ITEM_PROBLEMS,
      ...BODY_PROBLEMS,
      ...KEY_PROBLEMS,
      ...WRITE_PROBLEMS,
      'invalid-patch',
      'invalid-condition',
      'condition-failed',
      'not-acceptable',
    ],
    run: patchItem,
  },
  {
    method: 'DELETE',
    path: '/items',
    scope: 'write',
    id: 'deleteItem',
    tag: 'Items',
    summary: 'Delete an item',
    description: 'Deleting what is not there succeeds, unless `If-Match` expects something.',
    writes: true,
    forwardable: true,
    key: 'required',
    headers: ['if-match', 'if-none-match', 'idempotency-key'],
    answers: { 204: { description: 'There is no such item now.', headers: ['syncline-revision', 'syncline-member', 'idempotency-replayed'] } },
    problems: [...KEY_PROBLEMS, ...WRITE_PROBLEMS],
    run: deleteItem,
  },
  {
    method: 'POST',
    path: '/batch',
    scope: 'write',
    id: 'batch',
    tag: 'Items',
    summary: 'Write many items',
    description:
      'Up to 100 writes, of different items. Each is a write of its own: some may succeed while others fail, and the results say which. Those that were not begun in time have status 503.',
    writes: true,
    forwardable: true,
    headers: ['idempotency-key'],
    body: 'batch',
    answers: { 200: { description: 'What came of each write, in their order.', content: 'batch-results', headers: ['syncline-member'] } },
    problems: [
      ...ITEM_PROBLEMS,
      ...BODY_PROBLEMS,
      ...WRITE_PROBLEMS.filter((code) => code !== 'precondition-failed'),
      'invalid-patch',
      'invalid-condition',
      'not-acceptable',
      'not-started',
    ],
    run: batch,
  },
  {
    method: 'POST',
    path: '/query',
    scope: 'read',
    id: 'query',
    tag: 'Queries',
    summary: 'Query a partition',
    description:
      'The items of one partition, in the order of their sort keys, a page at a time. The filter is judged after items are read: a page may be empty and still have a next one.',
    writes: false,
    forwardable: true,
    headers: ['syncline-consistency-many'],
    body: 'query',
    answers: { 200: { description: 'A page.', content: 'query-page', headers: ['syncline-member', 'syncline-consistency'] } },
    problems: [
      ...BODY_PROBLEMS,
      ...READ_PROBLEMS,
      'invalid-item',
      'invalid-number',
      'invalid-key',
      'invalid-condition',
      'invalid-cursor',
      'not-acceptable',
      'refused-by-table',
    ],
    run: query,
  },
  {
    method: 'POST',
    path: '/count',
    scope: 'read',
    id: 'count',
    tag: 'Queries',
    summary: 'Count items of a partition',
    description:
      'As a query, but only the number. One request counts for a few seconds, or through 10 MB; then `next` says where to go on, and the counts add up.',
    writes: false,
    forwardable: true,
    headers: ['syncline-consistency-many'],
    body: 'count',
    answers: { 200: { description: 'How many there are, up to `next`.', content: 'count-page', headers: ['syncline-member', 'syncline-consistency'] } },
    problems: [
      ...BODY_PROBLEMS,
      ...READ_PROBLEMS,
      'invalid-item',
      'invalid-number',
      'invalid-key',
      'invalid-condition',
      'invalid-cursor',
      'not-acceptable',
      'refused-by-table',
    ],
    run: count,
  },
];
