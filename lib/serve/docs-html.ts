/** Pieces of HTML. Everything that is not markup of ours goes through `escaped`. */

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Text as HTML, for elements and attributes. */
export const escaped = (text: string): string => text.replace(/[&<>"']/g, (c) => ENTITIES[c] ?? c);

/** A sentence whose parts in backticks are code. */
export const prose = (text: string): string => escaped(text).replace(/`([^`]+)`/g, '<code>$1</code>');

/** A block of code, under a label. */
export const block = (label: string, code: string, classes = ''): string =>
  `<figure class="block ${classes}"><figcaption>${escaped(label)}</figcaption><pre tabindex="0"><code>${escaped(code)}</code></pre></figure>`;

/** A table. Cells are HTML. */
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  `<div class="scroll"><table><thead><tr>${head.map((cell) => `<th scope="col">${cell}</th>`).join('')}</tr></thead><tbody>${rows
    .map((row) => `<tr>${row.map((cell) => `<td>${cell}</td>`).join('')}</tr>`)
    .join('')}</tbody></table></div>`;

/** JSON to read: short objects and lists on one line. */
export function pretty(json: unknown, indent = ''): string {
  const line = JSON.stringify(json);
  if (typeof json !== 'object' || json === null || line.length + indent.length <= LINE_MAX) return spaced(json);
  const inner = `${indent}  `;
  const parts = Array.isArray(json)
    ? json.map((member) => `${inner}${pretty(member, inner)}`)
    : Object.entries(json).map(([name, value]) => `${inner}${JSON.stringify(name)}: ${pretty(value, inner)}`);
  const [open, close] = Array.isArray(json) ? '[]' : '{}';
  return `${open}\n${parts.join(',\n')}\n${indent}${close}`;
}

/** Characters of a line of JSON. */
const LINE_MAX = 64;

/** JSON on one line, with spaces that help to read it. */
function spaced(json: unknown): string {
  if (Array.isArray(json)) return `[${json.map(spaced).join(', ')}]`;
  if (typeof json !== 'object' || json === null) return JSON.stringify(json);
  const parts = Object.entries(json).map(([name, value]) => `${JSON.stringify(name)}: ${spaced(value)}`);
  return parts.length === 0 ? '{}' : `{ ${parts.join(', ')} }`;
}
