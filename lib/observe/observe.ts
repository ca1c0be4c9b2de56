import { FUNCTION_TIMEOUT_MS, REQUEST_EFFECT_MAX_MS } from '../core/constants.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { StreamBatch } from '../ports/stream.ts';
import type { TablePort } from '../ports/table.ts';
import type { MemberContext } from '../replicate/context.ts';
import { retried } from '../replicate/retry.ts';
import type { ShardFinder } from '../replicate/shards.ts';
import { growMark } from '../replicate/shards.ts';

/**
 * The observer of a member's own stream. So far it only grows the shard's `seen`; the log is the issue "Archive".
 *
 * @throws RemoteError when the stream cannot be described or the mark cannot be written: the batch comes again.
 */
export async function observe(
  batch: StreamBatch,
  member: MemberContext,
  ports: { readonly table: TablePort; readonly shards: ShardFinder },
  runtime: Runtime,
): Promise<void> {
  const last = batch.records.at(-1);
  if (last === undefined) return;
  const until = runtime.clock.elapsed() + FUNCTION_TIMEOUT_MS - 2 * REQUEST_EFFECT_MAX_MS;
  const shard = batch.shardId ?? (await retried(runtime, until, () => ports.shards.find(last.streamArn, last.sequence, last.createdMs)));
  if (shard === undefined) runtime.metrics.count('ShardUnknown', 1);
  else await retried(runtime, until, () => growMark(ports.table, member.tables.control, shard, 'seen', last.sequence, last.createdMs));
}
