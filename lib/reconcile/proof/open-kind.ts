import type { CellId } from '../../core/digest.ts';
import { BUCKETS } from '../../core/digest.ts';
import { assert, FormatError } from '../../core/errors.ts';
import { Sketch } from '../../core/sketch.ts';
import type { JobLease } from '../../job/lease.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { MemberReach } from '../ports.ts';
import { readBase } from '../scan/base.ts';
import { resolveKeys } from '../scan/resolve.ts';
import { viewOf } from '../scan/view.ts';
import { decodeWatermark } from '../segments.ts';
import type { TaskKind, TaskWatcher } from '../tasks/task.ts';
import { draftName, readSketch, sketchName, storeKeys, storeSketch } from './answers.ts';
import { GROUP_ITEMS } from './limits.ts';
import type { OpenTask, Question } from './open-task.ts';
import { decodeOpenTask, encodeOpenTask } from './open-task.ts';

/** Entries between two looks at the clock. */
const ENTRIES_PER_LOOK = 4_096;

/**
 * The kind `open`: a member answers, in its own region, what another asks about its entries: coded symbols of some cells, or the keys of
 * some hashes. Nobody waits for anybody: the answer is an object in the member’s bucket. A group of cells that a slice has no time for is
 * begun anew by the next one.
 */
export const openKind: TaskKind<OpenTask> = {
  kind: 'open',
  codec: { encode: encodeOpenTask, decode: decodeOpenTask },
  work: async ({ place }, runtime, lease, untilMs, watcher) => {
    const { question, id } = lease.job;
    const base = await readBase(place, runtime, question.base);
    const mark = decodeWatermark(question.mark);
    if (question.ask === 'sketch') return sketchSlice(place, runtime, lease, untilMs, watcher, { question, base, mark });
    const hashes = question.hashes.map((hash) => Buffer.from(hash, 'base64'));
    await storeKeys(place, runtime, id, await resolveKeys(place, runtime, base, hashes, mark));
    await lease.save({ done: runtime.clock.now() });
  },
};

interface Of {
  readonly question: Extract<Question, { ask: 'sketch' }>;
  readonly base: Awaited<ReturnType<typeof readBase>>;
  readonly mark: ReturnType<typeof decodeWatermark>;
}

async function sketchSlice(
  place: MemberReach['place'],
  runtime: Runtime,
  lease: JobLease<OpenTask>,
  untilMs: number,
  watcher: TaskWatcher,
  { question, base, mark }: Of,
): Promise<void> {
  const { id } = lease.job;
  const cells = [...question.cells].sort((a, b) => a - b);
  let sketch = await begun(place, runtime, lease.job, question);
  for (let at = lease.job.cellsDone ?? 0; at < cells.length; ) {
    const group = groupAt(cells, at, base.items);
    const part = new Sketch(question.symbols, question.seed);
    let entries = 0;
    for await (const { keyHash, itemHash } of viewOf(place, runtime, base, new Set(group), mark, { beat: () => lease.renew() })) {
      part.add(keyHash, itemHash);
      entries += 1;
      if (entries % ENTRIES_PER_LOOK !== 0) continue;
      if (watcher.stopped() || runtime.clock.elapsed() >= untilMs) return;
      watcher.progress(entries);
      await lease.renew();
    }
    sketch = Sketch.joined(sketch, part);
    at += group.length;
    if (at === cells.length) break;
    const draft = draftName(id, at);
    await storeSketch(place, runtime, draft, sketch);
    await lease.save({ cellsDone: at, draft });
    if (watcher.stopped() || runtime.clock.elapsed() >= untilMs) return;
  }
  lease.admit();
  await storeSketch(place, runtime, sketchName(id), sketch);
  await lease.save({ done: runtime.clock.now() });
}

/** What earlier slices have put into the sketch. */
async function begun(place: MemberReach['place'], runtime: Runtime, { draft }: OpenTask, { symbols, seed }: Of['question']): Promise<Sketch> {
  if (draft === undefined) return new Sketch(symbols, seed);
  const sketch = await readSketch(place, runtime, draft);
  if (sketch === undefined) throw new FormatError(`${draft} is missing: a slice of this task has stored it.`);
  assert(sketch.length === symbols && sketch.seed === seed, 'a draft of another sketch', { draft });
  return sketch;
}

/** The next cells whose items one slice has time for. Key hashes are even, so that every bucket has as many. */
export function groupAt(cells: readonly CellId[], from: number, items: number): CellId[] {
  const most = Math.max(1, Math.floor(GROUP_ITEMS / Math.max(1, items / BUCKETS)));
  return cells.slice(from, from + most);
}
