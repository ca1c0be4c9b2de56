import { formatTime } from '../scale.ts';
import { factsOf, nameOf } from './details.js';
import { GUTTER } from './geometry.js';
import { element, make } from './theme.js';

/** How far the mouse may move in a click (CSS pixels). */
const CLICK = 4;
/** Zoom of one pixel of the wheel. */
const WHEEL = 1.0022;

/**
 * Wheel, drag, hover and click on the chart.
 * @param {import('./state.js').State} state @param {import('./chart.js').Chart} chart
 */
export function bindPointer(state, chart) {
  const { base } = chart;
  const tip = element('tip');
  /** @type {{ x: number, y: number, range: import('../scale.ts').Range, scrollY: number, moved: boolean } | undefined} */
  let drag;

  base.addEventListener(
    'wheel',
    (event) => {
      event.preventDefault();
      const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
      const [dx, dy] = [event.deltaX * unit, event.deltaY * unit];
      const g = chart.geometry();
      if (event.offsetX < GUTTER || (event.shiftKey && dx === 0)) state.scrollTo(state.scrollY + dy, g.seen);
      else if (Math.abs(dx) > Math.abs(dy)) move((dx * (state.range.to - state.range.from)) / g.plot);
      else state.zoom(WHEEL ** Math.max(-200, Math.min(200, dy)), chart.placeAt(event.offsetX));
      hide();
    },
    { passive: false },
  );
  base.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    base.setPointerCapture(event.pointerId);
    drag = { x: event.offsetX, y: event.offsetY, range: state.range, scrollY: state.scrollY, moved: false };
  });
  base.addEventListener('pointermove', (event) => {
    if (drag !== undefined) {
      const [dx, dy] = [event.offsetX - drag.x, event.offsetY - drag.y];
      drag.moved ||= Math.hypot(dx, dy) > CLICK;
      if (!drag.moved) return;
      hide();
      base.style.cursor = 'grabbing';
      const g = chart.geometry();
      const by = (dx * (drag.range.to - drag.range.from)) / g.plot;
      state.show({ from: drag.range.from - by, to: drag.range.to - by });
      state.scrollTo(drag.scrollY - dy, g.seen);
      return;
    }
    const found = chart.hit(event.offsetX, event.offsetY);
    state.hover(found);
    base.style.cursor = found === undefined ? 'default' : 'pointer';
    if (found === undefined) hide();
    else explain(found, event.offsetX, event.offsetY);
  });
  base.addEventListener('pointerup', (event) => {
    const click = drag !== undefined && !drag.moved;
    drag = undefined;
    base.style.cursor = 'default';
    if (!click) return;
    const found = chart.hit(event.offsetX, event.offsetY);
    if (found !== undefined) state.pin(found === state.pinned ? undefined : found);
    else if (state.pinned !== undefined) state.pin(undefined);
    else if (event.offsetX >= GUTTER) {
      const place = chart.placeAt(event.offsetX);
      const next = state.listed.find((e) => state.placeOf(e) >= place) ?? state.listed.at(-1);
      if (next !== undefined) state.moveTo(next, { reveal: false });
    }
  });
  base.addEventListener('pointercancel', () => {
    drag = undefined;
  });
  base.addEventListener('pointerleave', () => {
    state.hover(undefined);
    hide();
  });

  document.addEventListener('keydown', hide);

  /** @param {number} by */
  function move(by) {
    state.show({ from: state.range.from + by, to: state.range.to + by });
  }

  function hide() {
    tip.hidden = true;
  }

  /** @param {number} index @param {number} x @param {number} y */
  function explain(index, x, y) {
    const event = state.events[index];
    if (event === undefined) return;
    const head = make('div');
    head.append(make('b', '', nameOf(event.kind)), make('span', 'meta', `  ${formatTime(event.t)}`));
    tip.replaceChildren(head, make('div', 'text', event.text), make('div', 'meta', factsOf(event)));
    tip.hidden = false;
    const g = chart.geometry();
    const [wide, tall] = [tip.offsetWidth, tip.offsetHeight];
    tip.style.left = `${x + 16 + wide < g.width ? x + 16 : Math.max(4, x - 16 - wide)}px`;
    tip.style.top = `${y + 18 + tall < g.height ? y + 18 : Math.max(4, y - 12 - tall)}px`;
  }
}
