import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Item } from '../../../lib/core/attribute.ts';
import { InputError } from '../../../lib/core/errors.ts';
import type { LogRecord } from '../../../lib/core/formats/log-record.ts';
import { historyParameter } from '../../../lib/core/history-query.ts';
import type { KeySchema } from '../../../lib/core/key.ts';
import { historyPageSchema } from '../../../lib/serve/answers.ts';
import { historyCursor, placeOfCursor } from '../../../lib/serve/history-cursor.ts';
import { changeText, fittingTexts, pageText } from '../../../lib/serve/history-page.ts';
import { historyIntent } from '../../../lib/serve/history-query.ts';
import { fitsAnswer } from '../../../lib/serve/http.ts';

/** The pure parts of GET /items/history. */

const SCHEMA: KeySchema = { partition: { name: 'id', type: 'S' } };
const KEY = { id: { S: 'a' } };
const MEMBERS = ['eu-central-1', 'us-east-1'];
const query = (more: Readonly<Record<string, string | string[]>> = {}): Map<string, readonly string[]> =>
  new Map(Object.entries({ id: 'a', ...more }).map(([name, value]) => [name, Array.isArray(value) ? value : [value]]));

describe('The query of a history', () => {
  it('has defaults', () => {
    expect(historyIntent(query(), SCHEMA, MEMBERS)).toEqual({ key: KEY, limit: 20, images: false });
  });

  it('reads times, an offset whose "+" became a space included', () => {
    const intent = historyIntent(query({ since: '2026-11-24T10:00:00Z', until: '2026-11-24T13:00:00 02:00', limit: '100', images: 'true' }), SCHEMA, MEMBERS);
    expect(intent).toMatchObject({ sinceMs: Date.parse('2026-11-24T10:00:00Z'), untilMs: Date.parse('2026-11-24T11:00:00Z'), limit: 100, images: true });
  });

  it.each([
    ['since', 'yesterday'],
    ['until', '2026-02-30T00:00:00Z'],
    ['since', ['2026-11-24T10:00:00Z', '2026-11-24T10:00:00Z']],
    ['limit', '0'],
    ['limit', '101'],
    ['limit', '1e1'],
    ['images', 'yes'],
    ['member', 'moon'],
    ['other', '1'],
    ['__proto__', '1'],
  ])('%s=%j is refused', (name, value) => {
    const given = new Map(query());
    given.set(name, Array.isArray(value) ? value : [value]);
    expect(() => historyIntent(given, SCHEMA, MEMBERS)).toThrow(expect.objectContaining({ code: 'invalid-query' }));
  });

  it('refuses a time that begins after its end', () => {
    expect(() => historyIntent(query({ since: '2026-11-24T11:00:00Z', until: '2026-11-24T10:00:00Z' }), SCHEMA, MEMBERS)).toThrow(
      'is later than "until". Give the earlier of the two times as "since"',
    );
  });

  it('gives a key attribute its own name, and the option of that name a "$"', () => {
    const schema: KeySchema = { partition: { name: 'since', type: 'S' }, sort: { name: '$since', type: 'N' } };
    expect(historyParameter('since', ['since', '$since'])).toBe('$$since');
    const given = new Map([
      ['since', ['a']],
      ['$since', ['5']],
      ['$$since', ['2026-11-24T10:00:00Z']],
    ]);
    expect(historyIntent(given, schema, MEMBERS)).toMatchObject({
      key: { since: { S: 'a' }, $since: { N: '5' } },
      sinceMs: Date.parse('2026-11-24T10:00:00Z'),
    });
  });
});

