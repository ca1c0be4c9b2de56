import type { AttributeValue } from '../core/attribute.ts';
import type { MemberConfig, SetConfig } from '../core/config.ts';
import { CAS_ATTEMPTS_MAX } from '../core/constants.ts';
import { decodeSeat, SEAT_KEY, urlsValue } from '../core/formats/rows.ts';
import { memberNames } from '../core/names.ts';
import type { RemoteErrorKind } from '../ports/errors.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { Condition, TablePort } from '../ports/table.ts';
import { retried } from '../replicate/retry.ts';
import { unreadOf } from './gather.ts';

/**
 * Writes the URLs of all members' APIs into the seats of all members, where the APIs read them for discovery. API
 * Gateway mints its names at deployment, so that no stack can know another's.
 */

/** The attribute of a seat's row: a map of member → URL. Nothing is decided by it, so it has no part in the seat's `v`. */
const URLS = 'urls';

/** What was done at one member. */
export type Announced =
  | { readonly member: string; readonly done: 'written' | 'kept'; readonly urls: Readonly<Record<string, string>> }
  /** There is no seat yet: "init" writes it, and the URLs with it. */
  | { readonly member: string; readonly done: 'no-seat' }
  /** It does not answer, others kept changing the row, or this version does not understand it. */
  | { readonly member: string; readonly done: 'failed'; readonly kind: RemoteErrorKind | 'contended' | 'unreadable'; readonly message: string };

/**
 * What a seat should hold: of each member of the set the URL that was found now, else the one that stands there. A
 * member that left the set is left out. Pure.
 */
export function mergedUrls(config: SetConfig, found: ReadonlyMap<string, string>, old: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const entries = config.members.flatMap(({ name }) => {
    const url = found.get(name) ?? old[name];
    return url === undefined ? [] : [[name, url] as const];
  });
  return Object.fromEntries(entries);
}

/**
 * Announces the URLs at every member. May be repeated: a row that has them is not written. One member that does not
 * answer takes nothing from the others.
 *
 * @param found URLs by member, as far as they are known.
 * @param until elapsed time (ms) after which no attempt is begun.
 */
export function announceUrls(
  config: SetConfig,
  found: ReadonlyMap<string, string>,
  tables: (member: MemberConfig) => TablePort,
  runtime: Runtime,
  until: number,
): Promise<readonly Announced[]> {
  return Promise.all(config.members.map((member) => announceAt(config, member, found, tables(member), runtime, until)));
}

async function announceAt(
  config: SetConfig,
  member: MemberConfig,
  found: ReadonlyMap<string, string>,
  table: TablePort,
  runtime: Runtime,
  until: number,
): Promise<Announced> {
  const { control } = memberNames(config.set, member);
  try {
    for (let attempt = 1; attempt <= CAS_ATTEMPTS_MAX; attempt += 1) {
      const row = await retried(runtime, until, () => table.get(control, SEAT_KEY));
      if (row === undefined) return { member: member.name, done: 'no-seat' };
      const old = decodeSeat(row).urls ?? {};
      const urls = mergedUrls(config, found, old);
      if (sameUrls(old, urls)) return { member: member.name, done: 'kept', urls };
      // The row must still be there, with the URLs that were read: another announcement at the same time is merged, not undone.
      const answer = await retried(runtime, until, () => table.update(control, SEAT_KEY, { set: { [URLS]: urlsValue(urls) } }, unchanged(row[URLS])));
      if (answer.ok) return { member: member.name, done: 'written', urls };
    }
    return { member: member.name, done: 'failed', kind: 'contended', message: `others changed the row ${CAS_ATTEMPTS_MAX} times meanwhile` };
  } catch (error) {
    const { kind, code, message } = unreadOf(`seat in ${control}`, error);
    return { member: member.name, done: 'failed', kind, message: `${code}: ${message}` };
  }
}

const unchanged = (old: AttributeValue | undefined): Condition => ({
  op: 'and',
  of: [{ op: 'present', path: ['v'] }, old === undefined ? { op: 'absent', path: [URLS] } : { op: '=', path: [URLS], value: old }],
});

const sameUrls = (a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean =>
  Object.keys(a).length === Object.keys(b).length && Object.entries(a).every(([member, url]) => b[member] === url);
