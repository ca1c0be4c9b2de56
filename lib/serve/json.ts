import { InputError } from '../core/errors.ts';

/**
 * Reads JSON text.
 *
 * @throws InputError "malformed-json", with the position, line and column of the first character that is wrong.
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    const at = errorAt(text);
    const before = text.slice(0, at);
    const place = `position ${at} (line ${before.split('\n').length}, column ${at - before.lastIndexOf('\n')})`;
    const what = at >= text.length ? 'it ends too early' : `unexpected ${JSON.stringify(text.slice(at, at + 1))}`;
    throw new InputError('malformed-json', `The body is not JSON: ${what}, at ${place}. Send one JSON object.`);
  }
}

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const WORDS = ['true', 'false', 'null'] as const;

/** What may come next. */
type Expected = 'value' | 'value or ]' | 'key' | 'key or }' | ':' | ', or end' | 'nothing';

/**
 * Where a text stops being JSON: the position of the first character that cannot continue it, or its length when it ends
 * too early. V8's own messages name a position only for some texts, so this reads the grammar of RFC 8259 once more. Pure,
 * linear, without recursion; only called for texts that are no JSON.
 */
export function errorAt(text: string): number {
  const open: ('{' | '[')[] = [];
  let expected: Expected = 'value';
  let at = 0;
  const after = (): Expected => (open.length === 0 ? 'nothing' : ', or end');
  for (;;) {
    at = skip(SPACE, text, at);
    const c = text[at];
    if (c === undefined || expected === 'nothing') return at;
    const isKey: boolean = expected === 'key' || expected === 'key or }';
    if (expected === ':') {
      if (c !== ':') return at;
      at += 1;
      expected = 'value';
    } else if (expected === ', or end') {
      const end = open.at(-1) === '{' ? '}' : ']';
      if (c !== ',' && c !== end) return at;
      at += 1;
      if (c === end) {
        open.pop();
        expected = after();
      } else expected = end === '}' ? 'key' : 'value';
    } else if ((c === '}' && expected === 'key or }') || (c === ']' && expected === 'value or ]')) {
      at += 1;
      open.pop();
      expected = after();
    } else if (c === '"') {
      at = stringEnd(text, at + 1);
      if (text[at] !== '"') return at;
      at += 1;
      expected = isKey ? ':' : after();
    } else if (isKey) {
      return at;
    } else if (c === '{' || c === '[') {
      at += 1;
      open.push(c);
      expected = c === '{' ? 'key or }' : 'value or ]';
    } else {
      const end = scalarEnd(text, at);
      if (end.stop) return end.at;
      at = end.at;
      expected = after();
    }
  }
}

function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

/** The first position that is not within the string: its closing quote, or what is wrong with it. */
function stringEnd(text: string, from: number): number {
  let at = from;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === 0x22 || code < 0x20) return at;
    if (code !== 0x5c) at += 1;
    else {
      const end = skip(ESCAPE, text, at);
      if (end === at) return at;
      at = end;
    }
  }
  return at;
}

/** The end of a number or word, or where it is wrong. */
function scalarEnd(text: string, at: number): { readonly at: number; readonly stop: boolean } {
  const end = skip(NUMBER, text, at);
  if (end > at) return { at: end, stop: false };
  if (text[at] === '-') return { at: at + 1, stop: true };
  for (const word of WORDS) {
    if (text[at] !== word[0]) continue;
    let i = 0;
    while (i < word.length && text[at + i] === word[i]) i += 1;
    return { at: at + i, stop: i < word.length };
  }
  return { at, stop: true };
}
