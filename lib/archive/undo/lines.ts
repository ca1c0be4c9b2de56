import type { Item, Key } from '../../core/attribute.ts';
import type { LogRecord, Origin } from '../../core/formats/log-record.ts';
import { withoutMeta } from '../../core/formats/seal.ts';
import { keyText } from '../../core/key.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { HashRange } from '../restore/key-table.ts';
import { HASH_END } from '../restore/key-table.ts';
import type { PlanLine } from '../rewrite/change.ts';
import type { TableReader } from '../rewrite/read-keys.ts';
import { readKeys } from '../rewrite/read-keys.ts';
import { UNDO_HELD_MAX, UNDO_READ_KEYS } from './limits.ts';
import type { Undone } from './merge.ts';
import { whyNot } from './merge.ts';
import { UndoPass } from './pass.ts';
import type { BadChanges } from './select.ts';
import { matchOf } from './select.ts';

/** What was seen of the log while an undo was planned. Complete once its last line has come. */
export interface UndoSeen {
  /** Changes that were looked at. */
  changes: number;
  /** Of them, bad ones. */
  bad: number;
  /** Changes of the window that would be bad, were it not for their origin. */
  readonly others: Map<Origin, number>;
  /** Passes over the log. */
  passes: number;
}

export const nothingSeen = (): UndoSeen => ({ changes: 0, bad: 0, others: new Map(), passes: 0 });

/** Reads the log from the begin of the window to its end; the changes of one key come in their order. Called once a pass. */
export type ReadLog = () => AsyncIterable<LogRecord>;

/**
 * Plans an undo: a line for each key with a bad change, judged on the present item, which is read consistently.
 *
 * @param heldMax UNDO_HELD_MAX, unless a test has another.
 * @throws RemoteError, FormatError
 */
export async function* undoLines(
  table: TableReader,
  runtime: Runtime,
  bad: BadChanges,
  read: ReadLog,
  seen: UndoSeen = nothingSeen(),
  heldMax: number = UNDO_HELD_MAX,
): AsyncGenerator<PlanLine> {
  for (let range: HashRange | undefined = { from: 0, to: HASH_END }; range !== undefined; ) {
    const pass = new UndoPass(range, table.key, heldMax);
    for await (const record of read()) {
      const matched = matchOf(record, bad);
      if (seen.passes === 0) {
        seen.changes += 1;
        if (matched === 'bad') seen.bad += 1;
        else if (matched !== undefined) seen.others.set(matched.otherOrigin, (seen.others.get(matched.otherOrigin) ?? 0) + 1);
      }
      pass.take(record, matched);
    }
    seen.passes += 1;
    yield* judged(table, runtime, pass);
    // What the pass had to give up is next, and as much beyond it as fits.
    range = pass.range.to < HASH_END ? { from: pass.range.to, to: HASH_END } : undefined;
  }
}

async function* judged(table: TableReader, runtime: Runtime, pass: UndoPass): AsyncGenerator<PlanLine> {
  let some = new Map<string, Undone>();
  let keys: Key[] = [];
  const flush = async (): Promise<PlanLine[]> => {
    const lines: PlanLine[] = [];
    await readKeys(table, runtime, keys, (key, item) => {
      const state = some.get(keyText(key, table.key));
      if (state !== undefined) lines.push(lineOf(key, state, item === undefined ? undefined : withoutMeta(item)));
    });
    some = new Map();
    keys = [];
    return lines;
  };
  for (const { key, state } of pass.keys()) {
    some.set(keyText(key, table.key), state);
    keys.push(key);
    if (keys.length >= UNDO_READ_KEYS) yield* await flush();
  }
  yield* await flush();
}

/** The line of one key. Pure. */
export function lineOf(key: Key, state: Undone, now: Item | undefined): PlanLine {
  const skipped = whyNot(state, now);
  if (skipped !== undefined) return { key, skipped };
  const { merged, kept } = state;
  return {
    key,
    ...(now !== undefined && { before: now }),
    ...(merged !== undefined && { after: merged }),
    ...(kept.size > 0 && { kept: [...kept].sort() }),
  };
}
