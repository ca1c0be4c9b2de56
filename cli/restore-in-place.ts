import { difference } from '../lib/archive/restore/difference.ts';
import { isoSeconds } from '../lib/core/calendar.ts';
import { quietFields } from './archive-bound.ts';
import type { MemberArchive } from './archive-place.ts';
import { count, plural, printable } from './output.ts';
import type { RestoreWhat } from './restore-gather.ts';
import { plannedRestore, readingArchive, restoreKeys, restoreTime } from './restore-gather.ts';
import type { RestoreIo } from './restore-table.ts';
import { foundLines } from './restore-words.ts';
import type { RewriteAt } from './rewrite-carry.ts';
import type { RewriteOptions } from './rewrite-options.ts';
import { runRewrite } from './rewrite-run.ts';
import type { Session } from './session.ts';

/**
 * syncline restore --in-place: what differs from the table as it was is written over the primary's table, by its ordinary
 * write path, so that it replicates.
 *
 * @param archive of the member whose log is read.
 * @returns the exit code. @throws CliError
 */
export async function restoreInPlace(
  session: Session,
  archive: MemberArchive,
  at: RewriteAt,
  own: RestoreWhat & RewriteOptions,
  io: RestoreIo,
): Promise<number> {
  const { out, runtime } = session;
  const asked = restoreTime(own.at, runtime.clock.now());
  const { wanted, what, words } = restoreKeys(own, archive.context.key);
  const plan = await plannedRestore(session, archive, asked, io);
  const found = foundLines(plan, runtime.clock.now(), io.zone);
  if (!out.json) out.note([`From the archive of "${archive.member.name}":`, ...found].join('\n'));
  const { archive: primary } = at;
  const current = { table: primary.table, name: primary.context.tables.items, key: primary.context.key };
  const last = { read: 0, compared: 0 };
  let say: (words: string) => void = () => undefined;
  const progress = (now: typeof last): void => {
    Object.assign(last, now);
    say(`comparing: ${plural(now.read, 'item')} read, ${count(now.compared)} of then compared`);
  };
  const lines = difference(archive.place, runtime, plan, current, { ...(wanted && { wanted }), progress });
  const asking = {
    kind: 'restore',
    command: 'restore',
    args: { at: isoSeconds(plan.atMs), snapshot: plan.snapshot.id, archive: archive.member.name, ...(what !== '' && { what }) },
    lines,
    facts: quietFields(plan),
    reading: (to: typeof say) => {
      say = to;
    },
    notes: () => [
      `The table as it was at ${isoSeconds(plan.atMs)}: ${plural(last.compared, 'item')}; as it is: ${plural(last.read, 'item')} read.`,
      ...plan.notes,
      ...(what === '' ? [] : [`Only ${printable(words)}; everything else stays as it is.`]),
    ],
  } as const;
  return readingArchive(() => runRewrite(session, at, asking, own, io));
}
