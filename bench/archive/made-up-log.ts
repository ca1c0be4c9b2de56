import type { LogRecord } from '../../lib/core/formats/log-record.ts';
import { position } from '../../lib/core/formats/position.ts';
import { type EncodedSegment, encodeSegment } from '../../lib/core/formats/segment.ts';
import type { Predecessor } from '../../lib/core/formats/segment-footer.ts';
import { sequenceOf } from '../events.ts';
import { type ItemKind, itemOf, KEY, keyOf } from '../items.ts';
import { ITEM } from './made-up.ts';

/**
 * A log of many changes, as the observer would write it: updates of a quarter as many items, each of them four times, in an
 * order that mixes them. Pure.
 */

/** Changes of each item. */
export const CHANGES_EACH = 4;
/** Records of one segment: the observer's full batch. */
const SEGMENT_RECORDS = 1_000;
/** Changes in a second: some hundred segments then are of an hour. */
const CHANGES_PER_S = 250;
/** Steps between the items of neighbouring changes (a prime, so that every item has its turn). */
const STRIDE = 7_919;
const SHARD = 'shardId-00000000000000000001-madeup';

const kind = (version: number): ItemKind => ({ bytes: ITEM.bytes, version });

/** The version of an item once the whole log counts: items without a change have that of the table. */
export const lastVersion = (item: number, changes: number): number => (item < changes / CHANGES_EACH ? ITEM.version + CHANGES_EACH : ITEM.version);

/** Its segments, one after the other. @param startMs when the first change was made (ms since 1970) */
export function* madeUpLog(
  about: { readonly set: string; readonly member: string; readonly stream: string },
  changes: number,
  startMs: number,
): Generator<EncodedSegment> {
  const items = changes / CHANGES_EACH;
  let previous: Predecessor | undefined;
  for (let from = 0; from < changes; from += SEGMENT_RECORDS) {
    const records = Array.from({ length: Math.min(SEGMENT_RECORDS, changes - from) }, (_, i): LogRecord => {
      const n = from + i;
      const item = (n * STRIDE) % items;
      const version = ITEM.version + 1 + Math.floor(n / items);
      const sequence = sequenceOf(n);
      return {
        sequence,
        at: Math.floor((startMs + (n * 1_000) / CHANGES_PER_S) / 1_000) * 1_000,
        event: 'MODIFY',
        origin: 'local',
        position: position(1, sequence),
        keys: keyOf(item),
        newImage: itemOf(item, kind(version)),
        oldImage: itemOf(item, kind(version - 1)),
      };
    });
    const segment = encodeSegment({ ...about, shard: SHARD, key: KEY, ...(previous && { previous }) }, records);
    const { shard, first, firstAt, last } = segment.head;
    previous = { shard, first, firstAt, last, sha256: segment.sha256 };
    yield segment;
  }
}
