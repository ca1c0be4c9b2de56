import type { LoggedChange } from '../../archive/log/changes.ts';
import type { SearchOptions, WantedKey } from '../../archive/log/newest.ts';
import { newestChanges, searchFrom } from '../../archive/log/newest.ts';
import { itemHash } from '../../core/canonical.ts';
import { streamLabel } from '../../core/formats/archive-names.ts';
import type { Position } from '../../core/formats/position.ts';
import { sequenceOf } from '../../core/formats/position.ts';
import { INDEX_ITEM_HASH_BYTES } from '../../core/formats/segment-index.ts';
import type { MemberReach } from '../ports.ts';
import type { BatchKey, PastChange, VerdictBatch } from './batch.ts';
import type { ImageAt } from './judge.ts';
import { MOTION_MARGIN_MS, SEARCH_WAIT_MAX_MS } from './limits.ts';
import type { Look } from './look.ts';

/** A batch after a step of a search in the log. */
export interface LookedUp {
  readonly batch: VerdictBatch;
  /** Everything that was wanted is in the batch. Else it holds what was found, and how far the log was searched. */
  readonly done: boolean;
}

/**
 * Looks up the newest change of some keys before the round, wherever in the log it is: null when the log shows none, or not in
 * SEARCH_WAIT_MAX_MS. @param places of the keys. @throws RemoteError
 */
export function withPasts(batch: VerdictBatch, look: Look, places: readonly number[]): Promise<LookedUp> {
  const untilMs = (batch.t ?? 0) - MOTION_MARGIN_MS;
  const wanted = new Map(places.map((i): [number, WantedKey] => [i, { key: (batch.keys[i] as BatchKey).k }]));
  return searched(batch, look, 'past', wanted, {
    options: { untilMs, keep: (change) => pastOf(look.ports.own, change) },
    beginMs: untilMs,
    with: (key, past) => ({ ...key, past }),
  });
}

/** Looks up what the change at a copy's position made of a key, of some keys. @throws RemoteError */
export function withImages(batch: VerdictBatch, look: Look, places: readonly { readonly i: number; readonly p: Position }[]): Promise<LookedUp> {
  const label = streamLabel(look.seat.stream);
  const sequences = new Map(places.map(({ i, p }) => [i, sequenceOf(p).toString()]));
  const wanted = new Map([...sequences].map(([i, sequence]): [number, WantedKey] => [i, { key: (batch.keys[i] as BatchKey).k, upTo: { label, sequence } }]));
  return searched(batch, look, 'image', wanted, {
    options: { keep: (change) => ({ sequence: BigInt(change.sequence).toString(), image: imageOf(change) }) },
    beginMs: look.runtime.clock.now(),
    with: (key, newest, i) => ({ ...key, image: newest !== null && newest.sequence === sequences.get(i) ? newest.image : null }),
  });
}

/** A search: which changes count, where it begins, and what becomes of what it finds. */
interface SearchOf<T> {
  readonly options: Pick<SearchOptions<T>, 'untilMs' | 'keep'>;
  /** Nothing that was made later (ms) is wanted. */
  readonly beginMs: number;
  readonly with: (key: BatchKey, found: T | null, i: number) => BatchKey;
}

async function searched<T>(
  batch: VerdictBatch,
  { ports, runtime, untilMs }: Look,
  of: 'past' | 'image',
  wanted: ReadonlyMap<number, WantedKey>,
  search: SearchOf<T>,
): Promise<LookedUp> {
  const open = [...wanted].filter(([i]) => batch.keys[i]?.[of] === undefined);
  const { search: before, ...rest } = batch;
  if (open.length === 0) return { batch: before?.of === of ? rest : batch, done: true };
  // A key that was not searched for from the beginning cannot be told by what is left.
  const goesOn = before?.of === of && open.every(([i]) => before.keys.includes(i));
  const mark = goesOn ? { toMs: before.toMs, widthMs: before.widthMs } : searchFrom(search.beginMs);
  const isOver = runtime.clock.now() - (batch.since ?? 0) > SEARCH_WAIT_MAX_MS;
  const keys = [...batch.keys];
  const take = (n: number, found: T | null): void => {
    const [i] = open[n] as readonly [number, WantedKey];
    keys[i] = search.with(keys[i] as BatchKey, found, i);
  };
  if (isOver) {
    open.forEach((_, n) => {
      take(n, null);
    });
    return { batch: { ...rest, keys }, done: true };
  }
  const sought = open.map(([, key]) => key);
  const came = await newestChanges(ports.own.place, runtime, sought, { ...search.options, mark, until: untilMs });
  for (const [n, found] of came.found) take(n, found);
  if (came.mark === undefined) return { batch: { ...rest, keys }, done: true };
  const left = open.flatMap(([i], n) => (came.found.has(n) ? [] : [i]));
  return { batch: { ...rest, keys, search: { of, keys: left, ...came.mark } }, done: false };
}

function pastOf({ member: { expiryAttribute } }: MemberReach, { newImage, oldImage, shard, sequence, at, event }: LoggedChange): PastChange {
  return {
    shard,
    sequence,
    at,
    removed: event === 'REMOVE',
    ...(newImage !== undefined && { hash: itemHash(newImage).subarray(0, INDEX_ITEM_HASH_BYTES).toString('hex') }),
    ...(expiryAttribute !== undefined && [newImage, oldImage].some((image) => image?.[expiryAttribute] !== undefined) && { mortal: true as const }),
  };
}

const imageOf = ({ event, newImage }: LoggedChange): ImageAt => ({
  removed: event === 'REMOVE',
  ...(newImage !== undefined && { hash: itemHash(newImage).toString('base64') }),
});
