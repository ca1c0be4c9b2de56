import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../../../lib/core/errors.ts';
import { formatPath, PATH_STEPS_MAX, PATH_TEXT_MAX, parsePath } from '../../../../lib/core/expression/path.ts';
import type { Path } from '../../../../lib/core/values.ts';

const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }).filter((text) => text.isWellFormed());
const odd = fc.constantFrom('a.b', 'a[0]', '"', '\\', '0', 'a b', '$x', '__proto__', 'ä', '\n', '[', ']');
const path: fc.Arbitrary<Path> = fc
  .tuple(fc.oneof(name, odd), fc.array(fc.oneof(name, odd, fc.nat({ max: 409_600 })), { maxLength: 6 }))
  .map(([first, rest]) => [first, ...rest]);

describe('paths', () => {
  it('come back from their text', () => {
    fc.assert(
      fc.property(path, (of) => {
        expect(parsePath(formatPath(of))).toEqual(of);
      }),
      { numRuns: 500 },
    );
  });

  it('come back from their list', () => {
    fc.assert(
      fc.property(path, (of) => {
        expect(parsePath([...of])).toEqual(of);
      }),
    );
  });

  it('are read from any text, or refused as a mistake of the caller', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[ab.[\]"0\\]{0,8}$/)), (text) => {
        try {
          expect(parsePath(formatPath(parsePath(text)))).toEqual(parsePath(text));
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it.each<[unknown, Path]>([
    ['a', ['a']],
    ['a.b[0].c', ['a', 'b', 0, 'c']],
    ['a[0][1]', ['a', 0, 1]],
    ['a["x.y"].b', ['a', 'x.y', 'b']],
    ['["x.y"][0]', ['x.y', 0]],
    ['$a-b_c.0', ['$a-b_c', '0']],
    ['a["\\u00e4"]', ['a', 'ä']],
    [
      ['a', 0, 'b'],
      ['a', 0, 'b'],
    ],
  ])('%j is read', (given, read) => {
    expect(parsePath(given)).toEqual(read);
  });

  it.each([
    ['', 'empty'],
    ['.a', 'character 1'],
    ['a.', 'character 3'],
    ['a..b', 'character 3'],
    ['[0]', 'character 1'],
    ['a[', 'character 2'],
    ['a[-1]', 'character 2'],
    ['a[01]', 'character 2'],
    ['a[1.5]', 'character 2'],
    ['a[""]', 'character 2'],
    ['a["b]', 'character 2'],
    ['a[0]b', 'character 5'],
    ['a]b', 'character 2'],
    [`a["\\ud800"]`, 'character 2'],
    ['\ud800', 'surrogate'],
    ['a'.repeat(PATH_TEXT_MAX + 1), 'characters'],
    ['a.'.repeat(PATH_STEPS_MAX).concat('a'), 'steps'],
    [[], 'name'],
    [[0], 'name'],
    [['a', -1], 'indexes'],
    [['a', 1.5], 'indexes'],
    [['a', ''], 'names'],
    [['a', null], 'names'],
    [['a', '\ud800'], 'names'],
    [new Array(PATH_STEPS_MAX + 1).fill('a'), 'steps'],
    [7, 'text'],
    [null, 'text'],
    [{ a: 1 }, 'text'],
  ])('%j is refused, and the message says why', (given, why) => {
    expect(() => parsePath(given, 'select[0]')).toThrow(why);
    try {
      parsePath(given, 'select[0]');
    } catch (error) {
      expect(error).toBeInstanceOf(InputError);
      expect((error as InputError).code).toBe('invalid-path');
      expect((error as InputError).path).toBe('select[0]');
    }
  });
});
