import { describe, expect, it } from 'vitest';
import { ITEM_TYPE } from '../../../lib/serve/http.ts';
import type { Sent } from './harness.ts';
import { CITY, city, del, EU, get, KEY, put, US, World } from './harness.ts';

/** Bad input: a clear problem document each, and nothing written, at the primary and at a secondary alike. */

const deep = (levels: number): unknown => (levels === 0 ? { S: 'x' } : { L: [deep(levels - 1)] });
const raw = (body: string): Sent => put(body);
const stale = '"AQ.AAAA"';
const headersOf = (more: Readonly<Record<string, string>>): Readonly<Record<string, string>> => ({ 'Content-Type': ITEM_TYPE, ...more });
const post = (path: string, body: unknown, more: Readonly<Record<string, string>> = {}): Sent => ({ method: 'POST', path, body, headers: headersOf(more) });
const patch = (body: unknown): Sent => ({ method: 'PATCH', query: CITY, body, headers: headersOf({}) });
const REMOVE = { op: 'remove', path: 'a' };
const nested = (levels: number): unknown => (levels === 0 ? { path: 'a', op: 'exists' } : { not: nested(levels - 1) });

const CASES: readonly [string, Sent, number, string, string | RegExp][] = [
  ['malformed JSON', raw('{"country":{"S":"DE"},}'), 400, 'malformed-json', /position 22 \(line 1, column 23\)/],
  ['JSON that ends too early', raw('{"country":{"S":"DE"'), 400, 'malformed-json', /ends too early/],
  ['an empty body', raw(''), 400, 'malformed-json', /ends too early/],
  ['malformed JSON on a later line', raw('{\n"country": ?}'), 400, 'malformed-json', /line 2, column 12/],
  ['a body that is no object', put([1]), 400, 'invalid-item', /a list/],
  ['null', raw('null'), 400, 'invalid-item', /null/],
  ['a missing sort key', put({ country: { S: 'DE' } }), 400, 'invalid-key', '"cityId" is missing'],
  ['an empty item', put({}), 400, 'invalid-key', '"country" is missing'],
  ['a key of another type', put(city('x', { cityId: { S: '1' } })), 400, 'invalid-key', 'must be of type N'],
  ['an empty key', put(city('x', { country: { S: '' } })), 400, 'invalid-key', 'must not be empty'],
  ['a key that is too long', put(city('x', { country: { S: 'x'.repeat(2_049) } })), 400, 'invalid-key', '2049 bytes'],
  ['an unknown type', put(city('x', { a: { Q: '1' } })), 400, 'invalid-item', 'Unknown attribute type "Q"'],
  ['a type that every object has', put(city('x', { a: { constructor: '1' } })), 400, 'invalid-item', 'Unknown attribute type "constructor"'],
  ['two types', put(city('x', { a: { S: '1', N: '1' } })), 400, 'invalid-item', 'exactly one type; got "S" and "N"'],
  ['no type', put(city('x', { a: {} })), 400, 'invalid-item', 'exactly one type; got none'],
  ['a plain value', put(city('x', { a: 'text' })), 400, 'invalid-item', 'DynamoDB JSON'],
  ['a number that is no text', put(city('x', { a: { N: 1 } })), 400, 'invalid-item', 'given as text'],
  ['a text that is no number', put(city('x', { a: { N: 'one' } })), 400, 'invalid-number', 'Not a number'],
  ['39 digits', put(city('x', { a: { N: '1'.repeat(39) } })), 400, 'invalid-number', '38 significant digits'],
  ['a number that is too large', put(city('x', { a: { N: '1E126' } })), 400, 'invalid-number', 'magnitude'],
  ['an infinite number', put(city('x', { a: { N: 'Infinity' } })), 400, 'invalid-number', 'Not a number'],
  ['base64 that is none', put(city('x', { a: { B: 'a*b=' } })), 400, 'invalid-item', 'base64'],
  ['base64 without padding', put(city('x', { a: { B: 'YQ' } })), 400, 'invalid-item', 'base64'],
  ['NULL false', put(city('x', { a: { NULL: false } })), 400, 'invalid-item', 'NULL takes true'],
  ['BOOL as text', put(city('x', { a: { BOOL: 'true' } })), 400, 'invalid-item', 'BOOL takes true or false'],
  ['an empty set', put(city('x', { a: { SS: [] } })), 400, 'invalid-item', 'must not be empty'],
  ['a set with a text twice', put(city('x', { a: { SS: ['a', 'b', 'a'] } })), 400, 'invalid-item', 'twice'],
  ['a set with a number twice', put(city('x', { a: { NS: ['1', '1.0'] } })), 400, 'invalid-item', 'twice'],
  ['a set with a binary twice', put(city('x', { a: { BS: ['YQ==', 'YR=='] } })), 400, 'invalid-item', 'twice'],
  ['a set that is no list', put(city('x', { a: { NS: '1' } })), 400, 'invalid-item', 'list of texts'],
  ['an empty name', put(city('x', { '': { S: 'x' } })), 400, 'invalid-item', 'empty name'],
  ['an empty name within a map', put(city('x', { m: { M: { '': { S: 'x' } } } })), 400, 'invalid-item', 'empty name'],
  ['a name that is too long', put(city('x', { ['n'.repeat(65_536)]: { S: 'x' } })), 400, 'invalid-item', '65535 bytes'],
  ['half of a surrogate pair', raw('{"country":{"S":"DE"},"cityId":{"N":"1"},"a":{"S":"\\ud800"}}'), 400, 'invalid-item', 'surrogate'],
  ['lists nested too deeply', put(city('x', { a: deep(32) })), 400, 'invalid-item', 'levels deep'],
  [
    'lists nested absurdly deeply',
    raw(`{"country":{"S":"DE"},"cityId":{"N":"1"},"a":${'{"L":['.repeat(50_000)}${']}'.repeat(50_000)}}`),
    400,
    'malformed-json',
    'levels deep',
  ],
  ['an item that is too large', put(city('x'.repeat(410_000))), 413, 'item-too-large', /409541/],
  ['an item that leaves no room for metadata', put(city('x'.repeat(409_600 - 40))), 413, 'item-too-large', "replica's metadata"],
  ['a body that is too large', raw(`{"country":${' '.repeat(4 * 1_024 * 1_024)}}`), 413, 'body-too-large', '4194304'],
  ['_s in the body', put(city('x', { _s: { M: {} } })), 400, 'reserved-attribute', '"_s"'],
  ['another content type', put(city(), { 'Content-Type': 'text/plain' }), 415, 'unsupported-media-type', 'application/x-amz-json-1.0'],
  ['another character set', put(city(), { 'Content-Type': `${ITEM_TYPE}; charset=latin1` }), 415, 'unsupported-media-type', 'UTF-8'],
  ['DynamoDB JSON said to be plain', put(city(), { 'Content-Type': 'application/json' }), 400, 'invalid-key', 'must be of type S'],
  ['plain JSON said to be DynamoDB JSON', put({ country: 'DE', cityId: 1 }), 400, 'invalid-item', 'DynamoDB JSON'],
  ['no content type', { method: 'PUT', body: city(), headers: {} }, 415, 'unsupported-media-type', 'no content type'],
  ['a body that is not in the coding that it should be in', put(city(), { 'Content-Encoding': 'gzip' }), 400, 'invalid-body', 'not gzip'],
  ['an unknown coding', put(city(), { 'Content-Encoding': 'zstd' }), 415, 'unsupported-media-type', 'gzip'],
  ['an idempotency key with spaces', put(city(), { 'Idempotency-Key': 'a b' }), 400, 'invalid-header', 'visible ASCII'],
  ['an idempotency key that is too long', put(city(), { 'Idempotency-Key': 'a'.repeat(129) }), 400, 'invalid-header', '128'],
  ['a patch without operations', patch({ operations: [] }), 400, 'invalid-patch', 'operations'],
  ['a patch of the key', patch({ operations: [{ op: 'set', path: 'cityId', value: { N: '2' } }] }), 400, 'invalid-patch', 'cityId'],
  ['a patch of _s', patch({ operations: [{ op: 'remove', path: '_s' }] }), 400, 'reserved-attribute', '"_s"'],
  ['a patch with an unknown condition', patch({ operations: [REMOVE], if: { path: 'a', op: 'like', value: { S: 'x' } } }), 400, 'invalid-condition', 'if.op'],
  ['a patch whose condition is nested too deep', patch({ operations: [REMOVE], if: nested(20) }), 400, 'invalid-condition', '16'],
  ['a patch without a key', { ...patch({ operations: [REMOVE] }), query: {} }, 400, 'invalid-query', '"country" is missing'],
  ['a batch without writes', post('/batch', { writes: [] }), 400, 'invalid-body', 'writes'],
  [
    'a batch of too many',
    post('/batch', { writes: Array.from({ length: 101 }, (_, i) => ({ delete: { country: { S: 'DE' }, cityId: { N: String(i) } } })) }),
    400,
    'invalid-body',
    '100',
  ],
  [
    'a batch with a key twice',
    post('/batch', { writes: [{ put: city() }, { delete: { country: { S: 'DE' }, cityId: { N: '1.0' } } }] }),
    400,
    'invalid-body',
    'same key',
  ],
  ['a batch with a bad item', post('/batch', { writes: [{ put: city() }, { put: { country: { S: 'DE' } } }] }), 400, 'invalid-key', '"cityId" is missing'],
  ['a batch with a bad tag', post('/batch', { writes: [{ put: city(), ifMatch: 'abc' }] }), 400, 'invalid-body', 'writes[0].ifMatch'],
  ['a query without a partition', post('/query', {}), 400, 'invalid-body', 'partition'],
  ['a query with an unknown name', post('/query', { partition: { S: 'DE' }, where: 1 }), 400, 'invalid-body', '"where"'],
  ['a query of another type', post('/query', { partition: { N: '1' } }), 400, 'invalid-key', 'must be of type S'],
  ['a query of too many', post('/query', { partition: { S: 'DE' }, limit: 1_001 }), 400, 'invalid-body', '1000'],
  ['a query after a foreign cursor', post('/query', { partition: { S: 'DE' }, after: 'AAAA' }), 400, 'invalid-cursor', 'cursor'],
  [
    'a query at a revision',
    { ...post('/query', { partition: { S: 'DE' } }, { 'Syncline-Consistency': 'at-least=AAAA' }) },
    400,
    'invalid-header',
    'Syncline-Consistency',
  ],
  ['an answer in no accepted form', { method: 'GET', query: CITY, headers: { Accept: 'text/html' } }, 406, 'not-acceptable', 'text/html'],
  ['a read at a revision that is none', get({ 'Syncline-Consistency': 'at-least=x' }), 400, 'invalid-header', 'Syncline-Revision'],
  ['a stale If-Match', put(city(), { 'If-Match': stale }), 412, 'precondition-failed', 'no such item'],
  ['an If-Match that is no tag', put(city(), { 'If-Match': 'abc' }), 400, 'invalid-header', 'entity tags in quotes'],
  ['a query that is not the body’s key', { ...put(city()), query: { country: 'DE', cityId: '2' } }, 400, 'invalid-query', "not the body's key"],
  ['an unknown query parameter', { ...put(city()), query: { ...CITY, w: 'all' } }, 400, 'invalid-query', 'Unknown query parameter "w"'],
  ['a delete without a key', { method: 'DELETE' }, 400, 'invalid-query', '"country" is missing'],
  ['a delete without the sort key', { method: 'DELETE', query: { country: 'DE' } }, 400, 'invalid-query', '"cityId" is missing'],
  ['a repeated parameter', { method: 'DELETE', query: { country: ['DE', 'FR'], cityId: '1' } }, 400, 'invalid-query', '2 times'],
  ['a parameter that is no number', { method: 'DELETE', query: { country: 'DE', cityId: 'one' } }, 400, 'invalid-query', 'must be a number'],
  ['a parameter named as in every object', { method: 'DELETE', query: { ...CITY, toString: '1' } }, 400, 'invalid-query', 'Unknown query parameter "toString"'],
  ['a read without a key', { method: 'GET' }, 400, 'invalid-query', '"country" is missing'],
  ['an empty key in a read', { method: 'GET', query: { country: '', cityId: '1' } }, 400, 'invalid-key', 'must not be empty'],
  ['an unknown path', { method: 'GET', path: '/item' }, 404, 'no-route', '/items, /items/history, /batch, /query, /count, /items/diff, /proof'],
  ['the path of every object', { method: 'GET', path: '/__proto__' }, 404, 'no-route', 'nothing at'],
  ['a path below the items', { method: 'GET', path: '/items/DE' }, 404, 'no-route', 'goes into the query'],
  ['another method', { method: 'POST', body: city() }, 405, 'method-not-allowed', 'GET, HEAD, PUT, PATCH, DELETE'],
  ['OPTIONS, without any allowed origin', { method: 'OPTIONS' }, 405, 'method-not-allowed', 'GET, HEAD, PUT, PATCH, DELETE'],
  ['a read of a batch', { method: 'GET', path: '/batch' }, 405, 'method-not-allowed', 'POST'],
];

