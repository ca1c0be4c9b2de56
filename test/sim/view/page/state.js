import { buildModel } from '../model.ts';
import { Relations } from '../relations.ts';
import { layout } from '../rows.ts';
import { reveal, suggestAxis, within, zoom } from '../scale.ts';
import { Stretch } from '../stretch.ts';

/**
 * @typedef {'view' | 'choice' | 'cursor' | 'focus' | 'size' | 'theme'} Change
 * @typedef {ReturnType<typeof makeState>} State
 */

/**
 * What the reader sees and chose. All changes go through its functions, which tell the views.
 * @param {import('../../trace.ts').TraceHeader} header
 * @param {readonly import('../../trace.ts').TraceEvent[]} events
 * @param {number} left events that were cut off before the first
 */
export function makeState(header, events, left) {
  const model = buildModel(header, events);
  const relations = new Relations(events);
  const rows = layout(model.rows);
  /** @type {Set<Change>} */
  let changes = new Set();
  /** @type {() => void} */
  let notify = () => undefined;

  /** @type {import('../scale.ts').Axis} */
  let axis = 'time';
  /** @type {import('../scale.ts').Range} */
  let range = model.whole[axis];
  let stretch = new Stretch(new Uint8Array(events.length).fill(1));
  let scrollY = 0;
  /** @type {Set<string>} */
  const keys = new Set();
  /** @type {Set<import('../../trace.ts').TraceKind>} */
  const hidden = new Set();
  let search = '';
  let cursor = 0;
  /** @type {number | undefined} */
  let pinned;
  /** @type {number | undefined} */
  let hovered;
  /** @type {Uint8Array} */
  let chosen = new Uint8Array(events.length).fill(1);
  /** Indexes of the chosen events: what the list shows. @type {number[]} */
  let listed = events.map((_, i) => i);
  /** @type {Uint8Array} */
  let levels = new Uint8Array(events.length).fill(2);

  /** @param {Change[]} what */
  function changed(...what) {
    for (const change of what) changes.add(change);
    notify();
  }
  function chooseAnew() {
    chosen = relations.chosen({ keys, hidden, search });
    listed = events.flatMap((_, i) => (chosen[i] === 1 ? [i] : []));
    // By order, what is chosen gets the room; what was seen before is seen after.
    const [all, from, to] = [seesAll(), stretch.order(range.from), stretch.order(range.to)];
    stretch = new Stretch(chosen);
    if (axis === 'order') {
      range = all ? whole() : within(axis, whole(), { from: stretch.place(from), to: stretch.place(to) });
      changed('view');
    }
    focusAnew();
    changed('choice');
  }
  function focusAnew() {
    levels = relations.levels({ keys, hidden, search }, chosen, pinned ?? hovered);
    changed('focus');
  }
  /** @param {number} event */
  const placeOf = (event) => (axis === 'time' ? (events[event]?.t ?? 0) : stretch.place(event + 0.5));
  const whole = () => (axis === 'time' ? model.whole.time : { from: 0, to: stretch.length });
  const seesAll = () => range.to - range.from >= (whole().to - whole().from) * 0.98;

  const state = {
    header,
    events,
    left,
    model,
    relations,
    rows,
    placeOf,
    changed,
    get axis() {
      return axis;
    },
    get range() {
      return range;
    },
    get whole() {
      return whole();
    },
    /** A place of the model on the axis that is shown. @param {import('../model.ts').Place} place */
    on: (place) => (axis === 'time' ? place.time : stretch.place(place.order)),
    /** The inverse: what the model's index is asked for. @param {number} place */
    off: (place) => (axis === 'time' ? place : stretch.order(place)),
    get scrollY() {
      return scrollY;
    },
    get keys() {
      return keys;
    },
    get hidden() {
      return hidden;
    },
    get search() {
      return search;
    },
    get cursor() {
      return cursor;
    },
    get pinned() {
      return pinned;
    },
    get hovered() {
      return hovered;
    },
    get focus() {
      return pinned ?? hovered;
    },
    get listed() {
      return listed;
    },
    get levels() {
      return levels;
    },
    /** @param {() => void} listener */
    onChange(listener) {
      notify = listener;
    },
    takeChanges() {
      const taken = changes;
      changes = new Set();
      return taken;
    },
    /** @param {import('../scale.ts').Range} wanted */
    show(wanted) {
      range = within(axis, whole(), wanted);
      changed('view');
    },
    /** @param {number} factor @param {number} [around] */
    zoom(factor, around) {
      const at = placeOf(cursor);
      const middle = (range.from + range.to) / 2;
      range = zoom(axis, whole(), range, around ?? (at >= range.from && at <= range.to ? at : middle), factor);
      changed('view');
    },
    /** @param {number} y @param {number} seen height of the part that is seen (CSS pixels) */
    scrollTo(y, seen) {
      scrollY = Math.max(0, Math.min(y, rows.height - seen));
      changed('view');
    },
    /** Changes the axis and keeps the part that is seen, as far as the other axis can. @param {import('../scale.ts').Axis} wanted */
    setAxis(wanted) {
      if (wanted === axis) return;
      const all = seesAll();
      const inside = events.flatMap((_, i) => (placeOf(i) >= range.from && placeOf(i) <= range.to ? [i] : []));
      axis = wanted;
      const [first, last] = [inside[0], inside.at(-1)];
      range = whole();
      if (!all && first !== undefined && last !== undefined) {
        const margin = (placeOf(last) - placeOf(first)) * 0.02;
        range = within(axis, whole(), { from: placeOf(first) - margin, to: placeOf(last) + margin });
      }
      changed('view');
    },
    /** @param {string} key @param {boolean} [only] */
    toggleKey(key, only = false) {
      const had = keys.has(key) && !(only && keys.size > 1);
      if (only) keys.clear();
      if (had) keys.delete(key);
      else keys.add(key);
      chooseAnew();
    },
    clearKeys() {
      keys.clear();
      chooseAnew();
    },
    /** @param {import('../../trace.ts').TraceKind} kind */
    toggleKind(kind) {
      if (!hidden.delete(kind)) hidden.add(kind);
      chooseAnew();
    },
    /** @param {string} text */
    setSearch(text) {
      search = text;
      chooseAnew();
    },
    /** @param {number} event @param {{reveal?: boolean}} [options] */
    moveTo(event, options = {}) {
      cursor = Math.max(0, Math.min(events.length - 1, event));
      if (options.reveal !== false && events.length > 0) {
        const moved = reveal(axis, whole(), range, placeOf(cursor));
        if (moved !== range) {
          range = moved;
          changed('view');
        }
      }
      changed('cursor');
    },
    /** The event `by` places away in the list from the cursor, or undefined. @param {number} by @param {readonly number[]} [among] */
    neighbour(by, among = listed) {
      let place = among.findIndex((e) => e >= cursor);
      if (place < 0) place = among.length;
      const exact = among[place] === cursor;
      const wanted = by > 0 && !exact ? place + by - 1 : place + by;
      return among[Math.max(0, Math.min(among.length - 1, wanted))];
    },
    /** @param {number | undefined} event */
    pin(event) {
      pinned = event;
      if (event !== undefined) state.moveTo(event);
      focusAnew();
    },
    /** @param {number | undefined} event */
    hover(event) {
      if (event === hovered) return;
      hovered = event;
      if (pinned === undefined) focusAnew();
      else changed('focus');
    },
    /** Lets go of one thing after the other: the pin, the search, the keys. */
    letGo() {
      if (pinned !== undefined) state.pin(undefined);
      else if (search !== '') state.setSearch('');
      else if (keys.size > 0) state.clearKeys();
    },
    /** To the first violation, with the story of its key. */
    goToViolation() {
      const event = model.violations[0];
      const key = header.violation?.key ?? (event === undefined ? undefined : events[event]?.keys?.[0]);
      if (key !== undefined && relations.ofKey(key).length > 0 && !(keys.size === 1 && keys.has(key))) state.toggleKey(key, true);
      if (event !== undefined) state.moveTo(event);
    },
  };
  if (model.violations.length > 0) state.goToViolation();
  axis = suggestAxis(
    listed.map((i) => events[i]?.t ?? 0),
    model.whole.time.to,
  );
  range = whole();
  return state;
}
