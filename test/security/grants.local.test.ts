import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { grants } from '../../cdk/grants.ts';
import type { MemberConfig } from '../../lib/core/config.ts';
import { memberNamed } from '../../lib/core/config.ts';
import type { FunctionName } from '../../lib/core/names.ts';
import { functionArn, linkNames, memberNames, queueArn, tableArn } from '../../lib/core/names.ts';
import type { Caller } from './calls.ts';
import { ACTIONS, callerOf } from './calls.ts';
import type { GuardedCloud } from './enforcement.ts';
import { guardedCloud, HERE, THERE } from './enforcement.ts';

/**
 * Each function's role, tried on a cloud that enforces IAM: every action on every resource of two members is let exactly
 * if the table of grants says so. What that table says is pinned by test/cdk/grants.test.ts.
 */

const FUNCTIONS = ['fanout', 'observe', 'apply', 'reconcile', 'api'] as const satisfies readonly FunctionName[];

let cloud: GuardedCloud;
const callers = new Map<string, Caller>();
beforeAll(async () => {
  cloud = await guardedCloud();
  for (const fn of FUNCTIONS) callers.set(fn, callerOf(cloud.endpoint, await cloud.assume(fn)));
});
afterAll(async () => {
  for (const caller of callers.values()) caller.end();
  await cloud?.stop();
});

const config = () => cloud.set.config;
const caller = (fn: string): Caller => {
  const found = callers.get(fn);
  if (found === undefined) throw new Error(`no caller ${fn}`);
  return found;
};

/** All resources of a member that a policy may name, by what they are. */
function resourcesOf(name: string) {
  const member = memberNamed(config(), name);
  const other = memberNamed(config(), name === HERE ? THERE : HERE);
  const names = memberNames(config().set, member);
  const link = linkNames(config().set, member, other);
  const bucket = `arn:aws:s3:::${names.bucket}`;
  return {
    member,
    items: tableArn(member, member.items),
    tombstones: tableArn(member, names.tombstones),
    control: tableArn(member, names.control),
    requests: tableArn(member, names.requests),
    link: queueArn(member, link.queue),
    dlq: queueArn(member, link.dlq),
    failures: queueArn(member, names.streamFailures),
    bucket,
    objects: (prefix: string): string => `${bucket}/${prefix}/one`,
    fn: (fn: FunctionName): string => functionArn(member, names.fn(fn)),
  };
}

function universe(member: MemberConfig): readonly string[] {
  const r = resourcesOf(member.name);
  return [
    ...[r.items, r.tombstones, r.control, r.requests, r.link, r.dlq, r.failures, r.bucket],
    ...['log', 'index', 'scans', 'reports', 'elsewhere'].map((prefix) => r.objects(prefix)),
    ...FUNCTIONS.map((fn) => r.fn(fn)),
  ];
}

const fits = (action: string, arn: string): boolean => {
  if (action.split(':')[0] !== arn.split(':')[2]) return false;
  // A bucket is listed, its objects are not.
  return !action.startsWith('s3:') || (action === 's3:ListBucket') !== arn.includes('/');
};

const covers = (granted: string, arn: string): boolean => (granted.endsWith('*') ? arn.startsWith(granted.slice(0, -1)) : granted === arn);

describe.each(FUNCTIONS)('%s', (fn) => {
  test('is let do what it is granted, and not one thing more', async () => {
    const allowed = grants(fn, config(), memberNamed(config(), HERE)).filter((g) => g.effect !== 'Deny');
    const pairs = config().members.flatMap((m) =>
      universe(m).flatMap((arn) => ACTIONS.filter((action) => fits(action, arn)).map((action) => [action, arn] as const)),
    );
    const wrong: string[] = [];
    let lets = 0;
    for (const [action, arn] of pairs) {
      const expected = allowed.some((g) => g.actions.includes(action) && g.resources.some((resource) => covers(resource, arn)));
      const found = await caller(fn).may(action, arn);
      if (found) lets += 1;
      if (found !== expected) wrong.push(`${action} on ${arn} is ${found ? 'let' : 'refused'}`);
    }
    expect(wrong).toEqual([]);
    // The question is a real one: some are let, most are not.
    expect(lets).toBeGreaterThan(0);
    expect(lets).toBeLessThan(pairs.length / 4);
  });
});

