import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { AttributeValue, Item } from '../../../lib/core/attribute.ts';
import { InputError } from '../../../lib/core/errors.ts';
import type { ItemCondition } from '../../../lib/core/expression/condition.ts';
import type { KeySchema } from '../../../lib/core/key.ts';
import { itemToPlainText, toPlainText } from '../../../lib/core/plain-json.ts';
import { sameItem, sameValue } from '../../../lib/core/values.ts';
import type { Form } from '../../../lib/serve/body.ts';
import {
  readBatch,
  readCondition,
  readCount,
  readItem,
  readJson,
  readKeyObject,
  readPatch,
  readQuery,
  readValue,
  writeItem,
  writeItems,
  writeQueryPage,
  writeValue,
} from '../../../lib/serve/body.ts';
import { BATCH_WRITES_MAX, batchSchema, conditionSchema, countSchema, patchSchema, QUERY_LIMIT_MAX, querySchema } from '../../../lib/serve/schemas.ts';
import { condition, value } from '../core/expression/support/small.ts';

const KEY: KeySchema = { partition: { name: 'country', type: 'S' }, sort: { name: 'cityId', type: 'N' } };
const FORMS: readonly Form[] = ['plain', 'dynamodb'];
const plain = (text: string): unknown => readJson(text, 'plain');
const refusal = (run: () => unknown): { readonly code: string; readonly message: string; readonly path: string | undefined } => {
  try {
    run();
  } catch (error) {
    if (error instanceof InputError) return { code: error.code, message: error.message, path: error.path };
    throw error;
  }
  throw new Error('it was not refused');
};

/** A value in the text of a form. */
const text = (of: AttributeValue, form: Form): string => (form === 'plain' ? toPlainText(of) : JSON.stringify(of));

/** A condition as callers write it. */
function conditionText(of: ItemCondition, form: Form): string {
  if ('and' in of) return `{"and":[${of.and.map((part) => conditionText(part, form)).join(',')}]}`;
  if ('or' in of) return `{"or":[${of.or.map((part) => conditionText(part, form)).join(',')}]}`;
  if ('not' in of) return `{"not":${conditionText(of.not, form)}}`;
  const head = `"path":${JSON.stringify(of.path)},"op":${JSON.stringify(of.op)}`;
  switch (of.op) {
    case 'between':
      return `{${head},"from":${text(of.from, form)},"to":${text(of.to, form)}}`;
    case 'in':
      return `{${head},"values":[${of.values.map((v) => text(v, form)).join(',')}]}`;
    case 'exists':
    case 'not-exists':
      return `{${head}}`;
    case 'type':
      return `{${head},"value":${JSON.stringify(of.type)}}`;
    case 'size':
      return `{${head},"is":${JSON.stringify(of.is)},"value":${of.size}}`;
    default:
      return `{${head},"value":${text(of.value, form)}}`;
  }
}

describe.each(FORMS)('items, values and conditions as %s', (form) => {
  it('are read as they were written', () => {
    fc.assert(
      fc.property(value, value, (a, b) => {
        const item: Item = { country: { S: 'DE' }, cityId: { N: '1' }, a, b };
        expect(sameItem(readItem(readJson(writeItem(item, form), form), form, KEY), item)).toBe(true);
        expect(sameValue(readValue(readJson(writeValue(a, form), form), form, 'value'), a)).toBe(true);
        expect(readJson(writeItems([item, item], form), form)).toEqual([readJson(writeItem(item, form), form), readJson(writeItem(item, form), form)]);
      }),
    );
  });

  it('are conditions, whatever they ask', () => {
    fc.assert(
      fc.property(condition, (of) => {
        expect(JSON.stringify(readCondition(readJson(conditionText(of, form), form), form))).toBe(JSON.stringify(of));
      }),
    );
  });

  it('are never anything but read or refused', () => {
    const readers = [
      readPatch,
      readCondition,
      (json: unknown, f: Form) => readItem(json, f, KEY),
      (json: unknown, f: Form) => readQuery(json, f, KEY),
      (json: unknown, f: Form) => readBatch(json, f, KEY),
    ];
    const near = fc
      .json({ maxDepth: 5 })
      .map((json) => `{"operations":[{"op":"set","path":"a","value":${json}}],"if":${json},"partition":${json},"writes":[{"put":${json}}],"and":[${json}]}`);
    fc.assert(
      fc.property(fc.oneof(fc.json(), near), (json) => {
        for (const read of readers) {
          try {
            read(readJson(json, form), form);
          } catch (error) {
            expect(error).toBeInstanceOf(InputError);
          }
        }
      }),
    );
  });
});

