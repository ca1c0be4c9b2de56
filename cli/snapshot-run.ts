import type { SnapshotLoad } from '../lib/archive/snapshot/estimate.ts';
import { estimateSnapshot } from '../lib/archive/snapshot/estimate.ts';
import type { ExportProgress } from '../lib/archive/snapshot/export.ts';
import { exportSnapshot } from '../lib/archive/snapshot/export.ts';
import { END_MARGIN_MS, REQUEST_MAX_MS, SCHEDULED_SHARE } from '../lib/archive/snapshot/limits.ts';
import { readRate } from '../lib/archive/snapshot/pace.ts';
import type { SnapshotJob } from '../lib/archive/snapshot/savepoint.ts';
import { snapshotJobPlace } from '../lib/archive/snapshot/savepoint.ts';
import type { SnapshotProgress } from '../lib/archive/snapshot/take.ts';
import { takeSnapshot } from '../lib/archive/snapshot/take.ts';
import { isoSeconds, wholeSecondFrom } from '../lib/core/calendar.ts';
import type { Manifest } from '../lib/core/formats/manifest.ts';
import { tableArn } from '../lib/core/names.ts';
import { PRICE_DATE, PRICE_REGION_DEFAULT, PRICES, pricesOf } from '../lib/cost/prices.ts';
import { readJob } from '../lib/job/lease.ts';
import { retried } from '../lib/replicate/retry.ts';
import { isUnderWay } from '../lib/status/archive.ts';
import type { AdoptIo } from './adopt-io.ts';
import { agreed } from './agreed.ts';
import type { MemberArchive } from './archive-place.ts';
import { checkClock } from './clock-check.ts';
import { checkDeployed } from './deployed.ts';
import { EXIT } from './errors.ts';
import type { ExportsConnect } from './exports-aws.ts';
import { shellWord } from './next-steps.ts';
import { showSteps } from './rewrite-progress.ts';
import type { Session } from './session.ts';
import { placeOf } from './session.ts';
import type { SnapshotPlan } from './views/snapshot-view.ts';
import { exportWords, finishedText, planText, progressWords } from './views/snapshot-view.ts';

/** `syncline snapshot`: said first, asked, taken, and told. */

/** What of the outside it needs. */
export interface SnapshotIo extends Pick<AdoptIo, 'confirm' | 'owner' | 'stream'> {
  readonly exports: ExportsConnect;
}

/** What the user says about it. */
export interface TakeOptions {
  readonly member?: string;
  readonly rate?: number;
  readonly share?: number;
  readonly segments?: number;
  readonly via: 'scan' | 'export';
  readonly compression?: 'zstd' | 'gzip';
  readonly yes?: true;
  readonly restart?: true;
}

/** What came of it: not finished, when a person has stopped it. */
interface Taken {
  readonly job: SnapshotJob;
  readonly resumed: boolean;
  readonly manifest?: Manifest;
}

/** Takes a snapshot. @returns the exit code: "attention" when it was stopped. @throws CliError */
export async function takeByCommand(session: Session, archive: MemberArchive, own: TakeOptions, io: SnapshotIo): Promise<number> {
  const { out, runtime } = session;
  const { member, context, place, table, at } = archive;
  await checkDeployed(session, member);
  const offset = own.via === 'scan' ? await checkClock(session, member.region) : undefined;
  const described = await at(() => retried(runtime, runtime.clock.elapsed() + REQUEST_MAX_MS, () => table.describe(context.tables.items)));
  const found = await at(() => readJob(snapshotJobPlace(table, context.tables.control, own.via), runtime));
  const goesOn = found !== undefined && isUnderWay(found) && own.restart !== true ? found : undefined;
  // Without a word of the user's, a table whose units are bought is left three quarters of them.
  const share = own.share ?? (own.rate === undefined && described.provisionedReads !== undefined ? SCHEDULED_SHARE : undefined);
  const pace = { ...(own.rate !== undefined && { itemsPerS: own.rate }), ...(share !== undefined && { share }) };
  const rate = await at(async () => (own.via === 'export' ? {} : readRate(pace, described.provisionedReads)));
  const priceRegion = PRICES[member.region] === undefined ? PRICE_REGION_DEFAULT : member.region;
  const load: SnapshotLoad = { items: described.itemCount, bytes: described.bytes ?? 0, via: own.via, rate, ...(found !== undefined && { measured: found }) };
  const plan: SnapshotPlan = {
    via: own.via,
    estimate: estimateSnapshot(load, pricesOf(priceRegion, {})),
    rate,
    priceDate: PRICE_DATE,
    priceRegion,
    ...(goesOn && { goesOn: { id: goesOn.id, items: goesOn.items } }),
  };
  const words = planText(`the table ${context.tables.items} (${placeOf(session, member)})`, place.bucket, plan);
  const base = { set: session.config.set, member: member.name, region: member.region, table: context.tables.items, bucket: place.bucket, plan };
  if (!(await agreed(out, words, base, own.yes, io.confirm))) {
    out.result({ ...base, state: 'declined' }, () => 'Nothing was done.');
    return EXIT.ok;
  }

  const taken =
    own.via === 'export'
      ? await exported(session, archive, own, io)
      : await scanned(session, archive, own, io, {
          ...pace,
          // The latest that the region's clock may be behind this one's is added: the snapshot then surely says no time too early.
          endMarginMs: END_MARGIN_MS + Math.max(0, -(offset?.atLeastMs ?? 0)),
          total: described.itemCount,
        });
  return told(session, archive, own, base, taken);
}

