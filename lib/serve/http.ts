/** An HTTP request, as the flows of the API see it, whatever brought it. */
export interface ApiRequest {
  readonly method: string;
  readonly path: string;
  /** Decoded query parameters, all values of a name. */
  readonly query: ReadonlyMap<string, readonly string[]>;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** Text of the body; empty when there is none. */
  readonly body: string;
  /** The request's id, shown as `instance` in problems. */
  readonly id: string;
  /** Whether another member's API sent it here. It is then not sent on again. */
  readonly forwarded: boolean;
  /** URL that this API answers at, stage included, without a slash at its end; absent where the gateway does not say. */
  readonly base?: string;
}

/** An HTTP response. */
export interface ApiResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** DynamoDB JSON, as on DynamoDB's own wire: the type of items in bodies. */
export const ITEM_TYPE = 'application/x-amz-json-1.0';
/** Plain JSON: how items look to most programs. lib/core/plain-json.ts says how the types of DynamoDB are told apart in it. */
export const JSON_TYPE = 'application/json';
/** RFC 9457. */
export const PROBLEM_TYPE = 'application/problem+json';

/**
 * Largest body (bytes). An item of 400 KB by DynamoDB's rules can be longer as JSON (escapes, base64, `{"NULL":true}`
 * for one byte); Lambda takes 6 MB in all. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
 */
export const BODY_BYTES_MAX = 4 * 1_024 * 1_024;

/**
 * Largest body of an answer (bytes), as it stands in the function's result: Lambda hands over 6 MB, the result's JSON in
 * all, and the rest of it needs a few KB. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
 */
export const ANSWER_BYTES_MAX = 6 * 1_024 * 1_024 - 64 * 1_024;

/** Whether a body can be handed over. It is JSON within JSON there: each quote and backslash takes a byte more. */
export function fitsAnswer(body: string): boolean {
  const bytes = Buffer.byteLength(body, 'utf8');
  return 2 * bytes + 2 <= ANSWER_BYTES_MAX || Buffer.byteLength(JSON.stringify(body), 'utf8') <= ANSWER_BYTES_MAX;
}

/** The first part of a header that has parameters, in lower case: "application/json; charset=utf-8" → "application/json". */
export const mediaType = (header: string | undefined): string => (header ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
