import { awsClients, objectClient } from '../../lib/adapters/aws/clients.ts';
import { AwsObjectPort } from '../../lib/adapters/aws/object-port.ts';
import { AwsQueuePort } from '../../lib/adapters/aws/queue-port.ts';
import { AwsStreamPort } from '../../lib/adapters/aws/stream-port.ts';
import { AwsTablePort } from '../../lib/adapters/aws/table-port.ts';
import type { ObjectPort } from '../../lib/ports/objects.ts';
import type { QueuePort } from '../../lib/ports/queue.ts';
import type { StreamPort } from '../../lib/ports/stream.ts';
import type { TablePort } from '../../lib/ports/table.ts';
import type { MemberContext } from '../../lib/replicate/context.ts';
import { memberContext } from '../../lib/replicate/context.ts';
import { ShardFinder } from '../../lib/replicate/shards.ts';
import type { Base } from './base.ts';
import { regionAccess } from './settings.ts';

/** What the functions that move data stand on: the member, and its own region's services. Made once a sandbox. */
export interface OwnRegion {
  readonly member: MemberContext;
  readonly table: TablePort;
  readonly queue: QueuePort;
  readonly stream: StreamPort;
  readonly shards: ShardFinder;
  /** DynamoDB of another member's region; its connections are kept. */
  readonly target: (region: string) => TablePort;
}

export function ownRegion(of: Base): OwnRegion {
  const { settings, runtime } = of;
  const own = awsClients(regionAccess(settings, settings.member.region));
  const targets = new Map<string, TablePort>();
  const stream = new AwsStreamPort(own.streams);
  return {
    member: memberContext(settings.config, settings.member),
    table: new AwsTablePort(own.dynamodb),
    queue: new AwsQueuePort(own),
    stream,
    shards: new ShardFinder(stream, runtime.clock),
    target: (region) => {
      const known = targets.get(region);
      if (known !== undefined) return known;
      const made = new AwsTablePort(awsClients(regionAccess(settings, region)).dynamodb);
      targets.set(region, made);
      return made;
    },
  };
}

/** S3 of a region by its name; its connections are kept. Apart from the rest, so that the bundles of those without a bucket leave its client out. */
export function objectsOf({ settings }: Base): (region: string) => ObjectPort {
  const known = new Map<string, ObjectPort>();
  return (region) => {
    const found = known.get(region) ?? new AwsObjectPort(objectClient(regionAccess(settings, region)).s3);
    known.set(region, found);
    return found;
  };
}

/** S3 of the own region, for the functions that have a bucket. Apart from the rest, so that the others' bundles leave its client out. */
export const ownObjects = (of: Base): ObjectPort => objectsOf(of)(of.settings.member.region);
