import type { Item } from '../../core/attribute.ts';
import { text } from '../../core/attribute.ts';
import { isoSeconds } from '../../core/calendar.ts';
import { FormatError } from '../../core/errors.ts';
import { FORMAT, n, num, optionalNum, present, s, str } from '../../core/formats/row-fields.ts';
import { checkKind, jobKey } from '../../job/row.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { Condition, TablePort } from '../../ports/table.ts';
import { retried } from '../../replicate/retry.ts';
import { SWEEPS_REQUEST_MAX_MS } from './limits.ts';

/** `job / sweeps` at the primary: when the last scheduled sweep was begun, and what those of this month have cost, as estimated. */
const KEY = jobKey('sweeps');
const KIND = 'sweeps';
const WHAT = 'sweeps job';

export interface SweepsRow {
  /** Grows with each write. */
  readonly v: number;
  /** When the last one was begun (ms); absent before the first. */
  readonly last?: number;
  /** The month that `spent` is of: "2026-11" (UTC). */
  readonly month: string;
  /** US dollars. */
  readonly spent: number;
  /** The month in which it was told that the budget is spent. */
  readonly told?: string;
}

/** The month of a time, UTC: "2026-11". */
export const monthOf = (ms: number): string => isoSeconds(ms).slice(0, 7);

export function encodeSweeps({ v, last, month, spent, told }: SweepsRow): Item {
  return {
    ...KEY,
    f: { N: FORMAT },
    kind: s(KIND),
    v: n(v),
    month: s(month),
    // No whole number: as text, as other shares in rows.
    spentUsd: s(String(spent)),
    ...(last !== undefined && { last: n(last) }),
    ...(told !== undefined && { told: s(told) }),
  };
}

/** @throws FormatError */
export function decodeSweeps(row: Item): SweepsRow {
  checkKind(row, KIND, WHAT);
  const spent = Number(str(row, 'spentUsd', WHAT));
  if (!(spent >= 0)) throw new FormatError(`${WHAT} row whose "spentUsd" is no amount`);
  return present<SweepsRow>({
    v: num(row, 'v', WHAT),
    last: optionalNum(row, 'last'),
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
