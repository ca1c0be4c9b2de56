import type { MemberArchive } from './archive-place.ts';
import { CliError, EXIT } from './errors.ts';

/** Commands that do the same for several members' archives. */

/** What came of one member: what was looked for, or why it could not be. */
export type Outcome<T> = { readonly member: string; readonly value: T } | Failed;

interface Failed {
  readonly member: string;
  readonly error: CliError;
}

/** Does something for each member, one after the other. Of several one that does not answer takes nothing from the others. @throws CliError of the only one */
export async function each<T>(archives: readonly MemberArchive[], work: (archive: MemberArchive) => Promise<T>): Promise<Outcome<T>[]> {
  const outcomes: Outcome<T>[] = [];
  for (const archive of archives) {
    try {
      outcomes.push({ member: archive.member.name, value: await work(archive) });
    } catch (error) {
      if (archives.length === 1 || !(error instanceof CliError)) throw error;
      outcomes.push({ member: archive.member.name, error });
    }
  }
  return outcomes;
}

/** A failure in a document. Part of the API. */
export const failed = ({ member, error }: Failed): object => ({ member, error: { code: error.code, message: error.message } });

export const isFailed = <T>(outcome: Outcome<T>): outcome is Failed => 'error' in outcome;

/** @param attention whether something needs a person, where all could be done */
export function codeOf<T>(outcomes: readonly Outcome<T>[], attention: boolean): number {
  const [first] = outcomes.filter(isFailed);
  return first !== undefined ? EXIT[first.error.ending] : attention ? EXIT.attention : EXIT.ok;
}
