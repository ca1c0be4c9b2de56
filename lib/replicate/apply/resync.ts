import type { Item, Key } from '../../core/attribute.ts';
import { itemHash } from '../../core/canonical.ts';
import { BATCH_GET_KEYS, CAS_ATTEMPTS_MAX } from '../../core/constants.ts';
import { FormatError } from '../../core/errors.ts';
import type { ResyncKey, ResyncMessage } from '../../core/formats/message.ts';
import type { Position } from '../../core/formats/position.ts';
import { comparePositions, epochOf, laterPosition, position, readPosition } from '../../core/formats/position.ts';
import { decodeRefused, encodeRefused, refusedKey } from '../../core/formats/refused-row.ts';
import { metaOf } from '../../core/formats/seal.ts';
import { tombstoneItem } from '../../core/formats/tombstone.ts';
import { keyHash, keyText } from '../../core/key.ts';
import { isRemote, RemoteError } from '../../ports/errors.ts';
import type { TablePort } from '../../ports/table.ts';
import { together } from '../together.ts';
import { readBatch } from './batch-read.ts';
import { stateAgain, unchanged } from './conditional.ts';
import type { TargetState } from './guard-read.ts';
import { readTargets } from './guard-read.ts';
import { copyOf } from './ops.ts';
import type { Pass } from './pass.ts';
import { fencedWrite } from './requests.ts';

/** Keys worked on at a time. */
const KEYS_IN_FLIGHT = 8;

/** What one key needs. Pure decision, see `judgeResync`. */
export type ResyncAction = 'equal' | 'put' | 'delete';

/**
 * What makes the target's key equal to the source's. Comparisons ignore `p`; a copy whose seal does not count, or that
 * a later tombstone hides, is written again although its content is the same, since nothing else would ever mend it.
 */
export function judgeResync(source: Item | undefined, target: TargetState): ResyncAction {
  if (source === undefined) return target.item === undefined ? 'equal' : 'delete';
  if (target.item === undefined) return 'put';
  const hidden = target.seal !== undefined && target.tombstone !== undefined && comparePositions(target.seal.position, target.tombstone.seal.position) < 0;
  return target.seal !== undefined && !hidden && sameItem(source, target.item) ? 'equal' : 'put';
}

/** Equal content and equal rev. */
function sameItem(a: Item, b: Item): boolean {
  const x = metaOf(a).rev;
  const y = metaOf(b).rev;
  if ((x === undefined) !== (y === undefined) || (x !== undefined && y !== undefined && !x.equals(y))) return false;
  return itemHash(a).equals(itemHash(b));
}

/**
 * ⚠ The position of a repair: the highest that is *known to be contained* in what was read: the largest of (epoch, 0),
 * the target's own counted ones and the dead letter's; never more, or real changes would be filtered for ever.
 */
export function repairPosition(epoch: number, state: TargetState, known: Position | undefined): Position {
  return laterPosition(laterPosition(laterPosition(position(epoch, 0n), state.seal?.position), state.tombstone?.seal.position), known);
}

