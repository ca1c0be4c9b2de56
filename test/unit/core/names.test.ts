import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Member } from '../../../lib/core/names.ts';
import {
  FUNCTIONS,
  functionArn,
  linkNames,
  memberNameProblem,
  memberNames,
  nameFor,
  queueArn,
  queueUrl,
  setNameProblem,
  tableArn,
} from '../../../lib/core/names.ts';

const EU: Member = { name: 'eu-central-1', region: 'eu-central-1', account: '111122223333', generation: 1 };
const US: Member = { name: 'us-east-1', region: 'us-east-1', account: '111122223333', generation: 2 };
/** The longest that are allowed. */
const LONG_SET = 's'.repeat(16);
const LONG: Member = { name: 'm'.repeat(24), region: 'ap-southeast-2', account: '111122223333', generation: 99 };
const LONG_TO: Member = { ...LONG, name: 't'.repeat(24) };

/** AWS's limits of each kind of name (characters). */
const LIMITS = {
  // https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
  table: /^[a-zA-Z0-9_.-]{3,255}$/,
  // https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
  bucket: /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html
  queue: /^[a-zA-Z0-9_-]{1,80}$/,
  fifo: /^(?=.{6,80}$)[a-zA-Z0-9_-]+\.fifo$/,
  // https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
  fn: /^[a-zA-Z0-9-_]{1,64}$/,
  // https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html
  stack: /^[a-zA-Z][-a-zA-Z0-9]{0,127}$/,
  api: /^[\w-]{1,128}$/,
} as const;

describe('the names of a member', () => {
  test('are pinned', () => {
    const { fn, ...names } = memberNames('cities', EU);
    expect(names).toEqual({
      prefix: 'syncline-cities-eu-central-1-g1',
      items: 'syncline-cities-eu-central-1-g1-items',
      tombstones: 'syncline-cities-eu-central-1-g1-tombstones',
      control: 'syncline-cities-eu-central-1-g1-control',
      requests: 'syncline-cities-eu-central-1-g1-requests',
      bucket: 'syncline-cities-eu-central-1-g1-111122223333',
      streamFailures: 'syncline-cities-eu-central-1-g1-stream-failures',
      api: 'syncline-cities-eu-central-1-g1-api',
      dataStack: 'syncline-cities-eu-central-1-g1-data',
      appStack: 'syncline-cities-eu-central-1-g1-app',
    });
    expect(FUNCTIONS.map(fn)).toEqual(['fanout', 'observe', 'apply', 'reconcile', 'control', 'api'].map((short) => `syncline-cities-eu-central-1-g1-${short}`));
  });

  test('of a link are pinned', () => {
    expect(linkNames('cities', EU, US)).toEqual({
      queue: 'syncline-cities-eu-central-1-g1-to-us-east-1-g2.fifo',
      dlq: 'syncline-cities-eu-central-1-g1-to-us-east-1-g2-dlq.fifo',
    });
  });

  test('that are too long are shortened by a hash, which is pinned', () => {
    const prefix = `syncline-${LONG_SET}-${LONG.name}-g99`;
    expect(memberNames(LONG_SET, LONG).bucket).toBe(`${prefix}-aeb22166`);
    expect(linkNames(LONG_SET, LONG, LONG_TO)).toEqual({ queue: `${prefix}-to-afc38134ca.fifo`, dlq: `${prefix}-to-afc38134ca-dlq.fifo` });
  });

  test('of a bucket keeps the whole account while it has at most 63 characters', () => {
    const bucket = (length: number): string => memberNames(LONG_SET, { ...LONG, name: 'm'.repeat(length) }).bucket;
    expect([bucket(20).length, bucket(20).endsWith('-111122223333')]).toEqual([63, true]);
    expect(bucket(21)).toMatch(/^.{51}-aeb22166$/);
  });

  test('are within AWS’s limits for every valid set and member', () => {
    const letter = fc.constantFrom(...'abz09-');
    const name = (max: number): fc.Arbitrary<string> => fc.array(letter, { minLength: 0, maxLength: max - 2 }).map((middle) => `a${middle.join('')}z`);
    const member = fc.record({ name: fc.oneof(name(24), fc.constant(LONG.name)), generation: fc.constantFrom(1, 9, 99) }).map((m): Member => ({ ...EU, ...m }));
    fc.assert(
      fc.property(fc.oneof(name(16), fc.constant(LONG_SET)), member, member, (set, source, target) => {
        expect([setNameProblem(set), memberNameProblem(source.name)]).toEqual([undefined, undefined]);
        const names = memberNames(set, source);
        for (const table of [names.items, names.tombstones, names.control, names.requests]) expect(table).toMatch(LIMITS.table);
        expect(names.bucket).toMatch(LIMITS.bucket);
        expect(names.streamFailures).toMatch(LIMITS.queue);
        expect(names.api).toMatch(LIMITS.api);
        for (const stack of [names.dataStack, names.appStack]) expect(stack).toMatch(LIMITS.stack);
        for (const fn of FUNCTIONS) expect(names.fn(fn)).toMatch(LIMITS.fn);
        const link = linkNames(set, source, target);
        expect(link.queue).toMatch(LIMITS.fifo);
        expect(link.dlq).toMatch(LIMITS.fifo);
        expect(link.queue).not.toBe(link.dlq);
      }),
      { numRuns: 100 },
    );
  });

  test('differ by member, generation, target and, for buckets, account', () => {
    for (const [set, a, to] of [
      ['cities', EU, US],
      [LONG_SET, LONG, LONG_TO],
    ] as const) {
      const again = { ...a, generation: a.generation - (a.generation > 1 ? 1 : -1) };
      expect(memberNames(set, again).items).not.toBe(memberNames(set, a).items);
      expect(memberNames(set, { ...a, account: '111122223334' }).bucket).not.toBe(memberNames(set, a).bucket);
      const targets = [to, { ...to, generation: 98 }, { ...to, name: `${to.name.slice(0, -1)}x` }];
      expect(new Set(targets.map((t) => linkNames(set, a, t).queue)).size).toBe(targets.length);
    }
  });
});

