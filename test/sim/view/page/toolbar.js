import { formatSpan } from '../scale.ts';
import { drawGlyph, KINDS } from './glyphs.js';
import { element, make, readTheme, sizeCanvas } from './theme.js';

/** Keys that get a chip; the others are found by the search and by their events. */
const CHIPS_MAX = 120;

/** @param {number} n @param {string} what */
const count = (n, what) => `${n.toLocaleString('en')} ${what}${n === 1 ? '' : 's'}`;

/**
 * The lines above the chart: what this run is, keys, kinds (the legend), search.
 * @param {import('./state.js').State} state
 */
export function makeToolbar(state) {
  const { header, relations } = state;
  const search = /** @type {HTMLInputElement} */ (element('search'));
  const verdict = element('verdict');
  element('seed').textContent = `seed ${header.seed}`;
  if (header.violation === undefined) verdict.textContent = 'No rule broken';
  else {
    verdict.className = 'bad';
    verdict.textContent = `${header.violation.rule}: ${header.violation.message}`;
    verdict.title = `${verdict.textContent}\nGo there (V)`;
    verdict.addEventListener('click', () => state.goToViolation());
  }
  const facts = element('facts');
  facts.textContent = [
    count(state.events.length, 'event'),
    formatSpan(header.endMs),
    count(header.members.length, 'member'),
    count(header.lanes, 'lane'),
    count(header.keys.length, 'key'),
  ].join(' · ');
  facts.title = JSON.stringify(header.knobs, undefined, 2);

  element('by-time').addEventListener('click', () => state.setAxis('time'));
  element('by-order').addEventListener('click', () => state.setAxis('order'));
  element('zoom-in').addEventListener('click', () => state.zoom(1 / 1.5));
  element('zoom-out').addEventListener('click', () => state.zoom(1.5));
  element('zoom-all').addEventListener('click', () => state.show(state.whole));
  search.addEventListener('input', () => state.setSearch(search.value));

  /** @param {string} text @param {string} title @param {(event: MouseEvent) => void} act */
  function chip(text, title, act) {
    const made = /** @type {HTMLButtonElement} */ (make('button', '', text));
    made.type = 'button';
    made.title = title;
    made.addEventListener('click', act);
    return made;
  }

  const keys = element('keys');
  const chips = new Map(
    header.keys
      .slice(0, CHIPS_MAX)
      .map((key) => [
        key,
        chip(key, `The story of ${key}: ${relations.ofKey(key).length} events. With Shift: several keys.`, (event) => state.toggleKey(key, !event.shiftKey)),
      ]),
  );
  if (header.violation?.key !== undefined) chips.get(header.violation.key)?.classList.add('broken');
  keys.append(make('span', 'note', header.keys.length === 0 ? 'no keys' : 'Keys'), ...chips.values());
  if (header.keys.length > CHIPS_MAX) keys.append(make('span', 'note', `and ${header.keys.length - CHIPS_MAX} more: search for them`));

  const kinds = element('kinds');
  const counts = Map.groupBy(state.events, (e) => e.kind);
  const legend = KINDS.filter(([kind]) => counts.has(kind)).map(([kind, name]) => {
    const glyph = /** @type {HTMLCanvasElement} */ (make('canvas', 'glyph'));
    glyph.setAttribute('aria-hidden', 'true');
    const made = chip('', `${counts.get(kind)?.length.toLocaleString('en')} events. Show or hide them.`, () => state.toggleKind(kind));
    made.append(glyph, name);
    kinds.append(made);
    return { kind, glyph, made };
  });

  return {
    /** @param {Set<import('./state.js').Change>} what */
    update(what) {
      element('by-time').setAttribute('aria-pressed', String(state.axis === 'time'));
      element('by-order').setAttribute('aria-pressed', String(state.axis === 'order'));
      if (what.has('choice')) {
        for (const [key, made] of chips) made.setAttribute('aria-pressed', String(state.keys.has(key)));
        for (const { kind, made } of legend) made.setAttribute('aria-pressed', String(!state.hidden.has(kind)));
        if (search.value !== state.search) search.value = state.search;
      }
      if (what.has('theme') || what.has('size')) {
        const theme = readTheme();
        for (const { kind, glyph } of legend) drawGlyph(sizeCanvas(glyph, 18, 14), kind, 9, 7, theme.members[0] ?? theme.run, theme);
      }
    },
  };
}
