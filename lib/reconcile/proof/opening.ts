import type { Key } from '../../core/attribute.ts';
import type { CellId } from '../../core/digest.ts';
import { cellOf } from '../../core/digest.ts';
import { assert } from '../../core/errors.ts';
import { snapshotId } from '../../core/formats/manifest.ts';
import { CELLS_MAX, type SetDifference, Sketch } from '../../core/sketch.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { together } from '../../replicate/together.ts';
import type { MemberReach } from '../ports.ts';
import { readBase } from '../scan/base.ts';
import { freshNaming, nameKeys } from '../scan/resolve.ts';
import { decodeWatermark, encodeWatermark } from '../segments.ts';
import { readFailed } from '../tasks/told.ts';
import { askTask } from '../tasks/work.ts';
import type { Suspicion } from '../verdict/suspicion.ts';
import { readKeys, readSketch, SketchReader, sketchName } from './answers.ts';
import type { LinkComparison } from './compare.ts';
import { hotIn } from './compare.ts';
import { ANSWER_LOOK_MS, HASHES_PER_TASK, NAMING_REQUESTS_MAX, PREFIX_FACTOR, PREFIX_FIRST, SYMBOLS_DEFAULT, SYMBOLS_FACTOR } from './limits.ts';
import { openKind } from './open-kind.ts';
import { freshOpen } from './open-task.ts';
import type { FoundKey, OpeningSides } from './opening-objects.ts';
import { readFound, readHot, readSides, storeFound, storeHot, storeSides } from './opening-objects.ts';
import type { Opening } from './opening-state.ts';
import type { Question } from './question.ts';
import { storeQuestion } from './question.ts';
import type { Standing } from './standing.ts';
import { limited } from './suspects.ts';
import type { Content } from './window.ts';

/** A key whose contents differ, and who has one that the other has not. */
export interface OpenedSuspicion extends Suspicion {
  readonly side: FoundKey['side'];
}

/** What an opening has found. */
export interface Opened {
  readonly suspicions: readonly OpenedSuspicion[];
  /** Bytes that were read from the target’s region. */
  readonly bytes: number;
  /** Keys that differ and that nobody could name: changed away meanwhile. */
  readonly unresolved: number;
  /** Why it ended without what it was to find: a sentence. */
  readonly why?: string;
}

/** What a step has come to. */
export interface OpeningStep {
  readonly opening: Opening;
  /** How long to wait before the next step (ms); 0 for at once. */
  readonly waitMs: number;
  readonly opened?: Opened;
}

/**
 * Begins to open cells that differ: both members are asked for the coded symbols of their entries, as of the comparison.
 *
 * @param of.comparison of these two states. @param of.cells those that differ, where it is not all of them.
 * @throws RemoteError
 */
export async function beginOpening(
  own: MemberReach,
  target: MemberReach,
  runtime: Runtime,
  of: { readonly by: string; readonly source: Standing; readonly target: Standing; readonly comparison: LinkComparison; readonly cells?: readonly CellId[] },
): Promise<Opening> {
  const sideOf = ({ base, mark }: Standing): OpeningSides['source'] => {
    assert(base !== undefined, 'cells of a member without a base are opened');
    return { base, mark: [...encodeWatermark(mark)] };
  };
  const cells = [...(of.cells ?? of.comparison.differing)];
  const begun = runtime.clock.now();
  const id = snapshotId(begun, runtime.chance.nonce());
  const more = Math.abs((of.source.items ?? 0) - (of.target.items ?? 0));
  const opening: Opening = {
    ...{ id, by: of.by, target: target.member.member, cells, phase: 'sketch' as const, task: id, begun, bytes: 0 },
    symbols: Math.min(CELLS_MAX, Math.max(SYMBOLS_DEFAULT, 2 * more)),
    seed: Math.floor(runtime.chance.random() * 0x7fffffff),
  };
  const sides = { source: sideOf(of.source), target: sideOf(of.target) };
  await storeSides(own, runtime, id, sides);
  await storeHot(own, runtime, id, hotIn(of.comparison.hotKeys, new Set(cells)));
  await askSketches(own, target, runtime, opening, sides);
  return opening;
}

