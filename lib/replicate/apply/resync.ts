import type { Item } from '../../core/attribute.ts';
import { itemHash } from '../../core/canonical.ts';
import { CAS_ATTEMPTS_MAX } from '../../core/constants.ts';
import { FormatError } from '../../core/errors.ts';
import type { ResyncKey, ResyncMessage } from '../../core/formats/message.ts';
import type { Position } from '../../core/formats/position.ts';
import { comparePositions, epochOf, laterPosition, position, readPosition } from '../../core/formats/position.ts';
import { decodeRefused, encodeRefused, refusedKey } from '../../core/formats/refused-row.ts';
import { metaOf } from '../../core/formats/seal.ts';
import { tombstoneItem } from '../../core/formats/tombstone.ts';
import { keyHash } from '../../core/key.ts';
import { isRemote, RemoteError } from '../../ports/errors.ts';
import { together } from '../together.ts';
import type { BothSides } from './both-sides.ts';
import { readBothSides } from './both-sides.ts';
import { stateAgain, unchanged } from './conditional.ts';
import type { TargetState } from './guard-read.ts';
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
  const read = await readBothSides(pass, message.keys);
  const wanted = read.map((both) => ({ ...both, known: knownPosition(message.keys[both.index] as ResyncKey, message.epoch) }));
  for (let at = 0; at < wanted.length; at += KEYS_IN_FLIGHT) {
    await together(
      wanted.slice(at, at + KEYS_IN_FLIGHT).map(async (w) => {
        try {
          await makeEqual(pass, message.epoch, w);
          if (w.refused !== undefined) await removeRefused(pass, message.epoch, w.keyText);
        } catch (error) {
          if (!isRemote(error, 'invalid')) throw error;
          await noteRefused(pass, message.epoch, w, `${error.code}: ${error.message}`);
        }
      }),
    );
  }
}

/** A key as it was read, and the position that its sender knows of. */
interface WantedKey extends BothSides {
  readonly known: Position | undefined;
}

async function makeEqual(pass: Pass, epoch: number, w: WantedKey): Promise<void> {
  const { items, tombstones } = pass.link.targetTables;
  const { target } = pass.ports;
  const { source } = w;
  let state = w.target;
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

async function noteRefused(pass: Pass, epoch: number, w: WantedKey, reason: string): Promise<void> {
  const now = pass.runtime.clock.now();
  const row = encodeRefused(keyHash(w.keyText).toString('hex'), {
    key: w.key,
    reason,
    position: repairPosition(epoch, w.target, w.known),
    link: pass.link.source,
    since: w.refused === undefined ? now : decodeRefused(w.refused).since,
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
