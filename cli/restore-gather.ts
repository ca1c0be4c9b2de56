import type { Pinned, PlanRequest, RestorePlan } from '../lib/archive/restore/plan.ts';
import { planRestore } from '../lib/archive/restore/plan.ts';
import type { Wanted } from '../lib/archive/restore/wanted.ts';
import { wantedKeys, wantedPrefix } from '../lib/archive/restore/wanted.ts';
import { sha256 } from '../lib/core/canonical.ts';
import { FormatError } from '../lib/core/errors.ts';
import type { KeySchema } from '../lib/core/key.ts';
import { keyText } from '../lib/core/key.ts';
import type { AdoptIo } from './adopt-io.ts';
import { boundOf, quietLines } from './archive-bound.ts';
import type { MemberArchive } from './archive-place.ts';
import { CliError } from './errors.ts';
import { readKey } from './keys.ts';
import { plural } from './output.ts';
import { refusedAs } from './restore-refused.ts';
import { checkingWords } from './restore-words.ts';
import { showSteps } from './rewrite-progress.ts';
import type { Session } from './session.ts';
import { readTime } from './times.ts';

/** What a restore is about, and the plan for it. */

/** Options that both kinds of restore have. */
export interface RestoreWhat {
  readonly at?: string;
  /** Each in the form that every command takes. (`--keys` names the set's key attributes, everywhere.) */
  readonly key?: readonly string[];
  readonly prefix?: string;
}

const SECOND_MS = 1_000;

/** Reads --at: whole seconds, as DynamoDB stamps its records. @throws CliError (usage) */
export function restoreTime(text: string | undefined, nowMs: number): number | 'latest' {
  if (text === undefined) throw new CliError('usage', 'no-time', '--at says to which time: --at 2026-11-24T10:15:03Z, --at -15m, or --at latest.');
  return text === 'latest' ? 'latest' : Math.floor(readTime(text, '--at', nowMs) / SECOND_MS) * SECOND_MS;
}

/** Which keys of a table are restored. */
export interface RestoreKeys {
  /** Absent for all. */
  readonly wanted?: Wanted;
  /** A text that is equal for equal choices; empty for all. */
  readonly what: string;
  /** The same for people, who need not tell two choices apart by it. */
  readonly words: string;
}

/** Which keys are wanted. @throws InputError, CliError (usage) */
export function restoreKeys({ key: keys, prefix }: RestoreWhat, schema: KeySchema): RestoreKeys {
  if (keys !== undefined && prefix !== undefined) throw new CliError('usage', 'bad-options', '--key and --prefix exclude each other.');
  if (prefix !== undefined) {
    const wanted = wantedPrefix(prefix, schema);
    const words = `keys whose ${wanted.name} begins with ${JSON.stringify(wanted.prefix)}`;
    return { wanted, what: words, words };
  }
  if (keys === undefined) return { what: '', words: '' };
  const read = keys.map((text) => readKey(text, schema));
  const texts = [...new Set(read.map((key) => keyText(key, schema)))].sort();
  const name = sha256(JSON.stringify(texts)).toString('hex').slice(0, 12);
  const words = plural(texts.length, 'key');
  return { wanted: wantedKeys(read, schema), what: `${words}, ${name}`, words };
}

/** What rows and stream say of the log; where they do not answer, why. */
async function known(session: Session, archive: MemberArchive): Promise<Pick<PlanRequest, 'rows' | 'stream' | 'surely'> & { readonly why?: string }> {
  try {
    const { seat, shards: rows, bound } = await boundOf(session, archive);
    return { rows, stream: seat.stream, surely: bound };
  } catch (error) {
    // A lost region's tables: the bucket alone is enough for much.
    if (error instanceof CliError) return { why: error.message };
    throw error;
  }
}

/** A plan, and whether the time that it is for rests on old marks alone (`ArchivedBound.quietSinceMs`): a note says so, too. */
export interface GatheredPlan extends RestorePlan {
  readonly quietSinceMs?: number;
}

function withQuiet(plan: RestorePlan, at: number | 'latest', quietSinceMs: number | undefined): GatheredPlan {
  if (quietSinceMs === undefined || (at !== 'latest' && at <= quietSinceMs)) return plan;
  return { ...plan, quietSinceMs, notes: [...plan.notes, ...quietLines({ quietSinceMs })] };
}

/**
 * Plans a restore, and shows how far the checking is.
 *
 * @param pinned of an earlier run that this one goes on from.
 * @throws CliError "restore-refused" with the findings, when it is refused
 */
export async function plannedRestore(
  session: Session,
  archive: MemberArchive,
  at: number | 'latest',
  io: Pick<AdoptIo, 'stream'>,
  pinned?: Pinned,
): Promise<GatheredPlan> {
  const { out, runtime } = session;
  const { why, ...facts } = await known(session, archive);
  if (why !== undefined) out.note(`The rows or the stream of "${archive.member.name}" cannot be asked (${why}): the bucket alone must tell.`);
  const shown = showSteps(undefined, { stream: io.stream, note: (text) => out.note(text), elapsed: () => runtime.clock.elapsed() });
  try {
    const plan = await archive.at(() =>
      planRestore(archive.place, runtime, { at, ...facts, ...(pinned && { pinned }) }, (now) => shown.step(now.bytes, checkingWords(now))).catch(
        refusedAs('restore-refused', out),
      ),
    );
    return withQuiet(plan, at, facts.surely?.quietSinceMs);
  } finally {
    shown.stop();
  }
}

/** Runs what reads the archive: what is damaged there is said as such. @throws CliError "archive-damaged" */
export async function readingArchive<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const message = `${error.message} It is no longer as it was when it was checked. What was written stays, and so does the savepoint; "syncline archive verify" shows the whole extent.`;
    throw new CliError('failed', 'archive-damaged', message, {}, { cause: error });
  }
}
