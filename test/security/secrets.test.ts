import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Base } from '../../functions/shared/base.ts';
import { base } from '../../functions/shared/base.ts';
import { readSettings } from '../../functions/shared/settings.ts';
import { SeededChance } from '../../lib/adapters/memory/chance.ts';
import { RemoteError } from '../../lib/ports/errors.ts';
import type { Sent } from '../unit/serve/harness.ts';
import { EU, US, World } from '../unit/serve/harness.ts';

/**
 * What the api function writes to its log while it serves requests that are full of secrets: with the logger that is
 * deployed, at its most talkative, on every kind of route, whether a request is served, handed on, refused or fails.
 * Tokens that are checked by the function: test/unit/serve/gateway.test.ts.
 */

const SECRET = {
  signature: 'Signature=c2VjcmV0LXNpZ25hdHVyZQ',
  sessionToken: 'secret-session-token',
  apiKey: 'secret-api-key',
  bearer: 'c2VjcmV0LWJlYXJlcg',
  cookie: 'secret-cookie',
  key: 'secret-key-of-an-item',
  value: 'secret-value-of-an-item',
  attribute: 'secretAttribute',
} as const;

const HEADERS = {
  authorization: `AWS4-HMAC-SHA256 Credential=AKIASECRET/20261124/eu-central-1/execute-api/aws4_request, ${SECRET.signature}`,
  'x-amz-security-token': SECRET.sessionToken,
  'x-api-key': SECRET.apiKey,
  'proxy-authorization': `Bearer ${SECRET.bearer}`,
  cookie: `session=${SECRET.cookie}`,
  'content-type': 'application/json',
  accept: 'application/json',
};

const KEY = { country: SECRET.key, cityId: 1 };
const ITEM = { ...KEY, [SECRET.attribute]: SECRET.value };
const QUERY = { country: SECRET.key, cityId: '1' };
const WHERE = { path: SECRET.attribute, op: '=', value: SECRET.value };

const REQUESTS: readonly (readonly [what: string, sent: Sent])[] = [
  ['a put', { method: 'PUT', body: ITEM }],
  ['a get', { query: QUERY }],
  ['a strong get', { query: QUERY, headers: { ...HEADERS, 'syncline-consistency': 'strong' } }],
  ['a patch', { method: 'PATCH', query: QUERY, body: { operations: [{ op: 'set', path: 'note', value: SECRET.value }], if: WHERE } }],
  ['a patch whose condition fails', { method: 'PATCH', query: QUERY, body: { operations: [{ op: 'remove', path: SECRET.attribute }], if: { not: WHERE } } }],
  ['a batch', { method: 'POST', path: '/batch', body: { writes: [{ put: ITEM }, { delete: { country: SECRET.key, cityId: 2 } }] } }],
  ['a query', { method: 'POST', path: '/query', body: { partition: SECRET.key, filter: WHERE } }],
  ['a count', { method: 'POST', path: '/count', body: { partition: SECRET.key } }],
  ['a damaged body', { method: 'PUT', body: `{"country": "${SECRET.key}", ${SECRET.value}` }],
  ['an item without its key', { method: 'PUT', body: { [SECRET.attribute]: SECRET.value } }],
  ['a write under a condition that fails', { method: 'PUT', body: ITEM, headers: { ...HEADERS, 'if-none-match': '*' } }],
  ['a path that there is not', { path: `/${SECRET.value}`, query: QUERY }],
  ['a damaged cursor', { method: 'POST', path: '/query', body: { partition: SECRET.key, after: SECRET.value } }],
  ['the status', { path: '/status' }],
  ['a delete', { method: 'DELETE', query: QUERY }],
];

/** A replica set whose functions log as deployed ones do. */
class Loud extends World {
  override base(member: string): Base {
    const settings = readSettings({ SYNCLINE_CONFIG: JSON.stringify(this.config), SYNCLINE_MEMBER: member });
    return base('api', settings, { clock: this.clock, chance: new SeededChance(11) });
  }
}

let written: string[] = [];
beforeEach(() => {
  vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'DEBUG');
  vi.stubEnv('POWERTOOLS_LOGGER_LOG_EVENT', 'true');
  written = [];
  const hear = (chunk: unknown): boolean => {
    written.push(String(chunk));
    return true;
  };
  for (const stream of [process.stdout, process.stderr]) vi.spyOn(stream, 'write').mockImplementation(hear);
  for (const level of ['log', 'info', 'warn', 'error', 'debug'] as const) vi.spyOn(console, level).mockImplementation((...parts) => void hear(parts.join(' ')));
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

/** Sends all requests to a member, and gives the answers and what was logged. */
async function serve(world: Loud, member: string): Promise<{ readonly statuses: readonly number[]; readonly log: string }> {
  const statuses: number[] = [];
  for (const [, sent] of REQUESTS) statuses.push((await world.send(member, { headers: HEADERS, ...sent })).status);
  return { statuses, log: written.join('') };
}

function expectNoSecret(log: string): void {
  // One line an invocation at least: there is a log to look at.
  expect(log.match(/"message":"done"/g)?.length ?? 0).toBeGreaterThanOrEqual(REQUESTS.length);
  for (const [what, secret] of Object.entries(SECRET)) expect(log.includes(secret), `${what} is in the log`).toBe(false);
  expect(log).not.toContain('AKIASECRET');
}

describe('no secret, key or value is logged', () => {
  test('while the primary serves', async () => {
    const world = new Loud();
    await world.seats(EU);
    const { statuses, log } = await serve(world, EU);
    expectNoSecret(log);
    // The requests did what they are here for.
    expect(Object.fromEntries(REQUESTS.map(([what], i) => [what, statuses[i]]))).toMatchObject({
      'a put': 201,
      'a get': 200,
      'a patch': 200,
      'a patch whose condition fails': 409,
      'a batch': 200,
      'a query': 200,
      'a damaged body': 400,
      'a write under a condition that fails': 412,
      'a path that there is not': 404,
      'a delete': 204,
    });
  });

  test('while a secondary hands requests on', async () => {
    const world = new Loud();
    await world.seats(EU);
    const { statuses, log } = await serve(world, US);
    expectNoSecret(log);
    expect(statuses[0]).toBe(201);
  });

  test('while tables cannot be reached, and everything fails', async () => {
    const world = new Loud();
    await world.seats(EU);
    world.cloud.hook = () => ({ refuse: new RemoteError('transient', 'ECONNREFUSED', 'connect ECONNREFUSED') });
    const { statuses, log } = await serve(world, EU);
    expectNoSecret(log);
    expect(log).toContain('"message":"problem"');
    expect(statuses[0]).toBeGreaterThanOrEqual(500);
  });

  test('and this would be seen: what is logged on purpose is heard', () => {
    new Loud().base(EU).runtime.log.info('on purpose', { value: SECRET.value });
    expect(written.join('')).toContain(SECRET.value);
  });

  test('while no member has been given a seat', async () => {
    const { log } = await serve(new Loud(), EU);
    expectNoSecret(log);
  });
});
