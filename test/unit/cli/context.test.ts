import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { appSettings } from '../../../cdk/context.ts';
import { setConfig } from '../../../cdk/set.ts';
import { cdkContext, setConfigOf } from '../../../cli/context.ts';
import { CliError, explain } from '../../../cli/errors.ts';
import { accountOfArn, localApiUrl } from '../../../cli/stacks.ts';
import { findWhere } from '../../../cli/where.ts';
import { InputError } from '../../../lib/core/errors.ts';
import type { RemoteErrorKind } from '../../../lib/ports/errors.ts';
import { RemoteError } from '../../../lib/ports/errors.ts';

const account = '123456789012';
const none = (): undefined => undefined;

describe('setConfigOf', () => {
  it('makes what the CDK app makes, by default and with settings', () => {
    for (const context of [{}, { set: 'orders', regions: 'eu-west-1, us-east-2', keys: 'a:b:B' }] as Record<string, string>[]) {
      const { set, key, members } = appSettings((name) => context[name], account);
      expect(setConfigOf({ ...context, account })).toEqual(setConfig({ set, account, key, members }));
    }
  });

  it.each([
    [{ set: 'X' }, /2 to 16 characters.*"X"/],
    [{ set: 'a'.repeat(17) }, /2 to 16/],
    [{ regions: 'eu-central' }, /region "eu-central": Not the name of a region/],
    [{ regions: ' , ' }, /No region/],
    [{ regions: 'eu-central-1,eu-central-1' }, /same name/],
    [{ keys: 'country' }, /name:type/],
    [{ keys: 'a:S,b:S,c:S' }, /at most one sort key; got 3/],
    [{ keys: '_s:S' }, /must not be named _s/],
    [{ keys: 'a:S,a:N' }, /both named "a"/],
    [{ accounts: '111111111111' }, /each of the 3 regions, in their order; got 1/],
    [{ tables: 'orders' }, /not REGION=NAME/],
    [{ tables: 'mars-1=orders' }, /the region "mars-1"; the regions are/],
    [{ lanes: '0' }, /./],
    [{ lanes: 'many' }, /whole number; got "many"/],
    [{ account: '12' }, /account: An account is 12 digits/],
  ])('refuses %o', (input, why) => {
    expect(() => setConfigOf({ account, ...input })).toThrow(CliError);
    expect(() => setConfigOf({ account, ...input })).toThrow(why);
  });
});

describe('cdkContext', () => {
  const directory = (text: string): string => {
    const path = mkdtempSync(join(tmpdir(), 'syncline-cli-'));
    writeFileSync(join(path, 'cdk.json'), text);
    return path;
  };

  it('reads the set of a project that is not this one', () => {
    expect(cdkContext(directory('{"app":"x","context":{"set":"orders","regions":["a","b"],"account":123456789012,"@aws-cdk/x":true}}'))).toEqual({
      set: 'orders',
      regions: 'a,b',
      account,
    });
    expect(cdkContext(directory('{"app":"x"}'))).toEqual({});
    const adopted = { 'eu-west-1': { tableName: 'orders', streamArn: 'arn:x' } };
    for (const existingTables of [adopted, JSON.stringify(adopted)]) {
      expect(cdkContext(directory(JSON.stringify({ context: { existingTables, accounts: '1,2' } })))).toEqual({ tables: 'eu-west-1=orders', accounts: '1,2' });
    }
  });

  it('says what is wrong with a cdk.json', () => {
    expect(() => cdkContext(directory('{'))).toThrow(/cdk\.json cannot be read/);
    expect(() => cdkContext(directory('{"context":{"set":{}}}'))).toThrow(/set/);
    expect(() => cdkContext(directory('{"context":{"existingTables":"nonsense"}}'))).toThrow(/cdk\.json cannot be read/);
  });
});

