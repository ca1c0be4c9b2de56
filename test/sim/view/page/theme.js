/** Colours come from the style sheet, so that light and dark are in one place. */

const NAMES = /** @type {const} */ ([
  'paper',
  'ground',
  'ink',
  'soft',
  'faint',
  'line',
  'hair',
  'select',
  'accent',
  'e0',
  'run',
  'fault',
  'bad',
  'good',
  'heal',
  'break',
]);
/** Colours of members: more members than that begin anew. */
const MEMBER_COLOURS = 5;

/** @typedef {Record<typeof NAMES[number], string> & { members: string[], font: string, mono: string }} Theme */

/** @returns {Theme} */
export function readTheme() {
  const style = getComputedStyle(document.documentElement);
  /** @param {string} name */
  const read = (name) => style.getPropertyValue(`--${name}`).trim();
  const colours = Object.fromEntries(NAMES.map((name) => [name, read(name)]));
  return /** @type {Theme} */ (
    /** @type {unknown} */ ({ ...colours, members: Array.from({ length: MEMBER_COLOURS }, (_, i) => read(`m${i}`)), font: read('font'), mono: read('mono') })
  );
}

/** The colour of a member, by its place in the set. @param {Theme} theme @param {readonly string[]} members @param {string | undefined} member */
export function memberColour(theme, members, member) {
  const place = member === undefined ? -1 : members.indexOf(member);
  return place < 0 ? theme.run : /** @type {string} */ (theme.members[place % theme.members.length]);
}

/** A canvas's context at the screen's resolution. @param {HTMLCanvasElement} canvas @param {number} width @param {number} height CSS pixels */
export function sizeCanvas(canvas, width, height) {
  const ratio = devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/** The element with an id that page.html has. @template {HTMLElement} T @param {string} id @returns {T} */
export function element(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`page.html has no #${id}.`);
  return /** @type {T} */ (found);
}

/**
 * A new element with a class and text.
 * @param {string} tag @param {string} [name] @param {string} [text]
 */
export function make(tag, name, text) {
  const made = document.createElement(tag);
  if (name !== undefined) made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
}
