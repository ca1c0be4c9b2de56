import { describe, expect, test } from 'vitest';
import type { ArchiveProps } from '../../cdk/archive.ts';
import { archiveSettings, SNAPSHOT_MARGIN_DAYS } from '../../cdk/archive.ts';
import { appSettings } from '../../cdk/context.ts';
import { SetPropsError } from '../../cdk/set.ts';
import { byType, only, replicaSet, resourcesOf, stacksOf } from './fixture.ts';

const bucket = (archive?: ArchiveProps) =>
  only(byType(resourcesOf(stacksOf(replicaSet(archive === undefined ? {} : { archive })).data), 'AWS::S3::Bucket')).Properties;
/** Prefix → days, of the rules that let objects expire. */
const expiry = (properties: { LifecycleConfiguration: { Rules: { Prefix?: string; ExpirationInDays?: number }[] } }) =>
  Object.fromEntries(properties.LifecycleConfiguration.Rules.flatMap((r) => (r.ExpirationInDays === undefined ? [] : [[r.Prefix, r.ExpirationInDays]])));

describe('the bucket', () => {
  test('keeps log, index and snapshots for 35 days, and reports for 90', () => {
    expect(expiry(bucket())).toEqual({ 'log/': 35, 'index/': 35, 'scans/': 35, 'reports/': 90 });
    expect(bucket().VersioningConfiguration).toBeUndefined();
    expect(bucket().ObjectLockEnabled ?? false).toBe(false);
  });

  test('keeps them for as long as is asked, and snapshots for ever where no new ones come', () => {
    expect(expiry(bucket({ retentionDays: 400 }))).toMatchObject({ 'log/': 400, 'scans/': 400, 'reports/': 90 });
    expect(expiry(bucket({ snapshotEvery: 'off' }))).toEqual({ 'log/': 35, 'index/': 35, 'reports/': 90 });
  });

  test('has versions with a lock, and lets the old ones go', () => {
    const locked = bucket({ objectLock: { mode: 'COMPLIANCE', days: 30 } });
    expect(locked).toMatchObject({
      VersioningConfiguration: { Status: 'Enabled' },
      ObjectLockEnabled: true,
      ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled', Rule: { DefaultRetention: { Mode: 'COMPLIANCE', Days: 30 } } },
    });
    expect(locked.LifecycleConfiguration.Rules).toContainEqual({
      Id: 'old-versions',
      Status: 'Enabled',
      NoncurrentVersionExpiration: { NoncurrentDays: 1 },
      ExpiredObjectDeleteMarker: true,
    });
    expect(expiry(locked)).toEqual(expiry(bucket()));
  });
});

describe('the settings', () => {
  test('of a member come before the set’s, which come before the defaults', () => {
    expect(archiveSettings()).toEqual({ windowS: 60, retentionDays: 35, snapshotEveryMs: 604_800_000 });
    expect(archiveSettings({ windowS: 5, snapshotEvery: 6 }, { snapshotEvery: 'off' })).toEqual({ windowS: 5, retentionDays: 35 });
  });

  test('keep the log for longer than from one snapshot to the next', () => {
    for (const days of [1, 7, 33]) {
      const least = days + SNAPSHOT_MARGIN_DAYS;
      expect(archiveSettings({ snapshotEvery: days * 24, retentionDays: least }).retentionDays).toBe(least);
      const shorter = () => archiveSettings({ snapshotEvery: days * 24, retentionDays: least - 1 });
      expect(shorter).toThrow(SetPropsError);
      expect(shorter).toThrow(/retentionDays ≥ snapshotEvery \+ 2 days.*always a snapshot.*Keep the log for \d+ days or more/);
    }
    expect(() => archiveSettings({ snapshotEvery: 25, retentionDays: 3 })).toThrow(/for 4 days or more/);
    expect(archiveSettings({ snapshotEvery: 'off', retentionDays: 2 }).retentionDays).toBe(2);
  });

  test.each<[string, ArchiveProps, RegExp]>([
    ['no window', { windowS: 0 }, /windowS must be a whole number of seconds from 1 to 300; got 0/],
    ['a window that Lambda does not take', { windowS: 301 }, /windowS/],
    ['half a day', { retentionDays: 9.5 }, /retentionDays must be a whole number of days/],
    ['no retention', { retentionDays: 0, snapshotEvery: 'off' }, /retentionDays/],
    ['a snapshot each moment', { snapshotEvery: 0 }, /snapshotEvery must be a whole number of hours/],
    ['an unknown lock', { objectLock: { mode: 'LEGAL' as 'COMPLIANCE', days: 1 } }, /objectLock\.mode must be "GOVERNANCE" or "COMPLIANCE"; got "LEGAL"/],
    ['a lock of no days', { objectLock: { mode: 'GOVERNANCE', days: 0 } }, /objectLock\.days/],
    ['a lock that outlasts what it keeps', { objectLock: { mode: 'GOVERNANCE', days: 36 } }, /days = 36, retentionDays = 35/],
  ])('refuse %s, and say so', (_, archive, message) => {
    expect(() => archiveSettings(archive)).toThrow(SetPropsError);
    expect(() => replicaSet({ archive })).toThrow(message);
  });
});

describe('the context', () => {
  const context = (values: Record<string, string>) => appSettings((name) => values[name], '123456789012').archive;

  test('says nothing where nothing is said', () => {
    expect(context({})).toBeUndefined();
  });

  test.each<[Record<string, string>, ArchiveProps]>([
    [{ archiveWindow: '5' }, { windowS: 5 }],
    [
      { archiveRetention: '400', snapshotEvery: '30d' },
      { retentionDays: 400, snapshotEvery: 720 },
    ],
    [{ snapshotEvery: '6h' }, { snapshotEvery: 6 }],
    [
      { snapshotEvery: 'off', objectLock: 'governance:30' },
      { snapshotEvery: 'off', objectLock: { mode: 'GOVERNANCE', days: 30 } },
    ],
    [{ objectLock: 'COMPLIANCE:1' }, { objectLock: { mode: 'COMPLIANCE', days: 1 } }],
  ])('reads %j', (values, expected) => {
    expect(context(values)).toEqual(expected);
  });

  test.each([
    ['archiveWindow', '1m', /-c archiveWindow must be a whole number of seconds, like 60; got "1m"/],
    ['archiveRetention', '-1', /-c archiveRetention/],
    ['snapshotEvery', '7', /-c snapshotEvery must be hours like "6h", days like "7d", or "off"; got "7"/],
    ['objectLock', 'governance', /-c objectLock must be "governance:DAYS" or "compliance:DAYS", like governance:30; got "governance"/],
  ])('refuses %s=%s', (name, value, message) => {
    expect(() => context({ [name]: value })).toThrow(message);
  });
});
