import { FormatError } from '../core/errors.ts';
import { streamLabel } from '../core/formats/archive-names.ts';
import type { Seat } from '../core/formats/rows.ts';
import { whyText } from '../ports/errors.ts';
import type { ObjectPort } from '../ports/objects.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { TablePort } from '../ports/table.ts';
import type { MemberContext } from '../replicate/context.ts';
import { retried } from '../replicate/retry.ts';
import { readSelf } from '../replicate/self.ts';
import { readShards } from '../status/gather.ts';
import { rollUp } from './log/roll-up.ts';
import { readArchiveState, saveRolled } from './log/state.ts';
import { archivePlace } from './place.ts';
import { keepArchiveSettings, readArchiveSettings } from './settings-row.ts';
import type { SnapshotSlice } from './snapshot/schedule.ts';
import { sliceOfSnapshot } from './snapshot/schedule.ts';

/** What the archive's part of the minute run needs: its own region. */
export interface ArchiveMinutePorts {
  readonly table: TablePort;
  readonly objects: ObjectPort;
}

/** What the deployment says of a member's archive. */
export interface ArchiveMinuteSettings {
  /** How long the observer gathers records before it stores them (s). */
  readonly windowS?: number;
  /** How long the log is kept (days); absent where it is not known: then the row of settings is left as it is. */
  readonly retentionDays?: number;
  /** Between the end of one snapshot and the beginning of the next (ms); absent: none is taken on a schedule. */
  readonly snapshotEveryMs?: number;
}

/** What a run did. A part that failed, or that had no time, is absent. */
export interface ArchiveMinuteResult {
  /** Roll-ups that were stored, and what the chain showed on the way. */
  readonly rollUp?: { readonly made: number; readonly findings: number };
  readonly snapshot?: SnapshotSlice;
}

/** Longest work on the row of settings (ms). */
const SETTINGS_SLICE_MS = 5_000;
/** Longest work on roll-ups (ms). */
const ROLL_UP_SLICE_MS = 10_000;
/** Longest slice of a snapshot (ms): the run is once a minute, and the urgent part comes first. */
const SNAPSHOT_SLICE_MS = 25_000;
/** A part that has less time than this is not begun (ms). */
const PART_MIN_MS = 3_000;
/** After a part's time is over: what is under way is ended, files are stored, the savepoint is given up (ms). */
const PART_END_MS = 8_000;
const SECOND_MS = 1_000;
const DAY_MS = 86_400_000;
/** Findings that one run logs. */
const FINDINGS_LOGGED_MAX = 10;

/**
 * The archive's part of a member's minute run, after the urgent one and also when that failed: the row of settings is
 * kept, the log is rolled up, and a slice is taken of the snapshot that is due. Before the member has a seat it does nothing. It throws nothing: what fails is logged
 * and counted, and the next minute tries again.
 *
 * @param untilMs elapsed time (ms) at which everything must be over.
 */
export async function archiveMinute(
  member: MemberContext,
  ports: ArchiveMinutePorts,
  settings: ArchiveMinuteSettings,
  runtime: Runtime,
  untilMs: number,
): Promise<ArchiveMinuteResult> {
  const { clock, metrics, log } = runtime;
  const { table } = ports;
  const { control } = member.tables;
  const place = archivePlace(member, ports.objects);
  const retentionMs = settings.retentionDays === undefined ? undefined : settings.retentionDays * DAY_MS;
  const self = await part('seat', PART_MIN_MS, () => retried(runtime, untilMs, () => readSelf(table, control)));
  const seat = self?.seat;
  if (seat === undefined) return {};
  await part('settings', SETTINGS_SLICE_MS, keepSettings);
  const rolled = await part('roll-up', ROLL_UP_SLICE_MS, (until) => rollUpSlice(seat, until));
  const snapshot = await part('snapshot', SNAPSHOT_SLICE_MS, snapshotSlice);
  return { ...(rolled && { rollUp: rolled }), ...(snapshot && { snapshot }) };

  /** Tells those who know the tables alone what the deployment says. */
  async function keepSettings(until: number): Promise<void> {
    if (retentionMs === undefined) return;
    const { windowS, snapshotEveryMs } = settings;
    const row = { retentionMs, ...(windowS !== undefined && { windowMs: windowS * SECOND_MS }), ...(snapshotEveryMs !== undefined && { snapshotEveryMs }) };
    // A row that this version does not understand is written anew: it says nothing that the deployment does not.
    const found = await readArchiveSettings(table, control, runtime, until).catch((error: unknown) => {
      if (error instanceof FormatError) return {};
      throw error;
    });
    await keepArchiveSettings(table, control, runtime, until, row, found);
  }

  async function rollUpSlice({ stream }: Seat, until: number): Promise<ArchiveMinuteResult['rollUp']> {
    const at = { table, control };
    const { shards: rows } = await retried(runtime, until, () => readShards(table, control));
    const { rolled: before, rolledV } = await readArchiveState(at, runtime, until);
    const { state, findings, made } = await rollUp(place, runtime, { until, rows, label: streamLabel(stream), ...(before && { state: before }) });
    for (const { kind, what, object, shard } of findings.slice(0, FINDINGS_LOGGED_MAX)) log.error('The log is not whole.', { kind, what, object, shard });
    if (findings.length > 0) metrics.count('ArchiveFindings', findings.length);
    // Most minutes nothing is new: then nothing is written.
    if (JSON.stringify(state) !== JSON.stringify(before)) await saveRolled(at, runtime, state, rolledV, untilMs);
    return { made, findings: findings.length };
  }

  async function snapshotSlice(until: number): Promise<SnapshotSlice | undefined> {
    const everyMs = settings.snapshotEveryMs;
    if (everyMs === undefined) return undefined;
    const slice = await sliceOfSnapshot(member, { table, place }, runtime, {
      owner: `the minute run of ${member.member}`,
      everyMs,
      untilMs: until,
      ...(retentionMs !== undefined && { retentionMs }),
    });
    if (slice.did === 'finished') metrics.count('SnapshotItems', slice.items ?? 0);
    if (slice.lastEndedMs !== undefined) metrics.count('SnapshotAgeS', Math.max(0, Math.round((clock.now() - slice.lastEndedMs) / 1_000)));
    return slice;
  }

  /** Runs a part, when there is time for it, for at most so long. */
  async function part<T>(what: 'seat' | 'settings' | 'roll-up' | 'snapshot', longestMs: number, work: (until: number) => Promise<T>): Promise<T | undefined> {
    // One look at the clock for both: between two looks time passes.
    const now = clock.elapsed();
    const until = Math.min(now + longestMs, untilMs - PART_END_MS);
    if (until - now < PART_MIN_MS) return undefined;
    try {
      return await work(until);
    } catch (error) {
      log.error('A part of the archive’s minute run failed; the next one tries again.', { what, why: whyText(error) });
      metrics.count(what === 'snapshot' ? 'SnapshotFailed' : 'ArchiveMinuteFailed', 1);
      return undefined;
    }
  }
}
