import { z } from 'zod';
import type { ArchivePlace } from '../../archive/place.ts';
import { scanPrefix } from '../../core/formats/manifest.ts';
import { CELLS_MAX } from '../../core/sketch.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { readPacked, storePacked } from './packed.ts';

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

/** In the bucket of the member that asks: two members may be asked different things by tasks of one id. */
const questionName = (task: string, member: string): string => `${scanPrefix(task)}question-${member}`;

/** Stores a question, before its task is asked for. @param asker place of the member that asks @param member that is asked @throws RemoteError */
export const storeQuestion = (asker: ArchivePlace, runtime: Runtime, task: string, member: string, question: Question): Promise<void> =>
  storePacked(asker, runtime, questionName(task, member), question);

/** @throws FormatError naming the object when it is missing or damaged · RemoteError */
export const readQuestion = (asker: ArchivePlace, runtime: Runtime, task: string, member: string): Promise<Question> =>
  readPacked(asker, runtime, questionName(task, member), questionSchema);
