import type { Item, Key } from '../../core/attribute.ts';
import { RemoteError } from '../../ports/errors.ts';
import type { TablePort } from '../../ports/table.ts';
import type { Pass } from './pass.ts';
import { retriedRead } from './requests.ts';

/** Rounds in which unprocessed keys are asked for again. */
const UNPROCESSED_ROUNDS_MAX = 6;
/** Longest wait after the first such round (ms); doubled each time, with full jitter. */
const UNPROCESSED_WAIT_MS = 50;

/** One table's share of a BatchGetItem call. */
export interface TableRead {
  readonly table: string;
  readonly keys: readonly Key[];
  /** All attributes when undefined. */
  readonly project?: readonly (readonly string[])[] | undefined;
  /**
   * Takes what an answer brought, once for each answer that has processed any of these keys.
   *
   * @param issuedAt elapsed time (ms) at which that read was issued.
   */
  readonly take: (items: readonly Item[], issuedAt: number) => void;
}

/**
 * Reads keys of some tables in one BatchGetItem call, and again what it leaves unprocessed.
 *
 * @param reads at most BATCH_GET_KEYS keys in all, each table once.
 * @throws RemoteError; "throttled" when keys stay unread for UNPROCESSED_ROUNDS_MAX rounds.
 */
export async function readBatch(pass: Pass, port: TablePort, reads: readonly TableRead[]): Promise<void> {
  const { clock, chance } = pass.runtime;
  let left = reads.filter((r) => r.keys.length > 0);
  for (let round = 0; left.length > 0; round += 1) {
    if (round === UNPROCESSED_ROUNDS_MAX) throw new RemoteError('throttled', 'UnprocessedKeys', `keys were left unread ${UNPROCESSED_ROUNDS_MAX} times`);
    if (round > 0) await clock.sleep(Math.ceil(chance.random() * UNPROCESSED_WAIT_MS * 2 ** (round - 1)));
    const tables = left.map(({ table, keys, project }) => ({ table, keys, ...(project !== undefined && { project }) }));
    let issuedAt = 0;
    const answer = await retriedRead(pass, () => {
      issuedAt = clock.elapsed();
      return port.batchGet({ tables }, pass.read);
    });
    left = left.flatMap((read) => {
      const keys = answer.unprocessed.get(read.table) ?? [];
      if (keys.length < read.keys.length) read.take(answer.items.get(read.table) ?? [], issuedAt);
      return keys.length === 0 ? [] : [{ ...read, keys }];
    });
  }
}
