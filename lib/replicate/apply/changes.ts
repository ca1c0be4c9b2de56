import { CONDITIONAL_KEYS_MAX } from '../../core/constants.ts';
import { guard } from '../../core/guard.ts';
import { isRemote } from '../../ports/errors.ts';
import { together } from '../together.ts';
import type { BulkOp } from './bulk.ts';
import { writeBulk } from './bulk.ts';
import { applyConditionally, halfDone } from './conditional.ts';
import type { TargetState } from './guard-read.ts';
import { keyState, readTargets } from './guard-read.ts';
import type { KeyOp } from './ops.ts';
import type { Pass } from './pass.ts';
import type { Refusal } from './refuse.ts';

/**
 * Judges and writes the operations of one round, all of the fence's epoch. Failures give lanes up; refusals are
 * returned, for the dead-letter queue.
 *
 * @param states what the target has of the keys, read in this pass.
 */
export async function applyChanges(pass: Pass, epoch: number, ops: readonly KeyOp[], states: ReadonlyMap<string, TargetState>): Promise<Refusal[]> {
  const refusals: Refusal[] = [];
  const refuse = (op: KeyOp, reason: string): void => {
    refusals.push({ lane: op.lane, reason, what: { change: op.change, envelope: op.envelope } });
  };
  if (ops.length <= CONDITIONAL_KEYS_MAX) {
    await together(
      ops.map(async (op) => {
        try {
          const outcome = await applyConditionally(pass, op, states.get(op.keyText) as TargetState);
          pass.counts[outcome] += 1;
        } catch (error) {
          if (isRemote(error, 'invalid')) refuse(op, `${error.code}: ${error.message}`);
          else if (error instanceof Error && error.name === 'InputError') refuse(op, error.message);
          else pass.failFor(op.lane, error);
        }
      }),
    );
    return refusals;
  }
  const passed: BulkOp[] = [];
  for (const op of ops) {
    const state = states.get(op.keyText) as TargetState;
    if (guard(op.position, keyState(state)) === 'apply' || halfDone(op, state)) passed.push({ op, state });
    else pass.counts.superseded += 1;
  }
  await writeBulk(pass, epoch, passed, refuse);
  return refusals;
}

/** Reads the state of the operations' keys; what cannot be read gives all their lanes up, and answers undefined. */
export async function readStates(pass: Pass, ops: readonly KeyOp[]): Promise<ReadonlyMap<string, TargetState> | undefined> {
  try {
    return await readTargets(pass, ops, false);
  } catch (error) {
    for (const op of ops) pass.failFor(op.lane, error);
    return undefined;
  }
}
