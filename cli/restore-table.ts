import { estimateRestore } from '../lib/archive/restore/estimate.ts';
import type { RestoreJob } from '../lib/archive/restore/job.ts';
import { restoreJobId, restorePlace } from '../lib/archive/restore/job.ts';
import type { RestorePlan } from '../lib/archive/restore/plan.ts';
import type { RestoreTarget, ToTableProgress, ToTableResult } from '../lib/archive/restore/to-table.ts';
import { begunIn, checkSame, restoreToTable } from '../lib/archive/restore/to-table.ts';
import { isoSeconds } from '../lib/core/calendar.ts';
import type { MemberConfig } from '../lib/core/config.ts';
import { PRICE_DATE, PRICE_REGION_DEFAULT, PRICES, pricesOf } from '../lib/cost/prices.ts';
import { isRemote } from '../lib/ports/errors.ts';
import { tablesFor } from '../lib/replicate/context.ts';
import { retried } from '../lib/replicate/retry.ts';
import { span } from '../lib/status/span.ts';
import type { AdoptIo } from './adopt-io.ts';
import { agreed } from './agreed.ts';
import { quietFields } from './archive-bound.ts';
import type { MemberArchive } from './archive-place.ts';
import { TABLE_NAME } from './context.ts';
import { CliError, EXIT } from './errors.ts';
import type { NextStep } from './next-steps.ts';
import type { NewTableConnect } from './restore-aws.ts';
import type { RestoreWhat } from './restore-gather.ts';
import { plannedRestore, readingArchive, restoreKeys, restoreTime } from './restore-gather.ts';
import { againWords, told, toldBefore, toldFirst } from './restore-told.ts';
import { foundDocument, writingWords } from './restore-words.ts';
import { showSteps } from './rewrite-progress.ts';
import type { Session } from './session.ts';
import { located, placeOf } from './session.ts';

/** syncline restore --to TABLE: into a table of its own. */

/** What it needs of the outside beside what every command has. */
export interface RestoreIo extends Pick<AdoptIo, 'confirm' | 'owner' | 'stream'> {
  readonly newTables: NewTableConnect;
  /** Time zone of this host, an IANA name. */
  readonly zone: string;
}

export interface ToTableWords extends RestoreWhat {
  readonly to: string;
  readonly member?: string;
  readonly into?: string;
  readonly keepMeta?: true;
  readonly dryRun?: true;
  readonly yes?: true;
}

/** A new table is active within seconds; with indexes it takes longer (ms). */
const CREATE_MAX_MS = 10 * 60_000;
const CREATE_WAIT_MS = 1_000;
const SHARE_STEPS = 1_000;

/** @param archive of the member whose log is read @param into the member in whose region the table is @throws CliError, and what the flow throws */
export async function restoreTable(session: Session, archive: MemberArchive, into: MemberConfig, own: ToTableWords, io: RestoreIo): Promise<number> {
  const { out, runtime } = session;
  const asked = restoreTime(own.at, runtime.clock.now());
  const keys = restoreKeys(own, archive.context.key);
  const [what, words] = [keys.what, keys.words].map((text) => withRevisions(text, own)) as [string, string];
  const target = targetIn(session, into, own.to);
  const at = <T>(run: () => Promise<T>): Promise<T> => located(session, into, run);
  const begun = await at(() => begunBefore(session, archive, target));
  const job = begun === 'no table' ? undefined : begun;
  if (job !== undefined) await at(async () => checkSame(job, asked, archive.member.name, what));
  const again = (time: string): string => session.again(againWords(own, time));
  if (job?.done !== undefined) return toldBefore(session, job, own.to);

  const plan = await plannedRestore(session, archive, job?.atMs ?? asked, io, job?.pinned);
  const priceRegion = PRICES[into.region] === undefined ? PRICE_REGION_DEFAULT : into.region;
  const estimate = estimateRestore(plan, pricesOf(priceRegion, {}), keys.wanted?.keys?.length);
  const document = {
    set: session.config.set,
    member: archive.member.name,
    table: own.to,
    region: into.region,
    creates: begun === 'no table',
    ...(what !== '' && { what }),
    ...foundDocument(plan),
    ...quietFields(plan),
    estimate: { ...estimate, priceDate: PRICE_DATE, priceRegion },
    ...(job !== undefined && { goesOn: { items: job.items } }),
  };
  const text = toldFirst(plan, {
    own,
    archive,
    into,
    what: words,
    estimate,
    priceRegion,
    creates: begun === 'no table',
    job,
    nowMs: runtime.clock.now(),
    zone: io.zone,
  });
  const goOn: NextStep = { command: again(isoSeconds(plan.atMs)), why: 'It goes on where this one ended.' };
  if (own.dryRun === true) {
    out.result({ ...document, state: 'planned' }, () => `${text}\n\nNothing was written.`, [{ command: again(isoSeconds(plan.atMs)), why: 'Restore it.' }]);
    return EXIT.ok;
  }
  if (!(await agreed(out, text, document, own.yes, io.confirm))) {
    out.result({ ...document, state: 'declined' }, () => 'Nothing was written.');
    return EXIT.ok;
  }

  const indexes = begun === 'no table' ? await at(() => create(session, into, archive, target, io)) : undefined;
  const result = await written(session, archive, plan, target, { ...keys, what, keepMeta: own.keepMeta === true }, at, io);
  return told(session, result, { document, indexes, goOn, archive, to: own.to, zone: io.zone });
}

