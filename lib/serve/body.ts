import type { AttributeValue, Item, Key } from '../core/attribute.ts';
import { RESERVED } from '../core/attribute.ts';
import { InputError } from '../core/errors.ts';
import type { ItemCondition } from '../core/expression/condition.ts';
import type { PatchOperation } from '../core/expression/patch.ts';
import { parsePath } from '../core/expression/path.ts';
import { parseAttribute, parseItem } from '../core/item-input.ts';
import { parseJson } from '../core/json.ts';
import type { KeySchema } from '../core/key.ts';
import { checkKeyOf, keyAttributes, keyOf, keyText, parseKey } from '../core/key.ts';
import type { PlainJson } from '../core/plain-json.ts';
import { fromPlain, itemToPlainText, mapFromPlain, PlainNumber, parsePlain, toPlainText } from '../core/plain-json.ts';
import type { Path } from '../core/values.ts';
import { compareValues } from '../core/values.ts';
import type { SortCondition } from '../ports/table.ts';
import { readConditionDocument } from './condition-document.ts';
import { checkedDocument } from './document.ts';
import type { QueryIntent, QueryPage } from './query.ts';
import { batchShape, countShape, patchShape, queryShape } from './schemas.ts';

/**
 * Bodies of requests and answers in their two forms. `plain` is plain JSON (lib/core/plain-json.ts), `dynamodb` is
 * DynamoDB JSON. Inside, everything is DynamoDB JSON. What is read here is checked, down to each value.
 */
export type Form = 'plain' | 'dynamodb';

/** Reads the text of a body. Numbers of plain JSON come as PlainNumber, with every digit. @throws InputError "malformed-json" */
export const readJson = (text: string, form: Form): unknown => (form === 'plain' ? parsePlain(text) : parseJson(text));

