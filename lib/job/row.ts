import type { AttributeValue, Item, Key } from '../core/attribute.ts';
import { mapOf, text } from '../core/attribute.ts';
import { FormatError } from '../core/errors.ts';
import { check, n, num, s, str } from '../core/formats/row-fields.ts';

/** What all rows `job / <id>` of a `control` table have in common: who runs it, and a version. */

/** Partition of all jobs. */
export const JOB = 'job';

/** Key of a job's row. @param id of the job, which says its kind or was made up for it. */
export const jobKey = (id: string): Key => ({ pk: s(JOB), sk: s(id) });

/** Who is running. */
export interface Owner {
  /** Made up for each run. */
  readonly id: string;
  /** For people: host and process. */
  readonly name: string;
  /** Until when it owns the savepoint without a renewal (ms, wall clock). */
  readonly until: number;
}

/** A job, as far as its lease is concerned. */
export interface JobRow {
  /** Grows by one with each write. */
  readonly v: number;
  readonly owner?: Owner;
}

/** Refuses a row of another kind or format. @param what for messages: "adopt job". @throws FormatError */
export function checkKind(row: Item, kind: string, what: string): void {
  check(row, what);
  const found = text(row['kind'], 'S');
  if (found !== kind) throw new FormatError(`job row of kind ${found ?? 'none'}; expected ${kind}`);
}

/** The fields of the owner and the version. */
export const ownerFields = ({ owner, v }: JobRow): Item => ({
  ...(owner && { owner: { M: { id: s(owner.id), name: s(owner.name), until: n(owner.until) } } }),
  v: n(v),
});

/** Reads what `ownerFields` has written. @throws FormatError */
export function readOwner(row: Item, what: string): { readonly owner: Owner | undefined; readonly v: number } {
  const owner = mapOf(row['owner']);
  return {
    owner: owner && { id: str(owner, 'id', what), name: str(owner, 'name', what), until: num(owner, 'until', what) },
    v: num(row, 'v', what),
  };
}

/** A map that must be there. @throws FormatError */
export function mapField(row: Item, name: string, what: string): Item {
  const map = mapOf(row[name]);
  if (map === undefined) throw new FormatError(`${what} row without "${name}"`);
  return map;
}

/** A list that must be there. @throws FormatError */
export function listField(row: Item, name: string, what: string): readonly AttributeValue[] {
  const value = row[name];
  if (value === undefined || !('L' in value)) throw new FormatError(`${what} row without the list "${name}"`);
  return value.L;
}
