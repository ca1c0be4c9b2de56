import type { Attention } from '../../lib/status/attention.ts';
import type { LinkState } from '../../lib/status/health.ts';
import type { LinkStatus, MemberStatus, Role, SetStatus } from '../../lib/status/judge.ts';
import type { LinkRate, LostSince } from '../../lib/status/rates.ts';
import { waiting } from '../../lib/status/rates.ts';
import { ago, span } from '../../lib/status/span.ts';
import type { Output, Style } from '../output.ts';
import { count, printable } from '../output.ts';
import { showArchive } from './archive-view.ts';
import type { Column } from './columns.ts';
import { fitColumns } from './columns.ts';
import { showProof } from './proof-view.ts';

/** A set's state, for a terminal. */

/** What a live view knows beside the state. */
export interface Live {
  readonly rates: readonly LinkRate[];
  readonly lost: LostSince;
}

const LINK_STYLE: Record<LinkState, Style> = {
  ok: 'green',
  idle: 'green',
  lagging: 'yellow',
  standby: 'dim',
  paused: 'yellow',
  unknown: 'yellow',
  stalled: 'red',
  failing: 'red',
  stale: 'red',
};
const ROLE_STYLE: Record<Role, Style> = { primary: 'bold', secondary: 'reset', uninitialised: 'yellow', unreachable: 'red', unreadable: 'red' };

const orDash = (value: number | undefined): string => (value === undefined ? '–' : count(value));
const alarm = (value: number | undefined, out: Output): string => (value === undefined ? '–' : value === 0 ? '0' : out.style('red', count(value)));

/** The text. @param all the links of secondaries, too. */
export function showStatus(status: SetStatus, out: Output, all: boolean, live?: Live): string {
  const primary =
    status.primary === undefined ? out.style('red', 'no primary') : `primary ${out.style('bold', status.primary.member)}, epoch ${status.primary.epoch}`;
  const verdict = status.healthy ? out.style('green', 'all well') : out.style('red', `${status.attention.length} to look at`);
  const clock = live === undefined ? '' : out.style('dim', ` · ${new Date(status.at).toISOString().slice(11, 19)} UTC`);
  const parts = [`${out.style('bold', status.set)}: ${primary} · ${verdict}${clock}`, showMembers(status, out, live)];
  const shown = status.links.filter((l) => all || l.state !== 'standby' || (l.queue !== undefined && waiting(l.queue) > 0) || (l.deadLetters ?? 0) > 0);
  if (shown.length > 0) parts.push(showLinks(shown, status.at, out, live));
  const proof = showProof(status, out);
  if (proof !== undefined) parts.push(proof);
  const archive = showArchive(status, out);
  if (archive !== undefined) parts.push(archive);
  const notes = shown.filter((l) => !l.attention && ['unknown', 'lagging', 'paused'].includes(l.state));
  if (notes.length > 0) parts.push(notes.map((l) => note(l, out)).join('\n'));
  if (status.attention.length > 0) parts.push(status.attention.map((a) => attention(a, status, out)).join('\n'));
  return parts.join('\n\n');
}

const note = (l: LinkStatus, out: Output): string =>
  out.wrap(`${out.style('yellow', '·')} ${out.style('bold', `${l.source} → ${l.target}`)}: ${printable(l.reason)}`);

const attention = (a: Attention, status: SetStatus, out: Output): string =>
  out.wrap(
    `${out.style('red', '!')} ${out.style('bold', a.link?.replace(':', ' → ') ?? a.member ?? status.set)}: ${printable(a.message)} ${out.style('dim', `[${a.code}]`)}`,
  );

function showMembers(status: SetStatus, out: Output, live: Live | undefined): string {
  const role = (m: MemberStatus): string => {
    const lost = live?.lost.get(m.member);
    return out.style(ROLE_STYLE[m.role], lost === undefined || lost === status.at ? m.role : `${m.role} for ${ago(status.at, lost)}`);
  };
  const columns: Column<MemberStatus>[] = [
    { head: 'MEMBER', cell: (m) => m.member },
    { head: 'ROLE', cell: role },
    { head: 'EPOCH', right: true, keep: 4, cell: (m) => orDash(m.epoch === 0 ? undefined : m.epoch) },
    { head: 'FENCE', right: true, keep: 2, cell: (m) => orDash(m.fence) },
    { head: 'ITEMS', right: true, keep: 3, cell: (m) => (m.approximateItems === undefined ? '–' : `~${count(m.approximateItems)}`) },
    { head: 'REFUSED', right: true, keep: 5, cell: (m) => (m.role === 'unreachable' ? '–' : alarm(m.refused, out)) },
    { head: 'LAST CHANGE SENT', keep: 1, cell: (m) => (m.role === 'primary' && m.sentAt !== undefined ? `${ago(status.at, m.sentAt)} ago` : '–') },
  ];
  const { head, rows, right } = fitColumns(columns, status.members, out.columns);
  return out.table(head, rows, right);
}

function showLinks(links: readonly LinkStatus[], at: number, out: Output, live: Live | undefined): string {
  const rates = new Map(live?.rates.map((r) => [r.link, r]));
  const columns: Column<LinkStatus>[] = [
    { head: 'LINK', cell: (l) => `${l.source} → ${l.target}` },
    { head: 'STATE', cell: (l) => out.style(LINK_STYLE[l.state], l.state) },
    { head: 'LAG', right: true, keep: 7, cell: (l) => (l.lagMs === undefined ? '–' : span(l.lagMs)) },
    { head: 'MARKER', right: true, keep: 1, cell: (l) => (l.markAgeMs === undefined ? '–' : `${span(l.markAgeMs)} ago`) },
    { head: 'WAITING', right: true, keep: 6, cell: (l) => (l.queue === undefined ? '–' : count(l.queue.visible + l.queue.delayed)) },
    { head: 'IN FLIGHT', right: true, keep: 2, cell: (l) => orDash(l.queue?.inFlight) },
    ...(live === undefined ? [] : [{ head: 'GROWTH', right: true as const, keep: 4, cell: (l: LinkStatus) => growth(rates.get(`${l.source}:${l.target}`)) }]),
    { head: 'DEAD', right: true, keep: 5, cell: (l) => alarm(l.deadLetters, out) },
    { head: 'BREAKER', keep: 3, cell: (l) => (l.breaker === undefined ? 'closed' : out.style('red', `open ${ago(at, l.breaker.since)}`)) },
  ];
  const { head, rows, right } = fitColumns(columns, links, out.columns);
  return out.table(head, rows, right);
}

/** "+12/s", "-40/s, 2 min": by how much the queue grows, and when it is empty. */
function growth(rate: LinkRate | undefined): string {
  if (rate === undefined) return '–';
  const rounded = Math.round(rate.growthPerS * 10) / 10;
  const sign = rounded > 0 ? '+' : '';
  const perS = `${sign}${Math.abs(rounded) >= 10 ? count(Math.round(rounded)) : rounded}/s`;
  return rate.emptyInMs === undefined ? perS : `${perS}, ${span(rate.emptyInMs)}`;
}
