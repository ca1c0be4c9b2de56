import { awsClients, objectClient } from '../../lib/adapters/aws/clients.ts';
import { AwsObjectPort } from '../../lib/adapters/aws/object-port.ts';
import { AwsQueuePort } from '../../lib/adapters/aws/queue-port.ts';
import { AwsStreamPort } from '../../lib/adapters/aws/stream-port.ts';
import { AwsTablePort } from '../../lib/adapters/aws/table-port.ts';
import type { ObjectPort } from '../../lib/ports/objects.ts';
import type { QueuePort } from '../../lib/ports/queue.ts';
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
  readonly shards: ShardFinder;
  /** DynamoDB of another member's region; its connections are kept. */
  readonly target: (region: string) => TablePort;
}

export function ownRegion(of: Base): OwnRegion {
  const { settings, runtime } = of;
  const own = awsClients(regionAccess(settings, settings.member.region));
  const targets = new Map<string, TablePort>();
  return {
    member: memberContext(settings.config, settings.member),
    table: new AwsTablePort(own.dynamodb),
    queue: new AwsQueuePort(own),
    shards: new ShardFinder(new AwsStreamPort(own.streams), runtime.clock),
    target: (region) => {
      const known = targets.get(region);
      if (known !== undefined) return known;
      const made = new AwsTablePort(awsClients(regionAccess(settings, region)).dynamodb);
      targets.set(region, made);
      return made;
    },
  };
}

/** S3 of the own region, for the functions that have a bucket. Apart from the rest, so that the others' bundles leave its client out. */
export const ownObjects = ({ settings }: Base): ObjectPort => new AwsObjectPort(objectClient(regionAccess(settings, settings.member.region)).s3);
