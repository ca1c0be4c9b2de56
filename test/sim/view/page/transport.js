import { formatTime } from '../scale.ts';
import { element } from './theme.js';

/**
 * The scrubber, the steps and playing. The scrubber runs over the listed events.
 * @param {import('./state.js').State} state
 */
export function makeTransport(state) {
  const scrubber = /** @type {HTMLInputElement} */ (element('scrubber'));
  const speed = /** @type {HTMLSelectElement} */ (element('speed'));
  const play = element('play');
  const now = element('now');
  let playing = false;
  /** When the last event was shown (ms of the page). */
  let shownAt = 0;

  scrubber.addEventListener('input', () => {
    stop();
    const event = state.listed[Number(scrubber.value)];
    if (event !== undefined) state.moveTo(event);
  });
  element('previous').addEventListener('click', () => step(-1));
  element('next').addEventListener('click', () => step(1));
  play.addEventListener('click', () => toggle());

  /** @param {number} by */
  function step(by) {
    stop();
    const event = state.neighbour(by);
    if (event !== undefined) state.moveTo(event);
  }

  function stop() {
    playing = false;
    show();
  }

  function toggle() {
    playing = !playing;
    if (playing) {
      if (state.cursor >= (state.listed.at(-1) ?? 0) && state.listed[0] !== undefined) state.moveTo(state.listed[0]);
      shownAt = performance.now();
      requestAnimationFrame(frame);
    }
    show();
  }

  /** @param {number} at */
  function frame(at) {
    if (!playing) return;
    const due = Math.floor(((at - shownAt) / 1_000) * Number(speed.value));
    if (due > 0) {
      shownAt = at;
      const event = state.neighbour(due);
      if (event === undefined || event <= state.cursor) {
        stop();
        return;
      }
      state.moveTo(event);
    }
    requestAnimationFrame(frame);
  }

  function show() {
    play.setAttribute('aria-pressed', String(playing));
    play.setAttribute('aria-label', playing ? 'Stop' : 'Play');
  }

  return {
    toggle,
    stop,
    /** @param {Set<import('./state.js').Change>} what */
    update(what) {
      if (!what.has('cursor') && !what.has('choice')) return;
      const { listed, events, cursor } = state;
      const place = listed.findIndex((e) => e >= cursor);
      scrubber.max = String(Math.max(0, listed.length - 1));
      scrubber.value = String(place < 0 ? listed.length - 1 : place);
      const event = events[cursor];
      scrubber.setAttribute('aria-valuetext', event === undefined ? 'no events' : `${formatTime(event.t)}, ${event.text}`);
      now.textContent = event === undefined ? '' : `#${event.n} · ${formatTime(event.t)} of ${formatTime(state.header.endMs)}`;
    },
  };
}
