import type { Item } from '../../core/attribute.ts';
import { isRemote } from '../../ports/errors.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { Page, ScanRequest, TablePort } from '../../ports/table.ts';
import { retryDelayMs } from '../../replicate/back-off.ts';
import { retried } from '../../replicate/retry.ts';
import { READ_MAX_MS, STALL_MAX_MS } from './limits.ts';

/**
 * All items of a table as it is, a page at a time, the next one asked for when it is wanted. A table that refuses reads for
 * load is waited for.
 *
 * @throws RemoteError; "throttled" when it refuses for STALL_MAX_MS.
 */
export async function* scanItems(port: TablePort, request: Omit<ScanRequest, 'after'>, runtime: Runtime): AsyncGenerator<readonly Item[]> {
  let page: Page = { items: [] };
  do {
    const after = page.next;
    page = await patiently(runtime, () => port.scan({ ...request, ...(after !== undefined && { after }) }));
    yield page.items;
  } while (page.next !== undefined);
}

async function patiently(runtime: Runtime, read: () => Promise<Page>): Promise<Page> {
  const { clock, chance } = runtime;
  const until = clock.elapsed() + STALL_MAX_MS;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await retried(runtime, clock.elapsed() + READ_MAX_MS, read);
    } catch (error) {
      if (!isRemote(error, 'throttled') || clock.elapsed() >= until) throw error;
      await clock.sleep(retryDelayMs(attempt, chance.random()));
    }
  }
}
