import type { Item } from '../core/attribute.ts';
import { FORMAT, n, optionalNum, present, s } from '../core/formats/row-fields.ts';
import { checkKind, jobKey } from '../job/row.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { TablePort } from '../ports/table.ts';
import { retried } from '../replicate/retry.ts';

/**
 * `job / archive-settings`: what the deployment says of a member's archive, for those who know the member's tables but not its
 * deployment, as the command line. The member's minute run writes it when it differs.
 */
const KEY = jobKey('archive-settings');
const KIND = 'archive-settings';
const WHAT = 'archive settings';

/** What a member's deployment says of its archive (ms each). Absent: not known, or, of a member that has such a row, none. */
export interface ArchiveSettingsRow {
  /** How long the observer gathers records before it stores them. */
  readonly windowMs?: number;
  /** How long the log is kept; there in every row. */
  readonly retentionMs?: number;
  /** Between the end of one snapshot and the beginning of the next; absent where none is taken on a schedule. */
  readonly snapshotEveryMs?: number;
}

/**
 * Reads the row; {} where there is none yet: the member's minute run has not run since it was deployed.
 *
 * @param control name of the member's `control` table.
 * @param until elapsed time (ms) after which no request is begun.
 * @throws RemoteError, FormatError
 */
export async function readArchiveSettings(table: TablePort, control: string, runtime: Runtime, until: number): Promise<ArchiveSettingsRow> {
  const row = await retried(runtime, until, () => table.get(control, KEY));
  return row === undefined ? {} : decodeArchiveSettings(row);
}

/** Writes the row, where it says something else. Returns whether it did. @throws RemoteError */
export async function keepArchiveSettings(
  table: TablePort,
  control: string,
  runtime: Runtime,
  until: number,
  settings: ArchiveSettingsRow,
  found: ArchiveSettingsRow,
): Promise<boolean> {
  const fields = ['windowMs', 'retentionMs', 'snapshotEveryMs'] as const;
  if (fields.every((field) => settings[field] === found[field])) return false;
  await retried(runtime, until, () => table.put(control, encodeArchiveSettings(settings)));
  return true;
}

/** The row. */
export function encodeArchiveSettings({ windowMs, retentionMs, snapshotEveryMs }: ArchiveSettingsRow): Item {
  return {
    ...KEY,
    f: { N: FORMAT },
    kind: s(KIND),
    ...(windowMs !== undefined && { windowMs: n(windowMs) }),
    ...(retentionMs !== undefined && { retentionMs: n(retentionMs) }),
    ...(snapshotEveryMs !== undefined && { snapshotEveryMs: n(snapshotEveryMs) }),
  };
}

/** Reads the row. @throws FormatError */
export function decodeArchiveSettings(row: Item): ArchiveSettingsRow {
  checkKind(row, KIND, WHAT);
  return present<ArchiveSettingsRow>({
    windowMs: optionalNum(row, 'windowMs'),
    retentionMs: optionalNum(row, 'retentionMs'),
    snapshotEveryMs: optionalNum(row, 'snapshotEveryMs'),
  });
}
