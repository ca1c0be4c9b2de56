import { CliError } from './errors.ts';
import type { Output } from './output.ts';

/** Asks before something begins. */

/** Why something does not begin where nobody can be asked. @param words what would be done, when that was not said yet */
export const needsYes = (facts: object, words?: string): CliError =>
  new CliError(
    'usage',
    'needs-yes',
    `${words === undefined ? '' : `${words}\n\n`}Nobody can be asked here: add --yes to begin.`,
    facts as Record<string, unknown>,
  );

/**
 * Says what is going to be done, and asks, unless --yes was given.
 *
 * @param facts of the same, for --json. @param confirm asks a person; undefined where there is none.
 * @returns whether to begin.
 * @throws CliError (usage) "needs-yes"
 */
export async function agreed(
  out: Output,
  words: string,
  facts: object,
  yes: boolean | undefined,
  confirm: ((question: string) => Promise<boolean>) | undefined,
): Promise<boolean> {
  if (yes === true) {
    if (!out.json) out.note(words);
    return true;
  }
  if (confirm === undefined || out.json) throw needsYes(facts, words);
  out.note(words);
  return confirm('Begin?');
}