describe('a page of a query', () => {
  it('is one JSON text with its items, and where to go on', () => {
    const page = { items: [{ country: { S: 'DE' }, n: { N: '1.50' } }], scanned: 7, next: 'abc' };
    expect(writeQueryPage(page, 'plain')).toBe('{"items":[{"country":"DE","n":1.50}],"count":1,"scanned":7,"next":"abc"}');
    expect(JSON.parse(writeQueryPage(page, 'dynamodb'))).toEqual({ ...page, count: 1 });
    expect(writeQueryPage({ items: [], scanned: 0 }, 'plain')).toBe('{"items":[],"count":0,"scanned":0}');
  });
});

describe('keys', () => {
  it('are exactly the key attributes', () => {
    const key = { country: { S: 'DE' }, cityId: { N: '12.50' } };
    expect(readKeyObject(plain('{"country":"DE","cityId":12.50}'), 'plain', KEY)).toEqual(key);
    expect(readKeyObject(key, 'dynamodb', KEY)).toEqual(key);
  });

  it.each([
    ['"DE"', 'invalid-item', 'key'],
    ['12', 'invalid-item', 'key'],
    ['[]', 'invalid-item', 'key'],
    ['{"country":"DE"}', 'invalid-key', 'key.cityId'],
    ['{"country":"DE","cityId":1,"x":1}', 'invalid-key', 'key.x'],
    ['{"country":"DE","cityId":1,"__proto__":1}', 'invalid-key', 'key.__proto__'],
    ['{"country":"DE","cityId":"1"}', 'invalid-key', 'key.cityId'],
    ['{"country":"","cityId":1}', 'invalid-key', 'key.country'],
    [`{"country":"${'x'.repeat(2_049)}","cityId":1}`, 'invalid-key', 'key.country'],
    [`{"country":"DE","cityId":${'1'.repeat(39)}}`, 'invalid-number', 'key.cityId.N'],
    ['{"country":"DE","cityId":{"$map":1}}', 'invalid-item', 'key.cityId'],
  ])('refuses %s', (json, code, path) => {
    expect(refusal(() => readKeyObject(plain(json), 'plain', KEY))).toMatchObject({ code, path });
  });
});

describe('numbers of plain JSON', () => {
  it('are refused with a clear message where DynamoDB has no such number', () => {
    const item = (n: string): string => `{"country":"DE","cityId":1,"n":${n}}`;
    expect(refusal(() => readItem(plain(item('7'.repeat(200))), 'plain', KEY))).toEqual({
      code: 'invalid-number',
      path: 'item.n.N',
      message: 'A number has at most 38 significant digits; got 200.',
    });
    expect(refusal(() => readItem(plain(item('1e999')), 'plain', KEY)).code).toBe('invalid-number');
    expect(readItem(plain(item(`1${'0'.repeat(100)}`)), 'plain', KEY)['n']).toEqual({ N: `1${'0'.repeat(100)}` });
  });
});

