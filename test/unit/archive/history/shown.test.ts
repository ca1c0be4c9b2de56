import { describe, expect, it } from 'vitest';
import { factsOf, imagesOf, shownDifference } from '../../../../lib/archive/history/shown.ts';
import type { LogRecord } from '../../../../lib/core/formats/log-record.ts';
import { position } from '../../../../lib/core/formats/position.ts';
import { toPlainText } from '../../../../lib/core/plain-json.ts';

const RECORD: LogRecord = {
  sequence: '1001',
  at: Date.parse('2026-11-24T10:15:03Z'),
  event: 'MODIFY',
  origin: 'applier',
  position: position(7, '990'),
  keys: { id: { S: 'a' } },
  oldImage: { id: { S: 'a' }, 'x.y': { N: '1.50' }, _s: { M: {} } },
  newImage: { id: { S: 'a' }, 'x.y': { N: '2' }, tags: { SS: ['a'] }, _s: { M: { r: { B: 'AA==' } } } },
};

describe('A change as it is shown', () => {
  it('has its time, position, origin and event', () => {
    expect(factsOf(RECORD)).toEqual({
      at: RECORD.at,
      time: '2026-11-24T10:15:03Z',
      sequence: '1001',
      position: '7/990',
      origin: 'applier',
      event: 'MODIFY',
    });
    const { position: _, ...without } = RECORD;
    expect(factsOf(without)).not.toHaveProperty('position');
  });

  it('never shows our own attribute', () => {
    const images = imagesOf(RECORD);
    expect(JSON.stringify(images)).not.toContain('_s');
    expect(JSON.stringify(shownDifference(images, (value) => value))).not.toContain('_s');
  });

  it('names each attribute that differs, as a path that can be read back, and shows its values as asked', () => {
    expect(shownDifference(imagesOf(RECORD), toPlainText)).toEqual([
      { path: 'tags', after: '{"$stringSet":["a"]}' },
      { path: '["x.y"]', before: '1.50', after: '2' },
    ]);
  });

  it('shows all attributes of an item that was created or deleted', () => {
    const { oldImage: _o, ...created } = RECORD;
    const { newImage: _n, ...removed } = RECORD;
    expect(shownDifference(imagesOf({ ...created, event: 'INSERT' }), toPlainText).every((d) => d.before === undefined)).toBe(true);
    expect(shownDifference(imagesOf({ ...removed, event: 'REMOVE' }), toPlainText).every((d) => d.after === undefined)).toBe(true);
  });
});
