import { readArchiveState } from '../lib/archive/log/state.ts';
import type { ArchivePlace } from '../lib/archive/place.ts';
import { findManifest, snapshotIds } from '../lib/archive/snapshot/read.ts';
import { newestFindings } from '../lib/archive/verify-report.ts';
import { isoSeconds, wholeSecondFrom } from '../lib/core/calendar.ts';
import { FormatError } from '../lib/core/errors.ts';
import { timeOfSnapshot } from '../lib/core/formats/manifest.ts';
import type { Runtime } from '../lib/ports/runtime.ts';
import type { MemberArchive } from './archive-place.ts';
import { codeOf, each, failed, isFailed } from './each-member.ts';
import { printable } from './output.ts';
import type { Session } from './session.ts';
import { damagedSnapshots } from './snapshot-faults.ts';
import type { ListedSnapshot } from './views/snapshot-view.ts';
import { listText } from './views/snapshot-view.ts';

/** `syncline snapshot list`: what there is in the buckets. */

/** Lists snapshots; of several members those that answer. @returns the exit code: "attention" when one is damaged, "unreachable" when a member did not answer. @throws CliError */
export async function listByCommand(session: Session, archives: readonly MemberArchive[]): Promise<number> {
  const { out, runtime } = session;
  const outcomes = await each(archives, (archive) => listOf(session, archive));
  const snapshots = outcomes.flatMap((o) => (isFailed(o) ? [] : o.value));
  const lost = outcomes.filter(isFailed);
  const damaged = snapshots.some((s) => s.state === 'damaged');
  const document = {
    set: session.config.set,
    snapshots: snapshots.map(({ startedMs, endedMs, verifiedMs, ...rest }) => ({
      ...rest,
      ...(startedMs !== undefined && { started: isoSeconds(startedMs) }),
      ...(endedMs !== undefined && { serves: isoSeconds(wholeSecondFrom(endedMs)) }),
      ...(verifiedMs !== undefined && { verified: isoSeconds(verifiedMs) }),
    })),
    ...(lost.length > 0 && { failed: lost.map(failed) }),
  };
  const next = damaged
    ? [{ command: session.again('archive verify --member all'), why: 'It says what is damaged, and what can be done.' }]
    : snapshots.some((s) => s.state === 'finished')
      ? []
      : [{ command: session.again('snapshot'), why: 'It takes one.' }];
  const text = (): string =>
    [listText(snapshots, runtime.clock.now(), out), ...lost.map(({ member, error }) => `${member}: ${out.style('red', printable(error.message))}`)].join(
      '\n\n',
    );
  out.result(document, text, next);
  return codeOf(outcomes, damaged);
}

async function listOf({ runtime, until }: Session, { member, context, table, place, at }: MemberArchive): Promise<ListedSnapshot[]> {
  const ids = await at(() => snapshotIds(place, runtime));
  const { verified } = await at(() => readArchiveState({ table, control: context.tables.control }, runtime, until));
  const faults = damagedSnapshots(await at(() => newestFindings(place, runtime)));
  const listed: ListedSnapshot[] = [];
  for (const id of ids) {
    const facts = await at(() => factsOf(place, runtime, id));
    const fault = facts.state === 'finished' ? faults.get(id) : undefined;
    if (fault !== undefined) {
      listed.push({ id, member: member.name, ...facts, state: 'damaged', why: fault.what });
      continue;
    }
    // A deep verification reads every object that was there when it ended.
    const deepAt = facts.endedMs !== undefined && (verified?.deepAt ?? 0) > facts.endedMs ? verified?.deepAt : undefined;
    listed.push({ id, member: member.name, ...facts, ...(deepAt !== undefined && { verifiedMs: deepAt }) });
  }
  return listed;
}

/** What one snapshot's manifest says; of a damaged one, what is wrong. */
async function factsOf(place: ArchivePlace, runtime: Runtime, id: string): Promise<Omit<ListedSnapshot, 'id' | 'member'>> {
  const started = timeOfSnapshot(id);
  const begun = started === undefined ? {} : { startedMs: started };
  try {
    const manifest = await findManifest(place, runtime, id);
    if (manifest === undefined) return { ...begun, state: 'unfinished' };
    const { startedMs, endedMs, items, via, files } = manifest;
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    return { state: 'finished', startedMs, endedMs, items, bytes, files: files.length, via };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { ...begun, state: 'damaged', why: error.message };
  }
}
