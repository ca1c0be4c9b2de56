import { Duration } from 'aws-cdk-lib';
import type { BucketProps, LifecycleRule } from 'aws-cdk-lib/aws-s3';
import { ObjectLockRetention } from 'aws-cdk-lib/aws-s3';
import { INDEX_PREFIX, LOG_PREFIX, REPORTS_PREFIX, SCANS_PREFIX } from '../lib/core/formats/archive-names.ts';
import { SetPropsError } from './set.ts';

/** What a user may say about the archive: of a whole set, or of one member, whose own settings then come first. */
export interface ArchiveProps {
  /**
   * How long the observer's mapping gathers records (s), 1 to 300. A segment of the log holds what came in it: a longer window makes fewer and
   * larger ones, which cost less to write and to read; a shorter one brings changes into the log sooner. Default: 60.
   */
  readonly windowS?: number;
  /** How long the log is kept, and with it snapshots where new ones are made (days). It is how far back a restore may go. Default: 35. */
  readonly retentionDays?: number;
  /**
   * How often a snapshot is taken (hours), or `off`: then only `syncline snapshot` takes one, and none is ever deleted. A restore begins
   * with a snapshot, so the log must be kept for longer than this. Default: 168, once a week.
   */
  readonly snapshotEvery?: 'off' | number;
  /**
   * Keeps every object of the bucket from being deleted or changed for so many days (S3 Object Lock), with versions. In GOVERNANCE mode principals
   * with a special permission may, in COMPLIANCE mode nobody, the account's root neither. ⚠ Only for a new bucket: CloudFormation would have to
   * replace one that is there, and refuses, since its name is taken. Default: none.
   * https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
   */
  readonly objectLock?: { readonly mode: 'GOVERNANCE' | 'COMPLIANCE'; readonly days: number };
}

/** The settings of an archive, complete and checked. */
export interface ArchiveSettings {
  readonly windowS: number;
  readonly retentionDays: number;
  /** ms; absent for none. */
  readonly snapshotEveryMs?: number;
  readonly objectLock?: ArchiveProps['objectLock'];
}

const HOUR_MS = 3_600_000;
const DAY_HOURS = 24;
const DEFAULTS = { windowS: 60, retentionDays: 35, snapshotEvery: 7 * DAY_HOURS } as const;
/** Longest window of a mapping (s). https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html */
const WINDOW_MAX_S = 300;
/** Longest retention (days): a hundred years, which S3 takes, too. */
const RETENTION_MAX_DAYS = 36_500;
/**
 * What a snapshot may take longer than its period (days): its own time, a run that failed and is repeated, and the day at whose end S3 applies its
 * rules. https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
 */
export const SNAPSHOT_MARGIN_DAYS = 2;
/** How long plans and results of restores, undos and verifications are kept (days). */
const REPORTS_DAYS = 90;
/** How long a version that was deleted or replaced is kept after its lock has ended (days); S3's least. */
const NONCURRENT_DAYS = 1;

/**
 * The settings of a member's archive.
 *
 * @param own the member's, which come before the set's.
 * @throws SetPropsError naming the setting, what was seen, and what holds.
 */
export function archiveSettings(set: ArchiveProps = {}, own: ArchiveProps = {}): ArchiveSettings {
  const { windowS, retentionDays, snapshotEvery, objectLock } = { ...DEFAULTS, ...set, ...own };
  whole('windowS', windowS, 'seconds', 1, WINDOW_MAX_S);
  whole('retentionDays', retentionDays, 'days', SNAPSHOT_MARGIN_DAYS, RETENTION_MAX_DAYS);
  if (snapshotEvery !== 'off') {
    whole('snapshotEvery', snapshotEvery, 'hours', 1, RETENTION_MAX_DAYS * DAY_HOURS);
    const least = snapshotEvery / DAY_HOURS + SNAPSHOT_MARGIN_DAYS;
    if (retentionDays < least) {
      throw new SetPropsError(
        `archive: it must hold that retentionDays ≥ snapshotEvery + ${SNAPSHOT_MARGIN_DAYS} days, so that there is always a snapshot from which the log goes on ` +
          `(retentionDays = ${retentionDays}, snapshotEvery = ${snapshotEvery} hours). Keep the log for ${Math.ceil(least)} days or more, or take snapshots more often.`,
      );
    }
  }
  if (objectLock !== undefined) {
    if (objectLock.mode !== 'GOVERNANCE' && objectLock.mode !== 'COMPLIANCE') {
      throw new SetPropsError(`archive.objectLock.mode must be "GOVERNANCE" or "COMPLIANCE"; got ${JSON.stringify(objectLock.mode)}.`);
    }
    whole('objectLock.days', objectLock.days, 'days', 1, RETENTION_MAX_DAYS);
    if (objectLock.days > retentionDays) {
      throw new SetPropsError(
        `archive.objectLock.days must be at most retentionDays, else what is over could not be deleted (days = ${objectLock.days}, retentionDays = ${retentionDays}).`,
      );
    }
  }
  return {
    windowS,
    retentionDays,
    ...(snapshotEvery !== 'off' && { snapshotEveryMs: snapshotEvery * HOUR_MS }),
    ...(objectLock !== undefined && { objectLock }),
  };
}

function whole(name: string, value: number, unit: string, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new SetPropsError(`archive.${name} must be a whole number of ${unit} from ${least} to ${most}; got ${JSON.stringify(value)}.`);
  }
}

/** What the minute run must know of it (functions/shared/settings.ts). */
export const archiveEnvironment = ({ windowS, retentionDays, snapshotEveryMs }: ArchiveSettings): Readonly<Record<string, string>> => ({
  SYNCLINE_ARCHIVE: JSON.stringify({ windowS, retentionDays, ...(snapshotEveryMs !== undefined && { snapshotEveryMs }) }),
});

/**
 * How long the bucket keeps what. Snapshots go only where new ones come: the last one would be gone else, and with it all that the log is good
 * for. Expiry is by the age of each object.
 */
export function archiveBucket(
  settings: ArchiveSettings,
): Pick<BucketProps, 'versioned' | 'objectLockEnabled' | 'objectLockDefaultRetention' | 'lifecycleRules'> {
  const { retentionDays, snapshotEveryMs, objectLock } = settings;
  const kept = (id: string, prefix: string, days: number): LifecycleRule => ({ id, prefix, expiration: Duration.days(days) });
  const rules: LifecycleRule[] = [
    { id: 'abandoned-uploads', abortIncompleteMultipartUploadAfter: Duration.days(7) },
    kept('log', LOG_PREFIX, retentionDays),
    kept('index', INDEX_PREFIX, retentionDays),
    ...(snapshotEveryMs === undefined ? [] : [kept('scans', SCANS_PREFIX, retentionDays)]),
    kept('reports', REPORTS_PREFIX, REPORTS_DAYS),
  ];
  if (objectLock === undefined) return { versioned: false, lifecycleRules: rules };
  const days = Duration.days(objectLock.days);
  return {
    // Object Lock needs versions: what expires becomes one, and goes when its lock has ended.
    versioned: true,
    objectLockEnabled: true,
    objectLockDefaultRetention: objectLock.mode === 'GOVERNANCE' ? ObjectLockRetention.governance(days) : ObjectLockRetention.compliance(days),
    lifecycleRules: [...rules, { id: 'old-versions', noncurrentVersionExpiration: Duration.days(NONCURRENT_DAYS), expiredObjectDeleteMarker: true }],
  };
}
