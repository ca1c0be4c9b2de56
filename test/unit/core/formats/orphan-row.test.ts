import { describe, expect, test } from 'vitest';
import { FormatError } from '../../../../lib/core/errors.ts';
import type { Orphan } from '../../../../lib/core/formats/orphan-row.ts';
import { decodeOrphan, encodeOrphan, ORPHAN_CAUSES, ORPHAN_STATES, orphanId, orphanKey } from '../../../../lib/core/formats/orphan-row.ts';

const ID = orphanId(Buffer.alloc(16, 0xab), '123456789');
const ORPHAN: Orphan = {
  id: ID,
  key: { pk: { S: 'a' }, sk: { N: '1' } },
  cause: 'hand-write',
  at: 1_795_515_303_000,
  segment: 'log/x/y/z.jsonl.zst',
  ordinal: 0,
  itemHash: 'AAAAAAAAAAAAAAAAAAAAAA==',
  was: 'AQAAAAAAAAAAAAAAAAAAAA==',
  state: 'open',
  since: 1_795_515_365_123,
};

describe('the row of an orphan', () => {
  test('is pinned', () => {
    expect(encodeOrphan({ ...ORPHAN, state: 'discarded', note: 'a test' })).toEqual({
      pk: { S: 'orphan' },
      sk: { S: `${'ab'.repeat(16)}#${'0'.repeat(31)}123456789` },
      f: { N: '1' },
      key: { M: ORPHAN.key },
      cause: { S: 'hand-write' },
      at: { N: '1795515303000' },
      segment: { S: 'log/x/y/z.jsonl.zst' },
      ordinal: { N: '0' },
      itemHash: { S: 'AAAAAAAAAAAAAAAAAAAAAA==' },
      was: { S: 'AQAAAAAAAAAAAAAAAAAAAA==' },
      state: { S: 'discarded' },
      since: { N: '1795515365123' },
      note: { S: 'a test' },
    });
    expect(orphanKey(ID)).toEqual({ pk: { S: 'orphan' }, sk: { S: ID } });
  });

  test('comes back, of each cause and in each state, with and without what may be absent', () => {
    const { itemHash: _, was: __, ...bare } = ORPHAN;
    for (const cause of ORPHAN_CAUSES) {
      for (const state of ORPHAN_STATES) {
        for (const orphan of [
          { ...ORPHAN, cause, state, note: 'x' },
          { ...bare, cause, state },
        ])
          expect(decodeOrphan(encodeOrphan(orphan))).toEqual(orphan);
      }
    }
  });

  test('sorts by key, then as the records came', () => {
    const [key, other] = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)];
    const ids = [orphanId(key, '9'), orphanId(key, '10'), orphanId(key, '9'.repeat(40)), orphanId(other, '1')];
    expect(ids.toSorted()).toEqual(ids);
  });

  test.each([
    ['another format', { f: { N: '2' } }, /format 2/],
    ['no key', { key: { S: 'a' } }, /key/],
    ['an unknown cause', { cause: { S: 'wind' } }, /cause "wind"/],
    ['an unknown state', { state: { S: 'lost' } }, /state "lost"/],
    ['no place in the log', { segment: { N: '1' } }, /segment/],
    ['a line that is no number', { ordinal: { N: '1.5' } }, /ordinal/],
  ])('is refused when it is damaged: %s', (_, change, what) => {
    const damaged = { ...encodeOrphan(ORPHAN), ...change };
    expect(() => decodeOrphan(damaged)).toThrow(FormatError);
    expect(() => decodeOrphan(damaged)).toThrow(what);
  });
});
