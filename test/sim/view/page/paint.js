import { touching } from '../intervals.ts';
import { LEVEL } from '../relations.ts';
import { processOf } from '../rows.ts';
import { clipText, GUTTER, inPlot, middleOf } from './geometry.js';
import { bar, cross, drawGlyph, polygon } from './glyphs.js';
import { memberColour } from './theme.js';

/**
 * The rows with their shapes. Only what is on the screen is drawn, and of shapes that fall on one pixel only the first,
 * so a frame costs what the screen can show, not what the trace holds.
 * @typedef {import('./state.js').State} State
 * @typedef {import('./geometry.js').Geometry} Geometry
 * @typedef {import('./theme.js').Theme} Theme
 * @typedef {import('../model.ts').Shape} Shape
 */

/** How much of a colour is left of what is dimmed. */
const DIM = 0.13;
/** Marks nearer than this are one (CSS pixels). */
const MERGE = 0.75;
/** Messages shorter than this have no tick for their first receive (CSS pixels). */
const TICKS_FROM = 4;

/** @param {CanvasRenderingContext2D} c @param {State} state @param {Geometry} g @param {Theme} theme */
export function paintRows(c, state, g, theme) {
  inPlot(c, g, g.rowsTop, () => {
    state.model.rows.forEach((row, i) => {
      if (i === 0 || !onScreen(state, g, i)) return;
      paintGround(c, state, g, theme, i);
      if (row.kind === 'member') paintEpochs(c, state, g, theme, i);
    });
    paintFaultGround(c, state, g, theme);
    state.model.rows.forEach((_, i) => {
      if (i > 0 && onScreen(state, g, i)) paintTrack(c, state, g, theme, i);
    });
  });
  inPlot(c, g, g.top, () => paintTrack(c, state, g, theme, 0));
}

/** @param {State} state @param {Geometry} g @param {number} row */
const onScreen = (state, g, row) => g.y(row) < g.height && g.y(row) + (state.rows.heights[row] ?? 0) > g.rowsTop;

/** A hair under each row, so that the eye keeps to it. @param {CanvasRenderingContext2D} c @param {State} state @param {Geometry} g @param {Theme} theme @param {number} row */
function paintGround(c, state, g, theme, row) {
  const bottom = g.y(row) + (state.rows.heights[row] ?? 0);
  c.fillStyle = theme.hair;
  c.fillRect(GUTTER, Math.round(bottom) - 1, g.width, 1);
}

/** @param {CanvasRenderingContext2D} c @param {State} state @param {Geometry} g @param {Theme} theme @param {number} row */
function paintEpochs(c, state, g, theme, row) {
  const [y, tall] = [g.y(row) + 1, (state.rows.heights[row] ?? 0) - 2];
  const member = state.model.rows[row]?.member;
  const own = state.model.epochs.filter((e) => e.member === member);
  c.fillStyle = theme.ground;
  c.fillRect(GUTTER, y, g.width, tall);
  c.font = `10.5px ${theme.font}`;
  c.textBaseline = 'middle';
  c.textAlign = 'left';
  for (const { role, start, end, superseded } of own) {
    const primary = role.primary === true;
    const until = primary && superseded !== undefined ? superseded : end;
    const name = `epoch ${role.epoch}${primary ? ' · primary' : ''}`;
    paintEpoch(
      c,
      g,
      y,
      tall,
      g.x(state.on(start)),
      g.x(state.on(until)),
      name,
      primary ? memberColour(theme, state.header.members, member) : theme.e0,
      primary,
      role.epoch,
      theme,
    );
    if (until !== end)
      paintEpoch(c, g, y, tall, g.x(state.on(until)), g.x(state.on(end)), `epoch ${role.epoch} · superseded`, theme.e0, false, role.epoch, theme);
  }
}

/**
 * @param {CanvasRenderingContext2D} c @param {Geometry} g @param {number} y @param {number} tall @param {number} from @param {number} to
 * @param {string} name @param {string} colour @param {boolean} primary @param {number} epoch @param {Theme} theme
 */
function paintEpoch(c, g, y, tall, from, to, name, colour, primary, epoch, theme) {
  const [x0, x1] = [Math.max(GUTTER, from), Math.min(g.width, to)];
  if (x1 <= GUTTER || x0 >= g.width) return;
  c.fillStyle = colour;
  // Each epoch has another shade, so that a change shows also where the role stays.
  c.globalAlpha = primary ? 0.15 + (epoch % 2) * 0.09 : 0.05 + (epoch % 2) * 0.05;
  c.fillRect(x0, y, x1 - x0, tall);
  c.globalAlpha = 0.8;
  if (primary) c.fillRect(x0, y + tall - 2, x1 - x0, 2);
  c.fillStyle = theme.soft;
  c.globalAlpha = 0.9;
  const text = clipText(c, name, x1 - x0 - 18);
  if (text.length > 8 || text === name) c.fillText(text, x0 + 11, y + tall / 2 + 0.5);
  c.globalAlpha = 1;
}

