import { ATTEMPTS_MAX, BATCH_WRITE_BYTES, BATCH_WRITE_REQUESTS, WRITE_CONCURRENCY } from '../../core/constants.ts';
import { assert } from '../../core/errors.ts';
import { isDelete } from '../../core/formats/message.ts';
import { keyText } from '../../core/key.ts';
import { isRemote, RemoteError } from '../../ports/errors.ts';
import type { TableWrite } from '../../ports/table.ts';
import { retryDelayMs, slowDown, speedUp } from '../back-off.ts';
import { together } from '../together.ts';
import type { TargetState } from './guard-read.ts';
import type { KeyOp } from './ops.ts';
import { copyOf, tombstoneOf } from './ops.ts';
import type { Pass } from './pass.ts';

/** One operation that passed the guard, with what the guard read. */
export interface BulkOp {
  readonly op: KeyOp;
  readonly state: TargetState;
}

/** One request of an operation: its only one, or a tombstone, after which its delete comes. */
interface Request {
  readonly op: KeyOp;
  readonly write: TableWrite;
  readonly bytes: number;
  readonly next: TableWrite | undefined;
  readonly attempts: number;
}

/** A key's own size in a request (bytes), roughly: a delete carries nothing else. */
const DELETE_BYTES = 256;

/**
 * Writes many operations with BatchWriteItem: the guard's first implementation. Requests of both tables share calls,
 * several calls are in flight, and a delete goes out once its tombstone is answered. Unconditional, which is safe since
 * the lanes are owned, nothing unanswered is younger than R, and the guard has just read the keys.
 *
 * A call that is refused as invalid is split until the record at fault stands alone; `refuse` is told.
 * Failures give their lanes up; nothing is thrown for the target's sake.
 */
export async function writeBulk(pass: Pass, epoch: number, ops: readonly BulkOp[], refuse: (op: KeyOp, reason: string) => void): Promise<void> {
  const { pace } = pass.sandbox;
  const { clock, chance } = pass.runtime;
  const pending: Request[] = [];
  for (const { op, state } of ops) {
    try {
      pending.push(firstRequest(pass, op, state));
    } catch (error) {
      // An image that cannot even be hashed: the record is at fault.
      refuse(op, error instanceof Error ? error.message : String(error));
    }
  }
  let cursor = 0;
  const running = new Set<Promise<void>>();
  const broken: unknown[] = [];

  // Bounded: every request is sent at most ATTEMPTS_MAX times, and a pack is halved at most five times.
  while (cursor < pending.length || running.size > 0) {
    while (cursor < pending.length && running.size < Math.max(1, Math.floor(pace.limit))) {
      const task: Promise<void> = send(takePack())
        .catch((error: unknown) => {
          broken.push(error);
        })
        .finally(() => running.delete(task));
      running.add(task);
    }
    await Promise.race(running);
  }
  if (broken.length > 0) throw broken[0];

  function identity(write: TableWrite): string {
    return `${write.table}|${keyText(write.put ?? write.delete, pass.link.key)}`;
  }

  function takePack(): Request[] {
    const pack: Request[] = [];
    let bytes = 0;
    while (cursor < pending.length && pack.length < BATCH_WRITE_REQUESTS) {
      const request = pending[cursor] as Request;
      if (pack.length > 0 && bytes + request.bytes > BATCH_WRITE_BYTES) break;
      pack.push(request);
      bytes += request.bytes;
      cursor += 1;
    }
    return pack;
  }

  async function send(pack: readonly Request[]): Promise<void> {
    const live = pack.filter((r) => r.op.lane.failure === undefined);
    if (live.length === 0) return;
    const options = pass.write();
    try {
      await pass.renewFence(epoch);
      const { unprocessed } = await pass.ports.target.batchWrite(
        live.map((r) => r.write),
        options,
      );
      // By table and key: the service names what it left by equal values, and adapters make new objects of them.
      const left = new Set(unprocessed.map(identity));
      const back = left.size === 0 ? [] : live.filter((r) => left.has(identity(r.write)));
      assert(back.length === unprocessed.length, 'an unprocessed write that was not sent', {
        sent: live.length,
        unprocessed: unprocessed.length,
        known: back.length,
      });
      for (const request of live) {
        if (back.includes(request)) continue;
        if (request.next === undefined) pass.counts.applied += 1;
        else pending.push({ op: request.op, write: request.next, bytes: DELETE_BYTES, next: undefined, attempts: 0 });
      }
      if (back.length === 0) speedUp(pace, WRITE_CONCURRENCY.max);
      else {
        slowDown(pace, WRITE_CONCURRENCY.min);
        const error = new RemoteError('throttled', 'UnprocessedItems', 'the target left items unwritten');
        await again(back, error);
      }
    } catch (error) {
      await failed(live, error, options.issuedAt);
    }
  }

  async function failed(pack: readonly Request[], error: unknown, issuedAt: number): Promise<void> {
    if (isRemote(error, 'invalid')) {
      if (pack.length === 1) {
        const { op } = pack[0] as Request;
        refuse(op, `${error.code}: ${error.message}`);
        return;
      }
      const middle = pack.length >> 1;
      await together([send(pack.slice(0, middle)), send(pack.slice(middle))]);
      return;
    }
    if (isRemote(error, 'unanswered')) pass.hold(issuedAt);
    if (isRemote(error, 'throttled')) slowDown(pace, WRITE_CONCURRENCY.min);
    const repeat = isRemote(error, 'throttled', 'transient') || (isRemote(error, 'notIssued') && !pass.outOfTime);
    if (repeat) await again(pack, error);
    else for (const { op } of pack) pass.failFor(op.lane, error);
  }

  /** Puts requests back, after a wait that also slows this worker down; gives up those that were tried often enough. */
  async function again(requests: readonly Request[], error: RemoteError): Promise<void> {
    const attempt = Math.max(...requests.map((r) => r.attempts)) + 1;
    if (error.kind !== 'notIssued') {
      const wait = retryDelayMs(attempt, chance.random());
      if (clock.elapsed() + wait < pass.notAfter) await clock.sleep(wait);
    }
    for (const request of requests) {
      if (request.attempts + 1 >= ATTEMPTS_MAX || pass.outOfTime) pass.failFor(request.op.lane, error);
      else pending.push({ ...request, attempts: request.attempts + 1 });
    }
  }
}

/** The first request of an operation. @throws InputError when the image cannot be hashed. */
function firstRequest(pass: Pass, op: KeyOp, state: TargetState): Request {
  const { items, tombstones } = pass.link.targetTables;
  const { tableId } = pass.seat;
  if (isDelete(op.change)) {
    const put = tombstoneOf(op, tableId, pass.runtime.clock.now());
    const next = state.item === undefined ? undefined : { table: items, delete: op.key };
    return { op, write: { table: tombstones, put }, bytes: DELETE_BYTES, next, attempts: 0 };
  }
  const put = copyOf(op.change.i, tableId, op.keyText, op.position, 'lane');
  return { op, write: { table: items, put }, bytes: sizeHint(op), next: undefined, attempts: 0 };
}

/** The image's JSON, roughly, without making it again: exact sizes do not matter below the call's own limit. */
function sizeHint(op: KeyOp): number {
  let bytes = 128;
  const image = isDelete(op.change) ? op.change.k : op.change.i;
  for (const name in image) {
    const value = image[name] as Record<string, unknown>;
    const text = value['S'] ?? value['B'] ?? value['N'];
    bytes += name.length + (typeof text === 'string' ? text.length : 'BOOL' in value || 'NULL' in value ? 8 : JSON.stringify(value).length);
  }
  return bytes;
}
