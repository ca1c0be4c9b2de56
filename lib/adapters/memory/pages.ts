import type { AttributeValue, Item } from '../../core/attribute.ts';
import { keyHash, keyOf } from '../../core/key.ts';
import { compareValues } from '../../core/values.ts';
import type { Page, QueryRequest, ScanRequest, SortCondition } from '../../ports/table.ts';
import type { MemoryTable } from './table.ts';
import { checkedValue, invalid } from './validate.ts';

/** Pages of queries and scans, as DynamoDB cuts them. */

/** Bytes in one page. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html */
const PAGE_BYTES_MAX = 1_024 * 1_024;
/** Most segments of a parallel scan. */
const SEGMENTS_MAX = 1_000_000;

/** One page of a query. @throws RemoteError invalid */
export function queryPage(table: MemoryTable, request: QueryRequest): Page {
  const { partition, sort } = table.schema;
  if (request.partition.name !== partition.name || !(partition.type in request.partition.value))
    throw invalid('Query condition missed key schema element or has another type');
  checkLimit(request.limit);
  const wanted = request.sort === undefined ? undefined : sortTest(request.sort, sort);
  const after = request.after === undefined ? undefined : table.checkKey(request.after);
  const direction = request.descending === true ? -1 : 1;
  const page = new Pager(table, request.limit);
  const places = table.partition(checkedValue(request.partition.value));
  for (const { key, item } of direction === 1 ? places : places.toReversed()) {
    if (after !== undefined) {
      if (sort === undefined) continue;
      if ((compareValues(item[sort.name] as AttributeValue, after[sort.name] as AttributeValue) ?? 0) * direction <= 0) continue;
    }
    if (wanted !== undefined && sort !== undefined && !wanted(item[sort.name] as AttributeValue)) continue;
    if (page.add(key, item)) return page.full();
  }
  return page.end();
}

/** One page of a scan: in the order of the keys' hashes, as good as any, and the same for as long as nothing changes. @throws RemoteError invalid */
export function scanPage(table: MemoryTable, request: ScanRequest): Page {
  checkLimit(request.limit);
  const { segment } = request;
  if (segment !== undefined && !(segment.of >= 1 && segment.of <= SEGMENTS_MAX && segment.index >= 0 && segment.index < segment.of))
    throw invalid('The value of Segment must be at least 0 and less than TotalSegments');
  const after = request.after === undefined ? undefined : keyHash(table.keyText(table.checkKey(request.after)));
  const page = new Pager(table, request.limit);
  const hashed = table
    .items()
    .map((item) => ({ item, key: table.keyText(item) }))
    .map(({ item, key }) => ({ item, key, hash: keyHash(key) }))
    .filter(({ hash }) => segment === undefined || hash.readUInt32BE(0) % segment.of === segment.index)
    .filter(({ hash }) => after === undefined || Buffer.compare(hash, after) > 0)
    .sort((a, b) => Buffer.compare(a.hash, b.hash));
  for (const { key, item } of hashed) if (page.add(key, item)) return page.full();
  return page.end();
}

function checkLimit(limit: number | undefined): void {
  if (limit !== undefined && !(limit >= 1)) throw invalid('Limit must be greater than or equal to 1');
}

/** Whether a sort key is one that is asked for. */
function sortTest(condition: SortCondition, sort: { readonly name: string; readonly type: 'S' | 'N' | 'B' } | undefined): (value: AttributeValue) => boolean {
  if (sort === undefined || condition.name !== sort.name) throw invalid('Query key condition not supported: it names another attribute than the sort key');
  const operand = (value: AttributeValue): AttributeValue => {
    const checked = checkedValue(value);
    if (!(sort.type in checked)) throw invalid('One or more parameter values were invalid: Condition parameter type does not match schema type');
    return checked;
  };
  if ('prefix' in condition) {
    if (sort.type !== 'S') throw invalid('Query key condition not supported: begins_with needs a string');
    return (value) => (value as { S: string }).S.startsWith(condition.prefix);
  }
  if ('from' in condition) {
    const [from, to] = [operand(condition.from), operand(condition.to)];
    if ((compareValues(from, to) ?? 0) > 0)
      throw invalid('Invalid KeyConditionExpression: The BETWEEN operator requires upper bound to be greater than or equal to lower bound');
    return (value) => (compareValues(value, from) ?? -1) >= 0 && (compareValues(value, to) ?? 1) <= 0;
  }
  const given = operand(condition.value);
  if (condition.op === 'begins-with') {
    if (sort.type === 'N')
      throw invalid('Invalid KeyConditionExpression: Incorrect operand type for operator or function; operator or function: begins_with, operand type: N');
    return (value) => beginsWith(value, given);
  }
  const { op } = condition;
  return (value) => {
    const order = compareValues(value, given) ?? Number.NaN;
    return op === '=' ? order === 0 : op === '<' ? order < 0 : op === '<=' ? order <= 0 : op === '>' ? order > 0 : order >= 0;
  };
}

function beginsWith(value: AttributeValue, prefix: AttributeValue): boolean {
  if ('S' in value && 'S' in prefix) return value.S.startsWith(prefix.S);
  if (!('B' in value && 'B' in prefix)) return false;
  const bytes = Buffer.from(prefix.B, 'base64');
  return Buffer.from(value.B, 'base64').subarray(0, bytes.length).equals(bytes);
}

/** Gathers a page. */
class Pager {
  readonly #table: MemoryTable;
  readonly #limit: number | undefined;
  readonly #items: Item[] = [];
  #bytes = 0;

  constructor(table: MemoryTable, limit: number | undefined) {
    this.#table = table;
    this.#limit = limit;
  }

  /** Adds an item; whether the page is full now. @param key the canonical text of its key */
  add(key: string, item: Item): boolean {
    this.#items.push(item);
    this.#bytes += this.#table.bytesOf(key);
    return this.#items.length === this.#limit || this.#bytes >= PAGE_BYTES_MAX;
  }

  /** As DynamoDB: a page that is full names its last key, whether or not more follows. */
  full(): Page {
    return { items: this.#items, next: keyOf(this.#items.at(-1) as Item, this.#table.schema) };
  }

  end(): Page {
    return { items: this.#items };
  }
}
