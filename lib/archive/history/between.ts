import { isoSeconds } from '../../core/calendar.ts';
import type { LogRecord } from '../../core/formats/log-record.ts';
import { sameItem } from '../../core/values.ts';
import type { Finding } from '../log/finding.ts';

/**
 * Changes that must be missing from the history of a key: where one change did not find the item as the one before it had
 * left it. Pure. It shows what is missing though no index knows of it; records without images tell nothing.
 *
 * @param changes of one key, without a gap in what was asked for, the oldest first.
 */
export function missingBetween(changes: readonly LogRecord[]): Finding[] {
  return changes.flatMap((later, i): Finding[] => {
    const earlier = changes[i - 1];
    if (earlier === undefined || follows(earlier, later)) return [];
    const [from, to] = [isoSeconds(earlier.at), isoSeconds(later.at)];
    return [
      {
        kind: 'hole',
        fromMs: earlier.at,
        toMs: later.at,
        what: `Between ${from} and ${to} a change of this key is missing from the log: the later change did not find what the earlier one had left.`,
        todo: '"syncline archive verify" says whether the log has a hole there, or an object is gone.',
      },
    ];
  });
}

/** Whether a change found what the one before it left. */
function follows(earlier: LogRecord, later: LogRecord): boolean {
  const left = earlier.event === 'REMOVE' ? 'nothing' : earlier.newImage;
  const found = later.event === 'INSERT' ? 'nothing' : later.oldImage;
  // A stream without images tells nothing.
  if (left === undefined || found === undefined) return true;
  return left === 'nothing' || found === 'nothing' ? left === found : sameItem(left, found);
}
