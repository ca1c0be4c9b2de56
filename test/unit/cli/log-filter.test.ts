import { describe, expect, it } from 'vitest';
import type { Wanted } from '../../../cli/log-filter.ts';
import { isWanted, readFilter, readOrigins } from '../../../cli/log-filter.ts';
import type { LogRecord } from '../../../lib/core/formats/log-record.ts';

const record = (more: Partial<LogRecord>): LogRecord => ({ sequence: '1', at: 0, event: 'MODIFY', origin: 'local', keys: { id: { S: 'a' } }, ...more });
const big = { path: 'n', op: '>', value: 10 };

describe('Which changes of a log are wanted', () => {
  const wanted: Wanted = { filter: readFilter(JSON.stringify(big), '--filter') };

  it('judges the item as it was left', () => {
    expect(isWanted(record({ newImage: { n: { N: '11' } }, oldImage: { n: { N: '1' } } }), wanted)).toBe(true);
    expect(isWanted(record({ newImage: { n: { N: '1' } }, oldImage: { n: { N: '11' } } }), wanted)).toBe(false);
  });

  it('judges a removal by the item as it was before', () => {
    expect(isWanted(record({ event: 'REMOVE', oldImage: { n: { N: '11' } } }), wanted)).toBe(true);
    expect(isWanted(record({ event: 'REMOVE', oldImage: { n: { N: '9' } } }), wanted)).toBe(false);
  });

  it('leaves other origins out', () => {
    const origins = readOrigins('local, expiry');
    expect([...origins]).toEqual(['local', 'expiry']);
    expect(isWanted(record({ origin: 'expiry' }), { origins })).toBe(true);
    expect(isWanted(record({ origin: 'applier' }), { origins })).toBe(false);
    expect(isWanted(record({}), {})).toBe(true);
  });

  it('keeps every digit of a number in the condition', () => {
    const filter = readFilter('{"path":"n","op":"=","value":12345678901234567890.5}', '--filter');
    expect(isWanted(record({ newImage: { n: { N: '12345678901234567890.5' } } }), { filter })).toBe(true);
    expect(isWanted(record({ newImage: { n: { N: '12345678901234567891' } } }), { filter })).toBe(false);
  });

  it.each([
    ['{"path":"n"}', 'bad-filter'],
    ['n > 10', 'bad-json'],
    ['{"path":"_s","op":"exists"}', 'bad-filter'],
    ['{"and":[]}', 'bad-filter'],
  ])('refuses %s, with an example', (text, code) => {
    expect(() => readFilter(text, '--filter')).toThrow(
      expect.objectContaining({ code, ending: 'usage', message: expect.stringContaining('Example: --filter') }),
    );
  });

  it('refuses an origin that there is none of', () => {
    expect(() => readOrigins('local,me')).toThrow('--origin takes local, applier, expiry, separated by commas; got "me".');
  });
});