/** @throws InputError as parseItem, and "invalid-item" for plain JSON with a tag that does not hold what it says. */
export function readItem(json: unknown, form: Form, schema: KeySchema, path = 'item'): Item {
  const item = form === 'plain' ? mapFromPlain(objectOf(json, 'An item', path), path) : json;
  try {
    return parseItem(item, schema);
  } catch (error) {
    // parseItem calls what it reads "item".
    if (error instanceof InputError && error.path !== undefined)
      throw new InputError(
        error.code,
        error.message,
        error.path.replace(/^item(?=$|[.[])/, () => path),
      );
    throw error;
  }
}

/** A key: an object of exactly the key attributes. @throws InputError "invalid-key", "invalid-item" or "invalid-number" */
export function readKeyObject(json: unknown, form: Form, schema: KeySchema, path = 'key'): Key {
  const object = objectOf(json, 'A key', path);
  const known = keyAttributes(schema).map(({ name }) => name);
  // What is not part of the key is refused by its name; its value is not looked at.
  const read = Object.fromEntries(
    Object.keys(object).map((name): [string, AttributeValue] => [
      name,
      known.includes(name) ? readValue(object[name], form, `${path}.${name}`) : { NULL: true },
    ]),
  );
  return at(path, () => checkKeyOf(parseKey(read, schema), schema));
}

/** One value. @throws InputError "invalid-item" or "invalid-number" */
export const readValue = (json: unknown, form: Form, path: string): AttributeValue =>
  parseAttribute(form === 'plain' ? fromPlain(json as PlainJson, path) : json, path);

/** A patch that was read. */
export interface PatchDocument {
  readonly operations: readonly PatchOperation[];
  readonly if?: ItemCondition;
}

/** @throws InputError "invalid-patch", "invalid-condition" and those of values */
export function readPatch(json: unknown, form: Form): PatchDocument {
  return patchOf(checkedDocument(patchShape, json, 'invalid-patch'), form, '');
}

/** @param path where it stands, for messages. @throws InputError "invalid-condition" and those of values */
export function readCondition(json: unknown, form: Form, path = 'if'): ItemCondition {
  return readConditionDocument(json, { value: (value, at) => readValue(value, form, at), path: (of, at) => readPath(of, at, 'invalid-condition') }, path);
}

/** One write of a batch. The tags are as they were given; they are headers in all but name. */
export interface BatchWrite {
  readonly key: Key;
  readonly change: { readonly put: Item } | { readonly delete: true } | { readonly patch: readonly PatchOperation[]; readonly if?: ItemCondition };
  readonly ifMatch?: string;
  readonly ifNoneMatch?: string;
}

/** @throws InputError "invalid-body" for a key that is there twice, and those of items, keys, patches and conditions; nothing is then written. */
export function readBatch(json: unknown, form: Form, schema: KeySchema): readonly BatchWrite[] {
  const { writes } = checkedDocument(batchShape, json, 'invalid-body');
  const seen = new Map<string, number>();
  return writes.map((write, i) => {
    const path = `writes[${i}]`;
    const read = batchWrite(write, form, schema, path);
    const text = keyText(read.key, schema);
    const first = seen.get(text);
    if (first !== undefined) throw new InputError('invalid-body', `writes[${first}] and ${path} have the same key. A batch has one write a key.`, path);
    seen.set(text, i);
    return read;
  });
}

type WriteDocument = ReturnType<typeof batchShape.parse>['writes'][number];

function batchWrite(write: WriteDocument, form: Form, schema: KeySchema, path: string): BatchWrite {
  const ifMatch = write.ifMatch === undefined ? {} : { ifMatch: write.ifMatch };
  if ('put' in write) {
    const put = readItem(write.put, form, schema, `${path}.put`);
    return { key: keyOf(put, schema), change: { put }, ...ifMatch, ...(write.ifNoneMatch !== undefined && { ifNoneMatch: write.ifNoneMatch }) };
  }
  if ('delete' in write) return { key: readKeyObject(write.delete, form, schema, `${path}.delete`), change: { delete: true }, ...ifMatch };
  const { operations, if: condition } = patchOf(write.patch, form, `${path}.patch.`);
  const key = readKeyObject(write.patch.key, form, schema, `${path}.patch.key`);
  return { key, change: { patch: operations, ...(condition !== undefined && { if: condition }) }, ...ifMatch };
}

/** @throws InputError "invalid-body", "invalid-condition", and those of values and keys */
export function readQuery(json: unknown, form: Form, schema: KeySchema): QueryIntent {
  const { select, limit, ...rest } = checkedDocument(queryShape, json, 'invalid-body');
  return {
    ...queryOf(rest, form, schema),
    ...(select !== undefined && { select: select.map((path, i) => readPath(path, `select[${i}]`, 'invalid-body')) }),
    ...(limit !== undefined && { limit }),
  };
}

/** As readQuery, for counts. */
export function readCount(json: unknown, form: Form, schema: KeySchema): QueryIntent {
  const { limit, ...rest } = checkedDocument(countShape, json, 'invalid-body');
  return { ...queryOf(rest, form, schema), ...(limit !== undefined && { limit }) };
}

function queryOf({ partition, sort, filter, after, descending }: ReturnType<typeof countShape.parse>, form: Form, schema: KeySchema): QueryIntent {
  const value = readValue(partition, form, 'partition');
  at('partition', () => checkKeyOf({ [schema.partition.name]: value }, { partition: schema.partition }));
  return {
    partition: value,
    ...(sort !== undefined && { sort: sortOf(sort, form, schema) }),
    ...(filter !== undefined && { filter: readCondition(filter, form, 'filter') }),
    ...(after !== undefined && { after }),
    ...(descending !== undefined && { descending }),
  };
}

type SortDocument = NonNullable<ReturnType<typeof countShape.parse>['sort']>;

function sortOf(document: SortDocument, form: Form, { sort }: KeySchema): SortCondition {
  if (sort === undefined) throw new InputError('invalid-body', 'The table has no sort key, so nothing can be asked of it. Leave "sort" out.', 'sort');
  const { name } = sort;
  const read = (json: unknown, path: string): AttributeValue => {
    const value = readValue(json, form, path);
    at(path, () => checkKeyOf({ [name]: value }, { partition: sort }));
    return value;
  };
  if (document.op === 'between') {
    const [from, to] = [read(document.from, 'sort.from'), read(document.to, 'sort.to')];
    if ((compareValues(from, to) ?? 0) > 0) throw new InputError('invalid-body', '"sort.from" lies above "sort.to". Give the smaller one first.', 'sort');
    return { name, from, to };
  }
  const value = read(document.value, 'sort.value');
  if (document.op === 'begins-with' && sort.type === 'N')
    throw new InputError('invalid-body', 'The sort key is a number, and numbers have no beginning. Use "between".', 'sort.op');
  return { name, op: document.op, value };
}

/** A path that a caller gave; our own attribute is not there for callers. */
function readPath(given: unknown, at: string, code: string): Path {
  const path = parsePath(given, at, code);
  if (path[0] === RESERVED) throw new InputError('reserved-attribute', `The attribute "${RESERVED}" is Syncline's own, and never shown.`, at);
  return path;
}

function patchOf(document: ReturnType<typeof patchShape.parse>, form: Form, prefix: string): PatchDocument {
  const operations = document.operations.map((operation, i): PatchOperation => {
    const place = `${prefix}operations[${i}]`;
    const path = readPath(operation.path, `${place}.path`, 'invalid-patch');
    return operation.op === 'remove' ? { op: 'remove', path } : { op: operation.op, path, value: readValue(operation.value, form, `${place}.value`) };
  });
  return { operations, ...(document.if !== undefined && { if: readCondition(document.if, form, `${prefix}if`) }) };
}

/** An object that is neither a list nor a number. */
function objectOf(json: unknown, what: string, path: string): { readonly [name: string]: PlainJson } {
  if (typeof json === 'object' && json !== null && !Array.isArray(json) && !(json instanceof PlainNumber))
    return json as { readonly [name: string]: PlainJson };
  throw new InputError('invalid-item', `${what} is an object of attributes, such as {"id":"a"} in plain JSON or {"id":{"S":"a"}} in DynamoDB JSON.`, path);
}

/** What `read` gives; the paths of its errors are put behind this one. */
function at<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof InputError) throw new InputError(error.code, error.message, error.path === undefined ? path : `${path}.${error.path}`);
    throw error;
  }
}

/** The JSON text of an item. It must have no metadata. */
export const writeItem = (item: Item, form: Form): string => (form === 'plain' ? itemToPlainText(item) : JSON.stringify(item));

/** The JSON text of a value. */
export const writeValue = (value: AttributeValue, form: Form): string => (form === 'plain' ? toPlainText(value) : JSON.stringify(value));

/** The JSON text of a list of items. */
export const writeItems = (items: readonly Item[], form: Form): string => `[${items.map((item) => writeItem(item, form)).join(',')}]`;

/** The JSON text of a query's answer: items, count, scanned, next. */
export function writeQueryPage({ items, scanned, next }: QueryPage, form: Form): string {
  const end = JSON.stringify({ count: items.length, scanned, ...(next !== undefined && { next }) });
  return `{"items":${writeItems(items, form)},${end.slice(1)}`;
}
