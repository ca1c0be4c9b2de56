import type { z } from 'zod';
import { InputError } from '../core/errors.ts';

/** Documents of requests, checked against their schemas; what is wrong is said as every mistake of a caller is. */

/** Longest message that quotes a schema (characters). */
const MESSAGE_MAX = 300;

/**
 * The document as its schema reads it.
 *
 * @param code of the error, such as "invalid-patch".
 * @param at where the document stands, for paths in messages; empty for the body itself.
 * @throws InputError with the first thing that is wrong, and its path.
 */
export function checkedDocument<T extends z.ZodType>(schema: T, json: unknown, code: string, at = ''): z.output<T> {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const found = nearest(parsed.error.issues, json);
  const path = pathText(at, found.path);
  throw new InputError(code, `${path === '' ? 'The body' : `"${path}"`}: ${messageOf(found.issue)}`.slice(0, MESSAGE_MAX), path === '' ? 'body' : path);
}

type Issue = z.core.$ZodIssue;
interface Found {
  readonly issue: Issue;
  readonly path: readonly PropertyKey[];
}

/**
 * The issue that helps most. Of the branches of a union, that is one of the branch that the caller meant: the one whose
 * names the document has, and in which the fault lies deepest.
 *
 * @param json what the issues are of.
 */
function nearest(issues: readonly Issue[], json: unknown): Found {
  const issue = issues[0] as Issue;
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return { issue, path: issue.path };
  const value = issue.path.reduce(memberOf, json);
  const meant = issue.errors.filter((branch) => branch.length > 0 && branch.every((inner) => isWithin(inner, value)));
  const found = meant.map((branch) => nearest(branch, value)).sort((a, b) => b.path.length - a.path.length)[0];
  return found === undefined ? { issue, path: issue.path } : { issue: found.issue, path: [...issue.path, ...found.path] };
}

/** Names that tell the branches of our unions apart. */
const TAGS: readonly PropertyKey[] = ['put', 'delete', 'patch'];

/** Whether an issue of a branch says that something within a value is wrong, and not that the value is of another branch. */
function isWithin({ path }: Issue, value: unknown): boolean {
  const [name] = path;
  if (name === undefined) return false;
  return !TAGS.includes(name) || memberOf(value, name) !== undefined;
}

const memberOf = (value: unknown, name: PropertyKey): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? (value as Record<PropertyKey, unknown>)[name] : undefined;

const isMissing = (issue: Issue): boolean => issue.code === 'invalid_type' && issue.message.endsWith('received undefined');

function messageOf(issue: Issue): string {
  if (isMissing(issue)) return 'it is missing.';
  if (issue.code === 'unrecognized_keys')
    return `it has names that are not known: ${issue.keys
      .slice(0, 5)
      .map((key) => JSON.stringify(key.slice(0, 60)))
      .join(', ')}.`;
  const message = issue.message.replace(/^Invalid input: /, '');
  return message.endsWith('.') ? message : `${message}.`;
}

/** A path as text: `writes[3].patch.operations[0].op`. */
export function pathText(at: string, path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, step) => (typeof step === 'number' ? `${text}[${step}]` : `${text}${text === '' ? '' : '.'}${String(step)}`), at);
}