describe('The cursor of a history', () => {
  const place = { member: 'us-east-1', atMs: 1_795_515_304_000, shown: { label: '2026-11-24T10-15-03.123', sequence: '1001' } };

  it('says whose log it is of, and where it goes on', () => {
    const cursor = historyCursor(place, KEY, SCHEMA);
    expect(placeOfCursor(cursor, KEY, SCHEMA)).toEqual(place);
    expect(historyIntent(query({ cursor }), SCHEMA, MEMBERS)).toMatchObject({ member: 'us-east-1', place });
    const bare = { member: 'us-east-1', atMs: 5 };
    expect(placeOfCursor(historyCursor(bare, KEY, SCHEMA), KEY, SCHEMA)).toEqual(bare);
  });

  it('is of one key, and of a member of the set', () => {
    const cursor = historyCursor(place, KEY, SCHEMA);
    expect(() => placeOfCursor(cursor, { id: { S: 'b' } }, SCHEMA)).toThrow('of the history of another key');
    expect(() => historyIntent(query({ cursor, member: 'eu-central-1' }), SCHEMA, MEMBERS)).toThrow('the log of another member');
    expect(() => historyIntent(query({ cursor }), SCHEMA, ['eu-central-1'])).toThrow(expect.objectContaining({ code: 'invalid-cursor' }));
  });

  it('is a mistake of the caller when it is anything else, whatever it is', () => {
    const bytes = Buffer.from(historyCursor(place, KEY, SCHEMA), 'base64url');
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.base64String(),
          fc.uint8Array().map((b) => Buffer.from(b).toString('base64url')),
          flipped(bytes),
        ),
        (text) => {
          expect(() => placeOfCursor(text, KEY, SCHEMA)).toThrow(InputError);
        },
      ),
    );
  });

  const flipped = (bytes: Buffer): fc.Arbitrary<string> =>
    fc.nat(bytes.length * 8 - 1).map((bit) => {
      const changed = Buffer.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
      return changed.toString('base64url');
    });
});

describe('A page of a history', () => {
  const record = (before: Item | undefined, after: Item | undefined): LogRecord => ({
    sequence: '1',
    at: 0,
    event: 'MODIFY',
    origin: 'local',
    keys: KEY,
    ...(before && { oldImage: before }),
    ...(after && { newImage: after }),
  });

  it('has values in the form of the answer, and whole items when they are asked for', () => {
    const change = record({ id: { S: 'a' }, n: { N: '1' } }, { id: { S: 'a' }, n: { N: '2.50' }, _s: { M: {} } });
    expect(changeText(change, 'plain', false)).toBe(
      '{"at":0,"time":"1970-01-01T00:00:00Z","sequence":"1","origin":"local","event":"MODIFY","difference":[{"path":"n","before":1,"after":2.50}]}',
    );
    expect(JSON.parse(changeText(change, 'dynamodb', true))).toMatchObject({
      difference: [{ path: 'n', before: { N: '1' }, after: { N: '2.50' } }],
      before: { id: { S: 'a' }, n: { N: '1' } },
      after: { id: { S: 'a' }, n: { N: '2.50' } },
    });
    expect(changeText(change, 'dynamodb', true)).not.toContain('_s');
    historyPageSchema.parse(JSON.parse(pageText([changeText(change, 'plain', true)], { gaps: [{ from: 1, what: 'gone' }], next: 'next' })));
  });

  /** 400 KB as DynamoDB counts: each NULL in a list counts two bytes, and is 15 characters within an answer. */
  const nulls = (name: string): Item => ({ id: { S: 'a' }, [name]: { L: Array.from({ length: 204_000 }, () => ({ NULL: true }) as const) } });

  it('leaves out what does not fit into an answer, and says so: the whole items first, then the values', () => {
    const large: Item = { id: { S: 'a' }, text: { S: '"'.repeat(400_000) } };
    const withItems = JSON.parse(changeText(record(large, { id: { S: 'a' } }), 'plain', true));
    expect(withItems).toMatchObject({ before: { id: 'a' } });
    const items = JSON.parse(changeText(record(nulls('l'), undefined), 'dynamodb', true));
    expect(items).toMatchObject({ cut: true });
    expect(items.before).toBeUndefined();
    expect(items.difference[1].before).toBeDefined();
    const values = JSON.parse(changeText(record(nulls('l'), nulls('m')), 'dynamodb', true));
    expect(values).toMatchObject({ cut: true, difference: [{ path: 'l' }, { path: 'm' }] });
    expect(values.difference[0].before).toBeUndefined();
  });

  it('has as many changes as fit into an answer, the first ones, and at least one', () => {
    const text = changeText(record({ id: { S: 'a' }, text: { S: 'x'.repeat(390_000) } }, { id: { S: 'a' }, text: { S: 'y'.repeat(390_000) } }), 'plain', true);
    let made = 0;
    const make = (): string => {
      made += 1;
      return text;
    };
    const fitting = fittingTexts(
      Array.from({ length: 200 }, (_, i) => i),
      make,
      { next: 'cursor' },
    );
    // What no answer can hold is not made: two hundred of these would take 300 MB.
    expect(made).toBeLessThan(10);
    expect(fitting.length).toBeGreaterThan(0);
    expect(fitsAnswer(pageText(fitting, { next: 'cursor' }))).toBe(true);
    expect(fittingTexts([1], String, { next: 'x' })).toEqual(['1']);
  });
});