describe('findWhere', () => {
  const regions = ['eu-central-1', 'us-east-1'];
  const local = { endpoints: { 'eu-central-1': 'http://127.0.0.1:1' }, deployed: '{}' };

  it('takes the first that says something: options, environment, the running cloud, AWS', () => {
    const env = { SYNCLINE_ENDPOINTS: '{"eu-central-1":"http://localhost:2"}', AWS_ENDPOINT_URL: 'http://localhost:3' };
    expect(findWhere({ endpoint: ['eu-central-1=http://localhost:9'] }, env, regions, () => local)).toMatchObject({
      endpoints: { 'eu-central-1': 'http://localhost:9' },
      local: true,
    });
    expect(findWhere({}, env, regions, () => local).endpoints).toEqual({ 'eu-central-1': 'http://localhost:2' });
    // One URL for all regions, and another one for a region of them.
    expect(findWhere({ endpoint: ['http://localhost:4566', 'b=http://localhost:9'] }, env, ['a', 'b'], () => local)).toMatchObject({
      endpoints: { a: 'http://localhost:4566', b: 'http://localhost:9' },
      local: true,
    });
    expect(findWhere({}, { AWS_ENDPOINT_URL: 'http://localhost:3' }, regions, () => local).endpoints).toEqual({
      'eu-central-1': 'http://localhost:3',
      'us-east-1': 'http://localhost:3',
    });
    expect(findWhere({}, {}, regions, () => local)).toMatchObject({
      endpoints: local.endpoints,
      local: true,
      deployed: '{}',
      note: expect.stringContaining('local cloud'),
    });
    expect(findWhere({}, {}, regions, none)).toEqual({ endpoints: {}, only: false, local: false });
    expect(findWhere({ aws: true }, env, regions, () => local)).toEqual({ endpoints: {}, only: false, local: false });
  });

  it('counts only this machine as local: real credentials go elsewhere', () => {
    expect(findWhere({ endpoint: ['eu-central-1=https://dynamodb.example.com'] }, {}, regions, none)).toMatchObject({ local: false, only: false });
    expect(findWhere({ endpoint: ['a=http://127.0.0.1:1', 'b=https://vpce.example.com'] }, {}, regions, none).local).toBe(false);
    expect(findWhere({ endpoint: ['a=http://[::1]:1', 'b=http://s3.localhost:2'] }, {}, regions, none).local).toBe(true);
  });

  it.each([
    [{ endpoint: ['localhost:1'] }, {}],
    [{ endpoint: ['eu-central-1=localhost:1'] }, {}],
    [{ endpoint: ['eu-central-1=http://localhost:1'], aws: true }, {}],
    [{}, { SYNCLINE_ENDPOINTS: '{' }],
    [{}, { SYNCLINE_ENDPOINTS: '{"a":1}' }],
    [{}, { SYNCLINE_ENDPOINTS: '{"a":"ftp://x"}' }],
    [{}, { AWS_ENDPOINT_URL: 'nonsense' }],
  ])('refuses %o %o', (options, env) => expect(() => findWhere(options, env, regions, none)).toThrow(CliError));
});

describe('explain', () => {
  it.each([
    ['missing', 'failed', 'not-deployed'],
    ['denied', 'failed', 'denied'],
    ['invalid', 'failed', 'invalid'],
    ['throttled', 'unreachable', 'unreachable'],
    ['transient', 'unreachable', 'unreachable'],
    ['unanswered', 'unreachable', 'unreachable'],
  ] as [RemoteErrorKind, string, string][])('%s', (kind, ending, code) => {
    const told = explain(new RemoteError(kind, 'X', 'because'), { set: 'cities', where: 'eu-central-1' });
    expect(told).toMatchObject({ ending, code });
    expect(told.message).toContain('eu-central-1');
    expect(told.message).toContain('because');
  });

  it('knows missing credentials wherever they are said', () => {
    const cause = new Error('Could not load credentials from any providers');
    cause.name = 'CredentialsProviderError';
    for (const error of [
      cause,
      new RemoteError('denied', 'CredentialsProviderError', cause.message),
      new RemoteError('transient', 'X', 'y', { cause }),
      new RemoteError('denied', 'ExpiredTokenException', 'expired'),
    ]) {
      const told = explain(error);
      expect(told).toMatchObject({ ending: 'failed', code: 'no-credentials' });
      expect(told.message).toContain('AWS_PROFILE');
    }
  });

  it('keeps what a flow said, and takes only wrong values for usage', () => {
    expect(explain(new InputError('invalid-key', 'm', 'a'))).toMatchObject({ ending: 'usage', code: 'invalid-key', details: { path: 'a' } });
    expect(explain(new InputError('has-primary', 'm'))).toMatchObject({ ending: 'failed', code: 'has-primary' });
    expect(explain(new TypeError('bug'))).toMatchObject({ ending: 'failed', code: 'unexpected', message: 'TypeError: bug' });
    expect(explain('text')).toMatchObject({ code: 'unexpected', message: 'text' });
  });
});

describe('stacks', () => {
  it('reads an account from an ARN', () => {
    expect(accountOfArn('arn:aws:cloudformation:eu-central-1:123456789012:stack/x/y')).toBe(account);
    expect(accountOfArn(undefined)).toBeUndefined();
    expect(accountOfArn('unknown')).toBeUndefined();
  });

  it('forms the URL of a local API', () => {
    expect(localApiUrl('http://127.0.0.1:4566/', 'abc', 'v1')).toBe('http://127.0.0.1:4566/_aws/execute-api/abc/v1');
    expect(localApiUrl('http://127.0.0.1:4566', 'abc', 'abc-v1')).toBe('http://127.0.0.1:4566/_aws/execute-api/abc/v1');
    expect(localApiUrl('http://127.0.0.1:4566', 'abc', 'abc/v1')).toBe('http://127.0.0.1:4566/_aws/execute-api/abc/v1');
    expect(localApiUrl('http://127.0.0.1:4566', undefined, 'v1')).toBeUndefined();
  });
});