describe('patches', () => {
  it('are read with all their parts', () => {
    const json =
      '{"operations":[{"op":"set","path":"a.b[0]","value":1.50},{"op":"remove","path":["x.y",3]}],"if":{"path":"v","op":"=","value":{"$binary":"AQ=="}}}';
    expect(readPatch(plain(json), 'plain')).toEqual({
      operations: [
        { op: 'set', path: ['a', 'b', 0], value: { N: '1.50' } },
        { op: 'remove', path: ['x.y', 3] },
      ],
      if: { path: ['v'], op: '=', value: { B: 'AQ==' } },
    });
  });

  const set = (value: string): string => `{"operations":[{"op":"set","path":"a","value":${value}}]}`;
  const many = (n: number): string => `{"operations":[${new Array(n).fill('{"op":"remove","path":"a"}').join(',')}]}`;

  it('have as many operations as are allowed', () => {
    expect(readPatch(plain(many(100)), 'plain').operations).toHaveLength(100);
  });

  it.each([
    ['[]', 'invalid-patch', 'body', 'object'],
    ['{}', 'invalid-patch', 'operations', 'missing'],
    [many(0), 'invalid-patch', 'operations', '>=1'],
    [many(101), 'invalid-patch', 'operations', '<=100'],
    ['{"operations":[{"op":"put","path":"a","value":1}]}', 'invalid-patch', 'operations[0].op', "'set'"],
    ['{"operations":[{"op":"set","path":"a"}]}', 'invalid-patch', 'operations[0].value', 'missing'],
    ['{"operations":[{"op":"set","value":1}]}', 'invalid-patch', 'operations[0].path', 'A path is text'],
    ['{"operations":[{"op":"remove","path":"a","value":1}]}', 'invalid-patch', 'operations[0]', '"value"'],
    ['{"operations":[{"op":"remove","path":"a..b"}]}', 'invalid-patch', 'operations[0].path', 'character 3'],
    ['{"operations":[{"op":"remove","path":7}]}', 'invalid-patch', 'operations[0].path', 'A path is text'],
    ['{"operations":[{"op":"remove","path":["a",-1]}]}', 'invalid-patch', 'operations[0].path[1]', '>=0'],
    ['{"operations":[{"op":"remove","path":"_s.r"}]}', 'reserved-attribute', 'operations[0].path', "Syncline's own"],
    [set('{"$binary":"?"}'), 'invalid-item', 'operations[0].value.B', 'base64'],
    [set('{"$stringSet":["a","a"]}'), 'invalid-item', 'operations[0].value.SS[1]', 'twice'],
    [set('{"$numberSet":[1,1.0]}'), 'invalid-item', 'operations[0].value.NS[1]', 'twice'],
    [set('{"$stringSet":[]}'), 'invalid-item', 'operations[0].value.SS', 'empty'],
    [set(`${'['.repeat(40)}${']'.repeat(40)}`), 'invalid-item', undefined, 'deep'],
    ['{"operations":[{"op":"remove","path":"a"}],"if":{"path":"a","op":"~","value":1}}', 'invalid-condition', 'if.op', "'='"],
    ['{"operations":[{"op":"remove","path":"a"}],"if":{"and":[{"path":"a","op":"="}]}}', 'invalid-condition', 'if.and[0].value', 'missing'],
    ['{"operations":[{"op":"remove","path":"a"}],"if":{"not":{"path":"a","op":"<","value":null}}}', 'invalid-condition', 'if.not.value', 'got NULL'],
    ['{"operations":[{"op":"remove","path":"a"}],"if":{}}', 'invalid-condition', 'if', 'A condition has'],
    ['{"operations":[{"op":"remove","path":"a"}],"if":[]}', 'invalid-condition', 'if', 'A condition has'],
    ['{"operations":[{"op":"remove","path":"a"}],"if":{"and":[]}}', 'invalid-condition', 'if.and', 'one or more'],
    ['{"operations":[{"op":"remove","path":"a"}],"if":{"or":{}}}', 'invalid-condition', 'if.or', 'one or more'],
    ['{"operations":[{"op":"remove","path":"a"}],"if":{"not":{"path":"a","op":"exists"},"path":"a"}}', 'invalid-condition', 'if', 'stands alone'],
    ['{"operations":[{"op":"remove","path":"a"}],"when":1}', 'invalid-patch', 'body', '"when"'],
    ['{"operations":[{"op":"remove","path":"a"}],"__proto__":1}', 'invalid-patch', 'body', '"__proto__"'],
    ['{"operations":[{"op":"remove","path":"a"}],"if":{"path":"a","op":"exists","__proto__":1}}', 'invalid-condition', 'if', '"__proto__"'],
  ])('refuses %s', (json, code, path, message) => {
    const found = refusal(() => readPatch(plain(json), 'plain'));
    expect(found).toMatchObject({ code, message: expect.stringContaining(message) as string });
    if (path !== undefined) expect(found.path).toBe(path);
  });

  it('refuses a condition of too many parts before it looks at the rest', () => {
    const group = (part: string): string => `{"and":[${new Array(300).fill(part).join(',')}]}`;
    const json = `{"operations":[{"op":"remove","path":"a"}],"if":${group(group('{"path":"a"}'))}}`;
    expect(refusal(() => readPatch(plain(json), 'plain'))).toMatchObject({ code: 'invalid-condition', path: 'if.and[0].and[0]' });
    const right = `{"operations":[{"op":"remove","path":"a"}],"if":${group(group('{"path":"a","op":"exists"}'))}}`;
    expect(refusal(() => readPatch(plain(right), 'plain'))).toMatchObject({
      code: 'invalid-condition',
      path: 'if',
      message: expect.stringContaining('300 parts') as string,
    });
  });

  it('refuses a condition that is nested without end', () => {
    const deep = (n: number): string => `${'{"not":'.repeat(n)}{"path":"a","op":"exists"}${'}'.repeat(n)}`;
    expect(readCondition(plain(deep(15)), 'plain')).toBeDefined();
    expect(refusal(() => readCondition(plain(deep(16)), 'plain'))).toMatchObject({ code: 'invalid-condition', path: 'if' });
    for (const form of FORMS) expect(refusal(() => readCondition(readJson(deep(100_000), form), form)).code).toBe('malformed-json');
  });
});

