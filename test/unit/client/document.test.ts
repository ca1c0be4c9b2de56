import { describe, expect, it } from 'vitest';
import { SynclineDocumentClient } from '../../../client/document/client.ts';
import type { QueryOutput } from '../../../client/document/inputs.ts';
import type { Items, Query } from '../../../client/types.ts';
import type { NativeItem } from '../../../client/values.ts';
import { marshalItem } from '../../../client/values.ts';

/** What the document client makes of its inputs, before anything is sent. api.test.ts has it on the API itself. */

interface Asked {
  readonly call: string;
  readonly args: readonly unknown[];
}

const FOUND: NativeItem = { pk: 'a', sk: 1, map: { x: 1, y: 2 }, list: [1, 2, 3], name: 'Ulm' };

/** A document client on items that note what they are asked. */
function documents(): { readonly client: SynclineDocumentClient; readonly asked: Asked[] } {
  const asked: Asked[] = [];
  const note =
    <T>(call: string, answer: T) =>
    async (...args: readonly unknown[]): Promise<T> => {
      asked.push({ call, args });
      return answer;
    };
  const written = { created: true, idempotencyKey: 'k', replayed: false, member: 'eu' };
  const items: Items = {
    get: note('get', { item: FOUND, raw: marshalItem(FOUND), member: 'eu' }),
    put: note('put', written),
    patch: note('patch', { ...written, item: FOUND }),
    delete: note('delete', written),
    batchWrite: note('batchWrite', { results: [{ status: 201 }, { status: 503 }, { status: 400 }], idempotencyKey: 'k', member: 'eu' }),
    query: async (query: Query, options) => {
      asked.push({ call: 'query', args: [query, options] });
      return { items: [FOUND], count: 1, scanned: 2, ...(query.after !== 'second' && { next: query.after === undefined ? 'first' : 'second' }) };
    },
    keyNames: note('keyNames', ['pk', 'sk']),
    timed: (options) => () => options,
  };
  return { client: SynclineDocumentClient.from(items), asked };
}

const KEY = { pk: 'a', sk: 1 };

