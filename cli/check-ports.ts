import { archivePlace } from '../lib/archive/place.ts';
import type { MemberConfig } from '../lib/core/config.ts';
import type { Seat } from '../lib/core/formats/rows.ts';
import type { CheckPorts, MemberReach } from '../lib/reconcile/ports.ts';
import { memberContext } from '../lib/replicate/context.ts';
import { checkDeployed } from './deployed.ts';
import type { Session } from './session.ts';
import { findPrimary, located } from './session.ts';

/** What the commands of the checker need to know: the primary, and every member as the checker reaches it from here. */
export interface CheckAt {
  readonly primary: MemberConfig;
  readonly seat: Seat;
  readonly ports: CheckPorts;
  /** Runs something, so that its errors say where. @throws CliError */
  at<T>(run: () => Promise<T>): Promise<T>;
}

/**
 * Finds the primary, and how it was deployed: the attribute by which items expire is part of every comparison, and a command line does not say it.
 *
 * @throws CliError
 */
export async function checkAt(session: Session): Promise<CheckAt> {
  const { member: primary, seat } = await findPrimary(session);
  const config = await checkDeployed(session, primary);
  const reachOf = (member: MemberConfig): MemberReach => {
    const context = memberContext(config, member);
    const { table, objects, stream } = session.ports(member);
    return { member: context, table, place: archivePlace(context, objects), stream };
  };
  const { queue, stream, events } = session.ports(primary);
  const others = config.members.filter(({ name }) => name !== primary.name).map((member) => [member.name, reachOf(member)] as const);
  const ports: CheckPorts = { own: reachOf(primary), others: new Map(others), queue, stream, events };
  return { primary, seat, ports, at: (run) => located(session, primary, run) };
}
