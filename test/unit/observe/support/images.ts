import type { Item } from '../../../../lib/core/attribute.ts';
import { itemHash } from '../../../../lib/core/canonical.ts';
import { position } from '../../../../lib/core/formats/position.ts';
import type { Seat } from '../../../../lib/core/formats/rows.ts';
import type { SealKind } from '../../../../lib/core/formats/seal.ts';
import { metaValue, sealBytes } from '../../../../lib/core/formats/seal.ts';
import { keyText } from '../../../../lib/core/key.ts';
import type { StreamRecord } from '../../../../lib/ports/stream.ts';

export const KEY = { partition: { name: 'pk', type: 'S' } } as const;
export const STREAM = 'arn:aws:dynamodb:eu-west-1:000000000000:table/t/stream/1';
export const seat = (more: Partial<Seat> = {}): Seat => ({ fence: 3, own: 3, since: 5_000, stream: STREAM, tableId: 'here', v: 1, ...more });
export const SECONDARY = seat({ own: 0 });

export const plain = (pk: string, n: string): Item => ({ pk: { S: pk }, n: { N: n } });

/** A copy as an applier writes it. */
export function copy(item: Item, sequence: number, of: { tableId?: string; kind?: SealKind; epoch?: number } = {}): Item {
  const { tableId = 'here', kind = 'lane', epoch = 3 } = of;
  return { ...item, _s: metaValue(undefined, sealBytes(tableId, keyText(item, KEY), position(epoch, String(sequence)), kind, itemHash(item))) };
}

/** The same item with another member of the reserved attribute. */
export const otherRev = (item: Item): Item => ({ ...item, _s: { M: { ...(item['_s'] as { M: Item }).M, r: { B: 'AA==' } } } });

/** A record of the stream of a secondary, made after its `since`. */
export function record(images: { old?: Item; now?: Item }, more: Partial<StreamRecord> = {}): StreamRecord {
  const { old, now } = images;
  return {
    eventName: now === undefined ? 'REMOVE' : old === undefined ? 'INSERT' : 'MODIFY',
    streamArn: STREAM,
    sequence: '000700',
    createdMs: 9_000,
    keys: { pk: ((now ?? old) as Item)['pk'] as { S: string } },
    ...(now !== undefined && { newImage: now }),
    ...(old !== undefined && { oldImage: old }),
    byTtl: false,
    ...more,
  };
}
