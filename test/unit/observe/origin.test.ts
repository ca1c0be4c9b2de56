import { describe, expect, it } from 'vitest';
import type { Item } from '../../../lib/core/attribute.ts';
import { itemHash } from '../../../lib/core/canonical.ts';
import { position, showPosition } from '../../../lib/core/formats/position.ts';
import type { Seat } from '../../../lib/core/formats/rows.ts';
import { metaValue, sealBytes } from '../../../lib/core/formats/seal.ts';
import { keyText } from '../../../lib/core/key.ts';
import { logRecord } from '../../../lib/observe/origin.ts';
import type { StreamRecord } from '../../../lib/ports/stream.ts';

const KEY = { partition: { name: 'pk', type: 'S' } } as const;
const STREAM = 'arn:aws:dynamodb:eu-west-1:000000000000:table/t/stream/1';
const seat = (more: Partial<Seat> = {}): Seat => ({ fence: 3, own: 3, since: 5_000, stream: STREAM, tableId: 'here', v: 1, ...more });
const SECONDARY = seat({ own: 0 });

const plain = (pk: string, n: string): Item => ({ pk: { S: pk }, n: { N: n } });
/** A copy as an applier writes it. */
function copy(item: Item, sequence: number, tableId = 'here', kind: 'lane' | 'repair' = 'lane'): Item {
  return { ...item, _s: metaValue(undefined, sealBytes(tableId, keyText(item, KEY), position(3, String(sequence)), kind, itemHash(item))) };
}

function record(images: { old?: Item; now?: Item }, more: Partial<StreamRecord> = {}): StreamRecord {
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

describe('origin and position', () => {
  const a = copy(plain('a', '1'), 41);
  const b = copy(plain('a', '2'), 42);
  const cases: readonly [string, StreamRecord, Seat | undefined, string][] = [
    ['a write at the primary', record({ now: plain('a', '1') }), seat(), 'local 3/700'],
    ['a removal at the primary', record({ old: plain('a', '1') }), seat(), 'local 3/700'],
    ['the same bytes as a copy, put at the primary: no applier may write there', record({ now: a }), seat(), 'local 3/700'],
    ['DynamoDB’s own expiry at the primary', record({ old: plain('a', '1') }, { byTtl: true }), seat(), 'expiry 3/700'],
    ['a copy of before the present role', record({ now: a }, { createdMs: 5_000 }), seat(), 'applier 3/41'],
    ['a write of before the present role', record({ now: plain('a', '1') }, { createdMs: 5_000 }), seat(), 'local'],
    ['a write in a stream that is no more the seat’s', record({ now: plain('a', '1') }, { streamArn: `${STREAM}0` }), seat(), 'local'],
    ['a primary that was deposed', record({ now: plain('a', '1') }), seat({ fence: 4 }), 'local'],
    ['a copy at a secondary', record({ now: a }), SECONDARY, 'applier 3/41'],
    ['a repair', record({ now: copy(plain('a', '1'), 40, 'here', 'repair') }), SECONDARY, 'applier 3/40'],
    ['a copy over a copy', record({ old: a, now: b }), SECONDARY, 'applier 3/42'],
    ['a copy over a write by hand', record({ old: plain('a', '9'), now: b }), SECONDARY, 'applier 3/42'],
    ['a write by hand over a copy, which leaves the seal', record({ old: a, now: { ...a, n: { N: '7' } } }), SECONDARY, 'local'],
    [
      'a change of the reserved attribute alone',
      record({ old: a, now: { ...a, _s: { M: { ...(a['_s'] as { M: Item }).M, r: { B: 'AA==' } } } } }),
      SECONDARY,
      'local',
    ],
    ['a copy carried to another key', record({ now: { ...a, pk: { S: 'b' } } }), SECONDARY, 'local'],
    ['a copy carried from another table', record({ now: copy(plain('a', '1'), 41, 'there') }), SECONDARY, 'local'],
    ['a removal of a copy', record({ old: a }), SECONDARY, 'applier'],
    ['a removal of what was written by hand', record({ old: { ...a, n: { N: '7' } } }), SECONDARY, 'local'],
    ['DynamoDB’s own expiry of a copy', record({ old: a }, { byTtl: true }), SECONDARY, 'expiry'],
    ['keys alone', record({ now: a }, { newImage: undefined as never }), SECONDARY, 'local'],
    ['anything before init', record({ now: a }), undefined, 'local'],
    ['expiry before init', record({ old: a }, { byTtl: true }), undefined, 'expiry'],
  ];
  it.each(cases)('%s', (_, given, at, expected) => {
    const { origin, position: place } = logRecord(given, at, KEY);
    expect(place === undefined ? origin : `${origin} ${showPosition(place)}`).toBe(expected);
  });

  it('keeps images as they are, and a sequence number without leading zeros', () => {
    const given = record({ old: a, now: b });
    expect(logRecord(given, undefined, KEY)).toEqual({
      sequence: '700',
      at: 9_000,
      event: 'MODIFY',
      origin: 'local',
      keys: given.keys,
      newImage: b,
      oldImage: a,
    });
  });
});
