import { touching } from '../intervals.ts';
import { LEVEL } from '../relations.ts';
import { toPixel, toPlace } from '../scale.ts';
import { paintCursor, paintFrame, paintGutter, paintPhases } from './frame.js';
import { AXIS, GUTTER, middleOf, STRIP } from './geometry.js';
import { paintRows } from './paint.js';
import { element, readTheme, sizeCanvas } from './theme.js';
import { paintThread } from './thread.js';

/** Space at the right (CSS pixels). */
const PADDING = 10;
/** How far from the mouse a mark is still meant (CSS pixels). */
const REACH = 7;

/**
 * @typedef {ReturnType<typeof makeChart>} Chart
 */

/** @param {import('./state.js').State} state */
export function makeChart(state) {
  const base = /** @type {HTMLCanvasElement} */ (element('base'));
  const over = /** @type {HTMLCanvasElement} */ (element('over'));
  let theme = readTheme();
  let [width, height] = [0, 0];

  /** Where things are now. The row of the faults stays at the top; the others scroll under it. @returns {import('./geometry.js').Geometry} */
  function geometry() {
    const plot = Math.max(1, width - GUTTER - PADDING);
    const top = AXIS + STRIP;
    const first = state.rows.heights[0] ?? 0;
    const range = state.range;
    return {
      width,
      height,
      plot,
      top,
      rowsTop: top + first,
      seen: height - top - 8,
      x: (place) => GUTTER + toPixel(range, plot, place),
      y: (row) => top + (state.rows.tops[row] ?? 0) - (row === 0 ? 0 : state.scrollY),
    };
  }

  /** @param {number} x */
  const placeAt = (x) => toPlace(state.range, geometry().plot, x - GUTTER);

  /** The row at a height of the screen, or −1. @param {number} y */
  function rowAt(y) {
    const g = geometry();
    if (y >= g.top && y < g.rowsTop) return 0;
    if (y < g.rowsTop) return -1;
    return state.model.rows.findIndex((_, i) => i > 0 && y >= g.y(i) && y < g.y(i) + (state.rows.heights[i] ?? 0));
  }

  /** The event that a place on the screen means, if any. @param {number} x @param {number} y @returns {number | undefined} */
  function hit(x, y) {
    if (x < GUTTER || x > width) return undefined;
    const g = geometry();
    if (y < g.top) return hitStrip(x, g);
    const row = rowAt(y);
    const shown = state.model.rows[row];
    const track = state.model.tracks[row];
    if (shown === undefined || track === undefined) return undefined;
    const [first, last] = touching(track[state.axis], state.off(placeAt(x - REACH)), state.off(placeAt(x + REACH)));
    let best = Number.POSITIVE_INFINITY;
    let found;
    for (let i = first; i < last; i += 1) {
      const shape = state.model.shapes[/** @type {number} */ (track.shapes[i])];
      if (shape === undefined || shape.events.every((e) => state.levels[e] === LEVEL.hidden)) continue;
      const [x0, x1] = [g.x(state.on(shape.start)), g.x(state.on(shape.end))];
      const middle = g.y(row) + middleOf(state, shape, shown);
      const away = Math.hypot(Math.max(0, x0 - x, x - x1), (y - middle) * (shape.form === 'mark' ? 0.7 : 1));
      // What is dimmed gives way, and a mark lies above a bar.
      const dim = shape.events.some((e) => (state.levels[e] ?? 0) > LEVEL.dim) ? 0 : 2;
      const cost = away + dim - (shape.form === 'mark' ? 1.5 : 0);
      if (away <= REACH + 2 && cost < best) {
        best = cost;
        found = shape;
      }
    }
    return found === undefined ? undefined : eventOf(found, x, g);
  }

  /** Of a shape with several events the one that x is nearest to, else the one that began what is there. @param {import('../model.ts').Shape} shape @param {number} x @param {import('./geometry.js').Geometry} g */
  function eventOf(shape, x, g) {
    const near = shape.events.filter((e) => Math.abs(g.x(state.placeOf(e)) - x) <= 4);
    if (near.length > 0) return near.reduce((a, b) => (Math.abs(g.x(state.placeOf(b)) - x) < Math.abs(g.x(state.placeOf(a)) - x) ? b : a));
    return shape.events.findLast((e) => g.x(state.placeOf(e)) <= x) ?? shape.events[0];
  }

  /** @param {number} x @param {import('./geometry.js').Geometry} g */
  function hitStrip(x, g) {
    const violation = state.model.violations.find((e) => Math.abs(g.x(state.placeOf(e)) - x) <= REACH);
    if (violation !== undefined) return violation;
    return state.model.phases.findLast((p) => g.x(state.on(p.start)) <= x)?.event;
  }

  function paintBase() {
    const c = sizeCanvas(base, width, height);
    const g = geometry();
    paintPhases(c, state, g, theme);
    paintRows(c, state, g, theme);
    paintGutter(c, state, g, theme);
    paintFrame(c, state, g, theme);
  }

  function paintOver() {
    const c = sizeCanvas(over, width, height);
    const g = geometry();
    if (state.focus !== undefined) paintThread(c, state, g, theme);
    paintCursor(c, state, g, theme);
  }

  return {
    base,
    geometry,
    hit,
    placeAt,
    /** @param {Set<import('./state.js').Change>} what */
    update(what) {
      if (what.has('size')) {
        const box = base.getBoundingClientRect();
        [width, height] = [box.width, box.height];
        state.scrollTo(state.scrollY, geometry().seen);
        what.add('view');
      }
      if (what.has('theme')) theme = readTheme();
      if (what.has('cursor')) revealRow();
      if (what.has('view') || what.has('focus') || what.has('choice') || what.has('theme')) paintBase();
      paintOver();
    },
  };

  /** Scrolls the row of the cursor into sight. */
  function revealRow() {
    const shape = state.model.shapes[state.model.shapeOf[state.cursor] ?? -1];
    if (shape === undefined || shape.row === 0) return;
    const g = geometry();
    const [top, tall] = [g.y(shape.row), state.rows.heights[shape.row] ?? 0];
    if (top < g.rowsTop) state.scrollTo(state.scrollY - (g.rowsTop - top) - 20, g.seen);
    else if (top + tall > g.height - 8) state.scrollTo(state.scrollY + top + tall - g.height + 28, g.seen);
  }
}
