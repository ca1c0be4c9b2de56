import type { Item } from '../../core/attribute.ts';
import { RESERVED } from '../../core/attribute.ts';
import { CAS_ATTEMPTS_MAX } from '../../core/constants.ts';
import { isDelete } from '../../core/formats/message.ts';
import { metaOf, verifySeal } from '../../core/formats/seal.ts';
import { guard } from '../../core/guard.ts';
import { RemoteError } from '../../ports/errors.ts';
import type { Condition } from '../../ports/table.ts';
import type { TargetState } from './guard-read.ts';
import { keyState } from './guard-read.ts';
import type { KeyOp } from './ops.ts';
import { copyOf, tombstoneOf } from './ops.ts';
import type { Pass } from './pass.ts';
import { fencedWrite } from './requests.ts';

/**
 * The condition that a key still is as it was read: exactly that reserved attribute, or no item. What an applier writes
 * always changes it; so does anybody who carries foreign metadata in.
 */
export function unchanged(item: Item | undefined, keyName: string): Condition {
  if (item === undefined) return { op: 'absent', path: [keyName] };
  const meta = item[RESERVED];
  if (meta === undefined)
    return {
      op: 'and',
      of: [
        { op: 'present', path: [keyName] },
        { op: 'absent', path: [RESERVED] },
      ],
    };
  return { op: '=', path: [RESERVED], value: meta };
}

/** The state after a condition failed and showed what is there instead. The lane is ours, so the tombstone is as it was. */
export function stateAgain(pass: Pass, text: string, before: TargetState, item: Item | undefined): TargetState {
  return { item, seal: item === undefined ? undefined : verifySeal(metaOf(item).seal, pass.seat.tableId, text), tombstone: before.tombstone };
}

/**
 * Applies one change by conditional requests: the guard's second implementation, for few keys. A delete writes its
 * tombstone first, awaited, then deletes.
 *
 * @throws RemoteError ("invalid": the record is at fault), FenceMovedError
 */
export async function applyConditionally(pass: Pass, op: KeyOp, read: TargetState): Promise<'applied' | 'superseded'> {
  const { items, tombstones } = pass.link.targetTables;
  const { target } = pass.ports;
  const epoch = op.envelope.epoch;
  const keyName = pass.link.key.partition.name;
  let state = read;
  let buried = false;
  for (let attempt = 0; attempt < CAS_ATTEMPTS_MAX; attempt += 1) {
    if (guard(op.position, keyState(state)) === 'superseded' && !halfDone(op, state)) return 'superseded';
    const condition = unchanged(state.item, keyName);
    const { tableId } = pass.seat;
    if (isDelete(op.change)) {
      if (!buried) await fencedWrite(pass, epoch, (o) => target.put(tombstones, tombstoneOf(op, tableId, pass.runtime.clock.now()), undefined, o));
      buried = true;
      if (state.item === undefined) return 'applied';
      const answer = await fencedWrite(pass, epoch, (o) => target.delete(items, op.key, condition, o));
      if (answer.ok) return 'applied';
      state = stateAgain(pass, op.keyText, state, answer.old);
    } else {
      const copy = copyOf(op.change.i, tableId, op.keyText, op.position, 'lane');
      const answer = await fencedWrite(pass, epoch, (o) => target.put(items, copy, condition, o));
      if (answer.ok) return 'applied';
      state = stateAgain(pass, op.keyText, state, answer.old);
    }
  }
  throw new RemoteError('transient', 'ConditionalCheckFailed', `a key changed under ${CAS_ATTEMPTS_MAX} conditional writes in a row`);
}

/**
 * Whether this delete was begun and not finished: its tombstone is there, and so is an item whose position does not
 * count (an item with an older one that counts is judged by it, and the guard says "apply").
 */
export function halfDone(op: KeyOp, state: TargetState): boolean {
  return isDelete(op.change) && state.item !== undefined && state.seal === undefined && state.tombstone?.seal.position.equals(op.position) === true;
}
