import { toPixel, toPlace } from '../scale.ts';
import { phaseColour } from './frame.js';
import { element, readTheme, sizeCanvas } from './theme.js';

/**
 * The whole run in one strip: how much happened when, with the part that is seen. Drag it to move, elsewhere to choose a part.
 * @param {import('./state.js').State} state
 */
export function makeOverview(state) {
  const canvas = /** @type {HTMLCanvasElement} */ (element('overview'));
  let theme = readTheme();
  let [width, height] = [0, 0];
  let axis = state.axis;
  /** @type {{ move: boolean, from: number, range: import('../scale.ts').Range } | undefined} */
  let drag;

  /** @param {number} place */
  const x = (place) => toPixel(state.whole, width, place);
  /** @param {PointerEvent} event */
  const place = (event) => toPlace(state.whole, width, event.offsetX);

  canvas.addEventListener('pointerdown', (event) => {
    canvas.setPointerCapture(event.pointerId);
    const at = place(event);
    const narrowed = state.range.to - state.range.from < (state.whole.to - state.whole.from) * 0.98;
    drag = { move: narrowed && at >= state.range.from && at <= state.range.to, from: at, range: state.range };
  });
  canvas.addEventListener('pointermove', (event) => {
    if (drag === undefined) return;
    const at = place(event);
    if (drag.move) state.show({ from: drag.range.from + at - drag.from, to: drag.range.to + at - drag.from });
    else if (Math.abs(x(at) - x(drag.from)) > 3) state.show({ from: Math.min(at, drag.from), to: Math.max(at, drag.from) });
  });
  canvas.addEventListener('pointerup', (event) => {
    const at = place(event);
    if (drag !== undefined && !drag.move && Math.abs(x(at) - x(drag.from)) <= 3) {
      const half = (state.range.to - state.range.from) / 2;
      state.show({ from: at - half, to: at + half });
    }
    drag = undefined;
  });
  canvas.addEventListener('pointercancel', () => {
    drag = undefined;
  });

  /** What does not depend on the part that is seen: made anew only when it must be. */
  const ground = document.createElement('canvas');

  function paintGround() {
    const c = sizeCanvas(ground, width, height);
    for (const phase of state.model.phases) {
      c.globalAlpha = 0.1;
      c.fillStyle = phaseColour(theme, phase.text);
      c.fillRect(x(state.on(phase.start)), 0, x(state.on(phase.end)) - x(state.on(phase.start)), height);
    }
    const all = new Float64Array(Math.ceil(width / 2) + 1);
    const chosen = new Float64Array(all.length);
    state.events.forEach((event, i) => {
      const column = Math.max(0, Math.min(all.length - 1, Math.floor(x(state.placeOf(i)) / 2)));
      if (event.kind !== 'violation') all[column] = (all[column] ?? 0) + 1;
      if ((state.levels[i] ?? 0) > 1) chosen[column] = (chosen[column] ?? 0) + 1;
    });
    const most = all.reduce((a, b) => Math.max(a, b), 1);
    const tall = height - 12;
    // The square root keeps a single event visible beside a thousand.
    for (const [columns, colour, alpha] of /** @type {const} */ ([
      [all, theme.faint, 0.45],
      [chosen, theme.accent, 0.55],
    ])) {
      c.globalAlpha = alpha;
      c.fillStyle = colour;
      columns.forEach((count, i) => {
        const high = count === 0 ? 0 : Math.max(1.5, Math.sqrt(count / most) * tall);
        c.fillRect(i * 2, height - high, 1.6, high);
      });
    }
    c.globalAlpha = 0.9;
    c.fillStyle = theme.fault;
    state.events.forEach((event, i) => {
      if (event.kind === 'fault') c.fillRect(x(state.placeOf(i)) - 1, 2, 2, 5);
    });
    c.fillStyle = theme.bad;
    for (const event of state.model.violations) c.fillRect(x(state.placeOf(event)) - 1, 0, 2, height);
  }

  function paint() {
    const c = sizeCanvas(canvas, width, height);
    if (ground.width > 0) c.drawImage(ground, 0, 0, width, height);
    const [x0, x1] = [x(state.range.from), x(state.range.to)];
    c.globalAlpha = 0.62;
    c.fillStyle = theme.ground;
    c.fillRect(0, 0, x0, height);
    c.fillRect(x1, 0, width - x1, height);
    c.globalAlpha = 1;
    c.strokeStyle = theme.accent;
    c.lineWidth = 1.5;
    c.strokeRect(Math.max(0.75, x0), 0.75, Math.min(width - 0.75, x1) - Math.max(0.75, x0), height - 1.5);
    c.fillStyle = theme.accent;
    c.fillRect(Math.round(x(state.placeOf(state.cursor))), 0, 1, height);
  }

  return {
    /** @param {Set<import('./state.js').Change>} what */
    update(what) {
      if (what.has('theme')) theme = readTheme();
      if (what.has('size')) {
        const box = canvas.getBoundingClientRect();
        [width, height] = [box.width, box.height];
      }
      // The view is told of also when the axis changes.
      if (what.has('focus') || what.has('choice') || what.has('size') || what.has('theme') || state.axis !== axis) paintGround();
      axis = state.axis;
      paint();
    },
  };
}
