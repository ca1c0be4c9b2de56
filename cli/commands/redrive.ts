import type { Redriven } from '../../lib/status/redrive.ts';
import { redriveLink } from '../../lib/status/redrive.ts';
import { checkDeployed } from '../deployed.ts';
import { EXIT } from '../errors.ts';
import { count, printable } from '../output.ts';
import type { Session } from '../session.ts';
import { findPrimary, located, primaryLinks } from '../session.ts';

/** syncline dlq redrive: the primary's dead letters become resyncs, now. @param link "source:target", or all links of the primary. */
export async function redrive(session: Session, link: string | undefined): Promise<number> {
  const { config, out, runtime, until } = session;
  const primary = await findPrimary(session);
  const links = primaryLinks(config, primary.member, link);
  await checkDeployed(session, primary.member);
  const { queue } = session.ports(primary.member);
  const results = await Promise.all(links.map((l) => located(session, primary.member, () => redriveLink(l, primary.seat.own, queue, runtime, until))));
  const left = results.some((r) => r.unreadable.length > 0 || r.stopped !== undefined);
  const document = {
    set: config.set,
    primary: primary.member.name,
    epoch: primary.seat.own,
    links: results.map((r) => ({ ...r, unreadable: r.unreadable.map(({ message: _, ...rest }) => rest) })),
  };
  const text = (): string => {
    const rows = results.map((r) => [
      r.link.replace(':', ' → '),
      count(r.redriven),
      count(r.keys),
      r.unreadable.length === 0 ? '0' : out.style('red', count(r.unreadable.length)),
      printable(r.stopped ?? ''),
    ]);
    const table = out.table(['LINK', 'REDRIVEN', 'KEYS', 'UNREADABLE', 'ENDED EARLY'], rows, [1, 2, 3]);
    const stuck = results.flatMap(stuckLines);
    return stuck.length === 0 ? table : `${table}\n\nThese cannot be read and stay; see "syncline dlq show ID":\n${stuck.join('\n')}`;
  };
  const next = left
    ? [{ command: session.again('dlq list'), why: 'Some stay: it lists them.' }]
    : [{ command: session.again('status'), why: 'It shows the links while the resyncs are applied.' }];
  out.result(document, text, next);
  return left ? EXIT.attention : EXIT.ok;
}

const stuckLines = (r: Redriven): string[] => r.unreadable.map((l) => `  ${l.id}  ${r.link.replace(':', ' → ')}  ${printable(l.problem ?? l.reason ?? '')}`);