async function askSketches(own: MemberReach, target: MemberReach, runtime: Runtime, opening: Opening, sides: OpeningSides): Promise<void> {
  const { cells, symbols, seed } = opening;
  const ask = (reach: MemberReach, side: OpeningSides['source']): Promise<void> =>
    askOpen(own, reach, runtime, opening, { ask: 'sketch', ...side, cells, symbols, seed });
  await together([ask(own, sides.source), ask(target, sides.target)]);
}

async function askOpen(own: MemberReach, reach: MemberReach, runtime: Runtime, { task, by }: Opening, question: Question): Promise<void> {
  await storeQuestion(own.place, runtime, task, reach.member.member, question);
  await askTask(reach, runtime, openKind, freshOpen({ id: task, by, asked: runtime.clock.now(), asker: own.member.member }));
}

/**
 * The next step of an opening. It never waits for an answer: whoever works at it looks again, by the minute or at once.
 *
 * @throws FormatError naming a damaged object · LogGapError · RemoteError
 */
export async function stepOpening(own: MemberReach, target: MemberReach, runtime: Runtime, opening: Opening): Promise<OpeningStep> {
  if (opening.phase === 'done') return { opening, waitMs: 0, opened: await readOpened(own, runtime, opening) };
  for (const { place, member } of [own, target]) {
    const why = await readFailed(place, runtime, opening.task);
    if (why !== undefined) return ended(opening, `${member.member} could not say what it has: ${why}`);
  }
  return opening.phase === 'sketch' ? stepSketch(own, target, runtime, opening) : stepKeys(own, target, runtime, opening);
}

const ended = (opening: Opening, why: string): OpeningStep => ({
  opening: { ...opening, phase: 'done' },
  waitMs: 0,
  opened: { suspicions: [], bytes: opening.bytes, unresolved: 0, why },
});

async function stepSketch(own: MemberReach, target: MemberReach, runtime: Runtime, opening: Opening): Promise<OpeningStep> {
  const reader = new SketchReader(target.place, runtime, sketchName(opening.task));
  const mine = (await reader.isThere()) ? await readSketch(own.place, runtime, sketchName(opening.task)) : undefined;
  if (mine === undefined) return { opening, waitMs: ANSWER_LOOK_MS };
  // The difference is own − other: a symbol that is taken out at the other side is put in here.
  const cells = new Set(opening.cells);
  const isIn = (keyHash: Buffer, content: Content): boolean => cells.has(cellOf({ keyHash, ...content }));
  for (const { keyHash, source, target: there } of await readHot(own, runtime, opening.id)) {
    if (source !== undefined && isIn(keyHash, source)) mine.remove(keyHash, source.itemHash);
    if (there !== undefined && isIn(keyHash, there)) mine.add(keyHash, there.itemHash);
  }
  const found = await readDifference(mine, reader);
  const bytes = opening.bytes + reader.bytes;
  if (found !== undefined) return resolved(own, target, runtime, { ...opening, bytes }, found);
  if (opening.symbols >= CELLS_MAX)
    return ended({ ...opening, bytes }, `More differs in ${opening.cells.length} cells than a sketch of ${CELLS_MAX.toLocaleString('en')} symbols shows.`);
  const again = {
    ...opening,
    bytes,
    task: snapshotId(runtime.clock.now(), runtime.chance.nonce()),
    symbols: Math.min(CELLS_MAX, opening.symbols * SYMBOLS_FACTOR),
  };
  await askSketches(own, target, runtime, again, await readSides(own, runtime, opening.id));
  return { opening: again, waitMs: ANSWER_LOOK_MS };
}

/** Reads as much of the target’s sketch as shows what differs; undefined when all of it does not. */
export async function readDifference(mine: Sketch, reader: SketchReader): Promise<SetDifference | undefined> {
  for (let cells = Math.min(PREFIX_FIRST, mine.length); ; cells = Math.min(mine.length, Math.ceil(cells * PREFIX_FACTOR))) {
    const theirs = await reader.first(cells);
    const found = Sketch.difference(mine, theirs);
    if (found !== undefined || cells >= mine.length || theirs.length < cells) return found;
  }
}