describe.each([
  ['the primary', EU],
  ['a secondary', US],
])('at %s', (_, member) => {
  it.each(CASES)('%s', async (_name, sent, status, code, detail) => {
    const world = new World();
    await world.seats(EU);
    const got = await world.send(member, sent);
    expect(got).toMatchObject({
      status,
      json: { type: `urn:syncline:problem:${code}`, status, instance: expect.stringMatching(/^urn:syncline:request:./) as unknown },
    });
    expect(got.headers['content-type']).toBe('application/problem+json');
    expect(got.json['detail']).toMatch(detail);
    expect(String(got.json['detail']).length).toBeLessThan(600);
    for (const region of [EU, US]) expect(world.region(region).items(world.tables(region).items)).toEqual([]);
  });
});

describe('problems name the place', () => {
  it.each([
    [city('x', { a: { M: { 'b.c': { L: [{ S: 'x' }, { N: 'y' }] } } } }), 'item.a.M["b.c"].L[1].N'],
    [city('x', { cityId: { S: '1' } }), 'item.cityId'],
    [city('x', { _s: { S: '1' } }), 'item._s'],
    [city('x', { a: { SS: ['a', 'a'] } }), 'item.a.SS[1]'],
  ])('%#', async (body, path) => {
    const world = new World();
    await world.seats(EU);
    expect((await world.send(EU, put(body))).json['errors']).toEqual([{ path, detail: expect.any(String) as unknown }]);
  });

  it('405 says what is allowed, 415 what is accepted', async () => {
    const world = new World();
    await world.seats(EU);
    expect((await world.send(EU, { method: 'DELETE', path: '/health' })).headers['allow']).toBe('GET, HEAD');
    expect((await world.send(EU, put(city(), { 'Content-Type': 'text/plain' }))).headers['accept']).toBe('application/json, application/x-amz-json-1.0');
  });

  it('what DynamoDB alone refuses is shown in its words', async () => {
    const world = new World();
    await world.seats(EU);
    const { items } = world.tables(EU);
    world.region(EU).deleteTable(items);
    world.region(EU).createTable({ name: items, key: KEY, indexes: [{ name: 'byName', key: [{ name: 'name', type: 'N' }] }] });
    const got = await world.send(EU, put(city()));
    expect(got).toMatchObject({
      status: 400,
      json: { type: 'urn:syncline:problem:refused-by-table', detail: expect.stringContaining('Type mismatch for Index Key name') as unknown },
    });
  });

  it('the largest item that is taken fits with the metadata of a replica', async () => {
    const world = new World();
    await world.seats(EU);
    // 59 bytes of metadata at a replica, and what the other attributes take: "cityId" 1 is two bytes.
    const room = 409_600 - 59 - 'countryDEcityIdname'.length - 2;
    expect((await world.send(EU, put(city('x'.repeat(room + 1))))).status).toBe(413);
    expect((await world.send(EU, put(city('x'.repeat(room))))).status).toBe(201);
    expect((await world.send(EU, get())).status).toBe(200);
    expect((await world.send(EU, del())).status).toBe(204);
  });
});
