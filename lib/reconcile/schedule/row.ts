import { z } from 'zod';
import type { Item } from '../../core/attribute.ts';
import { text } from '../../core/attribute.ts';
import { isoSeconds } from '../../core/calendar.ts';
import { FormatError } from '../../core/errors.ts';
import { readDocument } from '../../core/formats/manifest.ts';
import { FORMAT, n, num, optionalNum, present, s, str } from '../../core/formats/row-fields.ts';
import { checkKind, jobKey } from '../../job/row.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { Condition, TablePort } from '../../ports/table.ts';
import { retried } from '../../replicate/retry.ts';
import { SWEEPS_REQUEST_MAX_MS } from './limits.ts';

/** `job / sweeps` at the primary: when the last scheduled sweep was begun, how it ended, and what those of this month have cost, as estimated. */
const KEY = jobKey('sweeps');
const KIND = 'sweeps';
const WHAT = 'sweeps job';

/** A sweep that was begun: its check, when (ms), its estimate (US dollars) in the month's sum, and what `last` was before it. */
export interface BegunSweep {
  readonly check: string;
  readonly at: number;
  readonly usd: number;
  readonly before?: number;
}

export interface SweepsRow {
  /** Grows with each write. */
  readonly v: number;
  /** When the last one of all members was begun (ms); absent before the first. */
  readonly last?: number;
  /** The one that was begun, and whose end nobody has looked at yet. */
  readonly begun?: BegunSweep;
  /** Sweeps in a row that failed, or left a link unverified as a whole; and when the next is due for that (ms), of which members. */
  readonly failed?: { readonly times: number; readonly again: number; readonly targets: readonly string[] };
  /** The month that `spent` is of: "2026-11" (UTC). */
  readonly month: string;
  /** US dollars. */
  readonly spent: number;
  /** The month in which it was told that the budget is spent. */
  readonly told?: string;
}

/** The month of a time, UTC: "2026-11". */
export const monthOf = (ms: number): string => isoSeconds(ms).slice(0, 7);

export function encodeSweeps({ v, last, begun, failed, month, spent, told }: SweepsRow): Item {
  return {
    ...KEY,
    f: { N: FORMAT },
    kind: s(KIND),
    v: n(v),
    month: s(month),
    // No whole number: as text, as other shares in rows.
    spentUsd: s(String(spent)),
    ...(last !== undefined && { last: n(last) }),
    ...(begun !== undefined && { begun: s(JSON.stringify(begun)) }),
    ...(failed !== undefined && { failed: s(JSON.stringify(failed)) }),
    ...(told !== undefined && { told: s(told) }),
  };
}

const begunSchema = z.strictObject({ check: z.string(), at: z.number(), usd: z.number().min(0), before: z.number().exactOptional() });
const failedSchema = z.strictObject({ times: z.int().min(1), again: z.number(), targets: z.array(z.string()) });

function parsed<T>(json: string | undefined, schema: z.ZodType<T>, field: string): T | undefined {
  return json === undefined ? undefined : readDocument(Buffer.from(json, 'utf8'), schema, `The field "${field}" of the ${WHAT} row`);
}

/** @throws FormatError */
export function decodeSweeps(row: Item): SweepsRow {
  checkKind(row, KIND, WHAT);
  const spent = Number(str(row, 'spentUsd', WHAT));
  if (!(spent >= 0)) throw new FormatError(`${WHAT} row whose "spentUsd" is no amount`);
  return present<SweepsRow>({
    v: num(row, 'v', WHAT),
    last: optionalNum(row, 'last'),
    begun: parsed(text(row['begun'], 'S'), begunSchema, 'begun'),
    failed: parsed(text(row['failed'], 'S'), failedSchema, 'failed'),
    month: str(row, 'month', WHAT),
    spent,
    told: text(row['told'], 'S'),
  });
}

/** Reads the row; undefined before the first sweep. @throws RemoteError, FormatError */
export async function readSweeps(table: TablePort, control: string, runtime: Runtime): Promise<SweepsRow | undefined> {
  const row = await retried(runtime, runtime.clock.elapsed() + SWEEPS_REQUEST_MAX_MS, () => table.get(control, KEY));
  return row === undefined ? undefined : decodeSweeps(row);
}

/** Writes the row, if it still is what was read. @returns whether it did: else another run was faster. @throws RemoteError */
export async function saveSweeps(table: TablePort, control: string, row: Omit<SweepsRow, 'v'>, found: SweepsRow | undefined): Promise<boolean> {
  const condition: Condition = found === undefined ? { op: 'absent', path: ['pk'] } : { op: '=', path: ['v'], value: n(found.v) };
  const next = encodeSweeps({ ...row, v: (found?.v ?? 0) + 1 });
  // Not repeated: an attempt without an answer may have been stored, and the next run looks again.
  return (await table.put(control, next, condition)).ok;
}
