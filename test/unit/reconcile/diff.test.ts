import { describe, expect, test } from 'vitest';
import type { Item } from '../../../lib/core/attribute.ts';
import { itemHash } from '../../../lib/core/canonical.ts';
import { position } from '../../../lib/core/formats/position.ts';
import { metaValue, sealBytes } from '../../../lib/core/formats/seal.ts';
import { tombstoneItem } from '../../../lib/core/formats/tombstone.ts';
import type { KeyState } from '../../../lib/reconcile/diff.ts';
import { diffKey } from '../../../lib/reconcile/diff.ts';

const TEXT = 'S1:a';
const TABLE = 'table-1';
const key = { pk: { S: 'a' } };
const item = (more: Item = {}): Item => ({ ...key, name: { S: 'Ulm' }, ...more });
/** A copy as an applier leaves it. */
const copy = (of: Item, sequence: string, kind: 'lane' | 'repair' = 'lane'): Item => ({
  ...of,
  _s: metaValue(undefined, sealBytes(TABLE, TEXT, position(1, sequence), kind, itemHash(of))),
});
const at = (of: Item | undefined, tombstone?: Item): KeyState => ({ tableId: TABLE, ...(of && { item: of }), ...(tombstone && { tombstone }) });
const grave = (sequence: string): Item =>
  tombstoneItem({ key, keyText: TEXT, tableId: TABLE, position: position(1, sequence), kind: 'lane', of: undefined, nowMs: 0 });

describe('diffKey', () => {
  test('says how the two stand', () => {
    expect(diffKey(at(undefined), at(undefined), TEXT).state).toBe('equal');
    expect(diffKey(at(item()), at(undefined), TEXT).state).toBe('missing');
    expect(diffKey(at(undefined), at(item()), TEXT).state).toBe('extra');
    expect(diffKey(at(item()), at(item({ name: { S: 'Bonn' } })), TEXT).state).toBe('changed');
    expect(diffKey(at(item()), at(copy(item(), '7')), TEXT)).toEqual({
      state: 'equal',
      writtenDifferently: false,
      copy: { counts: true, intact: true, position: '1/7', kind: 'lane' },
    });
  });

  test('takes what DynamoDB calls equal as equal, and says that it is written differently', () => {
    const here = item({ n: { N: '1' }, set: { NS: ['1', '2'] }, map: { M: { a: { N: '10' }, b: { S: 'x' } } } });
    const there = item({ n: { N: '1.0' }, set: { NS: ['2E0', '1'] }, map: { M: { b: { S: 'x' }, a: { N: '1E1' } } } });
    expect(diffKey(at(here), at(copy(there, '7')), TEXT)).toMatchObject({ state: 'equal', writtenDifferently: true });
  });

  test('the order of an item’s attributes is no other way of writing', () => {
    const here = { ...key, a: { S: '1' }, b: { S: '2' } };
    const there = { b: { S: '2' }, a: { S: '1' }, ...key };
    expect(diffKey(at(here), at(there), TEXT)).toMatchObject({ state: 'equal', writtenDifferently: false });
  });

  test('tells a copy that was changed by hand, and one that nobody’s applier wrote', () => {
    const sealed = copy(item(), '7');
    expect(diffKey(at(item()), at({ ...sealed, name: { S: 'Bonn' } }), TEXT).copy).toMatchObject({ counts: true, intact: false });
    expect(diffKey(at(item()), at(sealed), 'S1:b').copy).toEqual({ counts: false });
    expect(diffKey(at(item()), { ...at(sealed), tableId: 'another' }, TEXT).copy).toEqual({ counts: false });
  });

  test('an item older than its tombstone is being deleted', () => {
    expect(diffKey(at(undefined), at(copy(item(), '7'), grave('8')), TEXT)).toMatchObject({ state: 'half-deleted', tombstone: { position: '1/8' } });
    expect(diffKey(at(item()), at(copy(item(), '9'), grave('8')), TEXT).state).toBe('equal');
  });
});