/** What is restored of which keys, as one text. */
const withRevisions = (keys: string, { keepMeta }: ToTableWords): string =>
  keepMeta !== true ? keys : keys === '' ? 'with revisions' : `${keys}; with revisions`;

/** The table and the savepoint, in a member's region. @throws CliError (usage) for a table of the set itself */
function targetIn(session: Session, into: MemberConfig, table: string): RestoreTarget {
  if (!TABLE_NAME.test(table))
    throw new CliError('usage', 'bad-table', `--to: ${JSON.stringify(table)} cannot be the name of a table: 3 to 255 of A–Z, a–z, 0–9, "_", "-" and ".".`);
  const { config } = session;
  const own = config.members.flatMap((member) => Object.values(tablesFor(config, member, member)));
  if (own.includes(table)) {
    throw new CliError(
      'usage',
      'own-table',
      `--to: "${table}" is a table of the set itself. Restore over it with --in-place, which replicates; or name a table that is not there.`,
    );
  }
  const port = session.ports(into).table;
  return { port, table, job: restorePlace(port, tablesFor(config, into, into).control, restoreJobId(table)) };
}

/** What an earlier run has begun in that table. */
async function begunBefore({ runtime }: Session, { place }: MemberArchive, target: RestoreTarget): Promise<RestoreJob | 'no table' | undefined> {
  try {
    await retried(runtime, runtime.clock.elapsed() + CREATE_MAX_MS, () => target.port.describe(target.table));
  } catch (error) {
    if (isRemote(error, 'missing')) return 'no table';
    throw error;
  }
  return begunIn(place, runtime, target);
}

/** Makes the table, and waits until it can be written to. @returns names of its indexes @throws CliError */
async function create(
  session: Session,
  into: MemberConfig,
  { context }: MemberArchive,
  { port, table }: RestoreTarget,
  io: RestoreIo,
): Promise<readonly string[] | undefined> {
  const { runtime, where } = session;
  const { clock } = runtime;
  // Not repeated: a table that was made by an attempt without an answer is found by the next run.
  const indexes = await io.newTables(into.region, where.endpoints[into.region]).create(table, context.key, into.items);
  const until = clock.elapsed() + CREATE_MAX_MS;
  for (;;) {
    const found = await retried(runtime, until, () => port.describe(table)).catch((error: unknown) => {
      if (isRemote(error, 'missing')) return undefined;
      throw error;
    });
    if (found?.status === 'ACTIVE') return indexes;
    if (clock.elapsed() >= until) {
      throw new CliError(
        'failed',
        'table-not-active',
        `The table "${table}" was asked for in ${placeOf(session, into)}, but is not active after ${span(CREATE_MAX_MS)}. The same command goes on when it is.`,
      );
    }
    await clock.sleep(CREATE_WAIT_MS);
  }
}

async function written(
  session: Session,
  { place, at: atSource }: MemberArchive,
  plan: RestorePlan,
  target: RestoreTarget,
  how: { readonly what: string; readonly keepMeta: boolean } & Pick<ReturnType<typeof restoreKeys>, 'wanted'>,
  at: <T>(run: () => Promise<T>) => Promise<T>,
  io: RestoreIo,
): Promise<ToTableResult> {
  const { out, runtime, outside } = session;
  let stopped = false;
  const takeBack = outside.onStop(() => {
    stopped = true;
  });
  const shown = showSteps(SHARE_STEPS, { stream: io.stream, note: (line) => out.note(line), elapsed: () => runtime.clock.elapsed() });
  const watcher = { progress: (now: ToTableProgress) => shown.step(Math.round(now.share * SHARE_STEPS), writingWords(now)), stopped: () => stopped };
  try {
    return await atSource(() => at(() => readingArchive(() => restoreToTable(place, runtime, plan, target, { owner: io.owner, ...how }, watcher))));
  } finally {
    shown.stop();
    takeBack();
  }
}
