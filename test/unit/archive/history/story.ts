import type { Item } from '../../../../lib/core/attribute.ts';
import type { LogRecord } from '../../../../lib/core/formats/log-record.ts';
import { position } from '../../../../lib/core/formats/position.ts';
import { encodeSegment } from '../../../../lib/core/formats/segment.ts';
import type { Predecessor } from '../../../../lib/core/formats/segment-footer.ts';
import type { KeySchema } from '../../../../lib/core/key.ts';
import { keyOf } from '../../../../lib/core/key.ts';
import type { ObjectPort } from '../../../../lib/ports/objects.ts';

/** Logs of a member in its bucket, for what reads them. */

const STREAM = 'arn:aws:dynamodb:eu-central-1:000000000000:table/items/stream/2027-01-15T07:00:00.000';
export const SHARD = 'shardId-1';

/** One change. */
export interface Step {
  /** When it was made (ms, whole seconds). */
  readonly at: number;
  readonly before?: Item;
  readonly after?: Item;
  readonly origin?: LogRecord['origin'];
  readonly epoch?: number;
}

/** What becomes of one item: one image after the other; undefined where it is deleted. */
export const story = (...images: readonly (readonly [at: number, image: Item | undefined])[]): Step[] =>
  images.map(([at, after], i) => {
    const before = images[i - 1]?.[1];
    return { at, ...(before !== undefined && { before }), ...(after !== undefined && { after }) };
  });

const eventOf = ({ before, after }: Step): LogRecord['event'] => (before === undefined ? 'INSERT' : after === undefined ? 'REMOVE' : 'MODIFY');

/** Where a log is stored. */
export interface LogPlace {
  readonly objects: ObjectPort;
  readonly bucket: string;
  readonly set: string;
  readonly member: string;
  readonly key: KeySchema;
}

/** Stores segments of one shard, each linked to the one before, and gives their names. Images get the attribute that is ours. */
export async function storeLog({ objects, bucket, set, member, key }: LogPlace, segments: readonly (readonly Step[])[]): Promise<string[]> {
  const names: string[] = [];
  let sequence = 1_000;
  let previous: Predecessor | undefined;
  for (const steps of segments) {
    const records = steps.map((step): LogRecord => {
      sequence += 1;
      const { before, after, at, origin = 'local', epoch } = step;
      return {
        sequence: String(sequence),
        at,
        event: eventOf(step),
        origin,
        keys: keyOf((after ?? before) as Item, key),
        ...(epoch !== undefined && { position: position(epoch, String(sequence)) }),
        ...(before && { oldImage: { ...before, _s: { M: {} } } }),
        ...(after && { newImage: { ...after, _s: { M: {} } } }),
      };
    });
    const made = encodeSegment({ set, member, stream: STREAM, shard: SHARD, key, ...(previous && { previous }) }, records);
    await objects.put(bucket, made.name, made.body, { sha256: made.sha256 });
    previous = { shard: SHARD, first: made.head.first, firstAt: made.head.firstAt, last: made.head.last, sha256: made.sha256 };
    names.push(made.name);
  }
  return names;
}
