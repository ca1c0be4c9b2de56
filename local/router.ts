import { createServer, Agent as HttpAgent, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';

/**
 * One endpoint for all regions of the local cloud. The CDK command knows a single endpoint, so this hands each request on
 * to the region that its signature names. With it, one `cdk deploy` serves all regions at once, which takes a third of
 * the time of one call a region.
 */

/** Where a request for a region goes. */
export type Endpoints = Readonly<Record<string, string>>;

/** Connections that are kept to each region. */
const SOCKETS_MAX = 32;

/** A router that runs. */
export interface Router {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * The region that a request was signed for (Signature Version 4: `Credential=KEY/DATE/REGION/SERVICE/aws4_request`), in
 * its header or, when it was signed in the URL, in its query. Pure; undefined for an unsigned request.
 */
export function signedRegion(authorization: string | undefined, url: string): string | undefined {
  const scope =
    /Credential=[^/,\s]+\/\d{8}\/([^/,\s]+)\//.exec(authorization ?? '') ??
    /[?&]X-Amz-Credential=[^&]+?(?:\/|%2F)\d{8}(?:\/|%2F)([a-z0-9-]+?)(?:\/|%2F)/i.exec(url);
  return scope?.[1];
}

/** Starts a router on a free port of this machine. */
export async function startRouter(endpoints: Endpoints): Promise<Router> {
  const ways = waysOn();
  const server = createServer((incoming, outgoing) => forward(endpoints, ways, incoming, outgoing));
  // The command keeps a connection while it thinks; the default of 5 s would close it at the moment it is used again.
  server.keepAliveTimeout = 60_000;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.on('error', reject).listen(0, '127.0.0.1', resolve);
  await promise;
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      for (const { agent } of Object.values(ways)) agent.destroy();
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

/** How requests go on, by the protocol of where they go to: a cloud that somebody else runs may want TLS. */
const waysOn = () => {
  const options = { keepAlive: true, maxSockets: SOCKETS_MAX };
  return { 'http:': { agent: new HttpAgent(options), request: httpRequest }, 'https:': { agent: new HttpsAgent(options), request: httpsRequest } };
};

function forward(endpoints: Endpoints, ways: ReturnType<typeof waysOn>, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const region = signedRegion(incoming.headers.authorization, incoming.url ?? '/');
  // Calls that are not signed for a region of ours (there are none in a deployment) would be a mistake to guess about.
  const target = region === undefined ? undefined : endpoints[region];
  if (target === undefined) {
    refuse(outgoing, 400, `The local cloud has no region "${region ?? '(unsigned request)'}"; it has ${Object.keys(endpoints).join(', ')}.`);
    return;
  }
  const url = new URL(incoming.url ?? '/', target);
  const { agent, request } = url.protocol === 'https:' ? ways['https:'] : ways['http:'];
  const onward = request(url, { agent, method: incoming.method, headers: incoming.headers }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(outgoing);
  });
  onward.on('error', (error) => refuse(outgoing, 503, `The region ${region} does not answer: ${error.message}`));
  outgoing.on('close', () => onward.destroy());
  incoming.pipe(onward);
}

function refuse(outgoing: ServerResponse, status: number, message: string): void {
  if (outgoing.headersSent) {
    outgoing.destroy();
    return;
  }
  outgoing.writeHead(status, { 'content-type': 'application/json' });
  outgoing.end(JSON.stringify({ __type: 'LocalCloudError', message }));
}
