import { discovery, health, status } from './api-service.ts';
import { docsPage } from './docs-page.ts';
import { HTML_HEADERS } from './docs-style.ts';
import { JSON_TYPE } from './http.ts';
import { openApiDocument } from './openapi.ts';
import { documentFacts } from './openapi-facts.ts';
import { CHECK_ROUTES } from './operations-checks.ts';
import { ITEM_ROUTES } from './operations-items.ts';
import type { Operation, Route } from './route.ts';

/**
 * The route table: the whole API. The router, the answers to unknown paths and methods, the scopes, the OpenAPI document
 * and the page are made from it.
 */

const openApi: Operation = async (ctx, runtime, request, facts) => {
  const document = openApiDocument(ROUTES, await documentFacts(ctx, runtime, request, facts));
  return { status: 200, headers: { 'content-type': JSON_TYPE, 'cache-control': 'private, no-cache' }, body: JSON.stringify(document) };
};

const docs: Operation = async (ctx, runtime, request, facts) => {
  const about = await documentFacts(ctx, runtime, request, facts);
  return { status: 200, headers: HTML_HEADERS, body: docsPage(openApiDocument(ROUTES, about), about) };
};

const HEALTH: Omit<Route, 'method' | 'id' | 'summary'> = {
  path: '/health',
  scope: 'read',
  tag: 'Service',
  description: '200 when this member can read its own rows, and what they say of its role. 503 when it cannot: use another member.',
  writes: false,
  forwardable: false,
  answers: { 200: { description: 'This member can serve.', content: 'health', headers: ['syncline-member'] } },
  problems: ['busy', 'store-unavailable'],
  run: health,
};

/** Every route, in the order of the document. */
export const ROUTES: readonly Route[] = [
  ...ITEM_ROUTES,
  ...CHECK_ROUTES,
  { ...HEALTH, method: 'GET', id: 'health', summary: 'Is this member well?' },
  { ...HEALTH, method: 'HEAD', id: 'headHealth', summary: 'Is this member well? (no body)' },
  {
    method: 'GET',
    path: '/status',
    scope: 'admin',
    id: 'status',
    tag: 'Service',
    summary: 'What this member knows of itself',
    description: 'Its seat, its links to the other members and how they do, and how many items it could not take.',
    writes: false,
    forwardable: false,
    answers: { 200: { description: 'The status.', content: 'status', headers: ['syncline-member'] } },
    problems: ['busy', 'store-unavailable'],
    run: status,
  },
  {
    method: 'GET',
    path: '/.well-known/syncline',
    scope: 'read',
    id: 'discovery',
    tag: 'Service',
    summary: 'Where the members are',
    description:
      'All members, the URLs of their APIs as far as they were announced ("syncline init" or "syncline endpoints --announce"), and which one accepts writes.',
    writes: false,
    forwardable: false,
    answers: { 200: { description: 'The members.', content: 'discovery', headers: ['syncline-member'] } },
    problems: ['busy', 'store-unavailable'],
    run: discovery,
  },
  {
    method: 'GET',
    path: '/openapi.json',
    scope: 'read',
    id: 'openApi',
    tag: 'Service',
    summary: 'This document',
    description: 'OpenAPI 3.1, with the key of this set’s items.',
    writes: false,
    forwardable: false,
    answers: { 200: { description: 'The document.', content: 'openapi' } },
    problems: [],
    run: openApi,
  },
  {
    method: 'GET',
    path: '/docs',
    scope: 'read',
    id: 'docs',
    tag: 'Service',
    summary: 'The same, to read',
    description: 'One page of HTML, with nothing loaded from elsewhere.',
    writes: false,
    forwardable: false,
    answers: { 200: { description: 'The page.', content: 'page' } },
    problems: [],
    run: docs,
  },
];

/** Every path, once. */
export const PATHS: readonly string[] = [...new Set(ROUTES.map((route) => route.path))];
