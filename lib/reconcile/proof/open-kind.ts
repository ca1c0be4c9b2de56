import { z } from 'zod';
import type { Key } from '../../core/attribute.ts';
import { assert, FormatError } from '../../core/errors.ts';
import { scanPrefix, shortNonce } from '../../core/formats/manifest.ts';
import { Sketch } from '../../core/sketch.ts';
import type { JobLease } from '../../job/lease.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { MemberReach } from '../ports.ts';
import { readBase } from '../scan/base.ts';
import type { KeptOverlay } from '../scan/overlay.ts';
import { PREFIXES } from '../scan/overlay.ts';
import type { Naming } from '../scan/resolve.ts';
import { freshNaming, nameKeys } from '../scan/resolve.ts';
import { openView, viewSlices } from '../scan/view.ts';
import { decodeWatermark, encodeWatermark } from '../segments.ts';
import type { TaskKind, TaskReach, TaskWatcher } from '../tasks/task.ts';
import { draftName, readSketch, sketchName, storeKeys, storeSketch } from './answers.ts';
import type { OpenTask } from './open-task.ts';
import { decodeOpenTask, encodeOpenTask } from './open-task.ts';
import { readOverlayObject, storeOverlay } from './overlay-object.ts';
import { readPacked, storePacked } from './packed.ts';
import type { Question } from './question.ts';
import { readQuestion } from './question.ts';

/**
 * The kind `open`: a member answers, in its own region, what another asks about its entries: coded symbols of some cells, or the keys of
 * some hashes. Nobody waits for anybody: the answer is an object in the member’s bucket. What a slice has read of the log and put into its
 * answer is stored at its end, and the next one goes on from there.
 */
export const openKind: TaskKind<OpenTask> = {
  kind: 'open',
  codec: { encode: encodeOpenTask, decode: decodeOpenTask },
  work: async (reach, runtime, lease, untilMs, watcher) => {
    const { place, member } = reach;
    const { id, asker } = lease.job;
    const question = await readQuestion(askerPlace(reach, asker), runtime, id, member.member);
    const base = await readBase(place, runtime, question.base);
    const mark = decodeWatermark(question.mark);
    const isOver = (): boolean => watcher.stopped() || runtime.clock.elapsed() >= untilMs;
    const slice = { place, runtime, lease, isOver, watcher, base, mark };
    await (question.ask === 'sketch' ? sketchSlice(slice, question) : keysSlice(slice, question));
  },
};

function askerPlace({ member, place, others }: TaskReach, asker: string): MemberReach['place'] {
  const found = asker === member.member ? place : others?.get(asker)?.place;
  if (found === undefined) throw new FormatError(`A question of ${asker}, which is no member of the set: its bucket cannot be read.`);
  return found;
}

interface Slice {
  readonly place: MemberReach['place'];
  readonly runtime: Runtime;
  readonly lease: JobLease<OpenTask>;
  readonly isOver: () => boolean;
  readonly watcher: TaskWatcher;
  readonly base: Awaited<ReturnType<typeof readBase>>;
  readonly mark: ReturnType<typeof decodeWatermark>;
}

async function sketchSlice(of: Slice, question: Extract<Question, { ask: 'sketch' }>): Promise<void> {
  const { place, runtime, lease, isOver, watcher, base, mark } = of;
  const { id } = lease.job;
  const sketch = await begun(place, runtime, lease.job, question);
  const kept = await keptOverlay(of);
  const view = await openView(place, runtime, base, { beat: () => lease.renew(), kept });
  const from = lease.job.prefix ?? 0;
  let prefix = from;
  let entries = 0;
  for await (const slice of viewSlices(view, prefix, mark, new Set(question.cells))) {
    for (const { keyHash, itemHash } of slice.entries) {
      sketch.add(keyHash, itemHash);
      entries += 1;
    }
    prefix = slice.to;
    watcher.progress(entries);
    await lease.renew();
    if (isOver()) break;
  }
  if (prefix < PREFIXES) {
    if (prefix === from) return;
    // Which entries it holds follows from its name: a late request of an earlier slice stores the same.
    const draft = draftName(id, prefix);
    await storeSketch(place, runtime, draft, sketch);
    await lease.save({ draft, prefix });
    return;
  }
  lease.admit();
  await storeSketch(place, runtime, sketchName(id), sketch);
  await lease.save({ done: runtime.clock.now() });
}

/** What earlier slices have put into the sketch. */
async function begun(
  place: MemberReach['place'],
  runtime: Runtime,
  { draft }: OpenTask,
  { symbols, seed }: Pick<Extract<Question, { ask: 'sketch' }>, 'symbols' | 'seed'>,
): Promise<Sketch> {
  if (draft === undefined) return new Sketch(symbols, seed);
  const sketch = await readSketch(place, runtime, draft);
  if (sketch === undefined) throw new FormatError(`${draft} is missing: a slice of this task has stored it.`);
  assert(sketch.length === symbols && sketch.seed === seed, 'a draft of another sketch', { draft });
  return sketch;
}

/** What earlier slices have read of the log, and where this one keeps what it reads. */
async function keptOverlay({ place, runtime, lease, isOver }: Slice): Promise<KeptOverlay> {
  const { id, overlay } = lease.job;
  const slice = shortNonce(runtime.chance.nonce());
  let n = 0;
  return {
    ...(overlay !== undefined && { begun: await readOverlayObject(place, runtime, overlay) }),
    isOver,
    keep: async (read) => {
      n += 1;
      await lease.save({ overlay: await storeOverlay(place, runtime, { task: id, slice, n, admit: () => lease.admit() }, read) });
    },
  };
}

const namingSchema = z.strictObject({
  format: z.literal(1),
  found: z.array(z.tuple([z.string(), z.record(z.string(), z.unknown())])),
  runs: z.int().min(0),
  mark: z.array(z.unknown()).exactOptional(),
});

async function keysSlice({ place, runtime, lease, isOver, base, mark }: Slice, question: Extract<Question, { ask: 'keys' }>): Promise<void> {
  const { id, draft } = lease.job;
  const naming = freshNaming(question.hashes.map((hash) => Buffer.from(hash, 'base64')));
  if (draft !== undefined) restore(naming, await readPacked(place, runtime, draft, namingSchema));
  const beat = runtime.clock.elapsed();
  const isLate = (): boolean => isOver() || runtime.clock.elapsed() - beat >= NAMING_SLICE_MS;
  const ended = await nameKeys(place, runtime, base, naming, mark, isLate);
  const { found, runs, mark: reached } = naming;
  if (ended) {
    lease.admit();
    await storeKeys(place, runtime, id, found);
    await lease.save({ done: runtime.clock.now() });
    return;
  }
  const name = `${scanPrefix(id)}names-${shortNonce(runtime.chance.nonce())}`;
  await storePacked(place, runtime, name, { format: 1, found: [...found], runs, ...(reached && { mark: encodeWatermark(reached) }) });
  await lease.save({ draft: name });
}

/** Longest search for names in one go (ms): the lease of a task lasts 20 s, and is renewed when what was found is saved. */
const NAMING_SLICE_MS = 12_000;

function restore(naming: Naming, { found, runs, mark }: z.infer<typeof namingSchema>): void {
  for (const [hash, key] of found) if (naming.missing.delete(hash)) naming.found.set(hash, key as Key);
  naming.runs = runs;
  if (mark !== undefined) naming.mark = decodeWatermark(mark);
}
