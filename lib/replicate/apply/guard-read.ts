import type { Item, Key } from '../../core/attribute.ts';
import { RESERVED } from '../../core/attribute.ts';
import { BATCH_GET_KEYS, CONDITIONAL_KEYS_MAX } from '../../core/constants.ts';
import { decodeSeat, SEAT_KEY } from '../../core/formats/rows.ts';
import type { Seal } from '../../core/formats/seal.ts';
import { metaOf, verifySeal } from '../../core/formats/seal.ts';
import type { Tombstone } from '../../core/formats/tombstone.ts';
import { readTombstone } from '../../core/formats/tombstone.ts';
import type { KeyState } from '../../core/guard.ts';
import { keyAttributes, keyText } from '../../core/key.ts';
import { RemoteError } from '../../ports/errors.ts';
import type { Pass } from './pass.ts';
import { retriedRead } from './requests.ts';

/** What the target has of a key. */
export interface TargetState {
  /** The item as it was read (its metadata only, or whole), or undefined when there is none. */
  readonly item: Item | undefined;
  /** The item's seal, if its key check verifies: only then its position counts. */
  readonly seal: Seal | undefined;
  readonly tombstone: Tombstone | undefined;
}

/** The guard's view of it. */
export const keyState = (state: TargetState): KeyState => ({ item: state.seal?.position, tombstone: state.tombstone?.seal.position });

/** Reads in flight of one pass. */
const READS_IN_FLIGHT = 4;
/** Rounds in which unprocessed keys are asked for again. */
const UNPROCESSED_ROUNDS_MAX = 6;

/** A key to look at. */
export interface Wanted {
  readonly key: Key;
  readonly keyText: string;
}

/**
 * Reads what the target has of these keys, consistently, and the seat with the first of them when the view of the fence
 * is old.
 *
 * Few keys: items and tombstones in one call. Many: items first, then tombstones for those keys only whose item is not
 * there, or has no position that counts.
 *
 * @param whole read whole items, for a comparison; else their metadata only.
 * @returns state by key text. @throws RemoteError when anything could not be read.
 */
export async function readTargets(pass: Pass, wanted: readonly Wanted[], whole: boolean): Promise<Map<string, TargetState>> {
  const { items, tombstones } = pass.link.targetTables;
  const project = whole ? undefined : [...keyAttributes(pass.link.key).map((a) => [a.name]), [RESERVED]];
  const found = new Map<string, Item>();
  const graves = new Map<string, Item>();
  const tableId = (): string => pass.seat.tableId;

  if (wanted.length <= CONDITIONAL_KEYS_MAX) {
    const keys = wanted.map((w) => w.key);
    await getAll(pass, [
      { table: items, keys, project, into: found },
      { table: tombstones, keys, project: undefined, into: graves },
    ]);
  } else {
    await getAll(pass, [{ table: items, keys: wanted.map((w) => w.key), project, into: found }]);
    const buried = wanted.filter((w) => {
      const item = found.get(w.keyText);
      return whole || item === undefined || verifySeal(metaOf(item).seal, tableId(), w.keyText) === undefined;
    });
    await getAll(pass, [{ table: tombstones, keys: buried.map((w) => w.key), project: undefined, into: graves }]);
  }

  const states = new Map<string, TargetState>();
  for (const { keyText: text } of wanted) {
    const item = found.get(text);
    const grave = graves.get(text);
    states.set(text, {
      item,
      seal: item === undefined ? undefined : verifySeal(metaOf(item).seal, tableId(), text),
      tombstone: grave === undefined ? undefined : readTombstone(grave, tableId(), text),
    });
  }
  return states;
}

interface TableRead {
  readonly table: string;
  readonly keys: readonly Key[];
  readonly project: string[][] | undefined;
  readonly into: Map<string, Item>;
}

/** Reads all keys of some tables in calls of at most BATCH_GET_KEYS; the seat rides in the first call when it is wanted. */
async function getAll(pass: Pass, reads: readonly TableRead[]): Promise<void> {
  const chunks: TableRead[][] = [];
  let chunk: TableRead[] = [];
  let room = BATCH_GET_KEYS - (pass.fenceFresh ? 0 : 1);
  for (const read of reads) {
    for (let at = 0; at < read.keys.length; ) {
      const keys = read.keys.slice(at, at + room);
      chunk.push({ ...read, keys });
      at += keys.length;
      room -= keys.length;
      if (room === 0) {
        chunks.push(chunk);
        chunk = [];
        room = BATCH_GET_KEYS;
      }
    }
  }
  if (chunk.length > 0) chunks.push(chunk);
  if (chunks.length === 0 && !pass.fenceFresh) chunks.push([]);

  const first = chunks.shift();
  if (first === undefined) return;
  // The first call alone, since the others' answers are worth nothing without the seat that it brings.
  await getChunk(pass, first, !pass.fenceFresh);
  for (let at = 0; at < chunks.length; at += READS_IN_FLIGHT) {
    await Promise.all(chunks.slice(at, at + READS_IN_FLIGHT).map((c) => getChunk(pass, c, false)));
  }
}

async function getChunk(pass: Pass, reads: readonly TableRead[], withSeat: boolean): Promise<void> {
  const { control } = pass.link.targetTables;
  let left = reads.filter((r) => r.keys.length > 0);
  let seat = withSeat;
  for (let round = 0; round < UNPROCESSED_ROUNDS_MAX; round += 1) {
    const tables = left.map((r) => ({ table: r.table, keys: r.keys, ...(r.project !== undefined && { project: r.project }) }));
    let issuedAt = 0;
    const answer = await retriedRead(pass, () => {
      issuedAt = pass.runtime.clock.elapsed();
      return pass.ports.target.batchGet({ tables: seat ? [{ table: control, keys: [SEAT_KEY] }, ...tables] : tables }, pass.read);
    });
    if (seat && !answer.unprocessed.has(control)) {
      const row = answer.items.get(control)?.[0];
      pass.sawSeat(row === undefined ? undefined : decodeSeat(row), issuedAt);
      seat = false;
    }
    for (const read of left) {
      for (const item of answer.items.get(read.table) ?? []) read.into.set(keyText(item, pass.link.key), item);
    }
    left = left.flatMap((r) => {
      const keys = answer.unprocessed.get(r.table);
      return keys === undefined || keys.length === 0 ? [] : [{ ...r, keys }];
    });
    if (left.length === 0 && !seat) return;
    await pass.runtime.clock.sleep(Math.ceil(pass.runtime.chance.random() * 50 * 2 ** round));
  }
  throw new RemoteError('throttled', 'UnprocessedKeys', `the target left keys unread ${UNPROCESSED_ROUNDS_MAX} times`);
}
