import type { Item } from '../../core/attribute.ts';
import { FormatError } from '../../core/errors.ts';
import { decodeFrame, sha256Base64 } from '../../core/formats/segment.ts';
import { decodeFooter } from '../../core/formats/segment-footer.ts';
import { keyHash, keyText } from '../../core/key.ts';
import { itemBytes } from '../../core/size.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { ahead } from '../ahead.ts';
import type { ArchivePlace } from '../place.ts';
import { snapshotItems, wholeObject } from '../snapshot/read.ts';
import type { HashRange } from './key-table.ts';
import { HASH_END, isIn } from './key-table.ts';
import { FILE_HELD_RAW_BYTES, KEYS_PER_PASS_MAX, PIECE_BYTES_MAX, PIECE_ITEMS_MAX, READ_AHEAD } from './limits.ts';
import type { PlannedSegment, RestorePlan } from './plan.ts';
import type { Wanted } from './wanted.ts';
import type { Pass } from './winners.ts';
import { findWinners, hasWon, isTold } from './winners.ts';

/**
 * The table as it was at T: of each key the new image of its last record up to T, else the snapshot's item.
 *
 * Memory is bounded whatever the size. The keys are cut into ranges of their hashes, a pass each, so that what one pass
 * remembers of changed keys fits (KEYS_PER_PASS_MAX); items themselves are never kept. A pass reads all footers, the
 * segments that hold a winner of it, and the snapshot.
 */

/** Where a run is: the pass, and the source within it: a segment of the plan, or after those a file of the snapshot. */
export interface Mark extends HashRange {
  readonly source: number;
}

/** Where every run begins. */
export const FIRST_MARK: Mark = { from: 0, to: HASH_END, source: 0 };

/** Some items of one source. */
export interface Piece {
  readonly items: readonly Item[];
  /** Where to go on once these and all pieces before are done with; undefined when no source is left. */
  readonly next: Mark | undefined;
}

export interface StateOptions {
  readonly wanted?: Wanted;
  /** Go on here; the plan, and what is wanted, must be those of the run before. */
  readonly from?: Mark;
  /** KEYS_PER_PASS_MAX, unless a test has another. */
  readonly keysPerPass?: number;
}

/** Each item once, `_s` included, as the log and the snapshot hold it. @throws RemoteError, FormatError */
export async function* stateAt(place: ArchivePlace, runtime: Runtime, plan: RestorePlan, options: StateOptions = {}): AsyncGenerator<Item> {
  for await (const { items } of statePieces(place, runtime, plan, options)) yield* items;
}

/** The same in pieces, each with the place to go on after it. @throws RemoteError, FormatError */
export async function* statePieces(place: ArchivePlace, runtime: Runtime, plan: RestorePlan, options: StateOptions = {}): AsyncGenerator<Piece> {
  const max = options.keysPerPass ?? KEYS_PER_PASS_MAX;
  for (let mark = options.from ?? FIRST_MARK; ; ) {
    const pass = await findWinners(place, runtime, plan, mark, max, options.wanted);
    // A narrower pass than the one that was begun: nothing of it may be left out.
    const source = pass.range.to === mark.to || mark.source === 0 ? mark.source : 0;
    yield* passPieces(place, runtime, plan, pass, source, options.wanted);
    if (pass.range.to === HASH_END) return;
    mark = { from: pass.range.to, to: HASH_END, source: 0 };
  }
}

/** The items of one pass, from a source on. @throws RemoteError, FormatError */
export async function* passPieces(place: ArchivePlace, runtime: Runtime, plan: RestorePlan, pass: Pass, from = 0, wanted?: Wanted): AsyncGenerator<Piece> {
  const { segments, snapshot } = plan;
  const of = segments.length + snapshot.files.length;
  const after = (source: number): Mark | undefined => {
    if (source + 1 < of) return { ...pass.range, source: source + 1 };
    return pass.range.to === HASH_END ? undefined : { from: pass.range.to, to: HASH_END, source: 0 };
  };
  const here = (source: number): Mark => ({ ...pass.range, source });
  const numbers = segments.flatMap((_, i) => (i >= from && (pass.live[i] as number) > 0 ? [i] : []));
  for await (const { items, source } of ahead(
    numbers.map((source) => async () => ({ items: await winnersOf(place, runtime, plan, pass, source, wanted), source })),
    READ_AHEAD,
  )) {
    yield { items, next: after(source) };
  }
  const keep = (item: Item): boolean => {
    const hash = keyHash(keyText(item, place.key));
    return isIn(hash, pass.range) && !isTold(pass.winners, hash) && wanted?.test(item) !== false;
  };
  const files = snapshot.files.map((file, i) => ({ file, source: segments.length + i })).filter(({ source }) => source >= from);
  const held = files.every(({ file }) => file.rawBytes <= FILE_HELD_RAW_BYTES);
  if (held) {
    for await (const { items, source } of ahead(
      files.map(({ file, source }) => async () => {
        const items: Item[] = [];
        for await (const item of snapshotItems(place, runtime, snapshot, file)) if (keep(item)) items.push(item);
        return { items, source };
      }),
      READ_AHEAD,
    )) {
      yield { items, next: after(source) };
    }
    return;
  }
  // Only an export has such files: one at a time, and never a whole one.
  for (const { file, source } of files) {
    let items: Item[] = [];
    let bytes = 0;
    for await (const item of snapshotItems(place, runtime, snapshot, file)) {
      if (!keep(item)) continue;
      items.push(item);
      bytes += itemBytes(item);
      if (items.length < PIECE_ITEMS_MAX && bytes < PIECE_BYTES_MAX) continue;
      yield { items, next: here(source) };
      items = [];
      bytes = 0;
    }
    yield { items, next: after(source) };
  }
}

/** The images of a segment's winners. @throws FormatError when it is not the segment that was checked · RemoteError */
async function winnersOf(place: ArchivePlace, runtime: Runtime, plan: RestorePlan, pass: Pass, source: number, wanted?: Wanted): Promise<Item[]> {
  const { ref } = plan.segments[source] as PlannedSegment;
  const body = await wholeObject(place, runtime, ref.name);
  if (body === undefined) throw new FormatError(`${ref.name} is missing: it was there when the restore was planned.`);
  const { head, index } = decodeFooter(body);
  const data = body.subarray(0, head.dataBytes);
  // Index and lines were compared when it was planned; that these are the same bytes is what is left to see.
  if (sha256Base64(data) !== head.dataSha256 || head.records !== (plan.segments[source] as PlannedSegment).records)
    throw new FormatError(`${ref.name} is not as it was when the restore was planned.`);
  const won = new Map<number, number[]>();
  for (let i = 0; i < index.length; i += 1) {
    const hash = index.keyHashAt(i);
    if (!isIn(hash, pass.range)) continue;
    const { ordinal, frame } = index.entry(i);
    if (!hasWon(pass.winners, hash, source, ordinal)) continue;
    const ordinals = won.get(frame);
    if (ordinals === undefined) won.set(frame, [ordinal]);
    else ordinals.push(ordinal);
  }
  const items: Item[] = [];
  let before = 0;
  head.frames.forEach(({ offset, bytes, records: count }, frame) => {
    const ordinals = won.get(frame);
    if (ordinals !== undefined) {
      const records = decodeFrame(data.subarray(offset, offset + bytes));
      for (const ordinal of ordinals) {
        const image = records[ordinal - before]?.newImage;
        if (image === undefined) throw new FormatError(`${ref.name}: line ${ordinal + 1} has no image, though its index says so.`);
        if (wanted?.test(image) !== false) items.push(image);
      }
    }
    before += count;
  });
  return items;
}
