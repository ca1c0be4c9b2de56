import type { LinkCheckStatus, RunningCheck } from '../../lib/status/checks.ts';
import type { SetStatus } from '../../lib/status/judge.ts';
import { ago } from '../../lib/status/span.ts';
import type { Output } from '../output.ts';
import { count, printable } from '../output.ts';
import type { Column } from './columns.ts';
import { fitColumns } from './columns.ts';

/** What `status` says of the agreement of the replicas, for a terminal. Pure. */

/** A link that the checker looks at. */
interface Checked {
  readonly source: string;
  readonly target: string;
  readonly proven?: number;
  readonly check: LinkCheckStatus;
}

/** The table and its notes; undefined where no member is primary. */
export function showProof(status: SetStatus, out: Output): string | undefined {
  const { at } = status;
  const links = status.links.flatMap(({ source, target, proven, check }): Checked[] =>
    check === undefined ? [] : [{ source, target, check, ...(proven !== undefined && { proven }) }],
  );
  if (links.length === 0) return undefined;
  const columns: Column<Checked>[] = [
    { head: 'PROOF', cell: ({ source, target }) => `${source} → ${target}` },
    { head: 'EQUAL AS OF', keep: 9, cell: ({ check }) => equalText(check, at, out) },
    { head: 'CELLS', right: true, keep: 5, cell: ({ check: { cells, equalCells } }) => (cells === 0 ? '–' : `${count(equalCells)}/${count(cells)}`) },
    { head: 'HOT KEYS', right: true, keep: 4, cell: ({ check: { cells, hot } }) => (cells === 0 ? '–' : count(hot)) },
    { head: 'PROVEN', right: true, keep: 3, cell: ({ proven }) => (proven === undefined ? 'no' : `${ago(at, proven)} ago`) },
    { head: 'LAST CHECK', right: true, keep: 6, cell: ({ check: { last } }) => checkText(last, at, out) },
    { head: 'DIVERGENT', right: true, keep: 8, cell: ({ check: { last } }) => divergentText(last, out) },
    { head: 'UNVERIFIED', right: true, keep: 7, cell: ({ check: { last } }) => (last === undefined ? '–' : marked(last.unverified, 'yellow', out)) },
    { head: 'DRIFT', right: true, keep: 2, cell: ({ check: { drift } }) => marked(drift?.found ?? 0, 'yellow', out) },
  ];
  const { head, rows, right } = fitColumns(columns, links, out.columns);
  return [out.table(head, rows, right), ...links.flatMap((link) => noteOf(link, at, out)), ...runningLines(status, out), ...memberLines(status, out)].join(
    '\n',
  );
}

function equalText({ state, asOf }: LinkCheckStatus, at: number, out: Output): string {
  const when = asOf === undefined ? 'never' : `${ago(at, asOf)} ago`;
  if (state === 'verified') return out.style('green', when);
  if (state === 'suspect') return out.style('yellow', `${when}, suspect`);
  return asOf === undefined ? out.style('dim', when) : out.style('yellow', when);
}

const checkText = (last: LinkCheckStatus['last'], at: number, out: Output): string => {
  if (last === undefined) return 'none';
  return last.ended === undefined ? out.style('yellow', `${last.mode}, waits`) : `${last.mode}, ${ago(at, last.ended)} ago`;
};

/** "3", or with a repair "3, all repaired", "3, 1 left". */
function divergentText(last: LinkCheckStatus['last'], out: Output): string {
  if (last === undefined) return '–';
  const { divergent, repaired } = last;
  if (divergent === 0) return '0';
  if (repaired === divergent) return `${count(divergent)}, repaired`;
  return out.style('red', repaired === 0 ? count(divergent) : `${count(divergent)}, ${count(divergent - repaired)} left`);
}

const marked = (value: number, style: 'yellow', out: Output): string => (value === 0 ? '0' : out.style(style, count(value)));

/** Why nothing can be said of a link, and what would make it known. */
function noteOf({ source, target, check: { state, why, quietSince, drift } }: Checked, at: number, out: Output): string[] {
  const line = (words: string): string => out.wrap(`${out.style('yellow', '·')} ${out.style('bold', `${source} → ${target}`)}: ${words}`);
  const notes: string[] = [];
  if (state === 'none')
    notes.push(line('Nobody has compared them yet. "syncline check --sweep" does, and the standing proof rests on its scans from then on.'));
  if (state === 'suspect') notes.push(line('Some cells differ; which keys, and whether it is more than lag, is being looked for.'));
  if (state === 'unverified') notes.push(line(`Not verified now: ${printable(why ?? 'no reason was given.')}`));
  if (state === 'verified' && quietSince !== undefined)
    notes.push(line(`The log of ${target} shows nothing for ${ago(at, quietSince)}: a write made there by hand while its observer stands still is not seen.`));
  if (drift !== undefined && drift.found > 0) {
    const rest = [
      ...(drift.held > 0 ? [`${count(drift.held)} held, since a person must allow their deletion`] : []),
      ...(drift.over > 0 ? [`${count(drift.over)} left to the proof`] : []),
    ];
    const words = `${count(drift.found)} writes by hand in the last ${ago(at, drift.since)}: ${count(drift.sent)} sent to repair${rest.map((part) => `, ${part}`).join('')}. They are kept as orphans: "syncline orphans list".`;
    notes.push(line(words));
  }
  return notes;
}

function runningLines({ checks, at }: SetStatus, out: Output): string[] {
  const line = ({ id, mode, by, phase, started, judged, suspicions, waits }: RunningCheck): string => {
    const how = waits ? `waits for somebody to allow the repair: "syncline check --resume ${id} --repair", or "--cancel ${id}"` : `at "${phase}"`;
    const keys = suspicions === 0 ? '' : `, ${count(judged)} of ${count(suspicions)} suspected keys have their verdict`;
    return out.wrap(`Check ${id} (${mode}, by ${printable(by)}) began ${ago(at, started)} ago, ${how}${keys}.`);
  };
  return (checks?.running ?? []).map(line);
}

function memberLines({ members, at }: SetStatus, out: Output): string[] {
  return members.flatMap(({ member, orphans, tasks = [] }) => [
    ...(orphans === undefined || orphans.open === 0
      ? []
      : [
          out.wrap(
            `${member}: ${count(orphans.open)}${orphans.more ? ' or more' : ''} open ${orphans.open === 1 ? 'orphan' : 'orphans'}, writes that lost their place: "syncline orphans list --member ${member}".`,
          ),
        ]),
    ...tasks.map(({ id, kind, asked, by }) =>
      out.wrap(
        `${member}: ${kind === 'scan' ? 'a scan' : `the task "${printable(kind)}"`} (${id}) that was asked for ${ago(at, asked)} ago by ${printable(by)} is under way.`,
      ),
    ),
  ]);
}
