import type { ChangeFacts, Images } from '../../lib/archive/history/shown.ts';
import { shownDifference } from '../../lib/archive/history/shown.ts';
import { toPlainText } from '../../lib/core/plain-json.ts';
import type { KeyDiff } from '../../lib/reconcile/diff.ts';
import type { Output, Style } from '../output.ts';
import { printable } from '../output.ts';
import { differenceLines, EVENT, ORIGIN } from './history-view.ts';

/** What `diff` tells a person. Pure. */

/** One member's answer: how its key stands, with both images, or why it could not be read. */
export interface MemberDiff {
  readonly member: string;
  readonly diff?: KeyDiff;
  /** `before`: the primary's item; `after`: the member's. */
  readonly images?: Images;
  /** The newest change that the member's log shows, where it was found soon. */
  readonly last?: ChangeFacts;
  readonly error?: { readonly code: string; readonly message: string };
}

const STATE: Readonly<Record<KeyDiff['state'], { readonly words: string; readonly style: Style }>> = {
  equal: { words: 'equal', style: 'green' },
  changed: { words: 'differs', style: 'yellow' },
  missing: { words: 'is missing', style: 'red' },
  extra: { words: 'is only there', style: 'red' },
  'half-deleted': { words: 'is being deleted', style: 'yellow' },
};

/** States whose attributes are shown: of an item that is missing they say nothing. */
const SHOWN: ReadonlySet<KeyDiff['state']> = new Set(['changed', 'extra', 'half-deleted']);
const NEITHER = { words: 'has none, either', style: 'green' } as const;

/** What Syncline has left on the copy, in words. */
function copyWords({ copy, tombstone, sameRev, writtenDifferently }: KeyDiff): string {
  const said: string[] = [];
  if (copy?.counts === false) said.push('no seal of an applier counts: somebody else wrote it');
  if (copy?.position !== undefined) {
    said.push(`position ${copy.position}, ${copy.kind === 'repair' ? 'by a repair' : 'by its lane'}`);
    if (copy.intact === false) said.push('changed by hand since');
  }
  if (tombstone !== undefined) said.push(`a tombstone at ${tombstone.position}`);
  if (sameRev === false) said.push('another revision');
  if (writtenDifferently) said.push('equal values, written differently');
  return said.join('; ');
}

/** What is said of the primary. */
export interface PrimarySide {
  readonly primary: string;
  /** As people write it. */
  readonly key: string;
  /** Whether the primary has the item. */
  readonly exists: boolean;
  readonly last?: ChangeFacts;
}

/** ", changed 2026-11-27T10:15:03.120Z by a write at this member"; nothing where the log does not say it. */
const lastWords = (last: ChangeFacts | undefined): string => (last === undefined ? '' : `${EVENT[last.event].word} ${last.time} by ${ORIGIN[last.origin]}`);

/** The whole answer. */
export function diffText({ primary, key, exists, last }: PrimarySide, members: readonly MemberDiff[], out: Output): string {
  const said = lastWords(last);
  const head = [`${printable(key)} at the primary ${primary}: ${exists ? 'there' : 'no such item'}`, ...(said === '' ? [] : [`  ${out.style('dim', said)}`])];
  const blocks = members.map(({ member, diff, images = {}, last: changed, error }) => {
    if (diff === undefined) return `${member}  ${out.style('red', 'could not be read')}: ${printable(error?.message ?? '')}`;
    const { words, style } = diff.state === 'equal' && !exists ? NEITHER : STATE[diff.state];
    const about = [lastWords(changed), copyWords(diff)].filter((text) => text !== '');
    const line = `${out.style('bold', member)}  ${out.style(style, words)}${about.map((text) => `\n  ${out.style('dim', text)}`).join('')}`;
    const differences = shownDifference(images, toPlainText);
    return [line, ...(SHOWN.has(diff.state) ? differenceLines(differences, out) : [])].join('\n');
  });
  return [...head, ...blocks].join('\n');
}
