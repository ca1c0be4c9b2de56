import { awsClients } from '../../lib/adapters/aws/clients.ts';
import { AwsInvokePort } from '../../lib/adapters/aws/invoke-port.ts';
import { AwsTablePort } from '../../lib/adapters/aws/table-port.ts';
import { serveContext } from '../../lib/serve/context.ts';
import { base } from '../shared/base.ts';
import { regionAccess } from '../shared/settings.ts';
import { apiHandler } from './app.ts';

/**
 * How long a member's API waits for the primary's (ms): longer than a write's budget and its last request there, so that
 * what the primary answers is heard; twice this, for two hops, is less than API_TIMEOUT_MS.
 */
const FORWARD_TIMEOUT_MS = 13_500;

const of = base('api');
const { settings } = of;
const own = awsClients(regionAccess(settings, settings.member.region));

/** The HTTP API of a member: requests of the gateway, and writes that other members hand on. */
export const handler = apiHandler(
  of,
  serveContext(settings.config, settings.member, new AwsTablePort(own.dynamodb), (peer) => {
    const clients = awsClients({ ...regionAccess(settings, peer.region), timeouts: { invokeMs: FORWARD_TIMEOUT_MS } });
    return new AwsInvokePort(clients.lambda);
  }),
);
