import type { Item } from '../../core/attribute.ts';
import { mapOf } from '../../core/attribute.ts';
import { FORMAT, n, num, s } from '../../core/formats/row-fields.ts';
import { checkKind, jobKey } from '../../job/row.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { TablePort } from '../../ports/table.ts';
import { retried } from '../../replicate/retry.ts';
import { DRIFT_COUNTED_MS } from './limits.ts';

/** What became of flagged keys at one member. */
export interface DriftCounts {
  /** Writes and deletes at the member that no applier made. */
  readonly found: number;
  /** Keys whose repair was sent. */
  readonly sent: number;
  /** Keys that only the member has, and so many that a human must allow their deletion. */
  readonly held: number;
  /** Keys that were left to the standing proof, since there were too many at once or their lines could not be read. */
  readonly over: number;
}

export const NO_DRIFT: DriftCounts = { found: 0, sent: 0, held: 0, over: 0 };

/**
 * `job / drift` at the primary: drift of the last day or so, by member. It is for people: nothing is decided by it, so a write that is lost to another
 * run's loses numbers only.
 */
export interface DriftRow {
  /** Since when it is counted (ms). */
  readonly since: number;
  /** When drift was found last (ms). */
  readonly at: number;
  readonly members: Readonly<Record<string, DriftCounts>>;
}

const KIND = 'drift';
const WHAT = 'drift job';
const KEY = jobKey(KIND);
const FIELDS = ['found', 'sent', 'held', 'over'] as const;

export function encodeDrift({ since, at, members }: DriftRow): Item {
  const counts = Object.entries(members).map(([member, of]) => [member, { M: Object.fromEntries(FIELDS.map((name) => [name, n(of[name])])) }]);
  return { ...KEY, f: { N: FORMAT }, kind: s(KIND), since: n(since), at: n(at), members: { M: Object.fromEntries(counts) } };
}

/** @throws FormatError */
export function decodeDrift(row: Item): DriftRow {
  checkKind(row, KIND, WHAT);
  const members = Object.entries(mapOf(row['members']) ?? {}).map(([member, value]): [string, DriftCounts] => {
    const fields = mapOf(value) ?? {};
    return [member, { found: num(fields, 'found', WHAT), sent: num(fields, 'sent', WHAT), held: num(fields, 'held', WHAT), over: num(fields, 'over', WHAT) }];
  });
  return { since: num(row, 'since', WHAT), at: num(row, 'at', WHAT), members: Object.fromEntries(members) };
}

/** Reads the row; undefined before there was any drift. @throws RemoteError, FormatError */
export async function readDrift(table: TablePort, control: string, runtime: Runtime, until: number): Promise<DriftRow | undefined> {
  const row = await retried(runtime, until, () => table.get(control, KEY));
  return row === undefined ? undefined : decodeDrift(row);
}

/** The row with what a run has found. One that began longer ago than DRIFT_COUNTED_MS begins anew: what is still held then, the proof tells. Pure. */
export function withDrift(row: DriftRow | undefined, found: ReadonlyMap<string, DriftCounts>, nowMs: number): DriftRow {
  const kept = row !== undefined && nowMs - row.since < DRIFT_COUNTED_MS;
  const members = new Map(Object.entries(kept ? row.members : {}));
  for (const [member, more] of found) {
    const before = members.get(member) ?? NO_DRIFT;
    members.set(member, {
      found: before.found + more.found,
      sent: before.sent + more.sent,
      held: before.held + more.held,
      over: before.over + more.over,
    });
  }
  return { since: kept ? row.since : nowMs, at: nowMs, members: Object.fromEntries(members) };
}

/** Writes the row. @throws RemoteError */
export async function writeDrift(table: TablePort, control: string, runtime: Runtime, until: number, row: DriftRow): Promise<void> {
  await retried(runtime, until, () => table.put(control, encodeDrift(row)));
}
