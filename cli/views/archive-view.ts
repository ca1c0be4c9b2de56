import type { VerifiedState } from '../../lib/archive/log/state.ts';
import { quietText } from '../../lib/archive/log/until.ts';
import type { ArchiveStatus } from '../../lib/status/archive.ts';
import type { MemberStatus, SetStatus } from '../../lib/status/judge.ts';
import { ago, agoText } from '../../lib/status/span.ts';
import type { Output } from '../output.ts';
import { count } from '../output.ts';
import type { Column } from './columns.ts';
import { fitColumns } from './columns.ts';

/** The archive's part of a set's state, for a terminal. Pure. */

/** A member that has an archive. */
interface Archiving {
  readonly member: string;
  readonly archive: ArchiveStatus;
}

const archiving = (m: MemberStatus): Archiving[] => (m.archive === undefined ? [] : [{ member: m.member, archive: m.archive }]);

/** The table; undefined where no member has an archive. */
export function showArchive({ members, at }: SetStatus, out: Output): string | undefined {
  const rows = members.flatMap(archiving);
  if (rows.length === 0) return undefined;
  const columns: Column<Archiving>[] = [
    { head: 'ARCHIVE', cell: (m) => m.member },
    {
      head: 'LOG UNTIL',
      right: true,
      keep: 4,
      cell: ({ archive: { until, why } }) => (until === undefined ? (why === undefined ? '–' : 'nothing yet') : `${ago(at, until)} ago`),
    },
    { head: 'LAST SNAPSHOT', right: true, keep: 3, cell: ({ archive }) => snapshotText(archive, at) },
    { head: 'VERIFIED', right: true, keep: 2, cell: ({ archive: { verified } }) => (verified === undefined ? 'never' : `${ago(at, verified.at)} ago`) },
    { head: 'FAULTS', right: true, keep: 1, cell: ({ archive: { verified, noticed } }) => faultsText(verified, noticed?.findings ?? 0, out) },
  ];
  const { head, rows: cells, right } = fitColumns(columns, rows, out.columns);
  return [out.table(head, cells, right), ...rows.flatMap((row) => quietLine(row, out))].join('\n');
}

/** A log that rests on old marks alone: a person knows whether the table was written. */
const quietLine = ({ member, archive: { quietSince } }: Archiving, out: Output): string[] =>
  quietSince === undefined ? [] : [out.wrap(`${member}: ${quietText({ quietSinceMs: quietSince })}`)];

function snapshotText({ snapshot, running }: ArchiveStatus, at: number): string {
  const last = snapshot === undefined ? 'none' : agoText(at, snapshot.ended);
  return running === undefined ? last : `${last}, next at ${count(running.items)} items`;
}

/** Of the last verification; before the first one, those that the minute run came upon. */
function faultsText(verified: VerifiedState | undefined, noticed: number, out: Output): string {
  const found = verified?.findings ?? noticed;
  if (found > 0) return out.style('red', count(found));
  return verified === undefined ? '–' : out.style('green', 'none');
}
