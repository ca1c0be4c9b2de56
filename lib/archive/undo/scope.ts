import { isoSeconds } from '../../core/calendar.ts';
import { streamLabel } from '../../core/formats/archive-names.ts';
import type { Shard } from '../../core/formats/rows.ts';
import type { SegmentHead } from '../../core/formats/segment-footer.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { ahead } from '../ahead.ts';
import { checkChain } from '../log/chain.ts';
import type { Finding } from '../log/finding.ts';
import type { SegmentRef } from '../log/list.ts';
import { listSegments } from '../log/list.ts';
import { readFooter } from '../log/read.ts';
import type { ArchivedBound } from '../log/until.ts';
import type { ArchivePlace } from '../place.ts';
import { RestoreRefusedError } from '../restore/refused.ts';
import { FOOTERS_AT_ONCE } from './limits.ts';
import type { BadChanges } from './select.ts';
import { checkWindow } from './select.ts';

/** What an undo reads: the log from the begin of its window to its end, of which nothing may be missing. */
export interface UndoScope {
  readonly segments: readonly SegmentRef[];
  /** Their records, and their bytes. */
  readonly records: number;
  readonly bytes: number;
}

/** What is known beside the bucket. */
export interface UndoKnown {
  /** ARN of the stream that the table has now. */
  readonly stream: string;
  /** The rows `shard / …` of the member's control table. */
  readonly shards: readonly Shard[];
  /** Up to when the log surely holds everything, and what stands in the way of a later time. */
  readonly surely: Pick<ArchivedBound, 'untilMs' | 'why'>;
}

interface Seen {
  readonly ref: SegmentRef;
  readonly head: SegmentHead;
}

/**
 * Finds the segments, and checks their chain by their footers. The bytes of each are checked when it is read.
 *
 * @throws InputError "invalid-window"; RestoreRefusedError when the window is not surely archived to its end, the log begins later, or
 *   has a hole or damage from the window's begin on; FormatError; RemoteError
 */
export async function undoScope(place: ArchivePlace, runtime: Runtime, bad: BadChanges, known: UndoKnown): Promise<UndoScope> {
  checkWindow(bad, runtime.clock.now());
  checkArchived(bad, known);
  const refs = await listSegments(place, runtime, { fromMs: bad.fromMs });
  const seen: Seen[] = [];
  const reads = refs.map((ref) => async () => ({ ref, head: (await readFooter(place, runtime, ref)).head }));
  for await (const one of ahead(reads, FOOTERS_AT_ONCE)) seen.push(one);
  const findings = [...checkChain(seen, known.shards), ...unheard(seen, known.stream)].filter((f) => (f.toMs ?? Number.POSITIVE_INFINITY) >= bad.fromMs);
  if (findings.length > 0)
    throw new RestoreRefusedError(
      `The log from ${isoSeconds(bad.fromMs)} on, which tells what was there before and what was written since, is not whole.`,
      findings,
    );
  checkBegin(seen, bad);
  const within = seen.filter(({ head }) => head.toMs >= bad.fromMs);
  return {
    segments: within.map(({ ref }) => ref),
    records: within.reduce((n, { head }) => n + head.records, 0),
    bytes: within.reduce((n, { ref }) => n + ref.size, 0),
  };
}

/** The table has another stream than the log is of, and nothing of it has come: what was changed between the two is in neither. */
function unheard(seen: readonly Seen[], stream: string): Finding[] {
  const last = seen.at(-1);
  if (last === undefined || seen.some(({ ref }) => ref.label === streamLabel(stream))) return [];
  const what = 'The stream of the table was replaced, and nothing of the new one is in the log: what was changed between the two may be in neither.';
  return [{ kind: 'hole', fromMs: last.head.toMs, what, todo: 'Restore the keys to a time before: "syncline restore --at TIME --in-place --key …".' }];
}

/** @throws RestoreRefusedError */
function checkArchived({ toMs }: BadChanges, { surely: { untilMs, why } }: UndoKnown): void {
  if (toMs <= untilMs) return;
  const until =
    untilMs === 0 ? 'Nothing surely is in the log' : `The log surely holds everything up to ${isoSeconds(untilMs)}, not yet up to ${isoSeconds(toMs)}`;
  const what = `${until}: changes of the window may be missing. ${why}`;
  throw new RestoreRefusedError(what, [{ kind: 'unfinished', fromMs: untilMs, toMs, what, todo: 'Try again in a minute, or give an earlier --to.' }]);
}

/** @throws RestoreRefusedError when the first record that was ever archived is later than the window's begin. */
function checkBegin(seen: readonly Seen[], { fromMs }: BadChanges): void {
  const first = seen.reduce((least, { head }) => Math.min(least, head.fromMs), Number.POSITIVE_INFINITY);
  if (first <= fromMs) return;
  const begins = first === Number.POSITIVE_INFINITY ? 'holds nothing' : `begins at ${isoSeconds(first)}`;
  const what = `The log ${begins}; what was changed from ${isoSeconds(fromMs)} to then is not in it.`;
  const todo =
    first === Number.POSITIVE_INFINITY ? 'Nothing can be undone by it.' : `Give --from ${isoSeconds(first)} or later, if no bad change was made before.`;
  throw new RestoreRefusedError(what, [{ kind: 'missing' satisfies Finding['kind'], fromMs, ...(Number.isFinite(first) && { toMs: first }), what, todo }]);
}
