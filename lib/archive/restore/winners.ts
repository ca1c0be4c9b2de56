import type { SegmentFooter } from '../../core/formats/segment-footer.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { ahead } from '../ahead.ts';
import { readFooter } from '../log/read.ts';
import type { ArchivePlace } from '../place.ts';
import type { HashRange } from './key-table.ts';
import { fitRange, isIn, KeyTable } from './key-table.ts';
import { READ_AHEAD } from './limits.ts';
import type { RestorePlan } from './plan.ts';
import type { Wanted } from './wanted.ts';

/**
 * Which line of the log holds a key's state at T: that of the last record of the longest prefix, in the key's order,
 * whose records were all made at T or before. It is told by the footers' indexes alone.
 */

/** A record up to T was found: `a` is its segment's number in the plan, `b` its line. */
const WON = 0b001;
/** That record removed the key. */
const GONE = 0b010;
/** A record later than T was found: no record after it counts, whatever its time. */
const ENDED = 0b100;

/** What one pass knows: the winners of the keys of its range. */
export interface Pass {
  readonly range: HashRange;
  readonly winners: KeyTable;
  /** For each segment of the plan, winners that are not removals. Segments without any need not be read. */
  readonly live: Uint32Array;
}

/** Enters the records of one segment. Segments come in the order of the plan. Pure but for the table. */
export function enter(
  winners: KeyTable,
  segment: number,
  { index }: SegmentFooter,
  plan: Pick<RestorePlan, 'fromMs' | 'atMs'>,
  range: HashRange,
  wanted?: Wanted,
): void {
  for (let i = 0; i < index.length; i += 1) {
    const hash = index.keyHashAt(i);
    if (!isIn(hash, range) || wanted?.hashes?.has(hash.toString('hex')) === false) continue;
    const { at, ordinal, removed } = index.entry(i);
    // Older than the range: what came after it may be in segments that are not read, and the snapshot has it all.
    if (at < plan.fromMs && winners.find(hash) < 0) continue;
    const slot = winners.put(hash);
    const flags = winners.flags(slot);
    if ((flags & ENDED) !== 0) continue;
    if (at > plan.atMs) winners.set(slot, winners.a(slot), winners.b(slot), flags | ENDED);
    else winners.set(slot, segment, ordinal, WON | (removed ? GONE : 0));
  }
}

/** Whether the log says what a key is at T, so that the snapshot's item does not count. */
export function isTold(winners: KeyTable, hash: Buffer): boolean {
  const slot = winners.find(hash);
  return slot >= 0 && (winners.flags(slot) & WON) !== 0;
}

/** Whether this line is the state of its key at T. */
export function hasWon(winners: KeyTable, hash: Buffer, segment: number, ordinal: number): boolean {
  const slot = winners.find(hash);
  return slot >= 0 && (winners.flags(slot) & (WON | GONE)) === WON && winners.a(slot) === segment && winners.b(slot) === ordinal;
}

/**
 * Finds the winners of a range of keys, or of as much of its beginning as `max` keys allow: `range` of the answer says
 * how far it came. Reads the footers of all segments.
 *
 * @throws RemoteError, FormatError
 */
export async function findWinners(place: ArchivePlace, runtime: Runtime, plan: RestorePlan, first: HashRange, max: number, wanted?: Wanted): Promise<Pass> {
  const winners = new KeyTable();
  let range = first;
  let segment = 0;
  for await (const footer of ahead(
    plan.segments.map(
      ({ ref }) =>
        () =>
          readFooter(place, runtime, ref),
    ),
    READ_AHEAD,
  )) {
    enter(winners, segment, footer, plan, range, wanted);
    range = fitRange(winners, range, max);
    segment += 1;
  }
  const live = new Uint32Array(plan.segments.length);
  for (const slot of winners.slots()) {
    const number = winners.a(slot);
    if ((winners.flags(slot) & (WON | GONE)) === WON) live[number] = (live[number] as number) + 1;
  }
  return { range, winners, live };
}