describe('neighbours of what is granted are refused', () => {
  const NEIGHBOURS: readonly [
    fn: FunctionName,
    what: string,
    action: string,
    where: (here: ReturnType<typeof resourcesOf>, there: ReturnType<typeof resourcesOf>) => string,
  ][] = [
    ['fanout', 'write an item', 'dynamodb:PutItem', (here) => here.items],
    ['fanout', 'read a link', 'sqs:ReceiveMessage', (here) => here.link],
    ['fanout', 'put a record among the dead letters', 'sqs:SendMessage', (here) => here.dlq],
    ['observe', 'send', 'sqs:SendMessage', (here) => here.link],
    ['observe', 'take back what it logged', 's3:DeleteObject', (here) => here.objects('log')],
    ['observe', 'write into another member’s log', 's3:PutObject', (_here, there) => there.objects('log')],
    ['apply', 'write into its own table', 'dynamodb:PutItem', (here) => here.items],
    ['apply', 'empty a link', 'sqs:PurgeQueue', (here) => here.link],
    ['apply', 'write itself a message', 'sqs:SendMessage', (here) => here.link],
    ['apply', 'read a whole replica', 'dynamodb:Scan', (_here, there) => there.items],
    ['reconcile', 'write an item', 'dynamodb:PutItem', (here) => here.items],
    ['reconcile', 'write a replica', 'dynamodb:BatchWriteItem', (_here, there) => there.items],
    ['reconcile', 'change the log', 's3:PutObject', (here) => here.objects('log')],
    ['reconcile', 'take messages from a link', 'sqs:DeleteMessage', (here) => here.link],
    ['api', 'write a seat', 'dynamodb:UpdateItem', (here) => here.control],
    ['api', 'put a row of control', 'dynamodb:PutItem', (here) => here.control],
    ['api', 'write a tombstone', 'dynamodb:PutItem', (here) => here.tombstones],
    ['api', 'write at another member', 'dynamodb:PutItem', (_here, there) => there.items],
    ['api', 'read another member’s remembered requests', 'dynamodb:GetItem', (_here, there) => there.requests],
    ['api', 'forget a request', 'dynamodb:DeleteItem', (here) => here.requests],
    ['api', 'read the whole table', 'dynamodb:Scan', (here) => here.items],
    ['api', 'send to a link', 'sqs:SendMessage', (here) => here.link],
    ['api', 'run another function', 'lambda:InvokeFunction', (_here, there) => there.fn('apply')],
    ['api', 'run itself', 'lambda:InvokeFunction', (here) => here.fn('api')],
  ];

  test.each(NEIGHBOURS)('%s cannot %s', async (fn, _what, action, where) => {
    expect(await caller(fn).may(action, where(resourcesOf(HERE), resourcesOf(THERE)))).toBe(false);
  });

  test.each(FUNCTIONS)('%s deletes no table, here or elsewhere', async (fn) => {
    for (const r of [resourcesOf(HERE), resourcesOf(THERE)]) {
      for (const table of [r.items, r.tombstones, r.control, r.requests]) expect(await caller(fn).may('dynamodb:DeleteTable', table)).toBe(false);
    }
  });
});

test('who shows no credentials, or false ones, is let do nothing', async () => {
  const identity = await cloud.assume('api');
  const forged = callerOf(cloud.endpoint, { ...identity, secretAccessKey: 'x'.repeat(40) });
  await expect(forged.may('dynamodb:GetItem', resourcesOf(HERE).items)).rejects.toThrow(/Signature/);
  forged.end();
});
