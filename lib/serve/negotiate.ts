import { InputError } from '../core/errors.ts';
import type { Form } from './body.ts';
import type { ApiRequest } from './http.ts';
import { ITEM_TYPE, JSON_TYPE, mediaType } from './http.ts';
import { ProblemError, unsupportedType } from './problem.ts';

/**
 * Which of its two JSON forms a body has, and which one an answer is given in (RFC 9110, 12.5.1). Problems are always
 * `application/problem+json`, whatever is accepted.
 */

/** The media type of each form. */
export const TYPE_OF: Readonly<Record<Form, string>> = { plain: JSON_TYPE, dynamodb: ITEM_TYPE };

/** Ranges in one Accept header; browsers send about ten. */
const RANGES_MAX = 50;

/**
 * The form of a request's body, by its content type.
 *
 * @throws ProblemError unsupported-media-type for another type, or none, or text that is not UTF-8.
 */
export function bodyForm(request: ApiRequest): Form {
  const header = request.headers.get('content-type') ?? '';
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(header)?.[1];
  if (charset !== undefined && charset.toLowerCase() !== 'utf-8') throw unsupportedType(header);
  switch (mediaType(header)) {
    case JSON_TYPE:
      return 'plain';
    case ITEM_TYPE:
      return 'dynamodb';
    default:
      throw unsupportedType(header);
  }
}

/**
 * The form of an answer: the accepted one that the caller likes best; where both are liked alike, the body's form, and
 * without a body plain JSON.
 *
 * @param body form of the request's body, when it has one.
 * @throws ProblemError not-acceptable; InputError "invalid-header" for more ranges than are read.
 */
export function answerForm(request: ApiRequest, body?: Form): Form {
  const fallback = body ?? 'plain';
  const accept = request.headers.get('accept')?.trim() ?? '';
  if (accept === '') return fallback;
  const ranges = rangesOf(accept);
  const other = fallback === 'plain' ? 'dynamodb' : 'plain';
  const liked = quality(ranges, TYPE_OF[fallback]);
  const otherLiked = quality(ranges, TYPE_OF[other]);
  if (liked === 0 && otherLiked === 0) {
    throw new ProblemError(
      'not-acceptable',
      `Answers come as ${JSON_TYPE} (plain JSON) or ${ITEM_TYPE} (DynamoDB JSON), and Accept allows neither: ${JSON.stringify(accept.slice(0, 80))}.`,
    );
  }
  return otherLiked > liked ? other : fallback;
}

/** Whether the caller asks for an answer without a body (RFC 7240). */
export const wantsMinimal = (request: ApiRequest): boolean => /(?:^|[,;])\s*return\s*=\s*"?minimal"?\s*(?:$|[,;])/i.test(request.headers.get('prefer') ?? '');

/** One range of an Accept header. */
interface Range {
  /** `type/subtype`, `type/*` or `*\/*`, in lower case. */
  readonly type: string;
  /** 0 (never) to 1. */
  readonly q: number;
}

/** Reads the ranges; what is no range is passed over, as it can match nothing. */
function rangesOf(accept: string): readonly Range[] {
  const parts = accept.split(',');
  if (parts.length > RANGES_MAX) throw new InputError('invalid-header', `Accept has ${parts.length} ranges; at most ${RANGES_MAX} are read.`, 'Accept');
  return parts.map((part) => {
    const [type = '', ...parameters] = part.split(';');
    const q = parameters.map((p) => /^\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*$/i.exec(p)?.[1]).find((found) => found !== undefined);
    return { type: type.trim().toLowerCase(), q: q === undefined ? 1 : Math.min(1, Number(q)) };
  });
}

/** How much a type is liked: by the most specific range that it matches. */
function quality(ranges: readonly Range[], type: string): number {
  for (const range of [type, `${type.slice(0, type.indexOf('/'))}/*`, '*/*']) {
    const found = ranges.filter((r) => r.type === range);
    if (found.length > 0) return Math.max(...found.map((r) => r.q));
  }
  return 0;
}
