import Table from 'cli-table3';
import { figureText, goalText, type Row, reached } from './rows.ts';

/** The bench's table as text and as JSON. Pure. */

/** What was run, for a reader of the numbers. */
export interface RunFacts {
  readonly node: string;
  readonly processors: number;
  readonly quick: boolean;
  /** Length of the whole run (s). */
  readonly seconds: number;
  /** The concurrency at which raw was best. */
  readonly rawConcurrency?: number;
}

const MARK = { true: '✓', false: '✗', undefined: '' } as const;

/** The table, and the remarks below it. */
export function renderText(rows: readonly Row[], facts: RunFacts): string {
  const table = new Table({
    head: ['', 'median (min–max)', '', 'ratio (min–max)', 'to reach', '', 'n'],
    colAligns: ['left', 'right', 'left', 'right', 'left', 'left', 'right'],
    style: { head: [], border: [] },
  });
  const notes: string[] = [];
  for (const row of rows) {
    const remark = row.note === undefined ? '' : ` [${noteNumber(notes, row.note)}]`;
    table.push([
      `${row.name}${remark}`,
      figureText(row.value),
      row.unit,
      row.ratio === undefined ? '' : `${figureText(row.ratio)} × ${row.ratioTo ?? 'raw'}`,
      goalText(row),
      MARK[`${reached(row) ?? 'undefined'}`],
      String(row.value.repeats),
    ]);
  }
  const remarks = notes.map((note, i) => `[${i + 1}] ${note}`);
  const raw =
    facts.rawConcurrency === undefined ? '' : ` raw was best with ${facts.rawConcurrency} ${facts.rawConcurrency === 1 ? 'call' : 'calls'} in flight.`;
  const run = `Node ${facts.node}, ${facts.processors} processors, ${Math.round(facts.seconds)} s${facts.quick ? ', --quick: too short to compare with' : ''}.${raw}`;
  return [table.toString(), ...remarks, run].join('\n');
}

function noteNumber(notes: string[], note: string): number {
  const known = notes.indexOf(note);
  return known >= 0 ? known + 1 : notes.push(note);
}

/** The same as one line of JSON. */
export const renderJson = (rows: readonly Row[], facts: RunFacts): string =>
  JSON.stringify({ ...facts, rows: rows.map((row) => ({ ...row, ...(row.goal !== undefined && { reached: reached(row) ?? null }) })) });
