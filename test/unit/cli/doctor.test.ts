import { describe, expect, it } from 'vitest';
import { clockReading, tableFacts } from '../../../cli/doctor/facts-aws.ts';
import { examine, worst } from '../../../lib/doctor/doctor.ts';
import type { Bootstrap, Finding, MemberDoctorFacts, StackResource, TableFacts } from '../../../lib/doctor/facts.ts';
import { pretended } from '../../../lib/doctor/stack.ts';
import { RemoteError } from '../../../lib/ports/errors.ts';
import { facts, member, refused, seen, silent, table } from './doctor-facts.ts';
import type { Json } from './world.ts';
import { REGIONS, World } from './world.ts';

const examined = (change: Partial<MemberDoctorFacts>, local = false): readonly Finding[] => examine(facts([member(change)], local));
const bad = (findings: readonly Finding[]): [string, string][] => findings.filter((f) => f.level !== 'ok').map((f) => [f.check, f.level]);
const items = (change: Partial<TableFacts>): Partial<MemberDoctorFacts> => ({ items: seen(table(change)) });

describe('examine', () => {
  it('finds nothing wrong where nothing is', () => {
    expect(bad(examined({}))).toEqual([]);
    expect(worst(examined({}))).toBe('ok');
  });

  it('finds nothing wrong before a deployment either, and says what is not there yet', () => {
    const before = examined({
      items: seen(undefined),
      tombstones: seen(undefined),
      control: seen(undefined),
      readers: seen(undefined),
      stacks: [{ name: 'data', facts: seen(undefined) }],
    });
    expect(bad(before)).toEqual([]);
    expect(before.map((f) => f.message).join(' ')).toContain('not there yet');
  });

  const cases: readonly [string, Partial<MemberDoctorFacts>, readonly [string, string][]][] = [
    ['credentials that are refused', { identity: refused, clock: refused }, [['credentials', 'fail']]],
    ['a region that is silent', { identity: silent, clock: silent }, [['credentials', 'fail']]],
    ['credentials of another account', { account: '999999999999' }, [['credentials', 'fail']]],
    ['a clock that is minutes off', { clock: seen({ offsetMs: -301_000, uncertaintyMs: 500 }) }, [['clock', 'fail']]],
    ['a clock that is seconds off', { clock: seen({ offsetMs: 7_000, uncertaintyMs: 500 }) }, [['clock', 'warn']]],
    ['no bootstrap', { bootstrap: seen(undefined) }, [['bootstrap', 'fail']]],
    ['an old bootstrap', { bootstrap: seen({ status: 'CREATE_COMPLETE', version: 5 }) }, [['bootstrap', 'fail']]],
    ['a failed bootstrap', { bootstrap: seen({ status: 'ROLLBACK_COMPLETE', version: 21 }) }, [['bootstrap', 'fail']]],
    ['a bootstrap without a version', { bootstrap: seen({ status: 'CREATE_COMPLETE' }) }, [['bootstrap', 'warn']]],
    ['a new account’s concurrency', { concurrency: seen({ limit: 10, unreserved: 10 }) }, [['concurrency', 'warn']]],
    ['all concurrency reserved', { concurrency: seen({ limit: 1_000, unreserved: 3 }) }, [['concurrency', 'warn']]],
    ['what may not be looked at', { concurrency: refused }, [['concurrency', 'warn']]],
    ['a table that is being made', items({ status: 'CREATING' }), [['table', 'fail']]],
    ['another key', items({ key: [{ name: 'id', type: 'S' }] }), [['key-schema', 'fail']]],
    ['a stream of keys', items({ stream: { arn: 'x', view: 'KEYS_ONLY' } }), [['stream-view', 'warn']]],
    ['a key of one’s own', items({ kms: { arn: 'arn:key' } }), [['kms', 'warn']]],
    ['a key that cannot be used', items({ kms: { arn: 'arn:key', inaccessibleSince: '2026-01-01' } }), [['kms', 'fail']]],
    ['no recovery', items({ pointInTimeRecovery: seen(false) }), [['recovery', 'warn']]],
    ['no protection', items({ deletionProtection: false }), [['deletion-protection', 'warn']]],
    ['provisioned capacity', items({ onDemand: false, provisionedWrites: 5 }), [['capacity', 'warn']]],
    ['a Global Table', items({ globalReplicas: ['us-east-1'] }), [['global-table', 'fail']]],
    ['a missing table of ours', { control: seen(undefined) }, [['table', 'fail']]],
    ['another reader', { readers: seen([{ id: '3', fn: 'theirs', state: 'Enabled' }]) }, [['stream-readers', 'fail']]],
    ['a reader that is off', { readers: seen([{ id: '1', fn: 'fanout', state: 'Disabled' }]) }, [['stream-readers', 'fail']]],
    ['a stack that was rolled back', { stacks: [{ name: 's', facts: seen({ name: 's', status: 'ROLLBACK_COMPLETE', resources: [] }) }] }, [['stack', 'fail']]],
    [
      'a stack whose update failed',
      { stacks: [{ name: 's', facts: seen({ name: 's', status: 'UPDATE_ROLLBACK_COMPLETE', resources: [] }) }] },
      [['stack', 'warn']],
    ],
  ];
  it.each(cases)('sees %s', (_, change, expected) => {
    const findings = examined(change);
    expect(bad(findings)).toEqual(expected);
    // Whatever is wrong says what to do.
    for (const f of findings) expect(f.todo === undefined).toBe(f.level === 'ok');
  });

  it('does not want a stream’s missing to be overlooked', () => {
    const { stream: _, ...without } = table();
    expect(bad(examined({ items: seen(without), readers: seen(undefined) }))).toEqual([['stream-view', 'fail']]);
  });

  it('does not blame a local cloud for what is its way', () => {
    expect(bad(examined(items({ deletionProtection: false, pointInTimeRecovery: seen(false) }), true))).toEqual([]);
  });

  it('compares the members: TTL, and how much they take at once', () => {
    const two = (b: Partial<TableFacts>): [string, string][] => bad(examine(facts([member(), member({ member: 'b', items: seen(table(b)) })])));
    expect(two({})).toEqual([]);
    expect(two({ ttl: seen('expires') })).toEqual([['ttl', 'fail']]);
    expect(two({ ttl: refused })).toEqual([['ttl', 'warn']]);
    expect(two({ warmWrites: 9_000 })).toEqual([['warmth', 'warn']]);
  });
});

