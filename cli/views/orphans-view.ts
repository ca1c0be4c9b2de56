import { shownDifference } from '../../lib/archive/history/shown.ts';
import type { Item } from '../../lib/core/attribute.ts';
import { isoSeconds } from '../../lib/core/calendar.ts';
import type { LogRecord } from '../../lib/core/formats/log-record.ts';
import type { Orphan } from '../../lib/core/formats/orphan-row.ts';
import { withoutMeta } from '../../lib/core/formats/seal.ts';
import type { KeySchema } from '../../lib/core/key.ts';
import { itemToPlainText, toPlainText } from '../../lib/core/plain-json.ts';
import { agoText } from '../../lib/status/span.ts';
import { showKey } from '../keys.ts';
import type { Unread } from '../orphans-list.ts';
import { shortIds } from '../orphans-list.ts';
import type { Output } from '../output.ts';
import { count, plural, printable } from '../output.ts';
import { differenceLines } from './history-view.ts';

/** What `orphans` tells a person. Pure. */

const CAUSE: Readonly<Record<Orphan['cause'], string>> = {
  'hand-write': 'written by hand',
  'hand-delete': 'deleted by hand',
  'foreign-tool': 'written by another tool',
};
const STATE_STYLE = { open: 'yellow', reapplied: 'green', discarded: 'dim' } as const;
/** Longest item that is shown (characters). */
const ITEM_MAX = 400;

/** The list. */
export function orphansText(
  all: readonly { readonly member: string; readonly orphan: Orphan }[],
  more: readonly string[],
  unread: readonly Unread[],
  key: KeySchema,
  nowMs: number,
  out: Output,
): string {
  const lines = unread.map(({ member, error }) => `${member}: ${out.style('red', printable(error.message))}`);
  if (all.length === 0) return ['There are no such orphans.', ...lines].join('\n');
  const ids = shortIds(all.map(({ orphan }) => orphan.id));
  const rows = all.map(({ member, orphan }, i) => [
    ids[i] as string,
    member,
    printable(showKey(orphan.key, key)),
    CAUSE[orphan.cause],
    agoText(nowMs, orphan.at),
    out.style(STATE_STYLE[orphan.state], orphan.state),
  ]);
  const beyond = more.length === 0 ? [] : [`There are more at ${more.join(', ')}: raise --limit.`];
  return [out.table(['ID', 'MEMBER', 'KEY', 'CAUSE', 'WHEN', 'STATE'], rows), `${plural(all.length, 'orphan')}.`, ...beyond, ...lines].join('\n');
}

const itemText = (item: Item | undefined): string => {
  if (item === undefined) return 'no item';
  const text = itemToPlainText(withoutMeta(item));
  return printable(text.length <= ITEM_MAX ? text : `${[...text].slice(0, ITEM_MAX).join('')}… (${count(text.length)} characters)`);
};

/** One orphan, with what the primary holds now, and what re-applying would change there. */
export function orphanText(
  member: string,
  primary: string,
  orphan: Orphan,
  record: LogRecord | undefined,
  held: Item | undefined,
  key: KeySchema,
  nowMs: number,
  out: Output,
): string {
  const head = [
    `${printable(showKey(orphan.key, key))} at ${member}: ${CAUSE[orphan.cause]} at ${isoSeconds(orphan.at)} (${agoText(nowMs, orphan.at)}), ${out.style(STATE_STYLE[orphan.state], orphan.state)}`,
    ...(orphan.note === undefined ? [] : [`  note: ${printable(orphan.note)}`]),
  ];
  const now = `${primary} now`;
  const line = (label: string, text: string): string => `  ${label.padEnd(Math.max(now.length, 'written'.length))}  ${text}`;
  if (record === undefined) return [...head, line('written', 'the log keeps it no more'), line(now, itemText(held))].join('\n');
  const { newImage, oldImage } = record;
  return [
    ...head,
    line('before', itemText(oldImage)),
    newImage === undefined ? line('deleted', 'by hand') : line('written', itemText(newImage)),
    line(now, itemText(held)),
    ...(orphan.state === 'open' ? effectLines(held, newImage, out) : []),
  ].join('\n');
}

/** What re-applying would change at the primary. */
function effectLines(held: Item | undefined, written: Item | undefined, out: Output): string[] {
  if (written === undefined) return [held === undefined ? 'Re-applied, it would change nothing.' : 'Re-applied, it would delete the item at the primary.'];
  const changes = shownDifference({ ...(held && { before: withoutMeta(held) }), after: withoutMeta(written) }, toPlainText);
  if (changes.length === 0) return ['Re-applied, it would change nothing.'];
  return [`Re-applied, it would ${held === undefined ? 'make the item' : 'change'} at the primary:`, ...differenceLines(changes, out)];
}
