import { describe, expect, it } from 'vitest';
import { itemHash } from '../../../lib/core/canonical.ts';
import { showPosition } from '../../../lib/core/formats/position.ts';
import type { Seat } from '../../../lib/core/formats/rows.ts';
import { logRecord } from '../../../lib/observe/origin.ts';
import type { StreamRecord } from '../../../lib/ports/stream.ts';
import { copy, KEY, otherRev, plain, record, SECONDARY, STREAM, seat } from './support/images.ts';

describe('origin and position', () => {
  const a = copy(plain('a', '1'), 41);
  const b = copy(plain('a', '2'), 42);
  const repair = copy(plain('a', '1'), 41, { kind: 'repair' });
  const byHand = <T extends object>(item: T): T => ({ ...item, n: { N: '7' } });
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
    ['a repair', record({ now: copy(plain('a', '1'), 40, { kind: 'repair' }) }), SECONDARY, 'applier 3/40'],
    ['a copy over a copy', record({ old: a, now: b }), SECONDARY, 'applier 3/42'],
    ['a copy over a write by hand', record({ old: plain('a', '9'), now: b }), SECONDARY, 'applier 3/42'],
    ['a write by hand over a copy, which leaves the seal', record({ old: a, now: { ...a, n: { N: '7' } } }), SECONDARY, 'local'],
    ['a change of the reserved attribute alone', record({ old: a, now: otherRev(a) }), SECONDARY, 'local'],
    ['a repair that brings another rev, and keeps its position', record({ old: repair, now: otherRev(repair) }), SECONDARY, 'applier 3/41'],
    ['a repair that mends what was changed by hand, and is sealed as the one before', record({ old: byHand(repair), now: repair }), SECONDARY, 'applier 3/41'],
    ['a copy that is written twice, with a change by hand between', record({ old: byHand(a), now: a }), SECONDARY, 'applier 3/41'],
    ['an older copy that somebody brings back', record({ old: b, now: a }), SECONDARY, 'local'],
    ['an older copy that somebody brings back over a change by hand', record({ old: byHand(b), now: a }), SECONDARY, 'local'],
    [
      'a copy over a higher position of another table, which does not count',
      record({ old: copy(plain('a', '1'), 99, { tableId: 'there' }), now: a }),
      SECONDARY,
      'applier 3/41',
    ],
    ['a copy of an epoch that is still to come', record({ now: copy(plain('a', '1'), 41, { epoch: 4 }) }), SECONDARY, 'local'],
    ['a copy of an older epoch', record({ now: copy(plain('a', '1'), 41, { epoch: 2 }) }), SECONDARY, 'applier 2/41'],
    ['a copy carried to another key', record({ now: { ...a, pk: { S: 'b' } } }), SECONDARY, 'local'],
    ['a copy carried from another table', record({ now: copy(plain('a', '1'), 41, { tableId: 'there' }) }), SECONDARY, 'local'],
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
      found: { newHash: itemHash(b), oldHash: itemHash(a) },
    });
  });
});
