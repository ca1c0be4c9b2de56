import type { AttributeValue, Item, Key } from '../../core/attribute.ts';
import { BATCH_GET_KEYS, BATCH_WRITE_REQUESTS } from '../../core/constants.ts';
import { keyOf } from '../../core/key.ts';
import { itemBytes } from '../../core/size.ts';
import { RemoteError } from '../../ports/errors.ts';
import type { Clock } from '../../ports/runtime.ts';
import type {
  BatchGet,
  BatchGetAnswer,
  CallOptions,
  Changes,
  Condition,
  ConditionalAnswer,
  QueryRequest,
  TableDescription,
  TablePort,
  TableWrite,
} from '../../ports/table.ts';
import type { Caller, Fault } from './call.ts';
import { at, checkCondition, compareValues, holds } from './condition.ts';
import type { MemoryTable } from './table.ts';
import { checkedItem, invalid } from './validate.ts';

/** Bytes in one BatchGetItem answer; keys beyond it stay unprocessed. */
const BATCH_GET_BYTES_MAX = 16 * 1_024 * 1_024;
/** Bytes in one page of a query. */
const QUERY_BYTES_MAX = 1_024 * 1_024;

/** DynamoDB of one region of the memory cloud. */
export class MemoryTablePort implements TablePort {
  readonly #region: string;
  readonly #tables: ReadonlyMap<string, MemoryTable>;
  readonly #caller: Caller;
  readonly #clock: Clock;

  constructor(region: string, tables: ReadonlyMap<string, MemoryTable>, caller: Caller, clock: Clock) {
    this.#region = region;
    this.#tables = tables;
    this.#caller = caller;
    this.#clock = clock;
  }

