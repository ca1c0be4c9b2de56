import { lowerBound } from '../intervals.ts';
import { LEVEL } from '../relations.ts';
import { originOf } from '../rows.ts';
import { formatTime } from '../scale.ts';
import { drawGlyph } from './glyphs.js';
import { element, make, memberColour, readTheme, sizeCanvas } from './theme.js';

/** Height of a row, as page.css has it (CSS pixels). */
const ROW = 24;
/** Rows that are kept above and below what is seen. */
const SPARE = 6;

/**
 * The list of the chosen events. It has elements for the rows that are seen, whatever the length of the trace.
 * @param {import('./state.js').State} state
 */
export function makeList(state) {
  const list = element('list');
  const space = element('list-space');
  const title = element('list-title');
  let theme = readTheme();
  /** @type {HTMLElement[]} */
  const pool = [];

  // Times of days are wider.
  list.style.setProperty('--time', state.model.whole.time.to >= 86_400_000 ? '114px' : '78px');
  list.addEventListener('scroll', () => paint());
  list.addEventListener('click', (event) => {
    const index = indexOf(event);
    if (index === undefined) return;
    if (state.pinned !== undefined) state.pin(index);
    else state.moveTo(index);
  });
  list.addEventListener('dblclick', (event) => state.pin(indexOf(event)));
  list.addEventListener('pointermove', (event) => state.hover(indexOf(event)));
  list.addEventListener('pointerleave', () => state.hover(undefined));

  /** @param {Event} event */
  function indexOf(event) {
    const row = event.target instanceof Element ? /** @type {HTMLElement | null} */ (event.target.closest('.event')) : null;
    return row?.dataset['event'] === undefined ? undefined : Number(row.dataset['event']);
  }

  function paint() {
    const { listed, events } = state;
    const first = Math.max(0, Math.floor(list.scrollTop / ROW) - SPARE);
    const count = Math.min(listed.length - first, Math.ceil(list.clientHeight / ROW) + 2 * SPARE);
    let active = '';
    for (let i = 0; i < Math.max(count, pool.length); i += 1) {
      const index = listed[first + i];
      const event = index === undefined ? undefined : events[index];
      const row = pool[i] ?? addRow();
      row.hidden = i >= count || event === undefined;
      if (event === undefined || index === undefined || i >= count) continue;
      const level = state.levels[index] ?? 0;
      row.className = `event ${event.kind} ${level === LEVEL.dim ? 'dim' : level === LEVEL.strong ? 'strong' : ''}`;
      row.id = `event-${index}`;
      row.dataset['event'] = String(index);
      row.style.top = `${(first + i) * ROW}px`;
      row.style.display = '';
      row.setAttribute('aria-selected', String(index === state.cursor));
      row.setAttribute('aria-posinset', String(first + i + 1));
      row.setAttribute('aria-setsize', String(listed.length));
      if (index === state.cursor) active = row.id;
      const [time, glyph, what] = /** @type {[HTMLElement, HTMLCanvasElement, HTMLElement]} */ (/** @type {unknown} */ ([...row.children]));
      time.textContent = formatTime(event.t, 1);
      const c = sizeCanvas(glyph, 18, 14);
      drawGlyph(c, event.kind, 9, 7, memberColour(theme, state.header.members, originOf(event)), theme);
      const who = event.who ?? event.at ?? '';
      what.replaceChildren(...(who === '' || event.text.includes(who) ? [] : [make('span', 'who', `${who}  `)]), event.text);
      what.title = event.text;
    }
    for (const row of pool) if (row.hidden) row.style.display = 'none';
    if (active === '') list.removeAttribute('aria-activedescendant');
    else list.setAttribute('aria-activedescendant', active);
  }

  function addRow() {
    const row = make('div', 'event');
    row.setAttribute('role', 'option');
    const glyph = make('canvas', 'glyph');
    glyph.setAttribute('aria-hidden', 'true');
    row.append(make('span', 't'), glyph, make('span', 'what'));
    pool.push(row);
    space.append(row);
    return row;
  }

  /** Keeps the cursor in sight, in the middle if it was far away. */
  function reveal() {
    const top = lowerBound(state.listed, state.cursor) * ROW;
    const seen = list.clientHeight;
    if (top >= list.scrollTop && top + ROW <= list.scrollTop + seen) return;
    const far = top < list.scrollTop - seen || top > list.scrollTop + 2 * seen;
    list.scrollTop = far ? top - seen / 2 : top < list.scrollTop ? top - ROW : top + 2 * ROW - seen;
  }

  return {
    /** @param {Set<import('./state.js').Change>} what */
    update(what) {
      if (what.has('theme')) theme = readTheme();
      if (what.has('choice')) {
        space.style.height = `${state.listed.length * ROW}px`;
        const total = state.listed.length;
        const of = total === state.events.length ? '' : ` of ${state.events.length.toLocaleString('en')}`;
        const story = state.keys.size > 0 ? `Story of ${[...state.keys].join(', ')} · ` : '';
        title.textContent = `${story}${total.toLocaleString('en')}${of} events${state.left > 0 ? ` · ${state.left.toLocaleString('en')} earlier ones are not in this file` : ''}`;
      }
      if (what.has('choice') || what.has('cursor') || what.has('size')) reveal();
      if (what.size > 1 || !what.has('view')) paint();
    },
  };
}