/** Faults that last shade what they are about: a link's rows, a member's, or everything. @param {CanvasRenderingContext2D} c @param {State} state @param {Geometry} g @param {Theme} theme */
function paintFaultGround(c, state, g, theme) {
  const track = state.model.tracks[0];
  if (track === undefined) return;
  const [first, last] = touching(track[state.axis], state.off(state.range.from), state.off(state.range.to));
  /** One path for each strength, so that faults at the same time do not add up. @type {Map<number, Path2D>} */
  const paths = new Map();
  for (let i = first; i < last; i += 1) {
    const shape = state.model.shapes[/** @type {number} */ (track.shapes[i])];
    const event = shape === undefined ? undefined : state.events[/** @type {number} */ (shape.events[0])];
    const level = shape === undefined ? LEVEL.hidden : state.levels[/** @type {number} */ (shape.events[0])];
    if (shape?.form !== 'span' || event === undefined || level === LEVEL.hidden) continue;
    const [x0, x1] = [Math.max(GUTTER, g.x(state.on(shape.start))), Math.min(g.width, g.x(state.on(shape.end)))];
    if (x1 <= x0) continue;
    // One sandbox that stands still is no outage of its function.
    const alpha = (processOf(event.text.split(' ')[0]) === undefined ? 0.1 : 0.06) / (level === LEVEL.dim ? 3 : 1);
    const path = paths.get(alpha) ?? new Path2D();
    paths.set(alpha, path);
    state.model.rows.forEach((row, r) => {
      if (r > 0 && onScreen(state, g, r) && isAbout(event, row)) path.rect(x0, g.y(r), x1 - x0, state.rows.heights[r] ?? 0);
    });
  }
  c.fillStyle = theme.fault;
  for (const [alpha, path] of paths) {
    c.globalAlpha = alpha;
    c.fill(path);
  }
  c.globalAlpha = 1;
}

/** Whether a fault is about a row: the function of the process that its text begins with, else its link, its member, or everything. @param {import('../../trace.ts').TraceEvent} fault @param {import('../rows.ts').Row} row */
function isAbout(fault, row) {
  const process = processOf(fault.text.split(' ')[0]);
  if (process !== undefined) return row.kind === 'process' && row.member === process.member && row.label === process.name;
  return fault.link !== undefined ? row.link === fault.link : fault.at === undefined || row.member === fault.at;
}

/** @param {CanvasRenderingContext2D} c @param {State} state @param {Geometry} g @param {Theme} theme @param {number} index */
function paintTrack(c, state, g, theme, index) {
  const row = state.model.rows[index];
  const track = state.model.tracks[index];
  if (row === undefined || track === undefined) return;
  const slack = ((state.range.to - state.range.from) / g.plot) * 10;
  const [first, last] = touching(track[state.axis], state.off(state.range.from - slack), state.off(state.range.to + slack));
  const top = g.y(index);
  const levels = new Uint8Array(last - first);
  for (let i = first; i < last; i += 1) levels[i - first] = levelOf(state, track.shapes[i]);
  for (const level of [LEVEL.dim, LEVEL.usual, LEVEL.strong]) {
    if (!levels.includes(level)) continue;
    /** The last pixel that was drawn, for each line and kind. @type {Map<string, number>} */
    const drawn = new Map();
    for (let i = first; i < last; i += 1) {
      if (levels[i - first] !== level) continue;
      const shape = state.model.shapes[/** @type {number} */ (track.shapes[i])];
      if (shape === undefined) continue;
      const [x0, x1] = [g.x(state.on(shape.start)), g.x(state.on(shape.end))];
      const event = state.events[/** @type {number} */ (shape.events[0])];
      if (x1 < GUTTER - 8 || event === undefined) continue;
      if (x1 - x0 < MERGE) {
        const line = `${shape.form === 'mark' ? event.kind : shape.ending}/${shape.slot}/${row.kind === 'member' ? shape.origin : ''}`;
        if (x0 - (drawn.get(line) ?? Number.NEGATIVE_INFINITY) < MERGE) continue;
        drawn.set(line, x0);
      }
      c.globalAlpha = level === LEVEL.dim ? DIM : level === LEVEL.usual ? 0.85 : 1;
      const colour = memberColour(theme, state.header.members, shape.origin);
      const y = top + middleOf(state, shape, row);
      if (shape.form === 'mark') drawGlyph(c, event.kind, x0, y, colour, theme);
      else if (shape.form === 'message') paintMessage(c, state, g, theme, shape, y, colour);
      else if (shape.form === 'invocation') paintInvocation(c, theme, shape, x0, x1, y, colour);
      else paintSpan(c, theme, event.text, x0, x1, Math.min(x1, nextInSlot(state, track, i, g)), y);
    }
  }
  c.globalAlpha = 1;
}