/** Finds the keys that the source has, where that is quickly done, and asks for the others. */
async function resolved(own: MemberReach, target: MemberReach, runtime: Runtime, opening: Opening, found: SetDifference): Promise<OpeningStep> {
  const at = new Map<string, OpenedSuspicion['side']>();
  for (const symbol of found.own) at.set(hashOf(symbol), 'source');
  for (const symbol of found.other) at.set(hashOf(symbol), at.has(hashOf(symbol)) ? 'both' : 'target');
  const list = [...at].map(([hash, side]): FoundKey => ({ hash, side }));
  const { source } = await readSides(own, runtime, opening.id);
  const naming = freshNaming(list.filter(({ side }) => side !== 'target').map(({ hash }) => Buffer.from(hash, 'hex')));
  const { place, isOver } = limited(own.place, runtime, NAMING_REQUESTS_MAX);
  const ended =
    naming.missing.size === 0 || (await nameKeys(place, runtime, await readBase(place, runtime, source.base), naming, decodeWatermark(source.mark), isOver));
  const named = list.map((one): FoundKey => ({ ...one, ...withKey(naming.found.get(one.hash)), ...(ended && one.side !== 'target' && { sought: true }) }));
  return nextKeys(own, target, runtime, opening, named);
}

async function stepKeys(own: MemberReach, target: MemberReach, runtime: Runtime, opening: Opening): Promise<OpeningStep> {
  const isOwn = opening.phase === 'names';
  const answer = await readKeys((isOwn ? own : target).place, runtime, opening.task);
  if (answer === undefined) return { opening, waitMs: ANSWER_LOOK_MS };
  const list = await readFound(own, runtime, opening.id);
  const asked = new Set((isOwn ? unsoughtOf(list) : unknownOf(list)).map(({ hash }) => hash));
  const told = isOwn ? { sought: true } : { asked: true };
  const next = list.map((one) => (asked.has(one.hash) ? { ...one, ...told, ...withKey(answer.keys.get(one.hash)) } : one));
  return nextKeys(own, target, runtime, { ...opening, bytes: opening.bytes + (isOwn ? 0 : answer.bytes) }, next);
}

/** Saves what was found; asks for the next keys, the source’s own first, or ends. */
async function nextKeys(own: MemberReach, target: MemberReach, runtime: Runtime, opening: Opening, list: readonly FoundKey[]): Promise<OpeningStep> {
  await storeFound(own, runtime, opening.id, list);
  const unsought = unsoughtOf(list);
  const unknown = unsought.length > 0 ? unsought : unknownOf(list);
  if (unknown.length === 0) {
    const over: Opening = { ...opening, phase: 'done' };
    return { opening: over, waitMs: 0, opened: openedOf(over, list) };
  }
  const phase = unsought.length > 0 ? 'names' : 'keys';
  const asking: Opening = { ...opening, phase, task: snapshotId(runtime.clock.now(), runtime.chance.nonce()) };
  const sides = await readSides(own, runtime, opening.id);
  const hashes = unknown.map(({ hash }) => Buffer.from(hash, 'hex').toString('base64'));
  const [reach, side] = phase === 'names' ? [own, sides.source] : [target, sides.target];
  await askOpen(own, reach, runtime, asking, { ask: 'keys', ...side, hashes });
  return { opening: asking, waitMs: ANSWER_LOOK_MS };
}

/** The hashes of the source’s entries that it looks for next. */
const unsoughtOf = (list: readonly FoundKey[]): readonly FoundKey[] =>
  list.filter(({ key, side, sought }) => key === undefined && side !== 'target' && sought !== true).slice(0, HASHES_PER_TASK);

/** The hashes that the target is asked next. */
const unknownOf = (list: readonly FoundKey[]): readonly FoundKey[] =>
  list.filter(({ key, asked }) => key === undefined && asked !== true).slice(0, HASHES_PER_TASK);

const withKey = (key: Key | undefined): { readonly key?: Key } => (key === undefined ? {} : { key });
const hashOf = (symbol: Buffer): string => symbol.toString('hex', 0, 16);

function openedOf({ target, bytes }: Opening, list: readonly FoundKey[]): Opened {
  const suspicions = list.flatMap(({ key, side: at }): OpenedSuspicion[] => (key === undefined ? [] : [{ key, target, side: at }]));
  return { suspicions, bytes, unresolved: list.length - suspicions.length };
}

async function readOpened(own: MemberReach, runtime: Runtime, opening: Opening): Promise<Opened> {
  return openedOf(opening, await readFound(own, runtime, opening.id));
}