describe('batches', () => {
  it('are read with their keys and tags', () => {
    const json = `{"writes":[
      {"put":{"country":"DE","cityId":1,"n":1},"ifNoneMatch":"*"},
      {"delete":{"country":"DE","cityId":2},"ifMatch":"\\"x\\""},
      {"patch":{"key":{"country":"DE","cityId":3},"operations":[{"op":"increment","path":"n","value":1}],"if":{"path":"n","op":"exists"}}}]}`;
    expect(readBatch(plain(json), 'plain', KEY)).toEqual([
      { key: { country: { S: 'DE' }, cityId: { N: '1' } }, change: { put: { country: { S: 'DE' }, cityId: { N: '1' }, n: { N: '1' } } }, ifNoneMatch: '*' },
      { key: { country: { S: 'DE' }, cityId: { N: '2' } }, change: { delete: true }, ifMatch: '"x"' },
      {
        key: { country: { S: 'DE' }, cityId: { N: '3' } },
        change: { patch: [{ op: 'increment', path: ['n'], value: { N: '1' } }], if: { path: ['n'], op: 'exists' } },
      },
    ]);
  });

  const put = (id: string): string => `{"put":{"country":"DE","cityId":${id}}}`;
  it.each([
    ['{"writes":[]}', 'invalid-body', 'writes', '>=1'],
    [`{"writes":[${Array.from({ length: BATCH_WRITES_MAX + 1 }, (_, i) => put(String(i))).join(',')}]}`, 'invalid-body', 'writes', '<=100'],
    [`{"writes":[${put('1')},{"delete":{"country":"DE","cityId":1.0}}]}`, 'invalid-body', 'writes[1]', 'writes[0] and writes[1] have the same key'],
    ['{"writes":[{"put":{"country":"DE"}}]}', 'invalid-key', 'writes[0].put.cityId', 'missing'],
    ['{"writes":[{"put":{"country":"DE","cityId":1,"_s":1}}]}', 'reserved-attribute', 'writes[0].put._s', "Syncline's own"],
    ['{"writes":[{"put":{"country":"DE","cityId":1,"x":{"$binary":1}}}]}', 'invalid-item', 'writes[0].put.x', 'base64'],
    ['{"writes":[{"put":3}]}', 'invalid-item', 'writes[0].put', 'An item'],
    ['{"writes":[{"delete":{"country":"DE"}}]}', 'invalid-key', 'writes[0].delete.cityId', 'missing'],
    ['{"writes":[{"delete":{"country":"DE","cityId":1},"ifNoneMatch":"*"}]}', 'invalid-body', 'writes[0]', '"ifNoneMatch"'],
    ['{"writes":[{"patch":{"key":{"country":"DE","cityId":1},"operations":[]}}]}', 'invalid-body', 'writes[0].patch.operations', '>=1'],
    ['{"writes":[{"patch":{"key":{"country":"DE"},"operations":[{"op":"remove","path":"a"}]}}]}', 'invalid-key', 'writes[0].patch.key.cityId', 'missing'],
    ['{"writes":[{"patch":{"key":{},"operations":[{"op":"remove","path":"a."}]}}]}', 'invalid-patch', 'writes[0].patch.operations[0].path', 'character 3'],
    ['{"writes":[{}]}', 'invalid-body', 'writes[0]', '"put"'],
  ])('refuses %s', (json, code, path, message) => {
    expect(refusal(() => readBatch(plain(json), 'plain', KEY))).toMatchObject({ code, path, message: expect.stringContaining(message) as string });
  });
});

