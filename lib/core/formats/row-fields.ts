import type { AttributeValue, Item } from '../attribute.ts';
import { mapOf, text } from '../attribute.ts';
import { FormatError } from '../errors.ts';

/** Fields of `control` rows: how each is written and read (see rows.ts). */

/** The present format of every row, in its field `f`. */
export const FORMAT = '1';

export const s = (v: string): AttributeValue => ({ S: v });
export const n = (v: number): AttributeValue => ({ N: String(v) });

/** Refuses a row of another format. @throws FormatError */
export function check(row: Item, what: string): void {
  const f = text(row['f'], 'N');
  if (f !== FORMAT)
    throw new FormatError(`${what} row of format ${f ?? 'none'}; this version reads format ${FORMAT}. Deploy the newer version, or restore the row.`);
}

/** A number that must be there. @throws FormatError */
export function num(row: Item, name: string, what: string): number {
  const value = optionalNum(row, name);
  if (value === undefined) throw new FormatError(`${what} row without "${name}"`);
  return value;
}

/** A text that must be there. @throws FormatError */
export function str(row: Item, name: string, what: string): string {
  const value = text(row[name], 'S');
  if (value === undefined) throw new FormatError(`${what} row without "${name}"`);
  return value;
}

/** Rows hold counters and times in ms, far below 2^53: here, and only here, a number becomes a JavaScript number. */
export function optionalNum(row: Item | undefined, name: string): number | undefined {
  const value = text(row?.[name], 'N');
  if (value === undefined) return undefined;
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new FormatError(`"${name}" is not a whole number: ${value}`);
  return number;
}

/** A field that says since when something is so, and why. */
export function sinceWhy(row: Item, name: string): { since: number; why: string } | undefined {
  const map = mapOf(row[name]);
  const since = optionalNum(map, 'since');
  return since === undefined ? undefined : { since, why: text(map?.['why'], 'S') ?? '' };
}

/** Leaves out the fields that are undefined, so that an absent field is absent. */
export function present<T extends object>(fields: { [K in keyof T]: T[K] | undefined }): T {
  const out: Record<string, unknown> = {};
  // A loop, since a seat is read with every batch: twice as fast as entries that are filtered.
  for (const name in fields) if (fields[name] !== undefined) out[name] = fields[name];
  return out as T;
}
