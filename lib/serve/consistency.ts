import { FormatError, InputError } from '../core/errors.ts';
import type { Rev } from '../core/formats/rev.ts';
import { revFromText, revText } from '../core/formats/rev.ts';

/**
 * How new an answer must be.
 *
 * - `eventual`: what the nearest member shows that can be read. It may be behind, and behind an earlier answer, too.
 * - `at-least=<revision>`: not older than the write that answered with this revision, or a member that has it cannot be
 *   told; then the primary is asked. Revisions of one key grow along its life; across a delete they do as far as the
 *   clocks of hosts of one region agree (A2: 1 s), since a delete's revision is stored nowhere.
 * - `strong`: the primary's, within its lease: every write that was answered before the request is seen.
 */
export type Consistency = { readonly level: 'eventual' } | { readonly level: 'strong' } | { readonly level: 'at-least'; readonly rev: Rev };

export const EVENTUAL: Consistency = { level: 'eventual' };
export const STRONG: Consistency = { level: 'strong' };

/** The header that asks for it, and that says what was given. */
export const CONSISTENCY_HEADER = 'syncline-consistency';

const AT_LEAST = /^at-least\s*=\s*"?([^"]*)"?$/i;

/** Reads the header's value; `eventual` when there is none. @throws InputError "invalid-header" */
export function parseConsistency(header: string | undefined): Consistency {
  const text = (header ?? 'eventual').trim();
  switch (text.toLowerCase()) {
    case 'eventual':
      return EVENTUAL;
    case 'strong':
      return STRONG;
  }
  const revision = AT_LEAST.exec(text)?.[1];
  if (revision === undefined) throw wrong(`takes "eventual", "strong" or "at-least=REVISION"; got ${JSON.stringify(text.slice(0, 80))}.`);
  try {
    return { level: 'at-least', rev: revFromText(revision) };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw wrong(`takes a revision after "at-least=", as it came in Syncline-Revision; got ${JSON.stringify(revision.slice(0, 80))}.`);
  }
}

/** The same for requests that read many items, to which no single revision can apply. @throws InputError "invalid-header" */
export function parseConsistencyOfMany(header: string | undefined): Exclude<Consistency, { level: 'at-least' }> {
  const found = parseConsistency(header);
  if (found.level === 'at-least') throw wrong('takes "eventual" or "strong" here: a revision is one of a single item.');
  return found;
}

/** The header's text. */
export const consistencyText = (c: Consistency): string => (c.level === 'at-least' ? `at-least=${revText(c.rev)}` : c.level);

const wrong = (rest: string): InputError => new InputError('invalid-header', `Syncline-Consistency ${rest}`, 'Syncline-Consistency');
