import { memberNames } from '../lib/core/names.ts';
import { retried } from '../lib/replicate/retry.ts';
import type { Announced } from '../lib/status/announce.ts';
import { announceUrls } from '../lib/status/announce.ts';
import type { Output } from './output.ts';
import { printable } from './output.ts';
import type { Session } from './session.ts';

/**
 * Finds the URLs of all members' APIs that can be asked for, and writes them into the seats.
 *
 * @returns what was done at each member, and how many URLs were found.
 */
export async function announce(session: Session): Promise<{ readonly announced: readonly Announced[]; readonly found: number }> {
  const { config, out, runtime, until } = session;
  const found = new Map<string, string>();
  await Promise.all(
    config.members.map(async (member) => {
      try {
        const url = await retried(runtime, until, () => session.ports(member).stacks.apiUrl(memberNames(config.set, member).appStack));
        if (url !== undefined) found.set(member.name, url.replace(/\/+$/, ''));
      } catch (error) {
        // Its URL may stand in the seats already; that one is kept.
        out.note(`note: the URL of ${member.name} could not be looked up: ${error instanceof Error ? error.message : String(error)}`);
      }
    }),
  );
  const announced = await announceUrls(config, found, (member) => session.ports(member).table, runtime, until);
  return { announced, found: found.size };
}

/** Whether every seat has the URLs now. */
export const allAnnounced = (announced: readonly Announced[]): boolean => announced.every((a) => a.done === 'written' || a.done === 'kept');

/** What was done, for a person. */
export function announcedTable(announced: readonly Announced[], out: Output): string {
  const rows = announced.map((a) => {
    if (a.done === 'failed') return [a.member, out.style('red', 'failed'), printable(`${a.kind}: ${a.message}`)];
    if (a.done === 'no-seat') return [a.member, out.style('yellow', 'no seat'), 'It has none yet: see "syncline init".'];
    return [a.member, a.done, `knows ${Object.keys(a.urls).length} ${Object.keys(a.urls).length === 1 ? 'URL' : 'URLs'}`];
  });
  return out.table(['MEMBER', 'ANNOUNCED', ''], rows);
}
