import { describe, expect, test } from 'vitest';
import { appSettings, parseKeys } from '../../cdk/context.ts';
import { checkInequalities, SetPropsError, setConfig } from '../../cdk/set.ts';
import { ACCOUNT, KEY } from './fixture.ts';

const base = { set: 'cities', account: ACCOUNT, members: [{ region: 'eu-central-1' }, { region: 'us-east-1' }], key: KEY };

describe('the configuration of a set', () => {
  test('names members by their region, and their tables by set, member and generation', () => {
    const config = setConfig({ ...base, members: [{ region: 'eu-central-1' }, { region: 'us-east-1', name: 'east', generation: 2 }] });
    expect(config.members).toEqual([
      { name: 'eu-central-1', region: 'eu-central-1', account: ACCOUNT, generation: 1, items: 'syncline-cities-eu-central-1-g1-items' },
      { name: 'east', region: 'us-east-1', account: ACCOUNT, generation: 2, items: 'syncline-cities-east-g2-items' },
    ]);
    expect(config.lanes).toBe(16);
  });

  test('puts members into the set’s account, but for those that name their own', () => {
    const config = setConfig({ ...base, members: [{ region: 'eu-central-1' }, { region: 'us-east-1', account: '210987654321' }] });
    expect(config.members.map((m) => m.account)).toEqual([ACCOUNT, '210987654321']);
  });

  test('names an adopted table as it is', () => {
    const config = setConfig({ ...base, members: [{ region: 'eu-central-1', existingTable: { tableName: 'Orders', streamArn: 'arn' } }] });
    expect(config.members[0]?.items).toBe('Orders');
  });

  test.each([
    ['a set name that is too long', { set: 'a-very-long-name-of-a-set' }, /2 to 16 characters.*"a-very-long-name-of-a-set"/],
    ['a set name with capitals', { set: 'Cities' }, /a–z, 0–9/],
    ['no region', { members: [{ region: 'europe' }] }, /members\.0\.region: Not the name of a region/],
    ['a member twice', { members: [{ region: 'us-east-1' }, { region: 'us-east-1' }] }, /Two members have the same name/],
    ['no members', { members: [] }, /members/],
    ['an account of 11 digits', { account: '12345678901' }, /12 digits/],
    ['a reserved key name', { key: { partition: { name: '_s', type: 'S' } } }, /key\.partition\.name:.*_s or expiresAt/],
    ['another reserved key name', { key: { partition: { name: 'id', type: 'S' }, sort: { name: 'expiresAt', type: 'N' } } }, /key\.sort\.name/],
    ['an unknown key type', { key: { partition: { name: 'id', type: 'BOOL' } } }, /key\.partition\.type/],
    [
      'one name for both keys',
      { key: { partition: { name: 'id', type: 'S' }, sort: { name: 'id', type: 'N' } } },
      /key: The partition key and the sort key have the same name/,
    ],
    ['too many lanes', { lanes: 257 }, /lanes/],
    ['an account of 11 digits of one member', { members: [{ region: 'us-east-1', account: '12345678901' }] }, /members\.0\.account: An account is 12 digits/],
    [
      'an encryption key that is an alias',
      { members: [{ region: 'us-east-1', encryptionKeyArn: 'alias/mine' }] },
      /"us-east-1" must be the ARN of a KMS key.*got "alias\/mine"/,
    ],
    [
      'an encryption key of another region',
      { members: [{ region: 'us-east-1', encryptionKeyArn: `arn:aws:kms:us-west-2:${ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab` }] },
      /key of the member "us-east-1" is in us-west-2, the member in us-east-1/,
    ],
    [
      'AWS’s managed keys across accounts',
      { encryption: 'aws-managed', members: [{ region: 'eu-central-1' }, { region: 'us-east-1', account: '210987654321' }] },
      /members in 2 accounts, and AWS's managed keys cannot be used from another account.*"eu-central-1"/,
    ],
    ['a region of another partition', { members: [{ region: 'cn-north-1' }] }, /cn-north-1.*standard partition/],
    [
      'more than an environment holds',
      {
        members: Array.from({ length: 16 }, (_, i) => ({
          region: 'us-east-1',
          name: `m${i}`,
          existingTable: { tableName: 'T'.repeat(255), streamArn: 'arn' },
        })),
      },
      /has \d+ bytes; a function's environment has room for 3500/,
    ],
  ])('refuses %s, and says so', (_what, change, message) => {
    const make = (): unknown => setConfig({ ...base, ...change } as Parameters<typeof setConfig>[0]);
    expect(make).toThrow(SetPropsError);
    expect(make).toThrow(message);
  });
});

