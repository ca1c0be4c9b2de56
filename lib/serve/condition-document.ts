import type { AttributeValue } from '../core/attribute.ts';
import { InputError } from '../core/errors.ts';
import type { ItemCondition } from '../core/expression/condition.ts';
import { CONDITION_DEPTH_MAX, CONDITION_PARTS_MAX, checkCondition } from '../core/expression/condition.ts';
import type { Path } from '../core/values.ts';
import { checkedDocument } from './document.ts';
import { comparisonSchema } from './schemas.ts';

/**
 * Conditions as callers write them, read part by part, so that one of too many parts or levels is refused before the rest
 * of it is looked at. What is read here is what `conditionSchema` describes.
 */

/** How the values and paths within are read. */
export interface Readers {
  /** @param at where it stands, for messages. */
  readonly value: (json: unknown, at: string) => AttributeValue;
  readonly path: (json: unknown, at: string) => Path;
}

/** @param at where it stands, for messages. @throws InputError "invalid-condition", and those of the readers */
export function readConditionDocument(json: unknown, read: Readers, at: string): ItemCondition {
  const condition = part(json, read, at, { at, parts: 0 }, 1);
  checkCondition(condition, at);
  return condition;
}

const GROUPS = ['and', 'or', 'not'] as const;
/** What is shown of a place deep within. */
const PLACE_MAX = 100;

function part(json: unknown, read: Readers, at: string, whole: { readonly at: string; parts: number }, depth: number): ItemCondition {
  const wrong = (message: string, place = at): InputError => new InputError('invalid-condition', message, place.slice(0, PLACE_MAX));
  whole.parts += 1;
  if (whole.parts > CONDITION_PARTS_MAX) throw wrong(`A condition has at most ${CONDITION_PARTS_MAX} parts.`, whole.at);
  if (depth > CONDITION_DEPTH_MAX) throw wrong(`A condition has at most ${CONDITION_DEPTH_MAX} levels.`, whole.at);
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw wrong(`"${at}": ${HINT}`);
  const group = GROUPS.find((name) => Object.hasOwn(json, name));
  if (group === undefined) {
    if (!Object.hasOwn(json, 'op')) throw wrong(`"${at}": ${HINT}`);
    return comparison(json, read, at);
  }
  if (Object.keys(json).length > 1) throw wrong(`"${at}": "${group}" stands alone. Join conditions with "and" or "or".`);
  const inner = (json as Readonly<Record<string, unknown>>)[group];
  if (group === 'not') return { not: part(inner, read, `${at}.not`, whole, depth + 1) };
  if (!Array.isArray(inner) || inner.length === 0) throw wrong(`"${at}.${group}" is a list of one or more conditions.`, `${at}.${group}`);
  const parts = inner.map((each, i) => part(each, read, `${at}.${group}[${i}]`, whole, depth + 1));
  return group === 'and' ? { and: parts } : { or: parts };
}

const HINT = 'A condition has "and", "or" or "not", or a "path" and an "op".';

function comparison(json: object, read: Readers, at: string): ItemCondition {
  const document = checkedDocument(comparisonSchema, json, 'invalid-condition', at);
  const path = read.path(document.path, `${at}.path`);
  switch (document.op) {
    case 'between':
      return { path, op: 'between', from: read.value(document.from, `${at}.from`), to: read.value(document.to, `${at}.to`) };
    case 'in':
      return { path, op: 'in', values: document.values.map((value, i) => read.value(value, `${at}.values[${i}]`)) };
    case 'exists':
    case 'not-exists':
      return { path, op: document.op };
    case 'type':
      return { path, op: 'type', type: document.value };
    case 'size':
      return { path, op: 'size', is: document.is, size: document.value };
    default:
      return { path, op: document.op, value: read.value(document.value, `${at}.value`) };
  }
}
