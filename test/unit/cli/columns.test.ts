import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Output } from '../../../cli/output.ts';
import type { Column } from '../../../cli/views/columns.ts';
import { fitColumns } from '../../../cli/views/columns.ts';

const columns: Column<string>[] = [
  { head: 'NAME', cell: (r) => r },
  { head: 'ONE', keep: 2, right: true, cell: () => '1' },
  { head: 'TWO', keep: 1, cell: () => '22' },
];

describe('fitColumns', () => {
  it('leaves out the least wanted columns first, and never those without a number', () => {
    expect(fitColumns(columns, ['abc'], undefined).head).toEqual(['NAME', 'ONE', 'TWO']);
    expect(fitColumns(columns, ['abc'], 14).head).toEqual(['NAME', 'ONE', 'TWO']);
    expect(fitColumns(columns, ['abc'], 13)).toEqual({ head: ['NAME', 'ONE'], rows: [['abc', '1']], right: [1] });
    expect(fitColumns(columns, ['abc'], 5).head).toEqual(['NAME']);
    expect(fitColumns(columns, ['a name that is longer than the line'], 5).head).toEqual(['NAME']);
  });

  it('never makes a line longer than the terminal while there is a column to leave out', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 30 })), fc.integer({ min: 1, max: 100 }), (rows, width) => {
        const { head, rows: cells } = fitColumns(columns, rows, width);
        const total = head.reduce((sum, h, i) => sum + Math.max(h.length, ...cells.map((c) => (c[i] ?? '').length)), 2 * (head.length - 1));
        expect(total <= width || head.length === 1).toBe(true);
      }),
    );
  });
});

describe('Output.wrap', () => {
  const terminal = (columns: number): Output =>
    new Output(Object.assign(new PassThrough(), { isTTY: true, columns }), new PassThrough(), { json: false, color: true });

  it('breaks between words only, and loses none of them', () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1 }), fc.integer({ min: 12, max: 60 }), (words, width) => {
        const lines = terminal(width).wrap(words.join(' ')).split('\n');
        expect(lines.join(' ').split(' ')).toEqual(words);
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
      }),
    );
  });

  it('does not count what is not seen, and does nothing where stdout is no terminal', () => {
    expect(terminal(12).wrap('\u001b[31mred\u001b[39m and blue')).not.toContain('\n');
    expect(terminal(11).wrap('\u001b[31mred\u001b[39m and blue')).toContain('\n');
    const plain = new Output(new PassThrough(), new PassThrough(), { json: false, color: false });
    expect(plain.wrap('word '.repeat(100))).not.toContain('\n');
  });
});
