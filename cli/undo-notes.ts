import type { UndoSeen } from '../lib/archive/undo/lines.ts';
import type { UndoScope } from '../lib/archive/undo/scope.ts';
import type { BadChanges } from '../lib/archive/undo/select.ts';
import { isoSeconds } from '../lib/core/calendar.ts';
import { plural } from './output.ts';

/** What a person should know of how an undo was planned, in sentences. Pure. @param sinceMs since when the primary is one. */
export function undoNotes(bad: BadChanges, scope: UndoScope, seen: UndoSeen, sinceMs: number): string[] {
  const notes = [
    `${plural(seen.bad, 'bad change')} from ${isoSeconds(bad.fromMs)} to ${isoSeconds(bad.toMs)}, of ${plural(seen.changes, 'change')} since then (${plural(scope.segments.length, 'segment')} of the log).`,
  ];
  const replicated = seen.others.get('applier');
  if (replicated !== undefined) {
    const when = bad.fromMs < sinceMs ? ` It is the primary since ${isoSeconds(sinceMs)}.` : '';
    notes.push(
      `${plural(replicated, 'change')} of the window came by replication, while another member was primary, and cannot be taken back here.${when} To have the keys as they were before them: syncline restore --at TIME --in-place --key …`,
    );
  }
  const expired = bad.origin === 'local' ? seen.others.get('expiry') : undefined;
  if (expired !== undefined)
    notes.push(`${plural(expired, 'removal')} of the window by DynamoDB's own expiry stay as they are. --origin expiry takes those back.`);
  const written = bad.origin === 'expiry' ? seen.others.get('local') : undefined;
  if (written !== undefined) notes.push(`${plural(written, 'change')} of the window written by somebody stay as they are. --origin local takes those back.`);
  if (bad.origin === 'expiry') notes.push('DynamoDB will remove the items again, unless their expiry time is moved.');
  return notes;
}