/** The position that a resync key carries: believed only if it is of the message's own epoch or an older one. */
export function knownPosition(key: ResyncKey, epoch: number): Position | undefined {
  if (key.p === undefined) return undefined;
  try {
    const p = readPosition(Buffer.from(key.p, 'base64'));
    return epochOf(p) <= epoch ? p : undefined;
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

/**
 * Makes the message's keys at the target equal to the source, inside their lane. Idempotent: reads both sides, compares,
 * writes or deletes unless they are equal, conditional on what was read at the target.
 *
 * A key that the target refuses becomes a row of `refused`, and the lane goes on; when it is equal again, the row goes.
 *
 * @throws RemoteError, FenceMovedError, ForeignSourceError: the lane is given up, and the message comes again.
 */
export async function resync(pass: Pass, message: ResyncMessage): Promise<void> {
  const { link } = pass;
  const wanted = [...new Map(message.keys.map((key) => [keyText(key.k, link.key), key])).entries()].map(([text, key]) => ({
    key: key.k,
    keyText: text,
    known: knownPosition(key, message.epoch),
  }));
  await pass.sandbox.source.checkIdentity(false);
  const targets = await readTargets(pass, wanted, true);
  const sources = await readSources(
    pass,
    wanted.map((w) => w.key),
  );
  const refusedRows = await readRefused(
    pass,
    wanted.map((w) => w.keyText),
  );
  if (wanted.some((w) => !sources.has(w.keyText) && targets.get(w.keyText)?.item !== undefined)) {
    // Asked after the source was read: what was read is the registered table's, or this throws.
    await pass.sandbox.source.checkIdentity(true);
  }
  for (let at = 0; at < wanted.length; at += KEYS_IN_FLIGHT) {
    await together(
      wanted.slice(at, at + KEYS_IN_FLIGHT).map(async (w) => {
        const state = targets.get(w.keyText) as TargetState;
        const was = refusedRows.get(w.keyText);
        try {
          await makeEqual(pass, message.epoch, w, sources.get(w.keyText), state);
          if (was !== undefined) await removeRefused(pass, message.epoch, w.keyText);
        } catch (error) {
          if (!isRemote(error, 'invalid')) throw error;
          await noteRefused(pass, message.epoch, w, state, was, `${error.code}: ${error.message}`);
        }
      }),
    );
  }
}

interface WantedKey {
  readonly key: Key;
  readonly keyText: string;
  readonly known: Position | undefined;
}

async function makeEqual(pass: Pass, epoch: number, w: WantedKey, source: Item | undefined, read: TargetState): Promise<void> {
  const { items, tombstones } = pass.link.targetTables;
  const { target } = pass.ports;
  let state = read;
  for (let attempt = 0; attempt < CAS_ATTEMPTS_MAX; attempt += 1) {
    const action = judgeResync(source, state);
    if (action === 'equal') return;
    const at = repairPosition(epoch, state, w.known);
    const condition = unchanged(state.item, pass.link.key.partition.name);
    const { tableId } = pass.seat;
    if (action === 'delete') {
      const grave = tombstoneItem({ key: w.key, keyText: w.keyText, tableId, position: at, kind: 'repair', of: undefined, nowMs: pass.runtime.clock.now() });
      await fencedWrite(pass, epoch, (o) => target.put(tombstones, grave, undefined, o));
    }
    const answer =
      action === 'delete'
        ? await fencedWrite(pass, epoch, (o) => target.delete(items, w.key, condition, o))
        : await fencedWrite(pass, epoch, (o) => target.put(items, copyOf(source as Item, tableId, w.keyText, at, 'repair'), condition, o));
    if (answer.ok) {
      pass.counts.resynced += 1;
      return;
    }
    state = stateAgain(pass, w.keyText, state, answer.old);
  }
  throw new RemoteError('transient', 'ConditionalCheckFailed', `a key changed under ${CAS_ATTEMPTS_MAX} conditional writes in a row`);
}

/** Reads whole items of the source, consistently. */
async function readSources(pass: Pass, keys: readonly Key[]): Promise<Map<string, Item>> {
  const { items } = pass.link.sourceTables;
  const found = await getItems(pass, pass.ports.source, items, keys);
  return new Map(found.map((item) => [keyText(item, pass.link.key), item]));
}

async function readRefused(pass: Pass, texts: readonly string[]): Promise<Map<string, Item>> {
  const { control } = pass.link.targetTables;
  const hashes = new Map(texts.map((text) => [keyHash(text).toString('hex'), text]));
  const found = await getItems(pass, pass.ports.target, control, [...hashes.keys()].map(refusedKey));
  return new Map(found.map((row) => [hashes.get((row['sk'] as { S: string }).S) as string, row]));
}

async function getItems(pass: Pass, port: TablePort, table: string, keys: readonly Key[]): Promise<Item[]> {
  const found: Item[] = [];
  for (let at = 0; at < keys.length; at += BATCH_GET_KEYS) {
    await readBatch(pass, port, [{ table, keys: keys.slice(at, at + BATCH_GET_KEYS), take: (items) => found.push(...items) }]);
  }
  return found;
}

async function noteRefused(pass: Pass, epoch: number, w: WantedKey, state: TargetState, was: Item | undefined, reason: string): Promise<void> {
  const now = pass.runtime.clock.now();
  const row = encodeRefused(keyHash(w.keyText).toString('hex'), {
    key: w.key,
    reason,
    position: repairPosition(epoch, state, w.known),
    link: pass.link.source,
    since: was === undefined ? now : decodeRefused(was).since,
    tried: now,
  });
  await fencedWrite(pass, epoch, (o) => pass.ports.target.put(pass.link.targetTables.control, row, undefined, o));
  pass.runtime.log.warn('A key is refused by the target; it is listed, and tried again each hour.', {
    link: pass.link.target,
    key: keyHash(w.keyText).toString('hex'),
    reason,
  });
}

async function removeRefused(pass: Pass, epoch: number, text: string): Promise<void> {
  await fencedWrite(pass, epoch, (o) => pass.ports.target.delete(pass.link.targetTables.control, refusedKey(keyHash(text).toString('hex')), undefined, o));
}
