import type { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import type { ApiAuth } from '../../cdk/auth.ts';
import type { ReplicaSetProps } from '../../cdk/replica-set.ts';
import { readSettings } from '../../functions/shared/settings.ts';
import type { Resource } from './fixture.ts';
import { byType, counts, only, replicaSet, resourcesOf, stacksOf } from './fixture.ts';

const JWT: ApiAuth = { type: 'jwt', issuer: 'https://id.example', audience: 'items' };

/** One member is enough, and quicker. */
const ONE = { members: [{ region: 'eu-central-1' }] };
const stackOf = (props: Partial<ReplicaSetProps>): Stack => stacksOf(replicaSet({ ...ONE, ...props })).app;
const methods = (resources: Readonly<Record<string, Resource>>, verb: string): readonly Resource[] =>
  byType(resources, 'AWS::ApiGateway::Method').flatMap(([, r]) => (r.Properties.HttpMethod === verb ? [r] : []));
const variables = (resources: Readonly<Record<string, Resource>>, fn: string): Record<string, string> =>
  only(byType(resources, 'AWS::Lambda::Function').filter(([, r]) => r.Properties.FunctionName.endsWith(`-${fn}`))).Properties.Environment.Variables;

describe('who may call', () => {
  test('by default the gateway asks for signatures, and the function for nothing more', () => {
    for (const auth of [undefined, { type: 'iam' } as const]) {
      const resources = resourcesOf(stackOf(auth === undefined ? {} : { auth }));
      expect(methods(resources, 'ANY').map((r) => r.Properties.AuthorizationType)).toEqual(['AWS_IAM', 'AWS_IAM']);
      expect(readSettings(variables(resources, 'api')).auth).toEqual({ type: 'iam' });
    }
  });

  test('with tokens the gateway lets all through, and the function is told whose tokens count: never neither', () => {
    const resources = resourcesOf(stackOf({ auth: { ...JWT, scopes: { read: 'items/read' } } }));
    expect(methods(resources, 'ANY').map((r) => r.Properties.AuthorizationType)).toEqual(['NONE', 'NONE']);
    expect(readSettings(variables(resources, 'api')).auth).toMatchObject({
      ...JWT,
      scopes: { read: 'items/read', write: 'write', admin: 'admin' },
    });
    expect(variables(resources, 'apply')['SYNCLINE_AUTH']).toBeUndefined();
  });

  test.each([
    ['an issuer without TLS', { ...JWT, issuer: 'http://id.example' }, /auth or corsOrigins cannot be used.*SYNCLINE_AUTH.*issuer: must be an https URL/],
    ['no audience', { ...JWT, audience: '' }, /audience/],
    ['one name for two scopes', { ...JWT, scopes: { read: 'all', write: 'all' } }, /two scopes have the same name/],
    ['a way that there is not', { type: 'none' } as unknown as ApiAuth, /auth/],
  ] as [string, ApiAuth, RegExp][])('%s is refused before anything is deployed', (_what, auth, message) => {
    expect(() => replicaSet({ ...ONE, auth })).toThrow(message);
  });

  test('each request tells what its gateway asks for: during a switch the function may be ahead of it', () => {
    const variables = (auth?: ApiAuth) => only(byType(resourcesOf(stackOf(auth === undefined ? {} : { auth })), 'AWS::ApiGateway::Stage')).Properties.Variables;
    expect([variables(), variables(JWT)]).toEqual([{ auth: 'iam' }, { auth: 'jwt' }]);
  });

  test('a method of the gateway is updated after the function that it runs', () => {
    // With tokens the function decides, so it must know that before the gateway lets everything through.
    const resources = resourcesOf(stackOf({ auth: JWT }));
    const api = byType(resources, 'AWS::Lambda::Function').find(([, r]) => r.Properties.FunctionName.endsWith('-api'))?.[0];
    for (const method of methods(resources, 'ANY')) expect(JSON.stringify(method.Properties.Integration.Uri)).toContain(`"${api}"`);
  });
});

describe('pages of other origins', () => {
  test('are let in by name: signed APIs answer their preflights without a signature, and only those', () => {
    const resources = resourcesOf(stackOf({ corsOrigins: ['https://app.example'] }));
    expect(methods(resources, 'ANY').map((r) => r.Properties.AuthorizationType)).toEqual(['AWS_IAM', 'AWS_IAM']);
    expect(methods(resources, 'OPTIONS').map((r) => r.Properties.AuthorizationType)).toEqual(['NONE', 'NONE']);
    expect(readSettings(variables(resources, 'api')).corsOrigins).toEqual(['https://app.example']);
    for (const [, r] of byType(resources, 'AWS::ApiGateway::GatewayResponse')) {
      expect(r.Properties.ResponseParameters['gatewayresponse.header.Access-Control-Allow-Origin']).toBe("'https://app.example'");
    }
  });

  test('are none unless named, and never all', () => {
    expect(methods(resourcesOf(stackOf({})), 'OPTIONS')).toEqual([]);
    expect(() => replicaSet({ ...ONE, corsOrigins: ['*'] })).toThrow(/SYNCLINE_CORS.*must be an origin/);
    const two = resourcesOf(stackOf({ corsOrigins: ['https://a.example', 'https://b.example'] }));
    expect(JSON.stringify(byType(two, 'AWS::ApiGateway::GatewayResponse'))).not.toContain('Access-Control-Allow-Origin');
  });

  test('with tokens the one open method takes preflights, too', () => {
    const resources = resourcesOf(stackOf({ auth: JWT, corsOrigins: ['https://app.example'] }));
    expect(methods(resources, 'OPTIONS')).toEqual([]);
  });
});

describe('clients', () => {
  const clients = [
    { name: 'web', ratePerSecond: 50, burst: 100 },
    { name: 'nightly', ratePerSecond: 5, burst: 10, quotaPerDay: 100_000 },
  ];

  test('each has a key and its own limits, and no request goes without a key', () => {
    const stack = stackOf({ clients });
    const resources = resourcesOf(stack);
    expect(methods(resources, 'ANY').map((r) => r.Properties.ApiKeyRequired)).toEqual([true, true]);
    const plans = byType(resources, 'AWS::ApiGateway::UsagePlan').map(([, r]) => r.Properties);
    expect(plans.map((p) => [p.UsagePlanName, p.Throttle, p.Quota])).toEqual([
      ['syncline-cities-eu-central-1-g1-api-web', { RateLimit: 50, BurstLimit: 100 }, undefined],
      ['syncline-cities-eu-central-1-g1-api-nightly', { RateLimit: 5, BurstLimit: 10 }, { Limit: 100_000, Period: 'DAY' }],
    ]);
    for (const p of plans) expect(p.ApiStages).toHaveLength(1);
    const keys = byType(resources, 'AWS::ApiGateway::ApiKey').map(([, r]) => r.Properties);
    expect(keys.map((k) => k.Name)).toEqual(['syncline-cities-eu-central-1-g1-api-web', 'syncline-cities-eu-central-1-g1-api-nightly']);
    // The key itself is AWS's to make: a value in a template would be a secret in many places.
    for (const k of keys) expect(k.Value).toBeUndefined();
    expect(Object.keys(Template.fromStack(stack).toJSON()['Outputs'])).toEqual(['ApiUrl', 'ApiKeyweb', 'ApiKeynightly']);
  });

  test('without any there are no keys', () => {
    const of = counts(stackOf({}));
    expect([of['AWS::ApiGateway::ApiKey'], of['AWS::ApiGateway::UsagePlan']]).toEqual([undefined, undefined]);
    expect(methods(resourcesOf(stackOf({})), 'ANY').map((r) => r.Properties.ApiKeyRequired ?? false)).toEqual([false, false]);
  });

  test.each([
    ['a name with spaces', { name: 'my app', ratePerSecond: 1, burst: 1 }, /1 to 32 letters.*"my app"/],
    ['no requests a second', { name: 'web', ratePerSecond: 0, burst: 1 }, /ratePerSecond of the client "web" must be above 0; got 0/],
    ['half a request at once', { name: 'web', ratePerSecond: 1, burst: 0.5 }, /burst of the client "web" must be a whole number/],
    ['a quota of none', { name: 'web', ratePerSecond: 1, burst: 1, quotaPerDay: 0 }, /quotaPerDay of the client "web"/],
  ])('refuses %s', (_what, client, message) => {
    expect(() => replicaSet({ ...ONE, clients: [client] })).toThrow(message);
  });

  test('refuses two clients of one name', () => {
    expect(() => replicaSet({ ...ONE, clients: [clients[0], clients[0]].flatMap((c) => c ?? []) })).toThrow(/Two clients are named "web"/);
  });
});

describe('bodies', () => {
  test('are bytes to the gateway, which packs and unpacks nothing itself', () => {
    const api = only(byType(resourcesOf(stackOf({})), 'AWS::ApiGateway::RestApi')).Properties;
    expect(api.BinaryMediaTypes).toEqual(['*/*']);
    expect(api.MinimumCompressionSize).toBeUndefined();
  });
});
