import { stripVTControlCharacters } from 'node:util';

/** A column of a table that may be left out where the terminal is narrow. */
export interface Column<Row> {
  readonly head: string;
  readonly right?: true;
  /** Columns of the lowest number are left out first; one without a number is always shown. */
  readonly keep?: number;
  readonly cell: (row: Row) => string;
}

/** Between two columns, as Output.table has it. */
const GAP = 2;

/** A table of the columns that fit. */
export interface Fitted {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly right: readonly number[];
}

/** Leaves columns out until the table fits. Pure. @param width characters a line may have; undefined for no limit */
export function fitColumns<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width: number | undefined): Fitted {
  let shown = columns.map((column) => ({ column, cells: rows.map(column.cell) }));
  const total = (): number =>
    shown.reduce((sum, { column, cells }) => sum + GAP + Math.max(column.head.length, ...cells.map((c) => stripVTControlCharacters(c).length)), -GAP);
  while (width !== undefined && total() > width) {
    const least = Math.min(...shown.map(({ column }) => column.keep ?? Number.POSITIVE_INFINITY));
    if (least === Number.POSITIVE_INFINITY) break;
    shown = shown.filter(({ column }) => column.keep !== least);
  }
  return {
    head: shown.map(({ column }) => column.head),
    rows: rows.map((_, i) => shown.map(({ cells }) => cells[i] ?? '')),
    right: shown.flatMap(({ column }, i) => (column.right === true ? [i] : [])),
  };
}
