import { readLogName } from '../../../../lib/core/formats/archive-names.ts';
import type { LogRecord } from '../../../../lib/core/formats/log-record.ts';
import type { Shard } from '../../../../lib/core/formats/rows.ts';
import { decodeShard, shardKey } from '../../../../lib/core/formats/rows.ts';
import { decodeSegment, sha256Base64 } from '../../../../lib/core/formats/segment.ts';
import type { SegmentHead } from '../../../../lib/core/formats/segment-footer.ts';
import { memberNames } from '../../../../lib/core/names.ts';
import type { StreamRecord } from '../../../../lib/ports/stream.ts';
import type { World } from '../../../flows/support/world.ts';

/** A segment as it is in the bucket, every sum of it checked. */
export interface ReadSegment {
  readonly name: string;
  readonly sha256: string;
  readonly head: SegmentHead;
  readonly records: readonly LogRecord[];
}

export const bucketOf = (world: World, member = world.primary): string => memberNames('test', world.named(member)).bucket;

/** All segments of a member's log, in the order of their names. */
export function segments(world: World, member = world.primary): readonly ReadSegment[] {
  const { buckets } = world.cloud.region(member);
  const bucket = bucketOf(world, member);
  return buckets
    .keys(bucket)
    .filter((name) => readLogName(name) !== undefined)
    .map((name) => {
      const body = buckets.bytes(bucket, name);
      const { footer, records } = decodeSegment(body);
      return { name, sha256: sha256Base64(body), head: footer.head, records };
    });
}

/**
 * What is wrong with a member's log, seen against the records that the observer was given; none when it has each of them once, in the order of
 * its shard, and every segment names the one before it.
 *
 * @param shardOf the shard of a record; by default all records are of one.
 */
export function faults(world: World, given: readonly StreamRecord[], member = world.primary, shardOf: (record: StreamRecord) => string = () => ''): string[] {
  const found: string[] = [];
  const all = segments(world, member);
  const byShard = Map.groupBy(all, ({ head }) => head.shard);
  const logged = new Map([...byShard].map(([shard, list]) => [shard, list.flatMap(({ records }) => records)]));
  for (const [shard, records] of Map.groupBy(given, shardOf)) {
    const own = shard === '' ? [...logged.values()].flat() : (logged.get(shard) ?? []);
    const [expected, seen] = [records.map(same), own.map(same)];
    if (JSON.stringify(expected) !== JSON.stringify(seen)) found.push(`records of ${shard || 'the shard'}: ${seen.length} logged of ${expected.length}`);
  }
  const successors = new Map<string, number>();
  for (const [shard, list] of byShard) {
    list.forEach(({ head, name }, i) => {
      const before = list[i - 1];
      const { previous } = head;
      if (previous === undefined) {
        if (before !== undefined) found.push(`${name} has no predecessor`);
        return;
      }
      const there = all.find((s) => s.head.shard === previous.shard && s.head.first === previous.first);
      if (before !== undefined && there !== before) found.push(`${name} has another predecessor`);
      if (there === undefined || there.sha256 !== previous.sha256 || there.head.last !== previous.last || there.head.firstAt !== previous.firstAt) {
        found.push(`${name}: its predecessor is not what it says`);
      }
      if (previous.shard === shard) successors.set(there?.name ?? '', (successors.get(there?.name ?? '') ?? 0) + 1);
    });
  }
  for (const [name, count] of successors) if (count > 1) found.push(`${name} has ${count} successors`);
  return found;
}

const same = ({ sequence, keys, newImage, oldImage }: StreamRecord | LogRecord): unknown => [BigInt(sequence).toString(), keys, newImage, oldImage];

/** A shard's row. */
export async function shardRow(world: World, shard: string, member = world.primary): Promise<Shard | undefined> {
  const row = await world.clock.run(world.table(member).get(world.control(member), shardKey(shard)));
  return row === undefined ? undefined : decodeShard(row);
}