/** A shape is as clear as the clearest of its events. @param {State} state @param {number | undefined} shape */
function levelOf(state, shape) {
  let level = 0;
  for (const event of state.model.shapes[shape ?? -1]?.events ?? []) level = Math.max(level, state.levels[event] ?? 0);
  return level;
}

/** Thin while it waits, thick once it was received, a tick for each receive. @param {CanvasRenderingContext2D} c @param {State} state @param {Geometry} g @param {Theme} theme @param {Shape} shape @param {number} y @param {string} colour */
function paintMessage(c, state, g, theme, shape, y, colour) {
  const [x0, x1] = [g.x(state.on(shape.start)), g.x(state.on(shape.end))];
  /** @param {import('../../trace.ts').TraceKind} kind */
  const at = (kind) => shape.events.filter((e) => state.events[e]?.kind === kind && state.levels[e] !== LEVEL.hidden).map((e) => g.x(state.placeOf(e)));
  const receives = at('receive');
  const held = receives[0];
  const alpha = c.globalAlpha;
  c.fillStyle = colour;
  c.globalAlpha = alpha * 0.55;
  c.fillRect(x0, y - 1, Math.max(1, (held ?? x1) - x0), 2);
  c.globalAlpha = alpha;
  c.fillRect(x0 - 0.5, y - 3, 1.5, 6);
  if (held !== undefined) {
    c.globalAlpha = alpha * 0.8;
    bar(c, held, x1, y, 6);
    c.globalAlpha = alpha;
    c.fillStyle = theme.ink;
    let previous = Number.NEGATIVE_INFINITY;
    // A message that is only a pixel or two keeps its colour.
    const small = x1 - x0 < TICKS_FROM;
    receives.forEach((x, i) => {
      if (x - previous < 1 || (small && i === 0)) return;
      previous = x;
      c.fillRect(x - 0.5, y - 4, 1.25, 8);
      // A second receive is a redelivery: it has a head.
      if (i > 0) polygon(c, [x - 2.4, y - 5.5, x + 2.6, y - 5.5, x + 0.1, y - 2.5]);
    });
  }
  for (const x of at('dead')) cross(c, x, y, 2.6, theme.bad, true);
  if (shape.ending === 'open') {
    c.fillStyle = colour;
    polygon(c, [x1 - 5, y - 3.5, x1, y, x1 - 5, y + 3.5]);
  }
}

/** @param {CanvasRenderingContext2D} c @param {Theme} theme @param {Shape} shape @param {number} x0 @param {number} x1 @param {number} y @param {string} colour */
function paintInvocation(c, theme, shape, x0, x1, y, colour) {
  const alpha = c.globalAlpha;
  c.fillStyle = shape.ending === 'failed' || shape.ending === 'killed' ? theme.bad : colour;
  c.globalAlpha = alpha * (shape.ending === 'done' ? 0.5 : 0.62);
  bar(c, x0, x1, y, 3.5);
  c.globalAlpha = alpha;
  if (shape.ending === 'killed') cross(c, Math.max(x1, x0 + 1), y, 2.8, theme.bad);
  if (shape.ending === 'failed') c.fillRect(Math.max(x1, x0 + 1) - 1, y - 3, 1.75, 6);
}

/** Where the next span of the same slot begins: spans that share a slot do not write over each other. @param {State} state @param {import('../model.ts').Track} track @param {number} place @param {Geometry} g */
function nextInSlot(state, track, place, g) {
  const slot = state.model.shapes[track.shapes[place] ?? -1]?.slot;
  const next = track.shapes.find((s, i) => i > place && state.model.shapes[s]?.form === 'span' && state.model.shapes[s]?.slot === slot);
  const shape = next === undefined ? undefined : state.model.shapes[next];
  return shape === undefined ? Number.POSITIVE_INFINITY : g.x(state.on(shape.start));
}

/** @param {CanvasRenderingContext2D} c @param {Theme} theme @param {string} text @param {number} x0 @param {number} x1 @param {number} room where its text must end @param {number} y */
function paintSpan(c, theme, text, x0, x1, room, y) {
  const alpha = c.globalAlpha;
  c.fillStyle = theme.fault;
  c.globalAlpha = alpha * 0.26;
  bar(c, x0, x1, y, 12);
  c.globalAlpha = alpha;
  c.fillRect(x0 - 0.5, y - 6, 1.75, 12);
  c.font = `10.5px ${theme.font}`;
  c.textBaseline = 'middle';
  c.textAlign = 'left';
  c.fillStyle = theme.ink;
  const left = Math.max(x0, GUTTER);
  c.fillText(clipText(c, text, room - left - 8), left + 5, y + 0.5);
}
