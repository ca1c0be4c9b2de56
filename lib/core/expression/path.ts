import { InputError } from '../errors.ts';
import type { Path } from '../values.ts';

/**
 * Paths of attributes, as callers write them: text such as `a.b[0].c`, with names in quotes where they have other
 * characters (`a["x.y"]`), or a list such as `["a", "b", 0, "c"]`.
 */

/** Steps in one path: DynamoDB nests 32 levels deep. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html */
export const PATH_STEPS_MAX = 32;
/** Characters of one path as text. */
export const PATH_TEXT_MAX = 4_096;
/** Largest index of a list: an item of 400 KB holds no more. */
const INDEX_MAX = 409_600;

const PLAIN_NAME = /[^.[\]"]+/y;
const INDEX = /\[(?:0|[1-9]\d{0,5})\]/y;
/** A name as a JSON string in brackets. */
const QUOTED = /\["(?:[^"\\]|\\.)*"\]/y;

/**
 * Reads a path.
 *
 * @param at where it stands in the input, for messages.
 * @param code of the error: that of the document which the path is part of.
 * @throws InputError that says where the path stops being one.
 */
export function parsePath(given: unknown, at = 'path', code = 'invalid-path'): Path {
  const wrong = (message: string): InputError => new InputError(code, message, at);
  const path = typeof given === 'string' ? fromText(given, wrong) : Array.isArray(given) ? fromList(given, wrong) : undefined;
  if (path === undefined) throw wrong('A path is text such as "a.b[0]", or a list such as ["a", "b", 0].');
  if (path.length > PATH_STEPS_MAX) throw wrong(`A path has at most ${PATH_STEPS_MAX} steps; got ${path.length}.`);
  return path;
}

type Wrong = (message: string) => InputError;

function fromList(list: readonly unknown[], wrong: Wrong): Path {
  if (typeof list[0] !== 'string') throw wrong('A path begins with the name of an attribute.');
  for (const step of list) {
    const name = typeof step === 'string' && step !== '' && step.isWellFormed();
    const index = typeof step === 'number' && Number.isInteger(step) && step >= 0 && step <= INDEX_MAX;
    if (!name && !index) throw wrong(`The steps of a path are names (text that is not empty) and indexes (whole numbers from 0 to ${INDEX_MAX}).`);
  }
  return list as Path;
}

function fromText(text: string, wrong: Wrong): Path {
  if (text.length > PATH_TEXT_MAX) throw wrong(`A path has at most ${PATH_TEXT_MAX} characters.`);
  if (text === '') throw wrong('A path must not be empty.');
  if (!text.isWellFormed()) throw wrong('The path is not well-formed Unicode: it has half of a surrogate pair.');
  const path: (string | number)[] = [];
  let position = 0;
  const stopped = (): InputError =>
    wrong(`${JSON.stringify(text.slice(0, 80))} is not a path: it stops being one at character ${position + 1}. Examples: a.b[0], a["x.y"].`);
  /** The text of a pattern that stands here; the position stays. */
  const here = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = position;
    return pattern.exec(text)?.[0];
  };
  while (position < text.length) {
    if (text[position] === '[') {
      const index = path.length === 0 ? undefined : here(INDEX);
      const brackets = index ?? here(QUOTED);
      const step = index !== undefined ? Number(index.slice(1, -1)) : brackets === undefined ? undefined : quotedName(brackets.slice(1, -1));
      if (brackets === undefined || step === undefined) throw stopped();
      path.push(step);
      position += brackets.length;
      continue;
    }
    if (path.length > 0) {
      if (text[position] !== '.') throw stopped();
      position += 1;
    }
    const name = here(PLAIN_NAME);
    if (name === undefined) throw stopped();
    path.push(name);
    position += name.length;
  }
  return path;
}

/** The name in a JSON string; undefined where it is none. */
function quotedName(quoted: string): string | undefined {
  try {
    const name: unknown = JSON.parse(quoted);
    return typeof name === 'string' && name !== '' && name.isWellFormed() ? name : undefined;
  } catch {
    return undefined;
  }
}

const SIMPLE = /^[^.[\]"]+$/;

/** A path as text, as parsePath reads it. */
export function formatPath(path: Path): string {
  return path
    .map((step, i) => {
      if (typeof step === 'number') return `[${step}]`;
      if (!SIMPLE.test(step)) return `[${JSON.stringify(step)}]`;
      return i === 0 ? step : `.${step}`;
    })
    .join('');
}
