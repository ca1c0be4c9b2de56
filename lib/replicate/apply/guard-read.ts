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
import { together } from '../together.ts';
import type { TableRead } from './batch-read.ts';
import { readBatch } from './batch-read.ts';
import type { Pass } from './pass.ts';

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
      { table: items, keys, project, take: into(found, pass) },
      { table: tombstones, keys, take: into(graves, pass) },
    ]);
  } else {
    await getAll(pass, [{ table: items, keys: wanted.map((w) => w.key), project, take: into(found, pass) }]);
    const buried = wanted.filter((w) => {
      const item = found.get(w.keyText);
      return whole || item === undefined || verifySeal(metaOf(item).seal, tableId(), w.keyText) === undefined;
    });
    await getAll(pass, [{ table: tombstones, keys: buried.map((w) => w.key), take: into(graves, pass) }]);
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

/** Puts items into a map by their key's text. */
const into =
  (map: Map<string, Item>, pass: Pass): TableRead['take'] =>
  (items) => {
    for (const item of items) map.set(keyText(item, pass.link.key), item);
  };

/** Reads all keys of some tables in calls of at most BATCH_GET_KEYS; the seat rides in the first call when it is wanted. */
async function getAll(pass: Pass, reads: readonly TableRead[]): Promise<void> {
  const { target } = pass.ports;
  const seat: TableRead = {
    table: pass.link.targetTables.control,
    keys: [SEAT_KEY],
    take: ([row], issuedAt) => pass.sawSeat(row === undefined ? undefined : decodeSeat(row), issuedAt),
  };
  const [first, ...rest] = chunksOf(pass.fenceFresh ? reads : [seat, ...reads]);
  // The first call alone, since the others' answers are worth nothing without the seat that it brings.
  if (first !== undefined) await readBatch(pass, target, first);
  for (let at = 0; at < rest.length; at += READS_IN_FLIGHT) {
    await together(rest.slice(at, at + READS_IN_FLIGHT).map((chunk) => readBatch(pass, target, chunk)));
  }
}

/** Cuts reads into calls of at most BATCH_GET_KEYS keys, in order. */
function chunksOf(reads: readonly TableRead[]): TableRead[][] {
  const chunks: TableRead[][] = [];
  let room = 0;
  for (const read of reads) {
    for (let at = 0; at < read.keys.length; ) {
      if (room === 0) {
        chunks.push([]);
        room = BATCH_GET_KEYS;
      }
      const keys = read.keys.slice(at, at + room);
      chunks.at(-1)?.push({ ...read, keys });
      at += keys.length;
      room -= keys.length;
    }
  }
  return chunks;
}