describe('the document client', () => {
  it.each([
    ['attribute_not_exists(pk)', { ifNoneMatch: '*' }],
    ['attribute_not_exists(sk)', { ifNoneMatch: '*' }],
    ['attribute_not_exists(pk) AND attribute_not_exists(sk)', { ifNoneMatch: '*' }],
    ['attribute_exists(#pk)', { ifMatch: '*' }],
    [undefined, {}],
  ])('puts with %s', async (ConditionExpression, options) => {
    const { client, asked } = documents();
    const condition = ConditionExpression === undefined ? {} : { ConditionExpression, ExpressionAttributeNames: { '#pk': 'pk' } };
    await client.put({ Item: FOUND, ...condition });
    expect(asked.at(-1)).toEqual({ call: 'put', args: [FOUND, options] });
  });

  it.each([
    'attribute_not_exists(other)',
    'attribute_not_exists(pk.x)',
    'attribute_not_exists(pk) OR attribute_not_exists(sk)',
    'attribute_not_exists(pk) AND attribute_exists(sk)',
    'attribute_not_exists(pk) AND other = :v',
    'NOT attribute_exists(pk)',
    'other = :v',
  ])('does not put with %s: it says what to do instead, and sends nothing', async (ConditionExpression) => {
    const { client, asked } = documents();
    await expect(client.put({ Item: FOUND, ConditionExpression, ExpressionAttributeValues: { ':v': 1 } })).rejects.toThrow('Use update');
    expect(asked.map((a) => a.call)).toEqual(['keyNames']);
  });

  it('deletes what must be there, and not what must not', async () => {
    const { client, asked } = documents();
    await client.delete({ Key: KEY, ConditionExpression: 'attribute_exists(pk) AND attribute_exists(sk)' });
    expect(asked).toEqual([{ call: 'delete', args: [KEY, { ifMatch: '*' }] }]);
    await expect(client.delete({ Key: KEY, ConditionExpression: 'attribute_not_exists(pk)' })).rejects.toThrow('does nothing');
  });

  it.each<[string, (client: SynclineDocumentClient) => Promise<unknown>]>([
    ['TableName', (c) => c.get({ TableName: 't', Key: KEY } as never)],
    ['IndexName', (c) => c.query({ IndexName: 'i', KeyConditionExpression: 'pk = :v', ExpressionAttributeValues: { ':v': 1 } } as never)],
    ['Select', (c) => c.query({ Select: 'COUNT', KeyConditionExpression: 'pk = :v', ExpressionAttributeValues: { ':v': 1 } } as never)],
    ['Expected', (c) => c.put({ Item: FOUND, Expected: {} } as never)],
    ['ReturnValues', (c) => c.put({ Item: FOUND, ReturnValues: 'ALL_OLD' } as never)],
    ['ReturnValues', (c) => c.update({ Key: KEY, UpdateExpression: 'REMOVE a', ReturnValues: 'UPDATED_NEW' } as never)],
    ['RequestItems', (c) => c.batchWrite({ RequestItems: {} } as never)],
    ['ExclusiveStartKey', (c) => c.query({ KeyConditionExpression: 'pk = :v', ExpressionAttributeValues: { ':v': 1 }, ExclusiveStartKey: KEY } as never)],
  ])('refuses %s, which it would otherwise ignore', async (name, call) => {
    const { client, asked } = documents();
    await expect(call(client)).rejects.toMatchObject({ code: 'invalid-value', message: expect.stringContaining(name) as string });
    expect(asked.filter((a) => a.call !== 'keyNames')).toEqual([]);
  });

  it('gives the parts of an item that a projection names', async () => {
    const { client, asked } = documents();
    const wanted = { Key: KEY, ProjectionExpression: '#m.x, list[2], list[0], missing', ExpressionAttributeNames: { '#m': 'map' }, ConsistentRead: true };
    expect(await client.get(wanted)).toEqual({ Item: { map: { x: 1 }, list: [1, 3] } });
    expect(asked[0]?.args[1]).toEqual({ consistency: 'strong', raw: true });
    expect(await client.get({ Key: KEY })).toEqual({ Item: FOUND });
  });

  it('asks for the item after an update only where it is wanted', async () => {
    const { client, asked } = documents();
    expect(await client.update({ Key: KEY, UpdateExpression: 'REMOVE a' })).toEqual({});
    expect(await client.update({ Key: KEY, UpdateExpression: 'REMOVE a', ReturnValues: 'ALL_NEW' }, { idempotencyKey: 'mine' })).toEqual({ Attributes: FOUND });
    expect(asked.map((a) => a.args[2])).toEqual([{ returnItem: false }, { returnItem: true, idempotencyKey: 'mine' }]);
  });

  it('gives page after page of a query', async () => {
    const { client, asked } = documents();
    const input = { KeyConditionExpression: 'pk = :v', ExpressionAttributeValues: { ':v': 'a' }, Limit: 1, ScanIndexForward: false };
    const pages: QueryOutput[] = [];
    for await (const page of client.paginateQuery(input)) pages.push(page);
    expect(pages.map((p) => p.LastEvaluatedKey)).toEqual([{ cursor: 'first' }, { cursor: 'second' }, undefined]);
    expect(pages[0]).toMatchObject({ Items: [FOUND], Count: 1, ScannedCount: 2 });
    const queries = asked.filter((a) => a.call === 'query').map((a) => a.args[0]);
    expect(queries).toEqual([undefined, 'first', 'second'].map((after) => ({ partition: 'a', limit: 1, descending: true, ...(after && { after }) })));
  });

  it('tells which requests of a batch may be sent again', async () => {
    const { client } = documents();
    const Requests = [{ PutRequest: { Item: FOUND } }, { DeleteRequest: { Key: KEY } }, { PutRequest: { Item: {} } }];
    const { Results, UnprocessedRequests } = await client.batchWrite({ Requests });
    expect(Results.map((r) => r.status)).toEqual([201, 503, 400]);
    expect(UnprocessedRequests).toEqual([{ DeleteRequest: { Key: KEY } }]);
    const many = { Requests: Array.from({ length: 101 }, () => ({ DeleteRequest: { Key: KEY } })) };
    await expect(client.batchWrite(many)).rejects.toThrow('at most 100');
  });
});