  batchGet(request: BatchGet, options?: CallOptions): Promise<BatchGetAnswer> {
    const names = request.tables.map((t) => t.table);
    return this.#call('batchGet', names, [request], options, (fault) => {
      const count = request.tables.reduce((n, t) => n + t.keys.length, 0);
      if (count === 0) throw invalid('1 validation error detected: a BatchGetItem request needs at least one key');
      if (count > BATCH_GET_KEYS) throw invalid(`Too many items requested for the BatchGetItem call: ${count}, at most ${BATCH_GET_KEYS}`);
      if (new Set(names).size !== names.length) throw invalid('A table stands twice in one BatchGetItem request');
      const checked = request.tables.map(({ table: name, keys, project }) => {
        const table = this.#table(name);
        checkPaths(project);
        const own = keys.map((key) => table.checkKey(key));
        if (new Set(own.map((key) => table.keyText(key))).size !== own.length) throw invalid('Provided list of item keys contains duplicates');
        return { table, keys: own, given: keys, project };
      });
      const items = new Map<string, Item[]>();
      const unprocessed = new Map<string, Key[]>();
      let index = 0;
      let bytes = 0;
      for (const { table, keys, given, project } of checked) {
        keys.forEach((key, i) => {
          const item = table.read(key);
          const size = item === undefined ? 0 : itemBytes(item);
          if (fault.unprocessed?.(index++) === true || bytes + size > BATCH_GET_BYTES_MAX) {
            listIn(unprocessed, table.name).push(given[i] as Key);
            return;
          }
          bytes += size;
          if (item !== undefined) listIn(items, table.name).push(project === undefined ? item : projected(item, project));
        });
      }
      return { items, unprocessed };
    });
  }

  batchWrite(writes: readonly TableWrite[], options?: CallOptions): Promise<{ readonly unprocessed: readonly TableWrite[] }> {
    return this.#call('batchWrite', [...new Set(writes.map((w) => w.table))], [writes], options, (fault) => {
      if (writes.length === 0) throw invalid('1 validation error detected: a BatchWriteItem request needs at least one request');
      if (writes.length > BATCH_WRITE_REQUESTS)
        throw invalid(`Too many items requested for the BatchWriteItem call: ${writes.length}, at most ${BATCH_WRITE_REQUESTS}`);
      const seen = new Set<string>();
      const checked = writes.map((write) => {
        const table = this.#table(write.table);
        const what = write.put === undefined ? { key: table.checkKey(write.delete) } : { item: table.checkItem(write.put) };
        const id = `${table.name}|${table.keyText((what.key ?? what.item) as Item)}`;
        if (seen.has(id)) throw invalid('Provided list of item keys contains duplicates');
        seen.add(id);
        return { table, ...what };
      });
      const now = this.#clock.now();
      const unprocessed: TableWrite[] = [];
      checked.forEach(({ table, item, key }, index) => {
        // Named by equal values, as the service does: never the caller's own objects.
        if (fault.unprocessed?.(index) === true)
          unprocessed.push(item !== undefined ? { table: table.name, put: item } : { table: table.name, delete: key as Key });
        else if (item !== undefined) table.write(item, now);
        else table.remove(key as Key, now);
      });
      return { unprocessed };
    });
  }

  get(table: string, key: Key, options?: CallOptions): Promise<Item | undefined> {
    return this.#call('get', [table], [table, key], options, () => {
      const found = this.#table(table);
      return found.read(found.checkKey(key));
    });
  }

  put(table: string, item: Item, condition?: Condition, options?: CallOptions): Promise<ConditionalAnswer> {
    return this.#call('put', [table], [table, item, condition], options, () => {
      const found = this.#table(table);
      const checked = found.checkItem(item);
      return this.#conditional(found, keyOf(checked, found.schema), condition, () => found.write(checked, this.#clock.now()));
    });
  }

  delete(table: string, key: Key, condition?: Condition, options?: CallOptions): Promise<ConditionalAnswer> {
    return this.#call('delete', [table], [table, key, condition], options, () => {
      const found = this.#table(table);
      const checked = found.checkKey(key);
      return this.#conditional(found, checked, condition, () => found.remove(checked, this.#clock.now()));
    });
  }

  update(table: string, key: Key, changes: Changes, condition?: Condition, options?: CallOptions): Promise<ConditionalAnswer> {
    return this.#call('update', [table], [table, key, changes, condition], options, () => {
      const found = this.#table(table);
      const checked = found.checkKey(key);
      const set = changes.set ?? {};
      const remove = changes.remove ?? [];
      const names = [...Object.keys(set), ...remove];
      for (const name of names) {
        if (Object.hasOwn(checked, name))
          throw invalid(`One or more parameter values were invalid: Cannot update attribute ${name}. This attribute is part of the key`);
      }
      if (new Set(names).size !== names.length) throw invalid('Invalid UpdateExpression: Two document paths overlap with each other');
      // What does not depend on the old item is refused whether or not the condition holds.
      checkedItem({ ...checked, ...set }, found.schema, found.indexes);
      return this.#conditional(found, checked, condition, (old) => {
        const next: Record<string, AttributeValue> = { ...(old ?? checked), ...set };
        for (const name of remove) delete next[name];
        found.write(found.checkItem(next), this.#clock.now());
      });
    });
  }

  query(request: QueryRequest, options?: CallOptions): Promise<{ readonly items: readonly Item[]; readonly next?: Key }> {
    return this.#call('query', [request.table], [request], options, () => {
      const table = this.#table(request.table);
      const { partition, sort } = table.schema;
      if (request.partition.name !== partition.name || !(partition.type in request.partition.value))
        throw invalid('Query condition missed key schema element or has another type');
      if (request.sort !== undefined && (request.sort.name !== sort?.name || sort.type !== 'S'))
        throw invalid('Query key condition not supported: begins_with needs the sort key, a string');
      if (request.limit !== undefined && !(request.limit >= 1)) throw invalid('Limit must be greater than or equal to 1');
      const after = request.after === undefined ? undefined : table.checkKey(request.after);
      const prefix = request.sort?.prefix;
      const found = table
        .items()
        .filter((item) => compareValues(item[partition.name] as AttributeValue, request.partition.value) === 0)
        .filter((item) => prefix === undefined || (sort !== undefined && (item[sort.name] as { S: string }).S.startsWith(prefix)))
        .sort((a, b) => (sort === undefined ? 0 : (compareValues(a[sort.name] as AttributeValue, b[sort.name] as AttributeValue) ?? 0)))
        .filter(
          (item) =>
            after === undefined || (sort !== undefined && (compareValues(item[sort.name] as AttributeValue, after[sort.name] as AttributeValue) ?? 0) > 0),
        );
      const items: Item[] = [];
      let bytes = 0;
      for (const item of found) {
        items.push(item);
        bytes += itemBytes(item);
        // As DynamoDB: a page that is full names its last key, whether or not more follows.
        if (items.length === request.limit || bytes >= QUERY_BYTES_MAX) return { items, next: keyOf(item, table.schema) };
      }
      return { items };
    });
  }

  describe(table: string, options?: CallOptions): Promise<TableDescription> {
    return this.#call('describe', [table], [table], options, () => this.#table(table).describe());
  }

  #conditional(table: MemoryTable, key: Key, condition: Condition | undefined, effect: (old: Item | undefined) => void): ConditionalAnswer {
    const old = table.read(key);
    if (condition !== undefined) {
      checkCondition(condition);
      if (!holds(condition, old)) return { ok: false, old };
    }
    effect(old);
    return { ok: true };
  }

  #table(name: string): MemoryTable {
    const table = this.#tables.get(name);
    if (table === undefined) throw new RemoteError('missing', 'ResourceNotFoundException', `Requested resource not found: table ${name} in ${this.#region}`);
    return table;
  }

  #call<T>(op: string, resources: readonly string[], args: readonly unknown[], options: CallOptions | undefined, effect: (fault: Fault) => T): Promise<T> {
    return this.#caller.call({ region: this.#region, service: 'dynamodb', op, resources, args }, options, effect);
  }
}

function checkPaths(paths: readonly (readonly string[])[] | undefined): void {
  if (paths === undefined) return;
  if (paths.length === 0) throw invalid('Invalid ProjectionExpression: The expression can not be empty');
  paths.forEach((a, i) => {
    const overlaps = paths.some((b, j) => i !== j && a.length <= b.length && a.every((name, k) => name === b[k]));
    if (a.length === 0 || overlaps) throw invalid('Invalid ProjectionExpression: Two document paths overlap with each other');
  });
}

/** The parts of an item at these paths, as DynamoDB returns them: within their maps; nothing where there is nothing. */
function projected(item: Item, paths: readonly (readonly string[])[]): Item {
  const out: Record<string, AttributeValue> = {};
  for (const path of paths) {
    const value = at(item, path);
    if (value === undefined) continue;
    let into = out;
    for (const name of path.slice(0, -1)) {
      into[name] ??= { M: {} };
      into = (into[name] as { M: Record<string, AttributeValue> }).M;
    }
    into[path.at(-1) as string] = value;
  }
  return out;
}

function listIn<T>(map: Map<string, T[]>, name: string): T[] {
  const list = map.get(name);
  if (list !== undefined) return list;
  const made: T[] = [];
  map.set(name, made);
  return made;
}
