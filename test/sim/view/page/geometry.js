import { slotMiddle } from '../rows.ts';

/**
 * Where things are in the chart.
 * @typedef {{ width: number, height: number, plot: number, top: number, rowsTop: number, seen: number, x: (place: number) => number, y: (row: number) => number }} Geometry
 */

/** Sizes of the chart (CSS pixels). */
export const GUTTER = 124;
export const AXIS = 24;
/** The strip of the phases' names, under the axis. */
export const STRIP = 18;
/** Middle of the marks in the row of the faults, above those that last (CSS pixels). */
const FAULT_MARKS = 10;

/** The text, cut to a width with an ellipsis; '' when nothing of it fits. @param {CanvasRenderingContext2D} c @param {string} text @param {number} width */
export function clipText(c, text, width) {
  if (width < 14) return '';
  if (c.measureText(text).width <= width) return text;
  let [low, high] = [0, Math.min(text.length, 200)];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (c.measureText(`${text.slice(0, middle)}…`).width <= width) low = middle;
    else high = middle - 1;
  }
  return low === 0 ? '' : `${text.slice(0, low)}…`;
}

/** Limits drawing to the plot. @param {CanvasRenderingContext2D} c @param {Geometry} g @param {number} top @param {() => void} draw */
export function inPlot(c, g, top, draw) {
  c.save();
  c.beginPath();
  c.rect(GUTTER, top, g.width - GUTTER, g.height - top);
  c.clip();
  draw();
  c.restore();
}

/**
 * The middle of a shape, from the top of its row: at a member writes are above, what appliers did is below.
 * @param {import('./state.js').State} state @param {import('../model.ts').Shape} shape @param {import('../rows.ts').Row} row
 */
export function middleOf(state, shape, row) {
  if (row.kind === 'faults' && shape.form === 'mark') return FAULT_MARKS;
  if (row.kind !== 'member') return slotMiddle(row, shape.slot);
  const kind = state.events[/** @type {number} */ (shape.events[0])]?.kind;
  return kind === 'write' ? 9 : kind === 'state' ? 25 : 17;
}
