import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { escaped, pretty, prose } from '../../../lib/serve/docs-html.ts';
import { docsPage } from '../../../lib/serve/docs-page.ts';
import { HTML_HEADERS } from '../../../lib/serve/docs-style.ts';
import { openApiDocument } from '../../../lib/serve/openapi.ts';
import type { DocumentFacts } from '../../../lib/serve/openapi-facts.ts';
import { ROUTES } from '../../../lib/serve/operations.ts';
import { PROBLEMS } from '../../../lib/serve/problem.ts';

/** The page beside the document. */

const FACTS: DocumentFacts = {
  set: 'cities',
  member: 'eu-central-1',
  region: 'eu-central-1',
  key: { partition: { name: 'cou"n<t>ry\'&', type: 'S' }, sort: { name: 'cityId', type: 'N' } },
  auth: { type: 'jwt', issuer: 'https://issuer.example/<pool>', audience: 'cities', scopes: { read: 'read', write: 'write', admin: 'admin' } },
  servers: [],
};
const page = (more: Partial<DocumentFacts> = {}): string => {
  const facts = { ...FACTS, ...more };
  return docsPage(openApiDocument(ROUTES, facts), facts);
};

describe('the page', () => {
  it('has every route and every problem', () => {
    const html = page();
    for (const route of ROUTES) expect(html).toContain(`<article id="${route.id}">`);
    for (const code of Object.keys(PROBLEMS)) expect(html).toContain(`<code>${code}</code>`);
  });

  it('shows the way of signing that this API takes, and has the other', () => {
    expect(page()).toContain('id="as-jwt" checked');
    expect(page({ auth: { type: 'iam' } })).toContain('id="as-iam" checked');
    for (const part of ['--aws-sigv4 &quot;aws:amz:eu-central-1:execute-api&quot;', 'authorization: Bearer $TOKEN']) expect(page()).toContain(part);
  });

  it('loads nothing, runs nothing, and lets its one style sheet in by its hash', () => {
    const html = page();
    expect(html).not.toMatch(/<(script|img|link|iframe|object|embed|form|base)\b|\son\w+=|javascript:|style="|url\(|@import/i);
    const styles = [...html.matchAll(/<style>([\s\S]*?)<\/style>/g)].map((match) => match[1] ?? '');
    expect(styles).toHaveLength(1);
    const hash = createHash('sha256')
      .update(styles[0] ?? '')
      .digest('base64');
    expect(HTML_HEADERS['content-security-policy']).toBe(
      `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    );
  });

  it('escapes what it did not write itself', () => {
    const html = page();
    expect(html).not.toContain('<pool>');
    expect(html).not.toContain('n<t>ry');
    expect(html).toContain('cou&quot;n&lt;t&gt;ry&#39;&amp;');
  });

  it('is well formed: each element that is opened is closed in its place', () => {
    const open: string[] = [];
    const html = page()
      .replace(/<!doctype html>/, '')
      .replace(/<style>[\s\S]*?<\/style>/, '');
    for (const [, end, name] of html.matchAll(/<(\/?)([a-z0-9]+)\b[^>]*>/g)) {
      if (['meta', 'input'].includes(name ?? '')) continue;
      if (end === '/') expect(open.pop()).toBe(name);
      else open.push(name ?? '');
    }
    expect(open).toEqual([]);
  });

  it('links only to places on it, and to the document', () => {
    const html = page();
    for (const [, href] of html.matchAll(/href="([^"]*)"/g)) {
      if (href === 'openapi.json') continue;
      expect(html, href).toContain(`id="${href?.slice(1)}"`);
    }
  });
});

it('text becomes HTML without its markup', () => {
  expect(escaped(`<a b="c">&'`)).toBe('&lt;a b=&quot;c&quot;&gt;&amp;&#39;');
  expect(prose('send `<x>` now')).toBe('send <code>&lt;x&gt;</code> now');
});

it('JSON is laid out so that it is the same JSON, in short lines', () => {
  const json = { a: [1, { b: 'x'.repeat(40) }, []], c: { d: null, e: { f: 'y'.repeat(50) } }, g: {} };
  expect(JSON.parse(pretty(json))).toEqual(json);
  for (const line of pretty(json).split('\n')) expect(line.length).toBeLessThan(80);
});
