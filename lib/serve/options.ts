import { InputError } from '../core/errors.ts';
import type { OrphanState } from '../core/formats/orphan-row.ts';
import { ORPHAN_STATES } from '../core/formats/orphan-row.ts';

/** Query parameters of routes that have no key in the query. */

export const OPTIONS = ['limit', 'cursor', 'state', 'member'] as const;
export type Option = (typeof OPTIONS)[number];

/** Entries of a page: most, and by default. */
export const PAGE_LIMIT_MAX = 1_000;
export const PAGE_LIMIT_DEFAULT = 100;

/** States that orphans are listed by. */
export const STATES = [...ORPHAN_STATES, 'all'] as const;

/** What a query asks for. */
export interface Asked {
  readonly limit: number;
  readonly cursor?: string;
  readonly state: OrphanState | 'all';
  readonly member?: string;
}

/**
 * Reads the query.
 *
 * @param known the parameters that the route has.
 * @param members names of the set's members.
 * @throws InputError "invalid-query" for a parameter that is unknown, repeated or of the wrong form.
 */
export function readOptions(query: ReadonlyMap<string, readonly string[]>, known: readonly Option[], members: readonly string[] = []): Asked {
  const wrong = (name: string, message: string): InputError => new InputError('invalid-query', `The query parameter "${name}" ${message}`, name);
  for (const [name, values] of query) {
    if (!known.some((option) => option === name)) {
      const may = known.length === 0 ? 'This path takes none.' : `This path takes ${known.join(', ')}.`;
      throw new InputError('invalid-query', `Unknown query parameter ${JSON.stringify(name.slice(0, 80))}. ${may}`, name.slice(0, 80));
    }
    if (values.length > 1) throw wrong(name, `was given ${values.length} times. Give it once.`);
  }
  const given = (option: Option): string | undefined => query.get(option)?.[0];
  const [limit, cursor, member] = [given('limit') ?? String(PAGE_LIMIT_DEFAULT), given('cursor'), given('member')];
  if (!/^[1-9]\d{0,3}$/.test(limit) || Number(limit) > PAGE_LIMIT_MAX) throw wrong('limit', `must be a whole number from 1 to ${PAGE_LIMIT_MAX}.`);
  const state = STATES.find((one) => one === (given('state') ?? 'open'));
  if (state === undefined) throw wrong('state', `must be one of ${STATES.join(', ')}.`);
  if (member !== undefined && !members.includes(member)) throw wrong('member', `names no member of this set. Its members are ${members.join(', ')}.`);
  return { limit: Number(limit), state, ...(cursor !== undefined && { cursor }), ...(member !== undefined && { member }) };
}