describe('the inequalities', () => {
  const DAY = 86_400_000;

  test('hold for the constants', () => {
    expect(() => checkInequalities()).not.toThrow();
  });

  test.each([
    [
      'a tombstone that dies before an older put',
      { tombstoneLifeMs: 29 * DAY },
      /tombstone life > stream \+ queue \+ dead-letter retention.*tombstone = 2505600000/,
    ],
    ['a queue that drops messages before its link is stale', { queueRetentionMs: 12 * DAY }, /stale before its queue drops/],
    ['a function that outlives the ownership of its lane', { functionTimeoutMs: 176_000 }, /a lane has one owner.*timeout = 176000/],
    ['a visibility that AWS refuses', { visibilityS: 179 }, /6 × function timeout/],
  ])('refuse %s, with both sides', (_what, limits, message) => {
    expect(() => checkInequalities(limits)).toThrow(SetPropsError);
    expect(() => checkInequalities(limits)).toThrow(message);
  });
});

describe('the app’s settings', () => {
  const read = (context: Record<string, unknown>, account: string | undefined) => appSettings((name) => context[name], account);

  test('have defaults', () => {
    expect(read({}, ACCOUNT)).toEqual({
      set: 'cities',
      account: ACCOUNT,
      members: [{ region: 'eu-central-1' }, { region: 'us-east-1' }, { region: 'ap-southeast-2' }],
      key: KEY,
      latency: 'low',
    });
  });

  test('are taken from the context, the account before that of the credentials', () => {
    expect(
      read(
        {
          set: 'orders',
          regions: 'us-east-1, us-west-2',
          account: '000000000000',
          keys: 'id:B',
          latency: 'cheap',
          lanes: '4',
          terminationProtection: 'false',
          accountLogRole: 'true',
          encryption: 'aws-managed',
          auth: 'iam',
          corsOrigins: 'https://a.example, https://b.example',
          clients: 'web:50:100, batch:0.5:10:100000',
        },
        undefined,
      ),
    ).toEqual({
      set: 'orders',
      account: '000000000000',
      members: [{ region: 'us-east-1' }, { region: 'us-west-2' }],
      key: { partition: { name: 'id', type: 'B' } },
      latency: 'cheap',
      lanes: 4,
      terminationProtection: false,
      accountLogRole: true,
      encryption: 'aws-managed',
      auth: { type: 'iam' },
      corsOrigins: ['https://a.example', 'https://b.example'],
      clients: [
        { name: 'web', ratePerSecond: 50, burst: 100 },
        { name: 'batch', ratePerSecond: 0.5, burst: 10, quotaPerDay: 100_000 },
      ],
    });
  });

  test('say whose tokens count, and what its scopes are called there', () => {
    const jwt = { auth: 'jwt', issuer: 'https://id.example', audience: 'items' };
    expect(read(jwt, ACCOUNT).auth).toEqual({ type: 'jwt', issuer: 'https://id.example', audience: 'items' });
    expect(read({ ...jwt, jwksUri: 'https://id.example/keys', scopes: '{"read": "items/read"}' }, ACCOUNT).auth).toEqual({
      type: 'jwt',
      issuer: 'https://id.example',
      audience: 'items',
      jwksUri: 'https://id.example/keys',
      scopes: { read: 'items/read' },
    });
  });

  test('give members tables that are there, accounts and keys of their own', () => {
    const existing = { tableName: 'Orders', streamArn: 'arn:aws:dynamodb:us-east-1:123456789012:table/Orders/stream/1' };
    const { members } = read(
      {
        regions: 'us-east-1,us-west-2',
        accounts: `${ACCOUNT}, 210987654321`,
        existingTables: JSON.stringify({ 'us-east-1': existing }),
        encryptionKeys: '{"us-west-2": "arn:aws:kms:us-west-2:210987654321:key/1"}',
      },
      ACCOUNT,
    );
    expect(members).toEqual([
      { region: 'us-east-1', account: ACCOUNT, existingTable: existing },
      { region: 'us-west-2', account: '210987654321', encryptionKeyArn: 'arn:aws:kms:us-west-2:210987654321:key/1' },
    ]);
  });

  test.each([
    ['no account', {}, undefined, /No AWS account is known/],
    ['an unknown latency', { latency: 'fast' }, ACCOUNT, /"low" or "cheap"; got "fast"/],
    ['lanes that are no number', { lanes: 'many' }, ACCOUNT, /whole number from 1 to 256; got "many"/],
    ['a flag that is none', { terminationProtection: 'no' }, ACCOUNT, /"true" or "false"; got "no"/],
    ['a region twice', { regions: 'us-east-1,us-east-1' }, ACCOUNT, /us-east-1 twice/],
    ['a key without type', { keys: 'country' }, ACCOUNT, /"country".*"name:type"/],
    ['an unknown key type', { keys: 'country:X' }, ACCOUNT, /S \(string\), N \(number\) or B \(binary\)/],
    ['an unknown auth', { auth: 'none' }, ACCOUNT, /"iam" or "jwt"; got "none"/],
    ['tokens without an issuer', { auth: 'jwt', audience: 'items' }, ACCOUNT, /auth=jwt needs -c issuer/],
    ['tokens without an audience', { auth: 'jwt', issuer: 'https://id.example' }, ACCOUNT, /auth=jwt needs -c audience/],
    ['an issuer without tokens', { issuer: 'https://id.example' }, ACCOUNT, /issuer is for tokens: add -c auth=jwt/],
    ['scopes that are no object', { auth: 'jwt', issuer: 'https://i.example', audience: 'a', scopes: 'read' }, ACCOUNT, /scopes must be a JSON object/],
    [
      'an unknown scope',
      { auth: 'jwt', issuer: 'https://i.example', audience: 'a', scopes: '{"root": "x"}' },
      ACCOUNT,
      /names for read, write and admin.*"root"/,
    ],
    ['a client without limits', { clients: 'web' }, ACCOUNT, /"web" is not "name:ratePerSecond:burst"/],
    ['an unknown encryption', { encryption: 'mine' }, ACCOUNT, /"aws-owned" or "aws-managed"; got "mine"/],
    ['fewer accounts than regions', { accounts: ACCOUNT }, ACCOUNT, /one account for each of the 3 regions.*got 1/],
    ['a table of another region', { existingTables: '{"us-west-2": {}}' }, ACCOUNT, /names "us-west-2"; the regions are/],
    ['a table without a stream', { existingTables: '{"us-east-1": {"tableName": "Orders"}}' }, ACCOUNT, /entry of us-east-1 must look like.*streamArn/],
    ['tables that are no JSON', { existingTables: 'Orders' }, ACCOUNT, /existingTables must be a JSON object like.*got "Orders"/],
    ['three keys', { keys: 'a:S,b:S,c:S' }, ACCOUNT, /at most a sort key/],
  ])('refuse %s', (_what, context, account, message) => {
    expect(() => read(context, account)).toThrow(message);
  });

  test('a key name may hold colons', () => {
    expect(parseKeys('a:b:N')).toEqual({ partition: { name: 'a:b', type: 'N' } });
  });
});