describe('queries', () => {
  it('are read with all their parts, in both forms', () => {
    const intent = {
      partition: { S: 'DE' },
      sort: { name: 'cityId', from: { N: '1' }, to: { N: '9' } },
      filter: { path: ['n'], op: '>', value: { N: '1' } },
      after: 'abc',
      descending: true,
      select: [['name'], ['tags', 0]],
      limit: 10,
    };
    const rest = '"after":"abc","descending":true,"select":["name",["tags",0]],"limit":10}';
    expect(
      readQuery(plain(`{"partition":"DE","sort":{"op":"between","from":1,"to":9},"filter":{"path":"n","op":">","value":1},${rest}`), 'plain', KEY),
    ).toEqual(intent);
    const typed = `{"partition":{"S":"DE"},"sort":{"op":"between","from":{"N":"1"},"to":{"N":"9"}},"filter":{"path":"n","op":">","value":{"N":"1"}},${rest}`;
    expect(readQuery(readJson(typed, 'dynamodb'), 'dynamodb', KEY)).toEqual(intent);
  });

  it('are counted with the same parts, but for the selection', () => {
    expect(readCount(plain('{"partition":"DE","limit":5}'), 'plain', KEY)).toEqual({ partition: { S: 'DE' }, limit: 5 });
    expect(refusal(() => readCount(plain('{"partition":"DE","select":["a"]}'), 'plain', KEY))).toMatchObject({ code: 'invalid-body' });
  });

  const q = (more: string): string => `{"partition":"DE",${more}}`;
  it.each([
    ['{}', 'invalid-body', 'partition', 'missing'],
    ['{"partition":1}', 'invalid-key', 'partition.country', 'type S'],
    ['{"partition":""}', 'invalid-key', 'partition.country', 'empty'],
    [q('"limit":0'), 'invalid-body', 'limit', '>=1'],
    [q(`"limit":${QUERY_LIMIT_MAX + 1}`), 'invalid-body', 'limit', '<=1000'],
    [q('"limit":1.5'), 'invalid-body', 'limit', 'int'],
    [q('"limit":"1"'), 'invalid-body', 'limit', 'number'],
    [q('"after":""'), 'invalid-body', 'after', '>=1'],
    [q('"select":[]'), 'invalid-body', 'select', '>=1'],
    [q('"select":["a","_s"]'), 'reserved-attribute', 'select[1]', 'never shown'],
    [q('"select":["a."]'), 'invalid-body', 'select[0]', 'character 3'],
    [q('"sort":{"op":"~","value":1}'), 'invalid-body', 'sort.op', "'between'"],
    [q('"sort":{"op":"=","value":"1"}'), 'invalid-key', 'sort.value.cityId', 'type N'],
    [q('"sort":{"op":"begins-with","value":1}'), 'invalid-body', 'sort.op', 'no beginning'],
    [q('"sort":{"op":"between","from":2,"to":1}'), 'invalid-body', 'sort', 'smaller one first'],
    [q('"filter":{"path":"a","op":"between","from":1,"to":"a"}'), 'invalid-condition', 'filter.from', 'two numbers'],
    [q('"filter":{"path":"_s","op":"exists"}'), 'reserved-attribute', 'filter.path', 'never shown'],
    [q('"order":1'), 'invalid-body', 'body', '"order"'],
  ])('refuses %s', (json, code, path, message) => {
    expect(refusal(() => readQuery(plain(json), 'plain', KEY))).toMatchObject({ code, path, message: expect.stringContaining(message) as string });
  });

  it('has nothing to ask of a sort key that the table does not have', () => {
    expect(refusal(() => readQuery(plain(q('"sort":{"op":"=","value":1}')), 'plain', { partition: KEY.partition })).message).toContain('no sort key');
  });
});

