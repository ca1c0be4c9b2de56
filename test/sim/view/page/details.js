import { formatSpan, formatTime } from '../scale.ts';
import { KINDS } from './glyphs.js';
import { element, make } from './theme.js';

/** Buttons of one row, at most. */
const KEYS_MAX = 12;

/** Facts of an event, as one line: without what is empty. @param {import('../../trace.ts').TraceEvent} event */
export function factsOf(event) {
  return [
    event.who,
    event.link === undefined ? (event.at === undefined ? undefined : `at ${event.at}`) : event.link.replace('>', ' → '),
    event.lane === undefined ? undefined : `lane ${event.lane}`,
    event.message,
    event.keys?.length ? event.keys.slice(0, KEYS_MAX).join(' ') + (event.keys.length > KEYS_MAX ? ' …' : '') : undefined,
  ]
    .filter((fact) => fact !== undefined && fact !== '')
    .join(' · ');
}

/** @param {import('../../trace.ts').TraceKind} kind */
export const nameOf = (kind) => KINDS.find(([k]) => k === kind)?.[1] ?? kind;

/**
 * What stands above the list: everything about the event at the cursor.
 * @param {import('./state.js').State} state
 */
export function makeDetails(state) {
  const box = element('details');
  const said = element('said');

  function paint() {
    const event = state.events[state.cursor];
    if (event === undefined) {
      box.replaceChildren(make('p', 'meta', 'The trace has no events.'));
      return;
    }
    const head = make('div');
    const pinned = state.pinned === state.cursor;
    head.append(make('b', '', nameOf(event.kind)), make('span', 'meta', `  #${event.n} · ${formatTime(event.t)}${pinned ? ' · kept' : ''}`));
    const links = make('div', 'links');
    /** @param {string} text @param {string} title @param {() => void} act */
    const button = (text, title, act) => {
      const made = /** @type {HTMLButtonElement} */ (make('button', '', text));
      made.type = 'button';
      made.title = title;
      made.addEventListener('click', act);
      links.append(made);
    };
    button(pinned ? 'Let go' : 'Keep', 'Highlight all about it (Enter)', () => state.pin(pinned ? undefined : state.cursor));
    if (event.message !== undefined) {
      const name = event.message;
      button(`only ${name}`, 'Search for this message', () => state.setSearch(name));
    }
    for (const key of [...state.relations.keysOf(state.cursor)].slice(0, KEYS_MAX)) {
      button(state.keys.has(key) ? `${key} ✓` : key, 'The story of this key', () => state.toggleKey(key, true));
    }
    box.className = event.kind === 'violation' ? 'bad' : '';
    box.replaceChildren(head, make('div', 'text', event.text), make('div', 'meta', factsOf(event)), ...lifeOf(), links);
  }

  /** How long the message or invocation of the event took. */
  function lifeOf() {
    const shape = state.model.shapes[state.model.shapeOf[state.cursor] ?? -1];
    if (shape === undefined || shape.form === 'mark') return [];
    const took = formatSpan(shape.end.time - shape.start.time);
    const receives = shape.events.filter((e) => state.events[e]?.kind === 'receive').length;
    const how =
      shape.form === 'message'
        ? `${receives} ${receives === 1 ? 'receive' : 'receives'} · ${shape.ending}`
        : shape.form === 'invocation'
          ? shape.ending
          : 'as long as its text says';
    return [make('div', 'meta', `${shape.form === 'span' ? 'fault' : shape.form} · ${took} · ${how}`)];
  }

  return {
    /** @param {Set<import('./state.js').Change>} what */
    update(what) {
      if (what.has('cursor') || what.has('choice') || what.has('focus')) paint();
      if (what.has('cursor')) {
        const event = state.events[state.cursor];
        if (event !== undefined) said.textContent = `${formatTime(event.t)}, ${nameOf(event.kind)}: ${event.text}`;
      }
    },
  };
}
