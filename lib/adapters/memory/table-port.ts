import type { AttributeValue, Item, Key } from '../../core/attribute.ts';
import { BATCH_GET_KEYS, BATCH_WRITE_REQUESTS, ITEM_BYTES_MAX } from '../../core/constants.ts';
import { valueAt } from '../../core/values.ts';
import { RemoteError } from '../../ports/errors.ts';
import type { Clock } from '../../ports/runtime.ts';
import type {
  BatchGet,
  BatchGetAnswer,
  CallOptions,
  Changes,
  Condition,
  ConditionalAnswer,
  Page,
  QueryRequest,
  ScanRequest,
  TableDescription,
  TablePort,
  TableWrite,
  TransactAnswer,
  TransactWrite,
} from '../../ports/table.ts';
import type { Caller, Fault } from './call.ts';
import { checkedCondition, holds } from './condition.ts';
import { queryPage, scanPage } from './pages.ts';
import type { BatchEffect } from './steps.ts';
import type { MemoryTable } from './table.ts';
import { transaction } from './transact.ts';
import { invalid } from './validate.ts';

/** Bytes in one BatchGetItem answer; keys beyond it stay unprocessed. */
const BATCH_GET_BYTES_MAX = 16 * 1_024 * 1_024;

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
    return this.#callBatch('batchGet', names, [request], options, (fault) => {
      const count = request.tables.reduce((n, t) => n + t.keys.length, 0);
      if (count === 0) throw invalid('1 validation error detected: a BatchGetItem request needs at least one key');
      if (count > BATCH_GET_KEYS) throw invalid(`Too many items requested for the BatchGetItem call: ${count}, at most ${BATCH_GET_KEYS}`);
      if (names.length > 1 && new Set(names).size !== names.length) throw invalid('A table stands twice in one BatchGetItem request');
      const reads: { readonly table: MemoryTable; readonly key: string; readonly given: Key; readonly project: readonly (readonly string[])[] | undefined }[] =
        [];
      for (const { table: name, keys, project } of request.tables) {
        const table = this.#table(name);
        checkPaths(project);
        const seen = new Set<string>();
        for (const given of keys) {
          const key = table.keyText(table.checkKey(given));
          if (seen.has(key)) throw invalid('Provided list of item keys contains duplicates');
          seen.add(key);
          reads.push({ table, key, given, project });
        }
      }
      const items = new Map<string, Item[]>();
      const unprocessed = new Map<string, Key[]>();
      // Sizes need looking at only where so many items could be too large.
      const measured = count * ITEM_BYTES_MAX > BATCH_GET_BYTES_MAX;
      let bytes = 0;
      return {
        count,
        one: (index) => {
          const { table, key, given, project } = reads[index] as (typeof reads)[number];
          const size = measured ? table.bytesOf(key) : 0;
          if (fault.unprocessed?.(index) === true || bytes + size > BATCH_GET_BYTES_MAX) {
            listIn(unprocessed, table.name).push(given);
            return;
          }
          bytes += size;
          const item = table.readText(key);
          if (item !== undefined) listIn(items, table.name).push(project === undefined ? item : projected(item, project));
        },
        answer: () => ({ items, unprocessed }),
      };
    });
  }

  batchWrite(writes: readonly TableWrite[], options?: CallOptions): Promise<{ readonly unprocessed: readonly TableWrite[] }> {
    return this.#callBatch('batchWrite', namesOf(writes), [writes], options, (fault) => {
      if (writes.length === 0) throw invalid('1 validation error detected: a BatchWriteItem request needs at least one request');
      if (writes.length > BATCH_WRITE_REQUESTS)
        throw invalid(`Too many items requested for the BatchWriteItem call: ${writes.length}, at most ${BATCH_WRITE_REQUESTS}`);
      const seen = new Set<string>();
      const checked: { readonly table: MemoryTable; readonly key: string; readonly write: TableWrite }[] = [];
      for (const { table: name, put, delete: key } of writes) {
        const table = this.#table(name);
        // Named by equal values where they stay unprocessed, as the service does: never the caller's own objects.
        const write: TableWrite = put === undefined ? { table: name, delete: table.checkKey(key) } : { table: name, put: table.checkItem(put) };
        const keyed = table.keyText((write.put ?? write.delete) as Item);
        const id = `${name}|${keyed}`;
        if (seen.has(id)) throw invalid('Provided list of item keys contains duplicates');
        seen.add(id);
        checked.push({ table, key: keyed, write });
      }
      const unprocessed: TableWrite[] = [];
      return {
        count: checked.length,
        one: (index) => {
          const { table, key, write } = checked[index] as (typeof checked)[number];
          if (fault.unprocessed?.(index) === true) unprocessed.push(write);
          else if (write.put !== undefined) table.write(write.put, this.#clock.now(), key);
          else table.removeText(key, this.#clock.now());
        },
        answer: () => ({ unprocessed }),
      };
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
      const keyed = found.keyText(checked);
      return conditional(found, keyed, condition, () => found.write(checked, this.#clock.now(), keyed));
    });
  }

  delete(table: string, key: Key, condition?: Condition, options?: CallOptions): Promise<ConditionalAnswer> {
    return this.#call('delete', [table], [table, key, condition], options, () => {
      const found = this.#table(table);
      const keyed = found.keyText(found.checkKey(key));
      return conditional(found, keyed, condition, () => found.removeText(keyed, this.#clock.now()));
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
      const alone = found.checkItem({ ...checked, ...set });
      const keyed = found.keyText(checked);
      return conditional(found, keyed, condition, (old) => {
        const next: Record<string, AttributeValue> = { ...(old ?? checked), ...set };
        for (const name of remove) delete next[name];
        found.write(old === undefined && remove.length === 0 ? alone : found.checkItem(next), this.#clock.now(), keyed);
      });
    });
  }

  query(request: QueryRequest, options?: CallOptions): Promise<Page> {
    return this.#call('query', [request.table], [request], options, () => queryPage(this.#table(request.table), request));
  }

  scan(request: ScanRequest, options?: CallOptions): Promise<Page> {
    return this.#call('scan', [request.table], [request], options, () => {
      checkPaths(request.project);
      const page = scanPage(this.#table(request.table), request);
      const { project } = request;
      return project === undefined ? page : { ...page, items: page.items.map((item) => projected(item, project)) };
    });
  }

  transact(writes: readonly TransactWrite[], options?: CallOptions): Promise<TransactAnswer> {
    const names = [...new Set(writes.map((w) => w.table))];
    return this.#call('transact', names, [writes], options, () => transaction(writes, (name) => this.#table(name), this.#clock.now()));
  }

  describe(table: string, options?: CallOptions): Promise<TableDescription> {
    return this.#call('describe', [table], [table], options, () => this.#table(table).describe());
  }

  #table(name: string): MemoryTable {
    const table = this.#tables.get(name);
    if (table === undefined) throw new RemoteError('missing', 'ResourceNotFoundException', `Requested resource not found: table ${name} in ${this.#region}`);
    return table;
  }

  #call<T>(op: string, resources: readonly string[], args: readonly unknown[], options: CallOptions | undefined, effect: (fault: Fault) => T): Promise<T> {
    return this.#caller.call({ region: this.#region, service: 'dynamodb', op, resources, args }, options, effect);
  }

  #callBatch<T>(
    op: string,
    resources: readonly string[],
    args: readonly unknown[],
    options: CallOptions | undefined,
    begin: (fault: Fault) => BatchEffect<T>,
  ): Promise<T> {
    return this.#caller.callBatch({ region: this.#region, service: 'dynamodb', op, resources, args }, options, begin);
  }
}

/** @param key the key's canonical text. */
function conditional(table: MemoryTable, key: string, condition: Condition | undefined, effect: (old: Item | undefined) => void): ConditionalAnswer {
  const old = table.readText(key);
  if (condition !== undefined && !holds(checkedCondition(condition), old)) return { ok: false, old };
  effect(old);
  return { ok: true };
}

/** The tables of a batch, each once. */
function namesOf(writes: readonly TableWrite[]): readonly string[] {
  const names: string[] = [];
  for (const { table } of writes) if (!names.includes(table)) names.push(table);
  return names;
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
    const value = valueAt(item, path);
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
