import { describe, expect, it } from 'vitest';
import type { KeySchema } from '../../../lib/core/key.ts';
import type { Form } from '../../../lib/serve/body.ts';
import { readBatch, readCount, readItem, readJson, readPatch, readQuery } from '../../../lib/serve/body.ts';
import { openApiDocument } from '../../../lib/serve/openapi.ts';
import { bodyExample } from '../../../lib/serve/openapi-examples.ts';
import type { DocumentFacts } from '../../../lib/serve/openapi-facts.ts';
import type { Json, JsonSchema } from '../../../lib/serve/openapi-values.ts';
import { ROUTES } from '../../../lib/serve/operations.ts';
import { PROBLEMS } from '../../../lib/serve/problem.ts';

/**
 * The OpenAPI document, by rules that a linter would hold against it. That it is one by the specification is checked with
 * openapi-spec-validator, in each run of test/fuzz.
 */

const KEYS: readonly KeySchema[] = [
  { partition: { name: 'country', type: 'S' }, sort: { name: 'cityId', type: 'N' } },
  { partition: { name: 'digest', type: 'B' } },
  { partition: { name: 'n', type: 'N' }, sort: { name: 'with "odd" [name].', type: 'B' } },
];
const [KEY] = KEYS as [KeySchema];

const facts = (more: Partial<DocumentFacts> = {}): DocumentFacts => ({
  set: 'cities',
  member: 'eu-central-1',
  region: 'eu-central-1',
  key: KEY,
  auth: { type: 'iam' },
  servers: [{ url: 'https://a.example/v1', member: 'eu-central-1', region: 'eu-central-1' }],
  ...more,
});

const document = openApiDocument(ROUTES, facts());
const at = (json: Json | undefined, ...names: string[]): Json | undefined => names.reduce((found, name) => (found as JsonSchema | undefined)?.[name], json);

/** Every object in a document, with where it stands. */
function* objects(json: Json, path = '#'): Generator<readonly [string, JsonSchema]> {
  if (typeof json !== 'object' || json === null) return;
  if (!Array.isArray(json)) yield [path, json as JsonSchema];
  for (const [name, value] of Object.entries(json)) yield* objects(value as Json, `${path}/${name}`);
}

const operations = Object.entries(at(document, 'paths') as JsonSchema).flatMap(([path, methods]) =>
  Object.entries(methods as JsonSchema).map(([method, operation]) => ({ path, method, operation: operation as JsonSchema })),
);

