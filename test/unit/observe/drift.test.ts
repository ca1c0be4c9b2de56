import { describe, expect, it } from 'vitest';
import type { Item } from '../../../lib/core/attribute.ts';
import { position } from '../../../lib/core/formats/position.ts';
import { tombstoneItem } from '../../../lib/core/formats/tombstone.ts';
import { keyText } from '../../../lib/core/key.ts';
import { causeOf, judged, secondarySince, unexplained } from '../../../lib/observe/drift.ts';
import { logRecord } from '../../../lib/observe/origin.ts';
import type { StreamRecord } from '../../../lib/ports/stream.ts';
import { copy, KEY, otherRev, plain, record, SECONDARY, seat } from './support/images.ts';

const grave = (sequence: number, of: { tableId?: string; epoch?: number; pk?: string } = {}): Item => {
  const key = { pk: { S: of.pk ?? 'a' } };
  const at = position(of.epoch ?? 3, String(sequence));
  return tombstoneItem({ key, keyText: keyText(key, KEY), tableId: of.tableId ?? 'here', position: at, kind: 'lane', of: undefined, nowMs: 9_000 });
};

/** What is said of one record of a secondary, given the tombstone of its key. */
function say(given: StreamRecord, tombstone?: Item): string {
  const read = logRecord(given, SECONDARY, KEY);
  const graves = new Map(tombstone === undefined ? [] : [[keyText(read.keys, KEY), tombstone]]);
  const [one] = judged([read], SECONDARY.since, SECONDARY, KEY, graves);
  return `${one?.found.drift === true ? 'drift' : 'fine'} ${one?.origin}`;
}

const a = copy(plain('a', '1'), 41);
const byHand: Item = { ...a, n: { N: '7' } };

describe('a put at a secondary', () => {
  it.each<[string, StreamRecord, string]>([
    ['that an applier made', record({ now: a }), 'fine applier'],
    ['over a change by hand', record({ old: byHand, now: a }), 'fine applier'],
    ['without metadata', record({ now: plain('a', '1') }), 'drift local'],
    ['that changes a copy and leaves its metadata', record({ old: a, now: byHand }), 'drift local'],
    ['that changes metadata alone', record({ old: a, now: otherRev(a) }), 'drift local'],
    ['with metadata of another key', record({ now: { ...a, pk: { S: 'b' } } }), 'drift local'],
    ['with metadata of another table', record({ now: copy(plain('a', '1'), 41, { tableId: 'there' }) }), 'drift local'],
    ['with metadata of an epoch that is still to come', record({ now: copy(plain('a', '1'), 41, { epoch: 9 }) }), 'drift local'],
    ['of an older copy', record({ old: copy(plain('a', '2'), 42), now: a }), 'drift local'],
    ['from before the present role', record({ now: plain('a', '1') }, { createdMs: SECONDARY.since }), 'fine local'],
    ['without its image', record({ now: plain('a', '1') }, { newImage: undefined as never }), 'fine local'],
  ])('%s', (_, given, expected) => {
    expect(say(given)).toBe(expected);
  });
});

describe('a removal at a secondary', () => {
  it.each<[string, StreamRecord, Item | undefined, string]>([
    ['with the tombstone of its own delete', record({ old: a }), grave(42), 'fine applier'],
    ['with a tombstone at the very position of the image: a repair’s', record({ old: a }), grave(41), 'fine applier'],
    ['with one of a later delete, which has replaced its own', record({ old: a }), grave(5, { epoch: 4 }), 'fine applier'],
    ['with one of an older delete, before the item came back', record({ old: a }), grave(40), 'drift local'],
    ['without one', record({ old: a }), undefined, 'drift local'],
    ['with one that was carried from another table', record({ old: a }), grave(42, { tableId: 'there' }), 'drift local'],
    ['with one that was carried from another key', record({ old: a }), { ...grave(42, { pk: 'b' }), pk: { S: 'a' } }, 'drift local'],
    ['of what was written by hand, with any tombstone', record({ old: plain('a', '1') }), grave(1, { epoch: 1 }), 'fine applier'],
    ['of what was written by hand, without one', record({ old: plain('a', '1') }), undefined, 'drift local'],
    ['of what was changed by hand: the position that it kept counts', record({ old: byHand }), grave(40), 'drift local'],
    ['by DynamoDB’s own TTL', record({ old: a }, { byTtl: true }), undefined, 'fine expiry'],
    ['without its old image, with any tombstone', record({ old: a }, { oldImage: undefined as never }), grave(1), 'fine applier'],
    ['from before the present role', record({ old: a }, { createdMs: SECONDARY.since }), undefined, 'fine applier'],
  ])('%s', (_, given, tombstone, expected) => {
    expect(say(given, tombstone)).toBe(expected);
  });

  it('is looked up by its tombstone only where that decides, and each key once', () => {
    const given = [
      record({ old: a }),
      record({ old: byHand }),
      record({ old: copy(plain('b', '1'), 3) }),
      record({ old: copy(plain('c', '1'), 3) }, { byTtl: true }),
      record({ old: copy(plain('d', '1'), 3) }, { createdMs: 1_000 }),
      record({ now: plain('e', '1') }),
    ].map((one) => logRecord(one, SECONDARY, KEY));
    expect(unexplained(given, SECONDARY.since, KEY)).toEqual([{ pk: { S: 'a' } }, { pk: { S: 'b' } }]);
  });
});

describe('the time from which a member is a secondary', () => {
  it.each([
    ['of one that never was primary is its seat’s', seat({ own: 0 }), undefined, 5_000],
    ['of one whose fence rose for another primary stays', seat({ own: 0, fence: 9 }), undefined, 5_000],
    ['of a primary is none', seat(), undefined, undefined],
    ['before init is none', undefined, undefined, undefined],
    ['of a primary that was deposed is none until that was seen', seat({ fence: 4 }), undefined, undefined],
    ['of one that was deposed is a second after that was seen', seat({ fence: 4 }), { own: 3, at: 70_000 }, 71_000],
    ['of one that was deposed again is none until that was seen, too', seat({ fence: 9 }), { own: 1, at: 70_000 }, undefined],
  ])('%s', (_, at, deposed, expected) => {
    expect(secondarySince(at, deposed)).toBe(expected);
  });
});

describe('the cause of an orphan', () => {
  it.each<[string, StreamRecord, string]>([
    ['a put without metadata', record({ now: plain('a', '1') }), 'hand-write'],
    ['an update, which leaves the metadata', record({ old: a, now: byHand }), 'hand-write'],
    [
      'an update of what carries metadata of another table',
      record({ old: copy(byHand, 1, { tableId: 'x' }), now: copy(byHand, 1, { tableId: 'x' }) }),
      'hand-write',
    ],
    ['what was read before a later copy came, changed and put back', record({ old: copy(plain('a', '2'), 42), now: byHand }), 'hand-write'],
    ['a removal', record({ old: a }), 'hand-delete'],
    ['an item that was carried from another key', record({ now: { ...a, pk: { S: 'b' } } }), 'foreign-tool'],
    ['an item that was carried from another table', record({ now: copy(plain('a', '1'), 1, { tableId: 'x' }) }), 'foreign-tool'],
    ['an older copy, brought back as it was', record({ old: copy(plain('a', '2'), 42), now: a }), 'foreign-tool'],
  ])('is told of %s', (_, given, expected) => {
    expect(causeOf(logRecord(given, SECONDARY, KEY), SECONDARY.tableId, KEY)).toBe(expected);
  });
});