test('ARNs and queue URLs are pinned', () => {
  expect(tableArn(EU, 't')).toBe('arn:aws:dynamodb:eu-central-1:111122223333:table/t');
  expect(queueArn(EU, 'q.fifo')).toBe('arn:aws:sqs:eu-central-1:111122223333:q.fifo');
  expect(functionArn(EU, 'f')).toBe('arn:aws:lambda:eu-central-1:111122223333:function:f');
  expect(queueUrl(EU, 'q.fifo')).toBe('https://sqs.eu-central-1.amazonaws.com/111122223333/q.fifo');
});

describe('a name that cannot be one says why', () => {
  const wrong = ['', 'a', '1a', '-a', 'a-', 'A1', 'a_b', 'a.b', 'ä1', 'a b', 'a1\n'];
  test.each([...wrong, 's'.repeat(17)])('%j is no set', (name) => {
    expect(setNameProblem(name)).toBe(
      `The set's name must be 2 to 16 characters, a–z, 0–9 and "-", beginning with a letter and not ending in "-"; got ${JSON.stringify(name)}.`,
    );
  });
  test.each([...wrong, 'm'.repeat(25)])('%j is no member', (name) => {
    expect(memberNameProblem(name)).toMatch(/^A member's name must be 2 to 24 characters/);
  });
  test.each(['a1', 'ab', 'a-b', 's'.repeat(16)])('%j is a set', (name) => {
    expect(setNameProblem(name)).toBeUndefined();
  });
});

test('a resource in another account is named by its ARN, since bare names are looked up in the caller’s own', () => {
  expect(nameFor(EU, US, 'a-table', tableArn)).toBe('a-table');
  expect(nameFor(EU, { ...US, account: '999999999999' }, 'a-table', tableArn)).toBe('arn:aws:dynamodb:us-east-1:999999999999:table/a-table');
  expect(nameFor(EU, { ...US, account: '999999999999' }, 'a-function', functionArn)).toBe('arn:aws:lambda:us-east-1:999999999999:function:a-function');
});
