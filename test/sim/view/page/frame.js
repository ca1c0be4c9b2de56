import { LEVEL } from '../relations.ts';
import { formatTime, ticks } from '../scale.ts';
import { AXIS, clipText, GUTTER, inPlot, STRIP } from './geometry.js';
import { memberColour } from './theme.js';

/**
 * What stands around the shapes: phases, names of rows, the axis, violations, the cursor.
 * @typedef {import('./state.js').State} State
 * @typedef {import('./geometry.js').Geometry} Geometry
 * @typedef {import('./theme.js').Theme} Theme
 */

/** Narrowest distance of two ticks (CSS pixels): a time of some days fits. */
const TICK_DISTANCE = { time: 96, order: 150 };

/** @param {Theme} theme @param {string} text */
export function phaseColour(theme, text) {
  return /heal|settle|converge|quiet/i.test(text) ? theme.heal : /break|fault/i.test(text) ? theme.break : theme.soft;
}

/** @param {CanvasRenderingContext2D} c @param {State} state @param {Geometry} g @param {Theme} theme */
export function paintPhases(c, state, g, theme) {
  c.font = `600 11px ${theme.font}`;
  c.textBaseline = 'middle';
  c.textAlign = 'left';
  inPlot(c, g, 0, () => {
    for (const phase of state.model.phases) {
      const [x0, x1] = [Math.max(GUTTER, g.x(state.on(phase.start))), Math.min(g.width, g.x(state.on(phase.end)))];
      if (x1 < GUTTER || x0 > g.width) continue;
      c.fillStyle = phaseColour(theme, phase.text);
      c.globalAlpha = 0.045;
      c.fillRect(x0, AXIS, x1 - x0, g.height - AXIS);
      c.globalAlpha = 0.14;
      c.fillRect(x0, AXIS, x1 - x0, STRIP);
      c.globalAlpha = 0.9;
      if (g.x(state.on(phase.start)) >= GUTTER) c.fillRect(x0, AXIS, 1.5, STRIP);
      c.globalAlpha = 1;
      c.fillText(clipText(c, phase.text, x1 - x0 - 12), x0 + 7, AXIS + STRIP / 2 + 0.5);
    }
    const { places } = ticks(state.axis, state.range, Math.floor(g.plot / TICK_DISTANCE[state.axis]));
    c.fillStyle = theme.hair;
    for (const place of places) c.fillRect(Math.round(g.x(place)), g.top, 1, g.height);
  });
}

/** Names of the rows. @param {CanvasRenderingContext2D} c @param {State} state @param {Geometry} g @param {Theme} theme */
export function paintGutter(c, state, g, theme) {
  const { rows } = state.model;
  c.textBaseline = 'middle';
  c.textAlign = 'left';
  rows.forEach((row, i) => {
    const [y, tall] = [g.y(i), state.rows.heights[i] ?? 0];
    if (y > g.height || (i > 0 && y + tall < g.rowsTop)) return;
    c.save();
    c.beginPath();
    c.rect(0, i === 0 ? g.top : g.rowsTop, GUTTER - 2, g.height);
    c.clip();
    const middle = y + tall / 2 + 0.5;
    if (row.kind === 'member') {
      c.fillStyle = memberColour(theme, state.header.members, row.member);
      c.beginPath();
      c.roundRect(10, y + 7, 4, tall - 14, 2);
      c.fill();
      c.fillStyle = theme.ink;
      c.font = `600 14px ${theme.font}`;
      c.fillText(clipText(c, row.label, GUTTER - 28), 20, middle);
    } else {
      const [indent, font, colour] =
        row.kind === 'link'
          ? [20, `500 11.5px ${theme.font}`, theme.ink]
          : row.kind === 'lane'
            ? [30, `10.5px ${theme.font}`, theme.soft]
            : [20, `11px ${theme.font}`, theme.soft];
      c.font = row.kind === 'faults' ? `600 11.5px ${theme.font}` : font;
      c.fillStyle = row.kind === 'faults' ? theme.fault : colour;
      c.fillText(
        clipText(c, row.kind === 'link' ? row.label.replace('>', ' → ') : row.label, GUTTER - indent - 6),
        row.kind === 'faults' ? 10 : indent,
        middle,
      );
    }
    c.restore();
  });
  c.fillStyle = theme.line;
  c.fillRect(GUTTER - 1, AXIS, 1, g.height);
  c.fillRect(0, g.rowsTop - 0.5, g.width, 1);
}

