import { SynclineError } from '../errors.ts';

/** A piece of an expression. */
export type Token =
  /** An attribute's name as it stands, or through `#alias`. */
  | { readonly is: 'name'; readonly text: string }
  /** `:value` */
  | { readonly is: 'value'; readonly text: string }
  | { readonly is: 'number'; readonly text: string }
  /** Operators, parentheses, commas, dots, brackets. */
  | { readonly is: 'sign'; readonly text: string };

/** Bytes of one expression: DynamoDB's limit is 4 KB. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html */
const EXPRESSION_MAX = 4_096;
const PIECE = /\s*(?:(#[A-Za-z0-9_]+|[A-Za-z_][A-Za-z0-9_]*)|(:[A-Za-z0-9_]+)|(\d+)|(<>|<=|>=|[=<>()[\],.+-]))/y;

/** Cuts an expression into its pieces. @throws SynclineError "invalid-expression" */
export function tokensOf(expression: string): Token[] {
  if (expression.length > EXPRESSION_MAX) throw invalid(expression, `it has more than ${EXPRESSION_MAX} characters`);
  const tokens: Token[] = [];
  let at = 0;
  const end = expression.trimEnd().length;
  while (at < end) {
    PIECE.lastIndex = at;
    const match = PIECE.exec(expression);
    if (match === null) throw invalid(expression, `unexpected ${JSON.stringify(expression.slice(at).trimStart().slice(0, 10))}`);
    const [, name, value, number, sign] = match;
    if (name !== undefined) tokens.push({ is: 'name', text: name });
    else if (value !== undefined) tokens.push({ is: 'value', text: value });
    else if (number !== undefined) tokens.push({ is: 'number', text: number });
    else tokens.push({ is: 'sign', text: sign ?? '' });
    at = PIECE.lastIndex;
  }
  return tokens;
}

/** An expression that cannot be read, or has no translation. */
export const invalid = (expression: string, why: string): SynclineError =>
  new SynclineError('invalid-expression', `The expression ${JSON.stringify(expression.slice(0, 200))} cannot be used: ${why}.`);
