import { InputError } from './errors.ts';

/**
 * Lists and objects within each other in one text: a document of ours around an item of DynamoDB's 32 levels, each of which
 * DynamoDB JSON, and the tags of plain JSON, write as two. More would only help to exhaust the stack of whoever reads it.
 */
export const JSON_DEPTH_MAX = 128;

/** Called for each value, from the inside out; `source` is the text of a number, string or word as it was written. */
export type Reviver = (this: unknown, name: string, value: unknown, context: { readonly source?: string }) => unknown;

/**
 * Reads JSON text.
 *
 * @param reviver as JSON.parse's.
 * @throws InputError "malformed-json", with the position, line and column of the first character that is wrong.
 */
export function parseJson(text: string, reviver?: Reviver): unknown {
  const deep = tooDeepAt(text);
  if (deep !== undefined) {
    throw new InputError(
      'malformed-json',
      `The JSON is nested more than ${JSON_DEPTH_MAX} levels deep, at ${place(text, deep)}. An item has at most 32 levels.`,
    );
  }
  try {
    return JSON.parse(text, reviver as (this: unknown, name: string, value: unknown) => unknown) as unknown;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const at = errorAt(text);
    const what = at >= text.length ? 'it ends too early' : `unexpected ${JSON.stringify(text.slice(at, at + 1))}`;
    throw new InputError('malformed-json', `The body is not JSON: ${what}, at ${place(text, at)}. Send one JSON object.`);
  }
}

function place(text: string, at: number): string {
  const before = text.slice(0, at);
  return `position ${at} (line ${before.split('\n').length}, column ${at - before.lastIndexOf('\n')})`;
}

/** Where a text opens one list or object too many; undefined when it never does. Linear, without recursion. */
function tooDeepAt(text: string): number | undefined {
  let depth = 0;
  let within = false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (within) {
      if (code === BACKSLASH) at += 1;
      else if (code === QUOTE) within = false;
    } else if (code === QUOTE) within = true;
    else if (code === OPEN_LIST || code === OPEN_OBJECT) {
      depth += 1;
      if (depth > JSON_DEPTH_MAX) return at;
    } else if (code === CLOSE_LIST || code === CLOSE_OBJECT) depth -= 1;
  }
  return undefined;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

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
