import type { Orphan, OrphanCause, OrphanState } from '../lib/core/formats/orphan-row.ts';
import { mapToPlain } from '../lib/core/plain-json.ts';
import { listOrphans, orphansBeginning } from '../lib/reconcile/orphans/rows.ts';
import type { MemberReach } from '../lib/reconcile/ports.ts';
import { together } from '../lib/replicate/together.ts';
import type { CheckAt } from './check-ports.ts';
import { CliError } from './errors.ts';
import { readKey } from './keys.ts';
import type { Session } from './session.ts';
import { located, memberOf, memberOption } from './session.ts';

/** Finds orphans at the members that hold them. */

export interface OrphansOptions {
  readonly member?: string;
  readonly state: OrphanState | 'all';
  readonly cause?: OrphanCause;
  readonly key?: string;
  readonly limit: number;
}

/** A member whose orphans could not be read. */
export interface Unread {
  readonly member: string;
  readonly error: { readonly code: string; readonly message: string };
}

/** The orphans of all members, or of the one that was named. @throws CliError (usage) */
export async function orphansAt(
  session: Session,
  at: CheckAt,
  own: OrphansOptions,
): Promise<{ readonly found: readonly { member: string; orphans: readonly Orphan[]; more: boolean }[]; readonly unread: readonly Unread[] }> {
  const schema = at.ports.own.member.key;
  const filter = {
    ...(own.state !== 'all' && { state: own.state }),
    ...(own.cause !== undefined && { cause: own.cause }),
    ...(own.key !== undefined && { key: readKey(own.key, schema) }),
  };
  const unread: Unread[] = [];
  const answers = await together(
    reachesOf(session, at, own.member).map(async (reach) => {
      const { member, tables } = reach.member;
      try {
        const answer = await located(session, memberOf(session, member), () =>
          listOrphans({ table: reach.table, control: tables.control }, session.runtime, schema, filter, own.limit),
        );
        return [{ member, ...answer }];
      } catch (error) {
        // One member that is away does not hide the others' orphans.
        if (!(error instanceof CliError) || own.member !== undefined) throw error;
        unread.push({ member, error: { code: error.code, message: error.message } });
        return [];
      }
    }),
  );
  return { found: answers.flat(), unread };
}

/** Every member, or the one that was named. @throws CliError (usage) */
export function reachesOf(session: Session, { ports }: CheckAt, name: string | undefined): readonly MemberReach[] {
  const all = [ports.own, ...ports.others.values()];
  if (name === undefined) return all;
  const wanted = memberOption(session.config, name, '--member').name;
  return all.filter(({ member }) => member.member === wanted);
}

/** As many characters of an id are asked for at least, and as many orphans of one beginning are named. */
const ID_MIN = 4;
const NAMED_MAX = 5;
const ID = new RegExp(`^[0-9a-f]{${ID_MIN},32}(#\\d{0,40})?$`);

/**
 * The orphan of an id, or of the first characters of one, and the member that holds it.
 *
 * @throws CliError "unknown-orphan", "ambiguous-orphan", or what a member's failure is told as
 */
export async function findOrphan(session: Session, at: CheckAt, id: string, name: string | undefined): Promise<{ reach: MemberReach; orphan: Orphan }> {
  const unknown = (): CliError =>
    new CliError('failed', 'unknown-orphan', `There is no orphan ${JSON.stringify(id)}. "syncline orphans list --state all" shows those there are.`);
  if (!ID.test(id)) throw unknown();
  let failed: unknown;
  const answers = await together(
    reachesOf(session, at, name).map(async (reach) => {
      const { member, tables } = reach.member;
      const rows = { table: reach.table, control: tables.control };
      try {
        const orphans = await located(session, memberOf(session, member), () => orphansBeginning(rows, session.runtime, id, NAMED_MAX));
        return orphans.map((orphan) => ({ reach, orphan }));
      } catch (error) {
        failed ??= error;
        return [];
      }
    }),
  );
  const [found, ...others] = answers.flat();
  if (found === undefined) throw failed ?? unknown();
  if (others.length === 0) return found;
  const names = [found, ...others].map(({ reach, orphan }) => `${orphan.id} (${reach.member.member})`).slice(0, NAMED_MAX);
  throw new CliError(
    'failed',
    'ambiguous-orphan',
    `More than one orphan begins with ${JSON.stringify(id)}: ${names.join(', ')}. Write more of the id, or add --member.`,
  );
}

/** An orphan, as a document shows it: its key in plain JSON, as the API has it. */
export const orphanDocument = (member: string, { segment, ordinal, key, ...orphan }: Orphan): object => ({
  member,
  ...orphan,
  key: mapToPlain(key),
  log: { segment, line: ordinal },
});

/** As many characters of an id are shown at least. */
const ID_SHOWN_MIN = 12;

/** The fewest characters of each id by which it is told apart from the others, at least ID_SHOWN_MIN. Pure. @param ids none twice */
export function shortIds(ids: readonly string[]): readonly string[] {
  const sorted = [...ids].sort();
  const short = new Map(
    sorted.map((id, i) => [id, id.slice(0, Math.max(ID_SHOWN_MIN, 1 + Math.max(alike(id, sorted[i - 1]), alike(id, sorted[i + 1]))))] as const),
  );
  return ids.map((id) => short.get(id) ?? id);
}

/** How many of their first characters two ids have in common. */
function alike(id: string, other = ''): number {
  const different = [...id].findIndex((character, i) => character !== other[i]);
  return different < 0 ? id.length : different;
}