describe('pretended', () => {
  const resource = (change: Partial<StackResource>): StackResource => ({
    logicalId: 'R',
    type: 'T',
    physicalId: 'r',
    status: 'CREATE_COMPLETE',
    answer: 'unasked',
    ...change,
  });
  it('names what a cloud only said it made', () => {
    const { physicalId: _, ...none } = resource({});
    const found = pretended([
      resource({}),
      resource({ answer: 'there' }),
      resource({ logicalId: 'u', physicalId: 'unknown' }),
      resource({ logicalId: 'm', answer: 'missing' }),
      { ...none, logicalId: 'n' },
      resource({ logicalId: 'd', physicalId: 'unknown', status: 'DELETE_COMPLETE' }),
    ]);
    expect(found.map((r) => r.logicalId)).toEqual(['u', 'm', 'n']);
  });

  it('is a failure that names the resources and the stack', () => {
    const resources = Array.from({ length: 7 }, (_, i) => resource({ logicalId: `R${i}`, physicalId: 'unknown' }));
    const [finding] = examined({ stacks: [{ name: 'app', facts: seen({ name: 'app', status: 'CREATE_COMPLETE', resources }) }] }).filter(
      (f) => f.level === 'fail',
    );
    expect(finding).toMatchObject({ check: 'pretended' });
    expect(finding?.message).toMatch(/7 resources of app .*R0 \(T, no id\).* and 2 more/);
  });
});