describe('the schemas', () => {
  it('describe the conditions that are read, and no others', () => {
    const near = fc
      .tuple(
        condition,
        fc.constantFrom('and', 'or', 'not', 'path', 'op', 'value', 'values', 'from', 'is', 'x'),
        fc.oneof(fc.json({ maxDepth: 1 }), fc.constantFrom('"="', '"size"', '"a"', '[]')),
      )
      .map(([of, name, json]) => conditionText(of, 'plain').replace(/[{]/, `{"${name}":${json},`));
    let refused = 0;
    fc.assert(
      fc.property(
        fc.oneof(
          condition.map((of) => conditionText(of, 'plain')),
          near,
        ),
        (json) => {
          const document = plain(json);
          let read = true;
          try {
            readCondition(document, 'plain');
          } catch (error) {
            expect(error).toBeInstanceOf(InputError);
            read = false;
            refused += 1;
          }
          // The schema does not know the values' rules, nor the order of "between": what it refuses is refused; what is read, it takes.
          if (read) expect(conditionSchema.safeParse(document).success, json).toBe(true);
          else if (conditionSchema.safeParse(document).success) expect(() => readCondition(document, 'plain')).not.toThrow(/A condition has "and"/);
        },
      ),
      { numRuns: 500, seed: 4 },
    );
    expect(refused).toBeGreaterThan(50);
    expect(refused).toBeLessThan(450);
  });

  it('become JSON schemas, alike for what is sent and for what is read of it', () => {
    for (const schema of [patchSchema, conditionSchema, batchSchema, querySchema, countSchema]) {
      const json = z.toJSONSchema(schema) as { readonly $defs: Readonly<Record<string, { readonly description?: string; readonly examples?: unknown }>> };
      for (const [name, definition] of Object.entries(json.$defs)) expect(definition.description, name).toBeDefined();
      // zod leaves examples out of what is read; all else is alike.
      const without = JSON.parse(JSON.stringify(json, (name, inner: unknown) => (name === 'examples' ? undefined : inner))) as unknown;
      expect(z.toJSONSchema(schema, { io: 'input' })).toEqual(without);
    }
    const { $defs } = z.toJSONSchema(batchSchema) as unknown as { $defs: Record<string, unknown> };
    expect(Object.keys($defs).sort()).toEqual(['Batch', 'Condition', 'Item', 'Key', 'Path', 'Value']);
  });

  it('take their own examples', () => {
    const schemas = { patchSchema, conditionSchema, querySchema, countSchema, batchSchema };
    for (const [name, schema] of Object.entries(schemas)) {
      const { examples } = z.globalRegistry.get(schema) as { examples: unknown[] };
      expect(examples.length, name).toBeGreaterThan(0);
      for (const example of examples) expect(schema.safeParse(example).success, name).toBe(true);
    }
    expect(itemToPlainText({ a: { S: 'b' } })).toBe('{"a":"b"}');
  });
});