/** Number and time of the event at a place of the axis by order. @param {State} state @param {number} place */
function orderLabel(state, place) {
  const event = state.events[Math.min(state.events.length - 1, Math.max(0, Math.floor(state.off(place))))];
  return event === undefined ? '' : `#${event.n} · ${formatTime(event.t, 1)}`;
}

/** The axis, and above all violations. @param {CanvasRenderingContext2D} c @param {State} state @param {Geometry} g @param {Theme} theme */
export function paintFrame(c, state, g, theme) {
  const { step, places } = ticks(state.axis, state.range, Math.floor(g.plot / TICK_DISTANCE[state.axis]));
  c.font = `11px ${theme.font}`;
  c.fillStyle = theme.soft;
  c.textBaseline = 'middle';
  c.textAlign = 'left';
  c.fillText(state.axis === 'time' ? 'virtual time' : 'by order', 10, AXIS / 2 + 1);
  inPlot(c, g, 0, () => {
    c.textAlign = 'center';
    for (const place of places) {
      const text = state.axis === 'time' ? formatTime(place, step) : orderLabel(state, place);
      const half = c.measureText(text).width / 2;
      c.fillText(text, Math.max(GUTTER + half + 2, Math.min(g.width - half - 4, g.x(place))), AXIS / 2 + 1);
    }
  });
  c.fillStyle = theme.line;
  c.fillRect(0, AXIS - 1, g.width, 1);
  paintViolations(c, state, g, theme);
  paintScrollBar(c, state, g, theme);
}

/** @param {CanvasRenderingContext2D} c @param {State} state @param {Geometry} g @param {Theme} theme */
function paintViolations(c, state, g, theme) {
  inPlot(c, g, 0, () => {
    for (const event of state.model.violations) {
      if (state.levels[event] === LEVEL.hidden) continue;
      const x = g.x(state.placeOf(event));
      if (x < GUTTER || x > g.width) continue;
      c.fillStyle = theme.bad;
      c.fillRect(Math.round(x) - 1, AXIS, 2, g.height);
      c.font = `600 11px ${theme.font}`;
      const text = clipText(c, state.events[event]?.text ?? '', Math.min(420, g.width - GUTTER - 40));
      const wide = c.measureText(text).width + 14;
      const left = x + wide < g.width - 4 ? x : x - wide;
      c.beginPath();
      c.roundRect(left, AXIS + 1, wide, STRIP - 2, 4);
      c.fill();
      c.fillStyle = theme.paper;
      c.textAlign = 'left';
      c.fillText(text, left + 7, AXIS + STRIP / 2 + 0.5);
    }
  });
}

/** @param {CanvasRenderingContext2D} c @param {State} state @param {Geometry} g @param {Theme} theme */
function paintScrollBar(c, state, g, theme) {
  if (state.rows.height <= g.seen) return;
  const track = g.height - g.rowsTop - 6;
  const first = state.rows.heights[0] ?? 0;
  const [whole, seen] = [state.rows.height - first, g.seen - first];
  c.fillStyle = theme.faint;
  c.globalAlpha = 0.5;
  c.beginPath();
  c.roundRect(g.width - 7, g.rowsTop + 3 + (state.scrollY / whole) * track, 4, Math.max(24, (seen / whole) * track), 2);
  c.fill();
  c.globalAlpha = 1;
}

/** The line of the cursor. @param {CanvasRenderingContext2D} c @param {State} state @param {Geometry} g @param {Theme} theme */
export function paintCursor(c, state, g, theme) {
  const x = Math.round(g.x(state.placeOf(state.cursor)));
  if (x < GUTTER || x > g.width || state.events.length === 0) return;
  c.fillStyle = theme.accent;
  c.fillRect(x, AXIS, 1, g.height);
  const text = `${state.axis === 'time' ? '' : `#${state.events[state.cursor]?.n} · `}${formatTime(state.events[state.cursor]?.t ?? 0)}`;
  c.font = `600 11px ${theme.font}`;
  const half = c.measureText(text).width / 2 + 7;
  const middle = Math.max(GUTTER + half, Math.min(g.width - half - 2, x));
  c.beginPath();
  c.roundRect(middle - half, 3, half * 2, AXIS - 6, 4);
  c.fill();
  c.fillStyle = theme.paper;
  c.textAlign = 'center';
  c.textBaseline = 'middle';
  c.fillText(text, middle, AXIS / 2 + 1);
}
