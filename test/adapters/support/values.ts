import type { Item } from '../../../lib/core/attribute.ts';

/** One value of every type, with the corners of each, in the form in which DynamoDB shows them. */
export const EVERY_TYPE: Item = {
  string: { S: 'plain' },
  empty: { S: '' },
  unicode: { S: 'Zürich 東京 🗼\u0000\u2028"\\' },
  small: { N: '-0.00001' },
  digits38: { N: '12345678901234567890123456789012345678' },
  fraction38: { N: '-1.2345678901234567890123456789012345678' },
  zero: { N: '0' },
  beyondDouble: { N: '9007199254740993' },
  binary: { B: 'AAECA/8=' },
  emptyBinary: { B: '' },
  yes: { BOOL: true },
  no: { BOOL: false },
  nothing: { NULL: true },
  strings: { SS: ['a', 'b', ''] },
  numbers: { NS: ['1', '-2.5', '12345678901234567890123456789012345678'] },
  binaries: { BS: ['AA==', '/w=='] },
  list: { L: [{ N: '1' }, { S: 'x' }, { L: [] }, { M: {} }, { NULL: true }] },
  map: { M: { 'a.b': { S: 'dot' }, deep: { M: { deeper: { L: [{ B: 'AA==' }] } } } } },
  'with space #:.': { S: 'odd name' },
};

/** A list or map nested `levels` deep, the value inside not counted. */
export const nested = (levels: number): { L: never[] } | { S: string } => {
  let value: unknown = { S: 'bottom' };
  for (let i = 0; i < levels; i += 1) value = { L: [value] };
  return value as { L: never[] };
};
