import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import type { APIGatewayProxyResult } from 'aws-lambda';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { KeySchema } from '../../../lib/core/key.ts';
import { problemSchema } from '../../../lib/serve/answers.ts';
import type { Form } from '../../../lib/serve/body.ts';
import { ITEM_TYPE, JSON_TYPE, PROBLEM_TYPE } from '../../../lib/serve/http.ts';
import { bodyExample } from '../../../lib/serve/openapi-examples.ts';
import { PATHS, ROUTES } from '../../../lib/serve/operations.ts';
import type { FuzzSet } from '../../fuzz/set.ts';
import { fuzzSet, REGIONS } from '../../fuzz/set.ts';

/**
 * Requests that began as good ones and were changed by chance: whatever comes, the answer is one that is meant, never a
 * 5xx, and the log has no error. test/fuzz does the same, at length, from the OpenAPI document.
 */

const KEY: KeySchema = { partition: { name: 'country', type: 'S' }, sort: { name: 'cityId', type: 'N' } };

let set: FuzzSet;
beforeAll(async () => {
  set = await fuzzSet({ key: KEY, seed: 1 });
});

const send = async (member: string, event: object): Promise<APIGatewayProxyResult> => {
  const handler = set.handlers.get(member);
  if (handler === undefined) throw new Error(`no member ${member}`);
  return (await handler(event)) as APIGatewayProxyResult;
};

const odd = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.constantFrom('', '*', '"', '\u0000', '\ud800', '__proto__', 'constructor', '$binary', '_s', '1e999', '-0', '9'.repeat(40), 'a'.repeat(3_000)),
);
const oddJson = fc.oneof(odd, fc.jsonValue({ maxDepth: 3 }), fc.constantFrom(null, [], {}, { S: 1 }, { $binary: 1 }, { B: '*' }, { L: [{}] }, { $map: {} }));

/** JSON with one part of it replaced, dropped, or put under another name. */
function mutated(json: unknown, choose: () => number, other: unknown): unknown {
  if (typeof json !== 'object' || json === null || choose() % 4 === 0) return other;
  const entries = Object.entries(json);
  if (entries.length === 0) return other;
  const at = choose() % entries.length;
  const how = choose() % 5;
  const changed = entries.flatMap(([name, value], i): [string, unknown][] => {
    if (i !== at) return [[name, value]];
    if (how === 0) return [];
    if (how === 1)
      return [
        [name, value],
        [typeof other === 'string' ? other : 'more', other],
      ];
    return [[name, mutated(value, choose, other)]];
  });
  return Array.isArray(json) ? changed.map(([, value]) => value) : Object.fromEntries(changed);
}

const HEADERS = [
  'accept',
  'accept-encoding',
  'content-type',
  'content-encoding',
  'if-match',
  'if-none-match',
  'idempotency-key',
  'prefer',
  'syncline-consistency',
  'origin',
];
const VALUES = ['gzip', '*/*', ITEM_TYPE, JSON_TYPE, '*', 'strong', 'eventual', 'at-least=AQ', 'return=minimal', 'k'];
const PACKERS: Readonly<Record<string, (bytes: Buffer) => Buffer>> = { gzip: gzipSync, br: brotliCompressSync, deflate: deflateSync };

interface Drawn {
  readonly route: number;
  readonly form: Form;
  readonly headers: readonly (readonly [string, string])[];
  readonly query: readonly (readonly [string, string])[];
  readonly choices: readonly number[];
  readonly other: unknown;
  readonly changes: number;
  readonly coding: string;
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly cut: number;
}

/** One in ten times; else undefined. */
const seldom = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });

const drawn: fc.Arbitrary<Drawn> = fc.record({
  route: fc.nat(ROUTES.length - 1),
  form: fc.constantFrom<Form>('plain', 'dynamodb'),
  headers: fc.oneof(
    { weight: 2, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(fc.tuple(fc.constantFrom(...HEADERS), fc.oneof(odd, fc.constantFrom(...VALUES))), { minLength: 1, maxLength: 3 }) },
  ),
  query: fc.oneof(
    { weight: 4, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(fc.tuple(fc.oneof(fc.constantFrom('country', 'cityId'), odd), odd), { minLength: 1, maxLength: 2 }) },
  ),
  choices: fc.array(fc.nat(1_000), { minLength: 20, maxLength: 20 }),
  other: oddJson,
  changes: fc.constantFrom(0, 0, 0, 1, 1, 2),
  coding: fc.constantFrom('identity', 'identity', 'gzip', 'br', 'deflate'),
  method: seldom(fc.constantFrom('OPTIONS', 'TRACE', 'POST', 'GET', '')),
  path: seldom(fc.oneof(fc.constantFrom('/', '', '//items', '/items/', '/items/x', '/ITEMS', '/__proto__'), odd)),
  cut: fc.constantFrom(0, 0, 0, 0, 0, 1, 7),
});