describe('the document', () => {
  it('has every route of the table, and no other', () => {
    const documented = operations.map(({ path, method }) => `${method.toUpperCase()} ${path}`);
    expect(documented.sort()).toEqual(ROUTES.map((route) => `${route.method} ${route.path}`).sort());
    expect(new Set(operations.map(({ operation }) => operation['operationId'])).size).toBe(ROUTES.length);
  });

  it.each(KEYS)('refers to nothing that is not there, and has no component that nothing refers to, for the key %#', (key) => {
    const of = openApiDocument(ROUTES, facts({ key }));
    const refs = [...objects(of)].flatMap(([, object]) => (typeof object['$ref'] === 'string' ? [object['$ref']] : []));
    for (const ref of refs) expect(at(of, ...ref.slice(2).split('/')), ref).toBeDefined();
    for (const kind of ['schemas', 'parameters', 'headers']) {
      for (const name of Object.keys(at(of, 'components', kind) as JsonSchema)) {
        if (/^(Plain|Typed)SortCondition$/.test(name)) continue;
        expect(refs, name).toContain(`#/components/${kind}/${name}`);
      }
    }
  });

  it('describes every answer that has a body, and none where there is no body', () => {
    for (const { method, path, operation } of operations) {
      for (const [status, response] of Object.entries(operation['responses'] as JsonSchema)) {
        const content = (response as JsonSchema)['content'];
        expect((response as JsonSchema)['description'], `${method} ${path} ${status}`).toMatch(/\S/);
        if (method === 'head' || status === '204' || status === '304') expect(content, `${method} ${path} ${status}`).toBeUndefined();
        else if (Number(status) >= 400) expect(Object.keys(content as JsonSchema)).toEqual(['application/problem+json']);
      }
    }
  });

  it('lists for each route the problems that any route may have, and its own', () => {
    for (const route of ROUTES) {
      const responses = at(document, 'paths', route.path, route.method.toLowerCase(), 'responses') as JsonSchema;
      for (const code of [...route.problems, 'unauthorized', 'insufficient-scope', 'internal', 'issuer-unreachable'] as const) {
        const response = responses[String(PROBLEMS[code][0])] as JsonSchema;
        expect(response['description'], `${route.id} ${code}`).toContain(`\`${code}\``);
      }
    }
  });

  it('names no problem that no route lists, but for those that are not of a route', () => {
    const listed = new Set<string>(ROUTES.flatMap((route) => route.problems));
    const anywhere = ['unauthorized', 'insufficient-scope', 'internal', 'deploying', 'issuer-unreachable', 'no-route', 'method-not-allowed'];
    expect(Object.keys(PROBLEMS).filter((code) => !listed.has(code) && !anywhere.includes(code))).toEqual([]);
  });

  it('has the key as query parameters, each by its type', () => {
    const parameters = (key: KeySchema, method: string): readonly Json[] =>
      (at(openApiDocument(ROUTES, facts({ key })), 'paths', '/items', method, 'parameters') as readonly JsonSchema[]).filter((p) => p['in'] === 'query');
    expect(parameters(KEY, 'get')).toMatchObject([
      { name: 'country', required: true, schema: { type: 'string', minLength: 1 } },
      { name: 'cityId', required: true, schema: { type: 'string' } },
    ]);
    expect(parameters(KEYS[1] as KeySchema, 'put')).toMatchObject([{ name: 'digest', required: false, schema: { contentEncoding: 'base64url' } }]);
  });

  it('has the key in the schemas of items, in both forms', () => {
    const schemas = at(document, 'components', 'schemas') as JsonSchema;
    expect(schemas['PlainItem']).toMatchObject({ required: ['country', 'cityId'], properties: { country: { type: 'string' }, cityId: { type: 'number' } } });
    expect(schemas['TypedItem']).toMatchObject({ required: ['country', 'cityId'], properties: { cityId: { required: ['N'] } } });
    expect(at(schemas, 'PlainQuery', 'properties', 'partition')).toEqual({ type: 'string', minLength: 1 });
    expect(at(schemas, 'TypedQuery', 'properties', 'partition', 'required')).toEqual(['S']);
  });

  it('offers no sort condition where there is no sort key', () => {
    const of = openApiDocument(ROUTES, facts({ key: KEYS[1] as KeySchema }));
    expect(at(of, 'components', 'schemas', 'PlainQuery', 'properties', 'sort')).toBeUndefined();
    expect(at(document, 'components', 'schemas', 'PlainQuery', 'properties', 'sort')).toBeDefined();
  });

  it('is the same whenever it is made', () => {
    expect(openApiDocument(ROUTES, facts())).toEqual(document);
  });
});

describe('security', () => {
  const securityOf = (of: JsonSchema, path: string, method: string): Json | undefined => at(of, 'paths', path, method, 'security');

  it('is a signature where IAM decides', () => {
    expect(securityOf(document, '/items', 'put')).toEqual([{ sigv4: [] }]);
    for (const { operation } of operations) expect(operation['security']).toEqual([{ sigv4: [] }]);
  });

  it('is a token with the scope of the route, by the issuer’s name for it, where tokens are', () => {
    const auth = { type: 'jwt', issuer: 'https://issuer.example', audience: 'a', scopes: { read: 'r', write: 'w', admin: 'x' } } as const;
    const of = openApiDocument(ROUTES, facts({ auth }));
    expect(securityOf(of, '/items', 'get')).toEqual([{ bearer: ['r'] }]);
    expect(securityOf(of, '/batch', 'post')).toEqual([{ bearer: ['w'] }]);
    expect(securityOf(of, '/query', 'post')).toEqual([{ bearer: ['r'] }]);
    expect(securityOf(of, '/status', 'get')).toEqual([{ bearer: ['x'] }]);
  });
});

describe('servers', () => {
  it('are the members whose URLs are known, else the place of the document', () => {
    expect(document['servers']).toEqual([{ url: 'https://a.example/v1', description: 'eu-central-1' }]);
    expect(openApiDocument(ROUTES, facts({ servers: [] }))['servers']).toMatchObject([{ url: '.' }]);
  });
});

describe.each(['plain', 'dynamodb'] as const satisfies readonly Form[])('the examples of bodies in %s', (form) => {
  it.each(KEYS)('are taken by what reads bodies, for the key %#', (key) => {
    const json = (content: Parameters<typeof bodyExample>[0]): unknown => readJson(JSON.stringify(bodyExample(content, key, form)), form);
    expect(readItem(json('item'), form, key)).toHaveProperty('name', { S: 'Ulm' });
    expect(readPatch(json('patch'), form).operations).toHaveLength(3);
    expect(readBatch(json('batch'), form, key)).toHaveLength(1);
    expect(readQuery(json('query'), form, key)).toMatchObject({ limit: 10, filter: { value: { N: '1' } } });
    expect(readCount(json('count'), form, key)).not.toHaveProperty('limit');
  });
});
