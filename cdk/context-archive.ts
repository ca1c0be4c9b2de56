import type { ArchiveProps } from './archive.ts';
import { parseEvery } from './context-every.ts';
import type { Text } from './context-text.ts';
import { SetPropsError } from './set.ts';

/** Reads what `cdk -c name=value` says about the archive. Pure. Whether the values can be used together is checked where they are (archive.ts). */

/** @throws SetPropsError naming the setting, what was seen, and what it must look like. */
export function parseArchive(text: Text): ArchiveProps | undefined {
  const window = text('archiveWindow');
  const retention = text('archiveRetention');
  const snapshotEvery = text('snapshotEvery');
  const lock = text('objectLock');
  if ([window, retention, snapshotEvery, lock].every((value) => value === undefined)) return undefined;
  return {
    ...(window !== undefined && { windowS: number('archiveWindow', window, 'seconds, like 60') }),
    ...(retention !== undefined && { retentionDays: number('archiveRetention', retention, 'days, like 35') }),
    ...(snapshotEvery !== undefined && { snapshotEvery: parseEvery('snapshotEvery', snapshotEvery) }),
    ...(lock !== undefined && { objectLock: parseLock(lock) }),
  };
}

function number(name: string, value: string, like: string): number {
  if (!/^\d{1,6}$/.test(value)) throw new SetPropsError(`-c ${name} must be a whole number of ${like}; got ${JSON.stringify(value)}.`);
  return Number(value);
}

function parseLock(value: string): NonNullable<ArchiveProps['objectLock']> {
  const [, mode, days] = /^(governance|compliance):(\d{1,6})$/i.exec(value) ?? [];
  if (mode === undefined || days === undefined) {
    throw new SetPropsError(`-c objectLock must be "governance:DAYS" or "compliance:DAYS", like governance:30; got ${JSON.stringify(value)}.`);
  }
  return { mode: mode.toUpperCase() as 'GOVERNANCE' | 'COMPLIANCE', days: Number(days) };
}
