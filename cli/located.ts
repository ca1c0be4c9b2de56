import type { MemberConfig } from '../lib/core/config.ts';
import { isRemote } from '../lib/ports/errors.ts';
import type { TablePort } from '../lib/ports/table.ts';
import type { Session } from './session.ts';
import { located } from './session.ts';

/** DynamoDB of a member whose failures say which region failed, for flows that talk to several regions at once. */
export function locatedTable(session: Session, member: MemberConfig): TablePort {
  const port = session.ports(member).table;
  const at = <T>(run: () => Promise<T>): Promise<T> => located(session, member, run);
  // `missing` keeps its class: flows look at it.
  const describe: TablePort['describe'] = (table, options) => port.describe(table, options).catch((error: unknown) => rethrow(error, at));
  return {
    batchGet: (request, options) => at(() => port.batchGet(request, options)),
    batchWrite: (writes, options) => at(() => port.batchWrite(writes, options)),
    get: (table, key, options) => at(() => port.get(table, key, options)),
    put: (table, item, condition, options) => at(() => port.put(table, item, condition, options)),
    delete: (table, key, condition, options) => at(() => port.delete(table, key, condition, options)),
    update: (table, key, changes, condition, options) => at(() => port.update(table, key, changes, condition, options)),
    query: (request, options) => at(() => port.query(request, options)),
    scan: (request, options) => at(() => port.scan(request, options)),
    transact: (writes, options) => at(() => port.transact(writes, options)),
    describe,
  };
}

async function rethrow(error: unknown, at: <T>(run: () => Promise<T>) => Promise<T>): Promise<never> {
  if (isRemote(error, 'missing')) throw error;
  return at(() => Promise.reject(error));
}
