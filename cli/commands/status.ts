import type { Command } from 'commander';
import { RemoteError } from '../../lib/ports/errors.ts';
import type { SetFacts } from '../../lib/status/gather.ts';
import { gatherSet } from '../../lib/status/gather.ts';
import type { LinkState } from '../../lib/status/health.ts';
import type { LinkStatus, MemberStatus, Role, SetStatus } from '../../lib/status/judge.ts';
import { judgeSet } from '../../lib/status/judge.ts';
import { ago, span } from '../../lib/status/span.ts';
import { CliError, EXIT, explain } from '../errors.ts';
import type { Output, Style } from '../output.ts';
import { count, printable } from '../output.ts';
import type { Run } from '../program.ts';
import type { Session } from '../session.ts';
import { placeOf } from '../session.ts';

/** syncline status */
export function registerStatus(program: Command, run: Run): void {
  program
    .command('status')
    .summary('members, links, lag, dead letters, refused keys')
    .description('Shows who is primary, how each link is, and what needs a person. A link without writes is idle, one without markers stalled.')
    .option('--all', 'show the links of secondaries, too: nothing is sent on them')
    .addHelpText(
      'after',
      `
Examples:
  syncline status
  syncline status --json | jq '.links[] | {target, state, lagMs}'
  syncline status --set orders --regions eu-west-1,us-east-2 --aws`,
    )
    .action((own: { all?: true }, command: Command) =>
      run(command, async (session) => {
        const { config, out, runtime, until } = session;
        const facts = await gatherSet(config, (member) => session.ports(member), runtime, until);
        if (facts.members.every((m) => !m.reached)) throw unreached(session, facts);
        const status = judgeSet(facts, runtime.clock.now());
        out.result(status, () => showStatus(status, out, own.all === true));
        return status.healthy ? EXIT.ok : EXIT.attention;
      }),
    );
}

/** No member answered: then there is no status, and the first one's reason is the error. */
function unreached(session: Session, facts: SetFacts): Error {
  const [member] = session.config.members;
  const [first] = facts.members[0]?.unread ?? [];
  if (member === undefined || first === undefined || first.kind === 'unreadable')
    return new CliError('failed', 'unreadable', first?.message ?? 'No member could be read.');
  return explain(new RemoteError(first.kind, first.code, first.message), {
    set: session.config.set,
    where: placeOf(session, member),
    local: session.where.local,
  });
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

/** The text for a terminal. */
export function showStatus(status: SetStatus, out: Output, all: boolean): string {
  const primary =
    status.primary === undefined ? out.style('red', 'no primary') : `primary ${out.style('bold', status.primary.member)}, epoch ${status.primary.epoch}`;
  const verdict = status.healthy ? out.style('green', 'all well') : out.style('red', `${status.attention.length} to look at`);
  const parts = [`${out.style('bold', status.set)}: ${primary} · ${verdict}`, showMembers(status, out)];
  const shown = status.links.filter((l) => all || l.state !== 'standby' || waiting(l) > 0 || (l.deadLetters ?? 0) > 0);
  if (shown.length > 0) parts.push(showLinks(shown, out));
  const notes = shown.filter((l) => !l.attention && ['unknown', 'lagging', 'paused'].includes(l.state));
  if (notes.length > 0)
    parts.push(notes.map((l) => `${out.style('yellow', '·')} ${out.style('bold', `${l.source} → ${l.target}`)}: ${printable(l.reason)}`).join('\n'));
  if (status.attention.length > 0) {
    parts.push(
      status.attention
        .map(
          (a) =>
            `${out.style('red', '!')} ${out.style('bold', a.link?.replace(':', ' → ') ?? a.member ?? status.set)}: ${printable(a.message)} ${out.style('dim', `[${a.code}]`)}`,
        )
        .join('\n'),
    );
  }
  return parts.join('\n\n');
}

const waiting = (l: LinkStatus): number => (l.queue === undefined ? 0 : l.queue.visible + l.queue.inFlight + l.queue.delayed);

function showMembers(status: SetStatus, out: Output): string {
  const row = (m: MemberStatus): string[] => [
    m.member,
    out.style(ROLE_STYLE[m.role], m.role),
    orDash(m.epoch === 0 ? undefined : m.epoch),
    orDash(m.fence),
    m.approximateItems === undefined ? '–' : `~${count(m.approximateItems)}`,
    m.refused === 0 ? '0' : out.style('red', count(m.refused)),
    m.role === 'primary' && m.sentAt !== undefined ? `${ago(status.at, m.sentAt)} ago` : '–',
  ];
  return out.table(['MEMBER', 'ROLE', 'EPOCH', 'FENCE', 'ITEMS', 'REFUSED', 'LAST CHANGE SENT'], status.members.map(row), [2, 3, 4, 5]);
}

function showLinks(links: readonly LinkStatus[], out: Output): string {
  const row = (l: LinkStatus): string[] => [
    `${l.source} → ${l.target}`,
    out.style(LINK_STYLE[l.state], l.state),
    l.lagMs === undefined ? '–' : span(l.lagMs),
    l.markAgeMs === undefined ? '–' : `${span(l.markAgeMs)} ago`,
    l.queue === undefined ? '–' : `${count(l.queue.visible + l.queue.delayed)} + ${count(l.queue.inFlight)}`,
    l.deadLetters === undefined ? '–' : l.deadLetters === 0 ? '0' : out.style('red', count(l.deadLetters)),
  ];
  return out.table(['LINK', 'STATE', 'LAG', 'NEWEST MARKER', 'WAITING + IN FLIGHT', 'DEAD'], links.map(row), [2, 3, 4, 5]);
}
