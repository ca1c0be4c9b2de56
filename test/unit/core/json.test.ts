import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../../lib/core/errors.ts';
import { errorAt, parseJson } from '../../../lib/core/json.ts';

describe('where JSON is wrong', () => {
  it.each([
    ['', 0],
    ['{', 1],
    ['{"a":1,}', 7],
    ['{"a" 1}', 5],
    ['{a:1}', 1],
    ['[1,]', 3],
    ['[1 2]', 3],
    ['{"a":tru}', 8],
    ['{"a":"\n"}', 6],
    ['{"a":"\\x"}', 6],
    ['{"a":"b', 7],
    ['{"a":01}', 6],
    ['{"a":-}', 6],
    ['{"a":1.}', 6],
    ['{"a":1}}', 7],
    ['[[]', 3],
    ['{"a":[1}', 7],
    ["{'a':1}", 1],
    ['nul', 3],
    ['{} x', 3],
  ])('%s', (text, at) => {
    expect(() => JSON.parse(text)).toThrow();
    expect(errorAt(text)).toBe(at);
  });

  it('is the last place at which the text could still become JSON', () => {
    // Damage a valid text at one place: the first wrong character lies at the damage or after it, never before.
    fc.assert(
      fc.property(fc.json(), fc.nat(), fc.constantFrom('"', '}', ',', '?', '\\', '\n', '1'), (json, n, c) => {
        const place = n % (json.length + 1);
        const damaged = json.slice(0, place) + c + json.slice(place);
        let valid = true;
        try {
          JSON.parse(damaged);
        } catch {
          valid = false;
        }
        if (valid) expect(parseJson(damaged)).toEqual(JSON.parse(damaged));
        else expect(errorAt(damaged)).toBeGreaterThanOrEqual(Math.max(0, place - 5));
        expect(errorAt(damaged)).toBeLessThanOrEqual(damaged.length);
      }),
      { numRuns: 500 },
    );
  });

  it('agrees with JSON.parse on what is JSON: only such texts are read to their end with nothing open', () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        expect(errorAt(json)).toBe(json.length);
      }),
    );
  });

  it('reads JSON, and never throws anything but an InputError', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          expect(parseJson(text)).toEqual(JSON.parse(text));
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
        }
      }),
    );
  });
});
