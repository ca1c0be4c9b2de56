import { showBytes } from '../lib/adopt/estimate.ts';
import { timeLeft } from '../lib/adopt/pace.ts';
import type { Finding } from '../lib/archive/log/finding.ts';
import type { VerifyReport } from '../lib/archive/log/report.ts';
import { saveVerified } from '../lib/archive/log/state.ts';
import type { VerifyProgress } from '../lib/archive/log/verify.ts';
import { verifiedState, verifyArchive } from '../lib/archive/log/verify.ts';
import { readArchiveSettings } from '../lib/archive/settings-row.ts';
import { snapshotJobPlace } from '../lib/archive/snapshot/savepoint.ts';
import { saveReport } from '../lib/archive/verify-report.ts';
import { isoSeconds, wholeSecondFrom } from '../lib/core/calendar.ts';
import { readJob } from '../lib/job/lease.ts';
import { whyText } from '../lib/ports/errors.ts';
import { span } from '../lib/status/span.ts';
import type { Screen } from './adopt-progress.ts';
import type { MemberArchive } from './archive-place.ts';
import type { Output } from './output.ts';
import { count, plural, printable } from './output.ts';
import { showSteps } from './rewrite-progress.ts';
import type { Session } from './session.ts';

/** `syncline archive verify`: one member's archive. */

/** For the writes at its end (ms). */
const SAVE_MAX_MS = 30_000;
/** Findings that are shown; the stored report has up to FINDINGS_MAX. */
const SHOWN_MAX = 20;

/** What a verification came to. */
export interface Verification {
  readonly member: string;
  readonly report: VerifyReport;
  /** Name of the stored report; absent where it could not be stored. */
  readonly stored?: string;
}

/** Verifies the archive of a member, stores the report, and notes it for `status`. @throws CliError */
export async function verifyMember(session: Session, archive: MemberArchive, deep: boolean, stream: Screen['stream']): Promise<Verification> {
  const { runtime, out } = session;
  const { at, place, table, context, member } = archive;
  const { control } = context.tables;
  // ⚠ The rows first: they may name a segment that is younger than the list.
  const { shards } = await archive.control();
  const jobs = await at(() => Promise.all((['scan', 'export'] as const).map((via) => readJob(snapshotJobPlace(table, control, via), runtime))));
  const { retentionMs } = await at(() => readArchiveSettings(table, control, runtime, session.until));
  const running = jobs.flatMap((job) => (job === undefined || job.done !== undefined ? [] : [job.id]));

  const began = runtime.clock.elapsed();
  const screen: Screen = { stream, note: (words) => out.note(`${member.name}: ${words}`), elapsed: () => runtime.clock.elapsed() };
  const shown = showSteps(PERCENT, screen);
  const progress = (now: VerifyProgress): void => {
    const [done, of] = deep ? [now.bytes, now.ofBytes] : [now.objects, now.ofObjects];
    shown.step(of === 0 ? PERCENT : (done / of) * PERCENT, progressWords(member.name, now, deep, runtime.clock.elapsed() - began));
  };
  let report: VerifyReport;
  try {
    report = await at(() => verifyArchive(place, runtime, { deep, tails: shards, running, progress, ...(retentionMs !== undefined && { retentionMs }) }));
  } finally {
    shown.stop();
  }
  return { member: member.name, report, ...(await kept()) };

  /** Who may only read may verify, too. */
  async function kept(): Promise<Pick<Verification, 'stored'>> {
    try {
      const stored = await saveReport(place, runtime, report);
      await saveVerified({ table, control }, runtime, verifiedState(report), runtime.clock.elapsed() + SAVE_MAX_MS);
      return { stored };
    } catch (error) {
      out.note(`note: the report could not be stored, so that "status" does not know of it: ${whyText(error)}`);
      return {};
    }
  }
}

const PERCENT = 100;

function progressWords(member: string, { objects, ofObjects, bytes, ofBytes }: VerifyProgress, deep: boolean, worked: number): string {
  const left = deep ? timeLeft(bytes, worked, ofBytes) : timeLeft(objects, worked, ofObjects);
  return `${member}: ${count(objects)} of ${plural(ofObjects, 'object')}, ${showBytes(bytes)} of ${showBytes(ofBytes)}${left === undefined ? '' : `, ${span(left)} left`}`;
}

/** A verification for a person. */
export function verificationText({ member, report, stored }: Verification, bucket: string, out: Output): string {
  const { deep, segments, records, rollups, snapshots, bytes, found, findings, restorable } = report;
  const looked = `${plural(segments, 'segment')} with ${plural(records, 'change')}, ${plural(rollups, 'roll-up')}, ${plural(snapshots, 'snapshot')}, ${showBytes(bytes)}`;
  const verdict = found === 0 ? out.style('green', 'no faults') : out.style('red', plural(found, 'fault'));
  const last = restorable.at(-1);
  return [
    `${out.style('bold', member)}: ${verdict}. ${deep ? 'Read every byte of' : 'Looked at the ends of'} ${looked}.`,
    ...(last === undefined
      ? []
      : [
          `  It can be restored to any second from ${isoSeconds(wholeSecondFrom(last.fromMs))} ${last.toMs < (report.toMs ?? 0) ? `to ${isoSeconds(last.toMs)}` : 'on, as far as the log reaches'}.`,
        ]),
    ...findings.slice(0, SHOWN_MAX).map((finding) => findingText(finding, out)),
    ...(found > SHOWN_MAX ? [`  … and ${plural(found - Math.min(found, SHOWN_MAX), 'more', 'more')}.`] : []),
    ...(found > 0 && stored !== undefined ? [`  The report is s3://${bucket}/${stored}`] : []),
  ].join('\n');
}

function findingText({ kind, object, fromMs, toMs, what, todo }: Finding, out: Output): string {
  const times = [fromMs, toMs].map((ms) => (ms === undefined ? undefined : isoSeconds(ms)));
  const when =
    times[0] === undefined && times[1] === undefined
      ? ''
      : ` (changes ${times[0] === undefined ? '' : `from ${times[0]} `}${times[1] === undefined ? 'on' : `to ${times[1]}`})`;
  const where = object === undefined || what.includes(object) ? '' : ` ${object}:`;
  return out.wrap(`  ${out.style('red', kind)}${printable(where)} ${printable(what)}${when} ${out.style('dim', '→')} ${printable(todo)}`);
}