describe('what AWS says', () => {
  it('is read from DescribeTable', () => {
    const read = tableFacts({
      TableStatus: 'ACTIVE',
      KeySchema: [
        { AttributeName: 's', KeyType: 'RANGE' },
        { AttributeName: 'p', KeyType: 'HASH' },
      ],
      AttributeDefinitions: [
        { AttributeName: 's', AttributeType: 'N' },
        { AttributeName: 'p', AttributeType: 'S' },
      ],
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'KEYS_ONLY' },
      LatestStreamArn: 'arn',
      BillingModeSummary: { BillingMode: 'PAY_PER_REQUEST' },
      WarmThroughput: { WriteUnitsPerSecond: 4_000 },
      SSEDescription: { KMSMasterKeyArn: 'key' },
      Replicas: [{ RegionName: 'us-east-1' }],
    });
    expect(read).toEqual({
      status: 'ACTIVE',
      key: [
        { name: 'p', type: 'S' },
        { name: 's', type: 'N' },
      ],
      stream: { arn: 'arn', view: 'KEYS_ONLY' },
      onDemand: true,
      warmWrites: 4_000,
      itemCount: 0,
      deletionProtection: false,
      kms: { arn: 'key' },
      globalReplicas: ['us-east-1'],
    });
    // A stream that was disabled keeps its ARN.
    expect(tableFacts({ LatestStreamArn: 'arn' }).stream).toBeUndefined();
  });

  it('tells the clock by the Date header, in the middle of its second and of the round trip', () => {
    const date = 'Thu, 26 Nov 2026 12:00:00 GMT';
    const at = Date.parse(date);
    expect(clockReading(date, at - 100, at + 100)).toEqual({ offsetMs: 500, uncertaintyMs: 600 });
    expect(clockReading(undefined, 0, 0)).toBeUndefined();
    expect(clockReading('soon', 0, 0)).toBeUndefined();
  });
});

describe('syncline doctor', () => {
  const world = (change: { bootstrap?: Bootstrap; down?: string } = {}): World => {
    const w = new World();
    w.facts = (region) => ({
      identity: async () => {
        if (region === change.down) throw new RemoteError('transient', 'ECONNREFUSED', region);
        return { identity: { account: '000000000000', arn: 'arn:me' }, clock: { offsetMs: 0, uncertaintyMs: 500 } };
      },
      bootstrap: async () => ('bootstrap' in change ? change.bootstrap : { status: 'CREATE_COMPLETE', version: 21 }),
      concurrency: async () => ({ limit: 1_000, unreserved: 1_000 }),
      table: async () => undefined,
      readers: async () => [],
      stack: async () => undefined,
    });
    return w;
  };

  it('ends with 0 and names the deployment when nothing stands in its way', async () => {
    const { code, json } = await world().run('doctor', '--json');
    expect(code).toBe(0);
    expect(json).toMatchObject({ level: 'ok', deployed: false, next_steps: [{ command: 'npx cdk deploy --all' }] });
  });

  it('ends with 1 and the bootstrap command when a region is not bootstrapped', async () => {
    const { code, json } = await world({ bootstrap: undefined as never }).run('doctor', '--json');
    expect(code).toBe(1);
    expect(json.next_steps.map((s: Json) => s.command)).toEqual(REGIONS.map((r) => `npx cdk bootstrap aws://000000000000/${r}`));
  });

  it('goes on when a region does not answer', async () => {
    const { code, json } = await world({ down: REGIONS[1] }).run('doctor', '--json');
    expect(code).toBe(1);
    expect(json.findings.filter((f: Json) => f.member === REGIONS[1])).toHaveLength(1);
    expect(json.findings.filter((f: Json) => f.member === REGIONS[0]).length).toBeGreaterThan(3);
  });

  it('holds the TTL of the tables against what the functions were deployed with', async () => {
    const w = world();
    const { facts: of } = w;
    w.facts = (region) => ({ ...of(region), table: async () => table({ ttl: seen('expires') }) });
    const checks = async (): Promise<string[]> =>
      (await w.run('doctor', '--json')).json.findings.filter((f: Json) => f.check === 'expiry-attribute').map((f: Json) => f.level);
    expect(await checks()).toEqual(['warn']);
    w.deployed = JSON.stringify({ ...w.config, expiryAttribute: 'expires' });
    expect(await checks()).toEqual(['ok']);
    w.deployed = undefined;
    expect(await checks()).toEqual([]);
  });

  it('shows only what is to be looked at, unless told otherwise', async () => {
    const w = world({ bootstrap: { status: 'CREATE_COMPLETE' } });
    const few = await w.run('doctor');
    expect(few.code).toBe(3);
    expect(few.stdout).not.toContain('arn:me');
    expect(few.stdout).toContain('does not say its version');
    expect((await w.run('doctor', '--all')).stdout).toContain('arn:me');
  });
});
