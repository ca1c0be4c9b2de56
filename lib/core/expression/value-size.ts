import type { AttributeValue } from '../attribute.ts';

/**
 * The size of a value as DynamoDB's function `size` gives it: the UTF-16 units of a string (measured on DynamoDB Local; the
 * pages say "length"), the bytes of a binary, the members of a set, list or map. Undefined for the other types, which have none.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
 */
export function valueSize(value: AttributeValue): number | undefined {
  if ('S' in value) return value.S.length;
  if ('B' in value) return base64Length(value.B);
  if ('L' in value) return value.L.length;
  if ('M' in value) return Object.keys(value.M).length;
  if ('SS' in value) return value.SS.length;
  if ('NS' in value) return value.NS.length;
  if ('BS' in value) return value.BS.length;
  return undefined;
}

/** Raw bytes of a padded base64 text, without decoding it. */
const base64Length = (text: string): number => (text.length / 4) * 3 - (text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0);
