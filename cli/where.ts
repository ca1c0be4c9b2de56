import { z } from 'zod';
import { CliError } from './errors.ts';

/** Which cloud a command talks to: AWS, or endpoints that somebody named, or the local cloud that runs in this checkout. */
export interface Where {
  /** Endpoint of each region; a region that is not in it is AWS's own, unless `only`. */
  readonly endpoints: Readonly<Record<string, string>>;
  /** There is nothing beside these endpoints. */
  readonly only: boolean;
  /** All endpoints are this machine's: credentials of a real account are never sent there. */
  readonly local: boolean;
  /** What was chosen and why, for stderr; absent for plain AWS. */
  readonly note?: string;
  /** SYNCLINE_CONFIG of what is deployed there, when the local cloud's record says it. */
  readonly deployed?: string;
}

/** The local cloud that `npm start` left a record of. */
export interface LocalCloud {
  readonly endpoints: Readonly<Record<string, string>>;
  readonly deployed?: string;
}

const endpointsJson = z.record(z.string(), z.string());
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Whether a URL is this machine's. */
export const isLoopback = (url: string): boolean => {
  const host = new URL(url).hostname;
  return LOOPBACK.has(host) || host.endsWith('.localhost');
};

/**
 * Chooses: --aws, else --endpoint, else SYNCLINE_ENDPOINTS, else AWS_ENDPOINT_URL, else the local cloud that runs in this
 * checkout, else AWS. Pure but for `localCloud`.
 *
 * @throws CliError (usage) for endpoints that cannot be read.
 */
export function findWhere(
  options: { readonly aws?: boolean; readonly endpoint?: readonly string[] },
  env: Readonly<Record<string, string | undefined>>,
  regions: readonly string[],
  localCloud: () => LocalCloud | undefined,
): Where {
  if (options.aws === true) {
    if (options.endpoint !== undefined && options.endpoint.length > 0) throw new CliError('usage', 'bad-endpoint', '--aws and --endpoint exclude each other.');
    return { endpoints: {}, only: false, local: false };
  }
  if (options.endpoint !== undefined && options.endpoint.length > 0)
    return named(Object.assign({}, ...options.endpoint.map((text) => endpointOption(text, regions))), '--endpoint');
  const json = env['SYNCLINE_ENDPOINTS'];
  if (json !== undefined && json !== '') return named(endpointsOf(json), 'SYNCLINE_ENDPOINTS');
  const all = env['AWS_ENDPOINT_URL'];
  if (all !== undefined && all !== '') {
    checkUrl(all, 'AWS_ENDPOINT_URL');
    return named(Object.fromEntries(regions.map((r) => [r, all])), 'AWS_ENDPOINT_URL');
  }
  const cloud = localCloud();
  if (cloud === undefined) return { endpoints: {}, only: false, local: false };
  return {
    endpoints: cloud.endpoints,
    only: true,
    local: true,
    note: 'Talking to the local cloud of this checkout (npm start); --aws talks to AWS.',
    ...(cloud.deployed !== undefined && { deployed: cloud.deployed }),
  };
}

function named(endpoints: Record<string, string>, by: string): Where {
  const urls = Object.values(endpoints);
  const local = urls.length > 0 && urls.every(isLoopback);
  const same = new Set(urls).size === 1;
  const shown = same
    ? urls[0]
    : Object.entries(endpoints)
        .map(([region, url]) => `${region} ${url}`)
        .join(', ');
  return { endpoints, only: local, local, note: `Talking to ${shown ?? 'AWS'} (${by}).` };
}

/** REGION=URL, or a URL that serves all regions, as local clouds' do. */
function endpointOption(text: string, regions: readonly string[]): Record<string, string> {
  if (/^https?:\/\//.test(text)) {
    checkUrl(text, '--endpoint');
    return Object.fromEntries(regions.map((r) => [r, text]));
  }
  const at = text.indexOf('=');
  if (at < 1)
    throw new CliError(
      'usage',
      'bad-endpoint',
      `--endpoint takes REGION=URL, or one URL for all regions; got ${JSON.stringify(text)}. Example: --endpoint eu-central-1=http://127.0.0.1:4566`,
    );
  const url = text.slice(at + 1);
  checkUrl(url, '--endpoint');
  return { [text.slice(0, at)]: url };
}

function endpointsOf(json: string): Record<string, string> {
  let parsed: Record<string, string>;
  try {
    parsed = endpointsJson.parse(JSON.parse(json));
  } catch {
    throw new CliError(
      'usage',
      'bad-endpoint',
      `SYNCLINE_ENDPOINTS must be a JSON object of region → URL, such as {"eu-central-1":"http://127.0.0.1:4566"}; got ${json.slice(0, 200)}`,
    );
  }
  for (const url of Object.values(parsed)) checkUrl(url, 'SYNCLINE_ENDPOINTS');
  return parsed;
}

function checkUrl(url: string, by: string): void {
  const parsed = URL.parse(url);
  if (parsed === null || !['http:', 'https:'].includes(parsed.protocol))
    throw new CliError('usage', 'bad-endpoint', `${by}: ${JSON.stringify(url)} is not an http or https URL.`);
}
