import { element } from './theme.js';

/** Events that Page up and Page down move by. */
const PAGE = 20;

/**
 * The keyboard. Keys that a control uses itself are left to it.
 * @param {import('./state.js').State} state @param {{ toggle: () => void, stop: () => void }} transport
 */
export function bindKeys(state, transport) {
  const search = element('search');
  const help = /** @type {HTMLDialogElement} */ (element('help'));
  element('help-open').addEventListener('click', () => help.showModal());

  /** @param {number} by @param {readonly number[]} [among] */
  const step = (by, among) => {
    transport.stop();
    const event = state.neighbour(by, among);
    if (event !== undefined) state.moveTo(event);
  };
  /** Events of the same message, or of the same invocation. */
  const near = () => {
    const { near: found } = state.relations.of(state.cursor);
    return found.length > 1 ? found : state.relations.ofInvocation(state.cursor);
  };

  /** @type {Record<string, (event: KeyboardEvent) => void>} */
  const actions = {
    ArrowLeft: (e) => step(-1, e.shiftKey ? near() : undefined),
    ArrowRight: (e) => step(1, e.shiftKey ? near() : undefined),
    ArrowUp: () => step(-1),
    ArrowDown: () => step(1),
    PageUp: () => step(-PAGE),
    PageDown: () => step(PAGE),
    Home: () => step(Number.NEGATIVE_INFINITY),
    End: () => step(Number.POSITIVE_INFINITY),
    Enter: () => state.pin(state.pinned === state.cursor ? undefined : state.cursor),
    Escape: () => state.letGo(),
    ' ': () => transport.toggle(),
    '+': () => state.zoom(1 / 1.5),
    '=': () => state.zoom(1 / 1.5),
    '-': () => state.zoom(1.5),
    0: () => state.show(state.whole),
    '/': () => search.focus(),
    '?': () => help.showModal(),
    o: () => state.setAxis(state.axis === 'time' ? 'order' : 'time'),
    v: () => state.goToViolation(),
    k: () => {
      const [key] = state.relations.keysOf(state.cursor);
      if (state.keys.size > 0) state.clearKeys();
      else if (key !== undefined) state.toggleKey(key, true);
    },
  };

  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    const target = /** @type {HTMLElement} */ (event.target);
    if (target === search) {
      if (event.key === 'Enter') {
        step(event.shiftKey ? -1 : 1);
        event.preventDefault();
      } else if (event.key === 'Escape') {
        state.setSearch('');
        search.blur();
      }
      return;
    }
    if (target.tagName === 'SELECT') return;
    if ((target.tagName === 'BUTTON' || target.tagName === 'INPUT') && (event.key === 'Enter' || event.key === ' ')) return;
    const act = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (act === undefined) return;
    event.preventDefault();
    act(event);
  });
}
