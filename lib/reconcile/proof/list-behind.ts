import { Gate } from '../../archive/log/gate.ts';
import { LISTS_AT_ONCE } from '../../archive/log/limits.ts';
import type { SegmentRef } from '../../archive/log/list.ts';
import { inReplayOrder, listShards, pastShard, shardFolder, shardPath } from '../../archive/log/list.ts';
import type { ArchivePlace } from '../../archive/place.ts';
import { LOG_PREFIX, segmentName } from '../../core/formats/archive-names.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { together } from '../../replicate/together.ts';

/** A shard of a log, and how far it was read. */
export interface KnownShard extends Pick<SegmentRef, 'label' | 'shard' | 'first' | 'firstAtMs'> {
  /** Nothing comes any more: it is not listed. */
  readonly over: boolean;
}

/** Which shards are listed beside the known ones. */
export type Others =
  /** Those that sort after all known ones, as DynamoDB names them: one request. */
  | 'later'
  /** All: one request more for each known one. */
  | 'all'
  /** These, and no other. */
  | readonly Pick<SegmentRef, 'label' | 'shard'>[];

/** The parts of a shard's path. */
export function readPath(path: string): Pick<SegmentRef, 'label' | 'shard'> {
  const at = path.indexOf('/');
  return { label: path.slice(0, at), shard: path.slice(at + 1) };
}

/**
 * Lists the segments that come after the known ones, in the order of replay.
 *
 * @param isWanted leaves out what is not.
 * @throws RemoteError
 */
export async function listBehind(
  place: ArchivePlace,
  runtime: Runtime,
  known: readonly KnownShard[],
  others: Others,
  isWanted: (ref: SegmentRef) => boolean,
): Promise<SegmentRef[]> {
  const found: SegmentRef[] = [];
  const gate = new Gate(LISTS_AT_ONCE);
  const list = (stretch: { readonly prefix: string; readonly after?: string; readonly before?: string }): Promise<void> =>
    gate.pass(() =>
      listShards(place, runtime, stretch, (refs) => {
        found.push(...refs.filter(isWanted));
        return true;
      }),
    );
  if (typeof others === 'string') await together(between(known, others === 'all').map(list));
  else await together(others.map((shard) => list({ prefix: shardFolder(shard) })));
  // Known shards come last: then what a new one follows on is there.
  await together(known.flatMap((shard) => (shard.over ? [] : [list({ prefix: shardFolder(shard), after: segmentName(shard) })])));
  return found.sort(inReplayOrder);
}

/** The stretches of names where shards may be that are not known. */
function between(known: readonly KnownShard[], all: boolean): { readonly prefix: string; readonly after?: string; readonly before?: string }[] {
  const sorted = [...known].sort((a, b) => (shardPath(a) < shardPath(b) ? -1 : 1));
  const last = sorted.at(-1);
  const gaps = all
    ? sorted.slice(0, -1).map((shard, i) => ({ prefix: LOG_PREFIX, after: pastShard(shard), before: shardFolder(sorted[i + 1] as KnownShard) }))
    : [];
  return [...gaps, { prefix: LOG_PREFIX, ...(last !== undefined && { after: pastShard(last) }) }];
}
