import { LEVEL } from '../relations.ts';
import { inPlot, middleOf } from './geometry.js';

/** Events that a thread joins, at most: more would be a web. */
const THREAD_MAX = 60;

/**
 * The way of a message through the picture: a line through what is nearest to the focus, in order, and a ring around the focus.
 * @param {CanvasRenderingContext2D} c @param {import('./state.js').State} state
 * @param {import('./geometry.js').Geometry} g @param {import('./theme.js').Theme} theme
 */
export function paintThread(c, state, g, theme) {
  const focus = state.focus;
  if (focus === undefined) return;
  /** @param {number} event @returns {readonly [number, number] | undefined} */
  const at = (event) => {
    const shape = state.model.shapes[state.model.shapeOf[event] ?? -1];
    const row = shape === undefined ? undefined : state.model.rows[shape.row];
    return shape === undefined || row === undefined ? undefined : [g.x(state.placeOf(event)), g.y(shape.row) + middleOf(state, shape, row)];
  };
  const points = state.relations
    .of(focus)
    .near.filter((e) => state.levels[e] !== LEVEL.hidden)
    .slice(0, THREAD_MAX)
    .flatMap((e) => {
      const point = at(e);
      return point === undefined ? [] : [point];
    });
  inPlot(c, g, g.top, () => {
    c.strokeStyle = theme.ink;
    c.globalAlpha = 0.45;
    c.lineWidth = 1;
    c.beginPath();
    points.forEach(([x, y], i) => {
      const before = points[i - 1];
      if (before === undefined) c.moveTo(x, y);
      else c.bezierCurveTo(before[0] + (x - before[0]) / 2, before[1], before[0] + (x - before[0]) / 2, y, x, y);
    });
    c.stroke();
    c.globalAlpha = 1;
    const own = at(focus);
    if (own === undefined) return;
    c.strokeStyle = theme.accent;
    c.lineWidth = 1.75;
    c.beginPath();
    c.arc(own[0], own[1], 7.5, 0, 2 * Math.PI);
    c.stroke();
  });
}
