import { bytesOf } from '../lib/core/values.ts';
import { SynclineError } from './errors.ts';
import { toBase64 } from './values.ts';

/** A session as text, for another process or a browser. */

/** What a session knows of what it wrote. */
export interface Written {
  /** Key → its newest revision, or null where that is not known; the one that was written longest ago first. */
  readonly revisions: ReadonlyMap<string, string | null>;
  /** Whether it has written keys that it does not know any more. */
  readonly forgotten: boolean;
}

/** Characters of a token: it fits into a header or a cookie. Keys that do not fit count as forgotten, the oldest first. */
export const TOKEN_CHARS_MAX = 4_000;
/** Characters of a token that is read: a later version may write longer ones, but not endless ones. */
const TOKEN_READ_MAX = 16 * TOKEN_CHARS_MAX;
const VERSION = 1;
/** A revision, as Syncline-Revision gives it: base64url. */
const REVISION = /^[A-Za-z0-9_-]{1,64}$/;

type Entry = readonly [key: string, revision: string | null];

/** Whether a text can be a revision. */
export const isRevision = (text: string): boolean => REVISION.test(text);

/** Text of URL-safe characters, at most TOKEN_CHARS_MAX. */
export function writeToken({ revisions, forgotten }: Written): string {
  const entries: readonly Entry[] = [...revisions].reverse();
  // The most that fit: found by halving, since how long a key is in base64 depends on its characters.
  let [fits, tooMany] = [0, entries.length + 1];
  let text = tokenOf([], forgotten || entries.length > 0);
  while (tooMany - fits > 1) {
    const count = (fits + tooMany) >> 1;
    const longer = tokenOf(entries.slice(0, count).reverse(), forgotten || count < entries.length);
    if (longer.length <= TOKEN_CHARS_MAX) [fits, text] = [count, longer];
    else tooMany = count;
  }
  return text;
}

function tokenOf(keys: readonly Entry[], more: boolean): string {
  const bytes = new TextEncoder().encode(JSON.stringify({ v: VERSION, keys, more }));
  return toBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** @throws SynclineError "invalid-value" when it is no token */
export function readToken(text: string): Written {
  const token = parsed(text);
  if (token?.v === VERSION && Array.isArray(token.keys) && token.keys.every(isEntry))
    return { revisions: new Map(token.keys), forgotten: token.more !== false };
  throw new SynclineError('invalid-value', `This is not the token of a session: ${JSON.stringify(text.slice(0, 40))}.`);
}

function parsed(text: string): { readonly v?: unknown; readonly keys?: unknown; readonly more?: unknown } | undefined {
  if (text.length > TOKEN_READ_MAX) return undefined;
  try {
    const bytes = bytesOf(text.replaceAll('-', '+').replaceAll('_', '/'));
    return (JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as object | null) ?? undefined;
  } catch {
    return undefined;
  }
}

const isEntry = (entry: unknown): entry is Entry =>
  Array.isArray(entry) && entry.length === 2 && typeof entry[0] === 'string' && (entry[1] === null || (typeof entry[1] === 'string' && isRevision(entry[1])));
