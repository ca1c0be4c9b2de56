import { z } from 'zod';
import type { Item } from '../../core/attribute.ts';
import { text } from '../../core/attribute.ts';
import { FormatError } from '../../core/errors.ts';
import { FORMAT, num, optionalNum, present, s, str } from '../../core/formats/row-fields.ts';
import { numberValue } from '../../core/formats/rows.ts';
import { CELLS_MAX } from '../../core/sketch.ts';
import { checkKind, ownerFields, readOwner } from '../../job/row.ts';
import { decodeWatermark } from '../segments.ts';
import type { FreshTask, TaskRow } from '../tasks/task.ts';
import { taskKey } from '../tasks/task.ts';

/** What a member is asked about its own entries, as of a watermark of its log. */
const common = {
  /** Id of the member’s base, and the watermark as JSON. */
  base: z.string().min(1),
  mark: z.array(z.unknown()),
};
const questionSchema = z.discriminatedUnion('ask', [
  z.strictObject({
    ...common,
    /** The coded symbols of its entries in some cells: `scans/<id>/sketch`. */
    ask: z.literal('sketch'),
    cells: z.array(z.int().min(0)).min(1),
    symbols: z.int().min(1).max(CELLS_MAX),
    seed: z.int(),
  }),
  z.strictObject({
    ...common,
    /** The keys of some key hashes (base64): `scans/<id>/keys`. */
    ask: z.literal('keys'),
    hashes: z.array(z.string()).min(1),
  }),
]);

/** See questionSchema. */
export type Question = z.infer<typeof questionSchema>;

/** The kind `open`: what differs between two members is looked at where the data are. */
export interface OpenTask extends TaskRow {
  readonly kind: 'open';
  readonly question: Question;
  /** So many of the cells are in the sketch `draft`, which an earlier slice has stored. */
  readonly cellsDone?: number;
  readonly draft?: string;
}

/** A task as somebody asks for it. */
export const freshOpen = (of: { readonly id: string; readonly by: string; readonly asked: number; readonly question: Question }): FreshTask<OpenTask> => ({
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
  question: s(JSON.stringify(task.question)),
  ...(task.cellsDone !== undefined && { cellsDone: numberValue(task.cellsDone) }),
  ...(task.draft !== undefined && { draft: s(task.draft) }),
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
    question: readQuestion(str(row, 'question', WHAT)),
    cellsDone: optionalNum(row, 'cellsDone'),
    draft: text(row['draft'], 'S'),
    done: optionalNum(row, 'done'),
    failed: text(row['failed'], 'S'),
    ...readOwner(row, WHAT),
  });
}

function readQuestion(json: string): Question {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new FormatError(`${WHAT} row whose question is not JSON`, { cause });
  }
  const found = questionSchema.safeParse(value);
  if (!found.success) throw new FormatError(`${WHAT} row with another question: ${found.error.issues[0]?.message ?? ''}`);
  decodeWatermark(found.data.mark);
  return found.data;
}
