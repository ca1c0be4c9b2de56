import type { ArchivePlace } from '../../archive/place.ts';
import { REPLAY_BEFORE_MS } from '../../archive/restore/limits.ts';
import { Digest } from '../../core/digest.ts';
import { assert } from '../../core/errors.ts';
import type { JobLease } from '../../job/lease.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { markAt } from '../segments.ts';
import type { Base, Draft } from './base.ts';
import { readDraft, storeDraft } from './base.ts';
import { DRAFT_EVERY_MS } from './limits.ts';
import { readScanManifest } from './listed.ts';
import { PREFIXES } from './overlay.ts';
import { openRuns } from './stored.ts';
import type { ScanTask } from './task.ts';
import type { ViewOf, ViewOptions } from './view.ts';
import { viewSlices } from './view.ts';

/** Where a base is made, and by whom. */
export interface BuildOf {
  readonly place: ArchivePlace;
  readonly runtime: Runtime;
  readonly lease: JobLease<ScanTask>;
  /** Short name of this slice. */
  readonly run: string;
  /** Whether the slice ends: what is done is saved. */
  isOver(): boolean;
  readonly limits?: Pick<ViewOptions, 'keysMax' | 'viewBytes'>;
}

/**
 * Makes the base of a scan whose end the log has reached: the digest of runs and log at the watermark that the first slice finds. A table that is too
 * large for one slice is done in several: each goes on with the draft of the one before.
 *
 * @returns undefined when the slice ended before all was done.
 * @throws LogGapError · FormatError naming a damaged object · RemoteError, InputError "job-lost"
 */
export async function buildBase({ place, runtime, lease, run, isOver, limits = {} }: BuildOf): Promise<Base | undefined> {
  const { clock } = runtime;
  const { id, draft: saved } = lease.job;
  const beat = (): Promise<void> => lease.renew();
  const { table, startedMs, endedMs, runs } = await readScanManifest(place, runtime, id);
  const fromMs = startedMs - REPLAY_BEFORE_MS;
  const before = saved === undefined ? undefined : await readDraft(place, runtime, saved);
  const from = before?.from ?? (await markAt(place, runtime, fromMs));
  const digest = before?.digest ?? new Digest();
  let { items = 0, mark, prefix = 0 } = before ?? {};
  const of: ViewOf = { place, runtime, from, fromMs, expiry: table.expiry, beat, runs: await openRuns(place, runtime, runs, beat), ...limits };
  let savedAt = clock.elapsed();
  let drafts = 0;
  for await (const slice of viewSlices(of, prefix, mark, 'all')) {
    for (const entry of slice.entries) {
      digest.add(entry);
      items += 1;
    }
    ({ to: prefix, mark } = slice);
    await beat();
    const over = isOver();
    if (prefix < PREFIXES && (over || clock.elapsed() - savedAt >= DRAFT_EVERY_MS)) {
      await save({ from, mark, prefix, items, digest });
      if (over) return undefined;
    }
  }
  assert(mark !== undefined, 'a view without a part', { id });
  const { tableId, label, expiry } = table;
  return {
    ...{ id, member: place.member, tableId, label, ...(expiry !== undefined && { expiry }) },
    ...{ started: startedMs, ended: endedMs, fromMs, from, items, mark, digest },
  };

  async function save(state: Draft): Promise<void> {
    drafts += 1;
    const draft = await storeDraft(place, runtime, id, run, drafts, state, () => lease.admit());
    await lease.save({ draft });
    savedAt = clock.elapsed();
  }
}
