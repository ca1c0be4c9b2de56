import type { ArchivedBound } from '../../archive/log/until.ts';
import { archivedBound } from '../../archive/log/until.ts';
import { readArchiveSettings } from '../../archive/settings-row.ts';
import type { Item } from '../../core/attribute.ts';
import type { Shard } from '../../core/formats/rows.ts';
import { decodeShard, SHARD } from '../../core/formats/rows.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { ShardDescription, StreamPort } from '../../ports/stream.ts';
import { retried } from '../../replicate/retry.ts';
import type { MemberReach } from '../ports.ts';
import { OBJECT_MAX_MS, SHARD_PAGES_MAX } from './limits.ts';

/** A member with its stream, where that can be described. */
export type ScannedMember = MemberReach & { readonly stream?: StreamPort };

/**
 * Up to when everything surely is in the member's log.
 *
 * Without the stream's description every row is taken for an open shard: that is stricter. A table of several shards may then have to wait
 * until the rows of those that are closed are gone.
 *
 * @param streamArn of the table's present stream.
 * @throws RemoteError, FormatError
 */
export async function logReaches({ member, table, stream }: ScannedMember, runtime: Runtime, streamArn: string): Promise<ArchivedBound> {
  const { control } = member.tables;
  const until = runtime.clock.elapsed() + OBJECT_MAX_MS;
  const { windowMs } = await readArchiveSettings(table, control, runtime, until);
  const described = stream === undefined ? undefined : await retried(runtime, until, () => stream.shards(streamArn));
  const nowMs = runtime.clock.now();
  // After the description and the clock: a shard's first record could fall in between.
  const rows: Shard[] = [];
  let after: Item | undefined;
  for (let page = 0; page < SHARD_PAGES_MAX; page += 1) {
    const from = after;
    const request = { table: control, partition: { name: 'pk', value: { S: SHARD } }, ...(from !== undefined && { after: from }) };
    const { items, next } = await retried(runtime, until, () => table.query(request));
    rows.push(...items.map(decodeShard));
    after = next;
    if (after === undefined) break;
  }
  return archivedBound(rows, described ?? rows.map(({ id }): ShardDescription => ({ id, first: '0' })), nowMs, windowMs);
}
