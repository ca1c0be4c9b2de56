import { AwsEventPort, eventClient } from '../../lib/adapters/aws/event-port.ts';
import { archivePlace } from '../../lib/archive/place.ts';
import { memberNamed } from '../../lib/core/config.ts';
import type { ObjectPort } from '../../lib/ports/objects.ts';
import type { CheckPorts, MemberReach } from '../../lib/reconcile/ports.ts';
import { memberContext } from '../../lib/replicate/context.ts';
import type { Base } from './base.ts';
import type { OwnRegion } from './own-region.ts';
import { regionAccess } from './settings.ts';

/**
 * What the checker of a member reaches: its own region, and the tables and buckets of the others. Another member's tables have the names that this
 * member calls them by: across accounts those are ARNs.
 */
export function checkPorts({ settings }: Base, own: OwnRegion, objects: (region: string) => ObjectPort): CheckPorts {
  const { config, member } = settings;
  const others = own.member.links.map(({ target, targetRegion, targetTables }): [string, MemberReach] => {
    const there = { ...memberContext(config, memberNamed(config, target)), tables: targetTables };
    return [target, { member: there, table: own.target(targetRegion), place: archivePlace(there, objects(targetRegion)) }];
  });
  const events = new AwsEventPort(eventClient(regionAccess(settings, member.region)));
  return {
    own: { member: own.member, table: own.table, place: archivePlace(own.member, objects(member.region)), stream: own.stream },
    others: new Map(others),
    queue: own.queue,
    stream: own.stream,
    events,
  };
}