/** The event of a drawn request. */
function eventOf(d: Drawn): { readonly event: object; readonly method: string; readonly path: string } {
  const route = ROUTES[d.route] as (typeof ROUTES)[number];
  let at = 0;
  const choose = (): number => d.choices[at++ % d.choices.length] ?? 0;
  let json: unknown = route.body === undefined ? undefined : bodyExample(route.body, KEY, d.form);
  for (let n = 0; n < d.changes && json !== undefined; n += 1) json = mutated(json, choose, d.other);
  const text = json === undefined ? '' : (JSON.stringify(json) ?? '');
  const plain = Buffer.from(text.slice(0, text.length - d.cut));
  const body = (PACKERS[d.coding] ?? ((bytes: Buffer) => bytes))(plain);
  const headers = Object.fromEntries([
    ...(text === '' ? [] : [['content-type', d.form === 'plain' ? JSON_TYPE : ITEM_TYPE] as const]),
    ...(d.coding === 'identity' ? [] : [['content-encoding', d.coding] as const]),
    ...d.headers,
  ]);
  const query = route.key === 'required' ? [['country', 'a'] as const, ['cityId', '1'] as const, ...d.query] : d.query;
  const multi: Record<string, string[]> = Object.create(null) as Record<string, string[]>;
  for (const [name, value] of query) multi[name] = [...(multi[name] ?? []), value];
  const method = d.method ?? route.method;
  const path = d.path ?? route.path;
  const event = {
    resource: '/{proxy+}',
    path,
    pathParameters: { proxy: path.slice(1) },
    httpMethod: method,
    headers,
    multiValueHeaders: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
    queryStringParameters: Object.fromEntries(Object.entries(multi).map(([name, values]) => [name, values.at(-1)])),
    multiValueQueryStringParameters: multi,
    body: body.length === 0 ? null : body.toString('base64'),
    isBase64Encoded: body.length > 0,
    stageVariables: { auth: 'iam' },
    requestContext: { requestId: 'fuzz', stage: 'v1', path: `/v1${path}` },
  };
  return { event, method, path };
}

describe.each(REGIONS)('at %s', (member) => {
  it('no request is answered with a 5xx, or with what its route does not list', async () => {
    await fc.assert(
      fc.asyncProperty(drawn, async (d) => {
        const { event, method, path } = eventOf(d);
        const answer = await send(member, event);
        const type = answer.headers?.['content-type'];
        expect(answer.statusCode).toBeLessThan(500);
        expect(set.errors).toEqual([]);
        if (answer.statusCode >= 400) {
          expect(type).toBe(PROBLEM_TYPE);
          if (method !== 'HEAD' && answer.isBase64Encoded !== true) problemSchema.parse(JSON.parse(answer.body));
        }
        const route = ROUTES.find((r) => r.method === method && `/${path.replace(/^\/|\/$/g, '')}` === r.path);
        if (route === undefined) expect([404, 405]).toContain(answer.statusCode);
        else if (answer.statusCode < 400) expect(Object.keys(route.answers)).toContain(String(answer.statusCode));
      }),
      { numRuns: 400 },
    );
  });
});

/** Requests that are drawn for each route: one in ten has another method, and so on. */
const RUNS_PER_ROUTE = 40;

it('the fuzzer reaches every route, and gets good answers as well as refusals', async () => {
  const seen = new Map<string, Set<number>>(PATHS.map((path) => [path, new Set()]));
  // Each route as often as the others.
  for (const [n, d] of fc.sample(drawn, { numRuns: RUNS_PER_ROUTE * ROUTES.length, seed: 2 }).entries()) {
    const { event, path } = eventOf({ ...d, route: n % ROUTES.length });
    seen.get(path)?.add((await send(REGIONS[0], event)).statusCode);
  }
  for (const [path, statuses] of seen) {
    // What has an id in its path is not there in this set.
    if (!path.includes('{'))
      expect(
        [...statuses].some((status) => status < 300),
        path,
      ).toBe(true);
    expect(
      [...statuses].some((status) => status >= 400),
      path,
    ).toBe(true);
  }
});
