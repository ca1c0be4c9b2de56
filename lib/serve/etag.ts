import type { Item } from '../core/attribute.ts';
import { itemHash } from '../core/canonical.ts';
import { InputError } from '../core/errors.ts';
import type { Rev } from '../core/formats/rev.ts';
import { revText } from '../core/formats/rev.ts';
import { metaOf } from '../core/formats/seal.ts';

/**
 * Entity tags and the preconditions that use them (RFC 9110, 8.8.3 and 13). A tag is `"<rev>.<item hash>"`, both
 * base64url; an item that a direct SDK writer made has no rev: `"-.<item hash>"`. The hash is over what callers see,
 * so that a direct writer who carries an old rev along changes the tag, too. Tags are equal at every member.
 */

/** The tag of an item as read. */
export const etagOf = (item: Item): string => etagFrom(metaOf(item).rev, itemHash(item));

/** The tag of a rev and an item hash. */
export const etagFrom = (rev: Rev | undefined, hash: Buffer): string => `"${rev === undefined ? '-' : revText(rev)}.${hash.toString('base64url')}"`;

/** One entity tag of a list. */
export interface EntityTag {
  readonly weak: boolean;
  /** With its quotes. */
  readonly tag: string;
}

/** The value of If-Match or If-None-Match. */
export type TagList = '*' | readonly EntityTag[];

/** Tags in one header. */
const TAGS_MAX = 50;
const TAG = /^(W\/)?("[\x21\x23-\x7e\x80-\xff]*")/;

/**
 * Reads a list of entity tags. @throws InputError "invalid-header"
 */
export function parseTags(header: string, name: string): TagList {
  const wrong = (): InputError =>
    new InputError(
      'invalid-header',
      `${name} takes "*" or entity tags in quotes, separated by commas, as they came in ETag; got ${JSON.stringify(header.slice(0, 80))}.`,
      name,
    );
  let rest = header.trim();
  if (rest === '*') return '*';
  const tags: EntityTag[] = [];
  while (rest !== '') {
    const match = TAG.exec(rest);
    if (match === null || tags.length >= TAGS_MAX) throw wrong();
    tags.push({ weak: match[1] !== undefined, tag: match[2] as string });
    rest = rest.slice(match[0].length).trimStart();
    if (rest === '') break;
    if (!rest.startsWith(',')) throw wrong();
    rest = rest.slice(1).trimStart();
  }
  if (tags.length === 0) throw wrong();
  return tags;
}

/** What a request expects of the item as it is. */
export interface Preconditions {
  readonly ifMatch?: TagList;
  readonly ifNoneMatch?: TagList;
}

/** Reads a request's preconditions. @throws InputError "invalid-header" */
export function preconditionsOf(headers: ReadonlyMap<string, string>): Preconditions {
  const match = headers.get('if-match');
  const none = headers.get('if-none-match');
  return {
    ...(match !== undefined && { ifMatch: parseTags(match, 'If-Match') }),
    ...(none !== undefined && { ifNoneMatch: parseTags(none, 'If-None-Match') }),
  };
}

/** Whether a request goes on, and if not, which of its preconditions does not hold. */
export type PreconditionOutcome = 'holds' | 'if-match' | 'if-none-match';

/**
 * Judges preconditions on an item's tag; undefined when there is no item. If-Match compares strongly (a weak tag never
 * matches), If-None-Match weakly; If-Match is judged first. Pure.
 */
export function judge(expected: Preconditions, tag: string | undefined): PreconditionOutcome {
  const { ifMatch, ifNoneMatch } = expected;
  if (ifMatch !== undefined) {
    const matches = tag !== undefined && (ifMatch === '*' || ifMatch.some((t) => !t.weak && t.tag === tag));
    if (!matches) return 'if-match';
  }
  if (ifNoneMatch !== undefined) {
    const matches = tag !== undefined && (ifNoneMatch === '*' || ifNoneMatch.some((t) => t.tag === tag));
    if (matches) return 'if-none-match';
  }
  return 'holds';
}
