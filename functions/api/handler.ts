import type { AwsClients } from '../../lib/adapters/aws/clients.ts';
import { awsClients } from '../../lib/adapters/aws/clients.ts';
import { AwsInvokePort } from '../../lib/adapters/aws/invoke-port.ts';
import { AwsTablePort } from '../../lib/adapters/aws/table-port.ts';
import { serveContext } from '../../lib/serve/context.ts';
import { base } from '../shared/base.ts';
import { ownObjects } from '../shared/own-region.ts';
import { regionAccess } from '../shared/settings.ts';
import { apiHandler } from './app.ts';

/**
 * How long a member's API waits for the primary's (ms): longer than a write's budget and its last request there, so that
 * what the primary answers is heard; twice this, for two hops, is less than API_TIMEOUT_MS.
 */
const FORWARD_TIMEOUT_MS = 13_500;

const of = base('api');
const { settings } = of;

/** Clients of a region; made once, whether its tables or its functions are wanted. */
const regions = new Map<string, AwsClients>();
const clientsOf = (region: string): AwsClients => {
  const known = regions.get(region);
  if (known !== undefined) return known;
  const made = awsClients({ ...regionAccess(settings, region), timeouts: { invokeMs: FORWARD_TIMEOUT_MS } });
  regions.set(region, made);
  return made;
};

/** The HTTP API of a member: requests of the gateway, and those that other members hand on. */
export const handler = apiHandler(
  of,
  serveContext(
    settings.config,
    settings.member,
    {
      table: new AwsTablePort(clientsOf(settings.member.region).dynamodb),
      objects: ownObjects(of),
    },
    (peer) => new AwsInvokePort(clientsOf(peer.region).lambda),
    (peer) => new AwsTablePort(clientsOf(peer.region).dynamodb),
  ),
);
