/** A chart of curves over logarithmic axes, in text. Pure. */

/** One curve; both axes are logarithmic, so all numbers are above 0. */
export interface Series {
  /** One character. Where curves meet, the later one in the list is seen. */
  readonly mark: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

/** Lines above the axis. */
const HEIGHT = 12;
/** Characters of the labels at the left. */
const LABEL = 7;
/** Steps within a decade at which the left axis is labelled. */
const STEPS = [1, 2, 5] as const;

/**
 * Draws the curves.
 *
 * @param width characters a line may have, labels included.
 * @returns lines without trailing spaces.
 */
export function logChart(series: readonly Series[], width: number, height = HEIGHT): readonly string[] {
  const all = series.flatMap((s) => s.points);
  const columns = Math.max(2, width - LABEL - 2);
  const x = scale(
    all.map((p) => p.x),
    columns - 1,
  );
  const y = scale(
    all.map((p) => p.y),
    height - 1,
  );
  const grid = Array.from({ length: height }, () => new Array<string>(columns).fill(' '));
  for (const { mark, points } of series) {
    points.forEach((p, i) => {
      const next = points[i + 1] ?? p;
      // Between two points the curve is straight on the logarithmic axes.
      const [from, to] = [x.at(p.x), x.at(next.x)];
      for (let c = Math.round(from); c <= Math.round(to); c += 1) {
        const share = to === from ? 0 : (c - from) / (to - from);
        const row = Math.round(y.at(p.y) + share * (y.at(next.y) - y.at(p.y)));
        const line = grid[height - 1 - row];
        if (line !== undefined && c >= 0 && c < columns) line[c] = mark;
      }
    });
  }
  const labels = new Map(ticks(y.min, y.max).map((value) => [height - 1 - Math.round(y.at(value)), value]));
  const body = grid.map((line, row) => {
    const value = labels.get(row);
    return `${(value === undefined ? '' : plain(value)).padStart(LABEL)} ${value === undefined ? '│' : '┤'}${line.join('')}`.trimEnd();
  });
  return [...body, `${' '.repeat(LABEL)} └${'─'.repeat(columns)}`, axis(x, columns)];
}

interface Scale {
  readonly min: number;
  readonly max: number;
  at(value: number): number;
}

function scale(values: readonly number[], size: number): Scale {
  const min = Math.min(...values);
  const max = Math.max(...values);
  const span = Math.log10(max) - Math.log10(min);
  return { min, max, at: (value) => (span === 0 ? 0 : ((Math.log10(value) - Math.log10(min)) / span) * size) };
}

/** 1, 2 and 5 of each decade between two numbers. */
function ticks(min: number, max: number): number[] {
  const found: number[] = [];
  for (let e = Math.floor(Math.log10(min)); e <= Math.ceil(Math.log10(max)); e += 1)
    for (const step of STEPS) found.push(Number((step * 10 ** e).toPrecision(1)));
  return found.filter((value) => value >= min && value <= max);
}

function axis(x: Scale, columns: number): string {
  const line = new Array<string>(columns).fill(' ');
  let free = 0;
  for (const value of ticks(x.min, x.max).filter((v) => /^1?0*\.?0*1?$/.test(plain(v)))) {
    const label = plain(value);
    const start = Math.min(Math.max(0, Math.round(x.at(value)) - Math.floor(label.length / 2)), columns - label.length);
    if (start < free) continue;
    [...label].forEach((char, i) => {
      line[start + i] = char;
    });
    free = start + label.length + 1;
  }
  return `${' '.repeat(LABEL + 2)}${line.join('')}`.trimEnd();
}

const plain = (value: number): string => String(Number(value.toPrecision(3)));
