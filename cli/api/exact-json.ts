/**
 * JSON whose numbers keep every digit: DynamoDB's have 38, JavaScript's about 16. A number is kept as its source text
 * (JSON.parse source text access and JSON.rawJSON, ECMAScript 2026; in Node since 21).
 */

interface ExactJson {
  parse(text: string, reviver: (this: unknown, key: string, value: unknown, context: { readonly source?: string }) => unknown): unknown;
  rawJSON(text: string): unknown;
}
const exact = JSON as unknown as ExactJson;

/** Any JSON value; numbers are opaque. JSON.stringify writes them as they were. */
export type Exact = unknown;

/** Reads JSON. @throws SyntaxError */
export const parseExact = (text: string): Exact =>
  exact.parse(text, (_key, value, context) => (typeof value === 'number' && context.source !== undefined ? exact.rawJSON(context.source) : value));

/** A number, from its text, as a value that JSON.stringify writes so. @throws SyntaxError when the text is no JSON number. */
export const exactNumber = (text: string): Exact => exact.rawJSON(text);
