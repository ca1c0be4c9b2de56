import type { Knobs } from '../knobs.ts';

/** One change of a production file's text. */
export interface Edit {
  /** Path from the repository's root. */
  readonly file: string;
  /** Text that stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
}

/**
 * A planted bug: what somebody might write by mistake, or "simplify". The simulator has to find it; one that it does not
 * find is an open defect of the simulator (or is no bug, and then does not belong here).
 */
export interface Mutant {
  readonly name: string;
  /** The first rule of docs/SPEC.md that it breaks: "I2", "rule 13". What catches it may be another one. */
  readonly breaks: string;
  /** What it does, and how that shows. One sentence. */
  readonly about: string;
  readonly edits: readonly Edit[];
  /** Only for a bug that needs a rare fault to be drawn more often. */
  readonly knobs?: Partial<Knobs>;
}

/** The text that a mutant wanted to change is not there (any more), or stands there more than once. */
export class StaleMutantError extends Error {
  constructor(edit: Edit, times: number) {
    super(
      `A mutant's anchor occurs ${times} times in ${edit.file}; it must occur exactly once. The file has changed: bring the mutant up to date. The anchor is:\n${edit.find}`,
    );
    this.name = 'StaleMutantError';
  }
}

/** How often a text occurs in another. */
function occurrences(text: string, find: string): number {
  return find === '' ? 0 : text.split(find).length - 1;
}

/**
 * A file's text under a mutant. Pure.
 *
 * @param edits those of this file only.
 * @throws StaleMutantError
 */
export function patched(text: string, edits: readonly Edit[]): string {
  let result = text;
  for (const edit of edits) {
    // Asked of the original, too: an edit before this one must neither make nor remove its anchor.
    const times = occurrences(text, edit.find);
    const left = occurrences(result, edit.find);
    if (times !== 1 || left !== 1) throw new StaleMutantError(edit, times === 1 ? left : times);
    result = result.replace(edit.find, () => edit.replace);
  }
  return result;
}