async function scanned(
  session: Session,
  { context, place, table, at }: MemberArchive,
  own: TakeOptions,
  io: SnapshotIo,
  how: { readonly itemsPerS?: number; readonly share?: number; readonly endMarginMs: number; readonly total: number },
): Promise<Taken> {
  const { total, ...pace } = how;
  return shown(session, io, total, (step, stopped) => {
    const watcher = { progress: (now: SnapshotProgress) => step(Math.min(now.items, total), progressWords(now, total)), stopped };
    const options = {
      ...pace,
      owner: io.owner,
      restart: own.restart === true,
      ...(own.segments !== undefined && { segments: own.segments }),
      ...(own.compression !== undefined && { compression: own.compression }),
    };
    return at(() => takeSnapshot(context, { table, place }, session.runtime, options, watcher));
  });
}

async function exported(session: Session, { member, context, place, table, at }: MemberArchive, own: TakeOptions, io: SnapshotIo): Promise<Taken> {
  const exports = io.exports(member.region, session.where.endpoints[member.region]);
  return shown(session, io, undefined, (step, stopped) => {
    const watcher = { progress: (now: ExportProgress) => step(now.files, exportWords(now)), stopped };
    const options = { owner: io.owner, tableArn: tableArn(member, member.items), restart: own.restart === true };
    return at(() => exportSnapshot(context, { table, place, exports }, session.runtime, options, watcher));
  });
}

/** Shows how something goes, and hears of a person who wants it to end. @param total steps, where they are known */
export async function shown<T>(
  { out, runtime, outside }: Session,
  io: Pick<SnapshotIo, 'stream'>,
  total: number | undefined,
  work: (step: (done: number, words: string, total?: number) => void, stopped: () => boolean) => Promise<T>,
): Promise<T> {
  let stopped = false;
  const takeBack = outside.onStop(() => {
    stopped = true;
  });
  const bar = showSteps(total, { stream: io.stream, note: (text) => out.note(text), elapsed: () => runtime.clock.elapsed() });
  try {
    return await work(
      (done, words, of) => bar.step(done, words, of),
      () => stopped,
    );
  } finally {
    bar.stop();
    takeBack();
  }
}

function told(session: Session, { member }: MemberArchive, own: TakeOptions, base: object, { job, resumed, manifest }: Taken): number {
  const { out } = session;
  const done = { id: job.id, items: job.items, files: job.files, bytes: job.bytes, rawBytes: job.rawBytes, workedMs: job.worked, resumed };
  const flags = `${own.member === undefined ? '' : ` --member ${shellWord(own.member)}`}${own.via === 'export' ? ' --via export' : ''}`;
  if (manifest === undefined) {
    out.result(
      { ...base, state: 'stopped', ...done },
      () =>
        own.via === 'export'
          ? 'Stopped; DynamoDB goes on with the export.'
          : `Stopped after ${job.items} items, which are stored. The same command goes on from there.`,
      [{ command: session.again(`snapshot${flags}`), why: 'It goes on where this one ended.' }],
    );
    return EXIT.attention;
  }
  const document = {
    ...base,
    state: 'finished',
    ...done,
    started: isoSeconds(manifest.startedMs),
    serves: isoSeconds(wholeSecondFrom(manifest.endedMs)),
    sum: manifest.sum,
  };
  out.result(document, () => finishedText(manifest, job), [
    { command: session.again(`snapshot list --member ${shellWord(member.name)}`), why: 'It lists the snapshots there are.' },
    {
      command: session.again(`restore --at latest --to NEW_TABLE --member ${shellWord(member.name)} --dry-run`),
      why: 'It reads and checks all that a restore needs.',
    },
  ]);
  return EXIT.ok;
}
