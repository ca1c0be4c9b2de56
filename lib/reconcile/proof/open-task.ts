import type { Item } from '../../core/attribute.ts';
import { text } from '../../core/attribute.ts';
import { FORMAT, num, optionalNum, present, s, str } from '../../core/formats/row-fields.ts';
import { numberValue } from '../../core/formats/rows.ts';
import { checkKind, ownerFields, readOwner } from '../../job/row.ts';
import type { FreshTask, TaskRow } from '../tasks/task.ts';
import { taskKey } from '../tasks/task.ts';

/** The kind `open`: what differs between two members is looked at where the data are. */
export interface OpenTask extends TaskRow {
  readonly kind: 'open';
  /** Member that asks. Its bucket holds the question (question.ts): a row has 400 KB, which a watermark of many shards may fill. */
  readonly asker: string;
  /** What earlier slices have stored: what they have come to, and for a sketch the prefix of key hashes (16 bits) from which on entries are missing. */
  readonly draft?: string;
  readonly prefix?: number;
  /** What the log says of the keys that are looked at next, as far as it was read (overlay-object.ts). */
  readonly overlay?: string;
}

/** A task as somebody asks for it. */
export const freshOpen = (of: { readonly id: string; readonly by: string; readonly asked: number; readonly asker: string }): FreshTask<OpenTask> => ({
  kind: 'open',
  ...of,
});

const KIND = 'open';
const WHAT = 'open task';

/** The row. */
export const encodeOpenTask = (task: OpenTask): Item => ({
  ...taskKey(task.id),
  f: { N: FORMAT },
  kind: s(KIND),
  id: s(task.id),
  by: s(task.by),
  asked: numberValue(task.asked),
  asker: s(task.asker),
  ...(task.prefix !== undefined && { prefix: numberValue(task.prefix) }),
  ...(task.draft !== undefined && { draft: s(task.draft) }),
  ...(task.overlay !== undefined && { overlay: s(task.overlay) }),
  ...(task.done !== undefined && { done: numberValue(task.done) }),
  ...(task.failed !== undefined && { failed: s(task.failed) }),
  ...ownerFields(task),
});

/** Reads the row. @throws FormatError */
export function decodeOpenTask(row: Item): OpenTask {
  checkKind(row, KIND, WHAT);
  return present<OpenTask>({
    id: str(row, 'id', WHAT),
    kind: KIND,
    by: str(row, 'by', WHAT),
    asked: num(row, 'asked', WHAT),
    asker: str(row, 'asker', WHAT),
    prefix: optionalNum(row, 'prefix'),
    draft: text(row['draft'], 'S'),
    overlay: text(row['overlay'], 'S'),
    done: optionalNum(row, 'done'),
    failed: text(row['failed'], 'S'),
    ...readOwner(row, WHAT),
  });
}
