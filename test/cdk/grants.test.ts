import { beforeAll, describe, expect, test } from 'vitest';
import type { Resource } from './fixture.ts';
import { ACCOUNT, replicaSet, resourcesOf, stacksOf } from './fixture.ts';
import type { Statement } from './policy.ts';
import { allows, statementsOf } from './policy.ts';

const HERE = 'eu-central-1';
const THERE = 'us-east-1';
const prefix = (member: string): string => `syncline-cities-${member}-g1`;
const table = (member: string, name: string): string => `arn:aws:dynamodb:${member}:${ACCOUNT}:table/${prefix(member)}-${name}`;
const queue = (name: string, member = HERE): string => `arn:aws:sqs:${member}:${ACCOUNT}:${prefix(member)}-${name}`;
const objects = (member: string, path: string): string => `arn:aws:s3:::${prefix(member)}-${ACCOUNT}/${path}`;
const bucket = (member: string): string => `arn:aws:s3:::${prefix(member)}-${ACCOUNT}`;
const link = queue(`to-${THERE}-g1.fifo`);
const dlq = queue(`to-${THERE}-g1-dlq.fifo`);

const roles = new Map<string, Resource>();

beforeAll(() => {
  const resources = resourcesOf(stacksOf(replicaSet(), HERE).app);
  for (const fn of Object.values(resources).filter((r) => r.Type === 'AWS::Lambda::Function')) {
    const name: string = fn.Properties.FunctionName;
    roles.set(name.slice(prefix(HERE).length + 1), resources[fn.Properties.Role['Fn::GetAtt'][0]] as Resource);
  }
});

const role = (fn: string): Resource => {
  const found = roles.get(fn);
  if (found === undefined) throw new Error(`no function ${fn}`);
  return found;
};

/** A row of control: its table, and the attributes that an update names. */
const row = (member: string, partition: string, ...attributes: string[]) => ({
  resource: table(member, 'control'),
  partitions: [partition],
  attributes: ['pk', 'sk', ...attributes],
});

/** Statements in short: sid → actions, the resources' ends, the condition's partitions. */
function summary(fn: string): Record<string, string> {
  const short = (arn: unknown): string =>
    typeof arn === 'string' ? arn.replace(/^arn:aws:(\w+):[^:]*:[^:]*:(table\/)?/, '$1 ').replaceAll('syncline-cities-', '') : 'own log group';
  const flat = <T>(value: T | readonly T[]): readonly T[] => (Array.isArray(value) ? value : [value as T]);
  return Object.fromEntries(
    statementsOf(role(fn)).map((s: Statement) => {
      const keys = Object.values(s.Condition ?? {}).flatMap((c) => Object.entries(c).map(([key, v]) => `${key.replace('dynamodb:', '')} ${flat(v).join('+')}`));
      return [`${s.Effect} ${s.Sid}`, [flat(s.Action).join(' '), flat(s.Resource).map(short).join(', '), ...keys].join(' | ')];
    }),
  );
}

describe('every function', () => {
  test('exactly five exist, each with a role of its own', () => {
    expect([...roles.keys()].sort()).toEqual(['api', 'apply', 'fanout', 'observe', 'reconcile']);
    expect(new Set(roles.values()).size).toBe(5);
  });

  test('has no managed policy, no wildcard in an action, and no resource that is only a wildcard', () => {
    for (const [fn, r] of roles) {
      expect(r.Properties.ManagedPolicyArns, fn).toBeUndefined();
      for (const s of statementsOf(r)) {
        expect(JSON.stringify(s.Action), fn).not.toContain('*');
        for (const resource of [s.Resource].flat()) expect(JSON.stringify(resource), fn).not.toMatch(/^"\*"$|:\*"$|s3:::\*/);
      }
    }
  });

  test('has only Lambda to assume its role', () => {
    for (const r of roles.values()) {
      expect(r.Properties.AssumeRolePolicyDocument.Statement).toEqual([
        { Action: 'sts:AssumeRole', Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' } },
      ]);
    }
  });

  test('writes nobody’s acceptor rows, and moves no seat of its own member', () => {
    for (const [fn, r] of roles) {
      for (const member of [HERE, THERE]) {
        for (const action of ['PutItem', 'UpdateItem', 'DeleteItem', 'BatchWriteItem']) {
          expect(allows(r, { action: `dynamodb:${action}`, ...row(member, 'acceptor', 'promised') }), `${fn} ${action} acceptor of ${member}`).toBe(false);
        }
      }
      for (const action of ['PutItem', 'DeleteItem', 'BatchWriteItem'])
        expect(allows(r, { action: `dynamodb:${action}`, ...row(HERE, 'self') }), `${fn} ${action} self`).toBe(false);
      for (const attribute of ['own', 'until', 'successor', 'fence', 'v']) {
        expect(allows(r, { action: 'dynamodb:UpdateItem', ...row(HERE, 'self', attribute) }), `${fn} sets ${attribute} of its seat`).toBe(false);
      }
    }
  });

  test('never mixes a row that it may write with one that it may not', () => {
    expect(
      allows(role('apply'), { action: 'dynamodb:UpdateItem', resource: table(THERE, 'control'), partitions: ['self', 'acceptor'], attributes: ['pk', 'sk'] }),
    ).toBe(false);
  });
});

describe('fanout', () => {
  test('is granted exactly this', () => {
    expect(summary('fanout')).toMatchInlineSnapshot(`
      {
        "Allow MarkShard": "dynamodb:UpdateItem | dynamodb eu-central-1-g1-control | LeadingKeys shard",
        "Allow ReadSelf": "dynamodb:Query | dynamodb eu-central-1-g1-control | LeadingKeys self",
        "Allow ReadStream": "dynamodb:DescribeStream dynamodb:GetRecords dynamodb:GetShardIterator dynamodb:ListStreams | dynamodb eu-central-1-g1-items/stream/*",
        "Allow ReportLostBatches": "sqs:SendMessage | sqs eu-central-1-g1-stream-failures",
        "Allow SendToLinks": "sqs:SendMessage | sqs eu-central-1-g1-to-ap-southeast-2-g1.fifo, sqs eu-central-1-g1-to-us-east-1-g1.fifo",
        "Allow UpdateLinks": "dynamodb:UpdateItem | dynamodb eu-central-1-g1-control | LeadingKeys self",
        "Allow WriteOwnLogs": "logs:CreateLogStream logs:PutLogEvents | own log group",
        "Deny NeverTheSeat": "dynamodb:UpdateItem | dynamodb eu-central-1-g1-control | LeadingKeys self | Attributes fence+open+own+primary+stream+successor+tableId+until+url+v",
      }
    `);
  });

  test('updates a link and a shard, and reads only self', () => {
    const r = role('fanout');
    expect(allows(r, { action: 'dynamodb:UpdateItem', ...row(HERE, 'self', 'state', 'why', 'since', 'refusing', 'f') })).toBe(true);
    expect(allows(r, { action: 'dynamodb:UpdateItem', ...row(HERE, 'shard', 'sent', 'sentAt', 'f') })).toBe(true);
    expect(allows(r, { action: 'dynamodb:Query', ...row(HERE, 'self') })).toBe(true);
    expect(allows(r, { action: 'dynamodb:Query', ...row(HERE, 'job') })).toBe(false);
  });

  test('touches no item, receives nothing, and does nothing at other members', () => {
    const r = role('fanout');
    for (const action of ['GetItem', 'PutItem', 'Scan', 'Query'])
      expect(allows(r, { action: `dynamodb:${action}`, resource: table(HERE, 'items') })).toBe(false);
    expect(allows(r, { action: 'sqs:SendMessage', resource: link })).toBe(true);
    expect(allows(r, { action: 'sqs:SendMessage', resource: dlq })).toBe(false);
    expect(allows(r, { action: 'sqs:ReceiveMessage', resource: link })).toBe(false);
    expect(JSON.stringify(statementsOf(r))).not.toContain(THERE.concat(':'));
  });

  test('reads the stream of its own items table only', () => {
    const stream = (name: string, member = HERE): string => `${table(member, name)}/stream/2026-11-24T00:00:00.000`;
    for (const action of ['DescribeStream', 'GetRecords', 'GetShardIterator', 'ListStreams']) {
      expect(allows(role('fanout'), { action: `dynamodb:${action}`, resource: stream('items') })).toBe(true);
      expect(allows(role('fanout'), { action: `dynamodb:${action}`, resource: stream('control') })).toBe(false);
      expect(allows(role('fanout'), { action: `dynamodb:${action}`, resource: stream('items', THERE) })).toBe(false);
    }
  });
});

describe('observe', () => {
  test('is granted exactly this', () => {
    expect(summary('observe')).toMatchInlineSnapshot(`
      {
        "Allow KeepOrphans": "dynamodb:PutItem | dynamodb eu-central-1-g1-control | LeadingKeys orphan",
        "Allow ListBucket": "s3:ListBucket | s3 eu-central-1-g1-123456789012 | s3:prefix log/*",
        "Allow MarkShard": "dynamodb:UpdateItem | dynamodb eu-central-1-g1-control | LeadingKeys shard",
        "Allow ReadControl": "dynamodb:GetItem | dynamodb eu-central-1-g1-control | LeadingKeys self+shard+job",
        "Allow ReadStream": "dynamodb:DescribeStream dynamodb:GetRecords dynamodb:GetShardIterator dynamodb:ListStreams | dynamodb eu-central-1-g1-items/stream/*",
        "Allow ReadTombstones": "dynamodb:BatchGetItem | dynamodb eu-central-1-g1-tombstones",
        "Allow ReportLostBatches": "sqs:SendMessage | sqs eu-central-1-g1-stream-failures",
        "Allow WriteLog": "s3:GetObject s3:PutObject | s3 eu-central-1-g1-123456789012/log/*",
        "Allow WriteOwnLogs": "logs:CreateLogStream logs:PutLogEvents | own log group",
      }
    `);
  });

  test('writes its log, marks and orphans, and no link, lane or item', () => {
    const r = role('observe');
    expect(allows(r, { action: 's3:PutObject', resource: objects(HERE, 'log/1/2') })).toBe(true);
    expect(allows(r, { action: 's3:PutObject', resource: objects(HERE, 'scans/1') })).toBe(false);
    expect(allows(r, { action: 's3:PutObject', resource: objects(THERE, 'log/1/2') })).toBe(false);
    expect(allows(r, { action: 's3:DeleteObject', resource: objects(HERE, 'log/1/2') })).toBe(false);
    expect(allows(r, { action: 's3:ListBucket', resource: bucket(HERE), prefix: 'log/2026/' })).toBe(true);
    expect(allows(r, { action: 's3:ListBucket', resource: bucket(HERE), prefix: 'scans/' })).toBe(false);
    expect(allows(r, { action: 's3:ListBucket', resource: bucket(HERE) })).toBe(false);
    expect(allows(r, { action: 'dynamodb:UpdateItem', ...row(HERE, 'shard', 'seen', 'seenAt') })).toBe(true);
    expect(allows(r, { action: 'dynamodb:UpdateItem', ...row(HERE, 'self', 'state') })).toBe(false);
    expect(allows(r, { action: 'sqs:SendMessage', resource: link })).toBe(false);
    expect(allows(r, { action: 'dynamodb:GetItem', resource: table(HERE, 'items') })).toBe(false);
    expect(allows(r, { action: 'dynamodb:BatchGetItem', resource: table(HERE, 'tombstones') })).toBe(true);
    expect(allows(r, { action: 'dynamodb:BatchGetItem', resource: table(THERE, 'tombstones') })).toBe(false);
    for (const action of ['PutItem', 'DeleteItem', 'UpdateItem', 'BatchWriteItem'])
      expect(allows(r, { action: `dynamodb:${action}`, resource: table(HERE, 'tombstones') })).toBe(false);
  });
});

describe('apply', () => {
  test('is granted exactly this', () => {
    expect(summary('apply')).toMatchInlineSnapshot(`
      {
        "Allow KeepRefused": "dynamodb:BatchGetItem dynamodb:DeleteItem dynamodb:GetItem dynamodb:PutItem | dynamodb ap-southeast-2-g1-control, dynamodb us-east-1-g1-control | LeadingKeys refused",
        "Allow OwnLanes": "sqs:ChangeMessageVisibility sqs:DeleteMessage sqs:GetQueueAttributes sqs:ReceiveMessage | sqs eu-central-1-g1-to-ap-southeast-2-g1.fifo, sqs eu-central-1-g1-to-us-east-1-g1.fifo",
        "Allow RaiseFences": "dynamodb:UpdateItem | dynamodb ap-southeast-2-g1-control, dynamodb us-east-1-g1-control | LeadingKeys self | Attributes pk+sk+fence+open+primary",
        "Allow ReadFences": "dynamodb:BatchGetItem dynamodb:GetItem | dynamodb ap-southeast-2-g1-control, dynamodb us-east-1-g1-control | LeadingKeys self",
        "Allow ReadSelf": "dynamodb:GetItem dynamodb:Query | dynamodb eu-central-1-g1-control | LeadingKeys self",
        "Allow ReadSource": "dynamodb:BatchGetItem dynamodb:DescribeTable | dynamodb eu-central-1-g1-items",
        "Allow RefuseRecords": "sqs:SendMessage | sqs eu-central-1-g1-to-ap-southeast-2-g1-dlq.fifo, sqs eu-central-1-g1-to-us-east-1-g1-dlq.fifo",
        "Allow UpdateLinks": "dynamodb:UpdateItem | dynamodb eu-central-1-g1-control | LeadingKeys self",
        "Allow WriteOwnLogs": "logs:CreateLogStream logs:PutLogEvents | own log group",
        "Allow WriteReplicas": "dynamodb:BatchGetItem dynamodb:BatchWriteItem dynamodb:DeleteItem dynamodb:PutItem | dynamodb ap-southeast-2-g1-items, dynamodb ap-southeast-2-g1-tombstones, dynamodb us-east-1-g1-items, dynamodb us-east-1-g1-tombstones",
        "Allow WriteReports": "s3:PutObject | s3 eu-central-1-g1-123456789012/reports/*",
        "Deny NeverTheSeat": "dynamodb:UpdateItem | dynamodb eu-central-1-g1-control | LeadingKeys self | Attributes fence+open+own+primary+stream+successor+tableId+until+url+v",
      }
    `);
  });

  test('raises a target’s fence as lib/replicate/apply/fence.ts does, and sets nothing else of a seat', () => {
    const r = role('apply');
    const update = (...attributes: string[]) => allows(r, { action: 'dynamodb:UpdateItem', ...row(THERE, 'self', ...attributes) });
    expect(update('fence', 'open', 'primary')).toBe(true);
    for (const attribute of ['own', 'until', 'successor', 'since', 'stream', 'tableId', 'url', 'v', 'state', 'proven'])
      expect(update('fence', attribute), attribute).toBe(false);
  });

  test('writes replicas and their refused keys, nothing of its own table', () => {
    const r = role('apply');
    for (const name of ['items', 'tombstones']) {
      for (const action of ['BatchGetItem', 'BatchWriteItem', 'PutItem', 'DeleteItem'])
        expect(allows(r, { action: `dynamodb:${action}`, resource: table(THERE, name) })).toBe(true);
      for (const action of ['BatchWriteItem', 'PutItem', 'DeleteItem', 'UpdateItem'])
        expect(allows(r, { action: `dynamodb:${action}`, resource: table(HERE, name) })).toBe(false);
      expect(allows(r, { action: 'dynamodb:Scan', resource: table(THERE, name) })).toBe(false);
    }
    for (const action of ['BatchGetItem', 'PutItem', 'DeleteItem']) {
      expect(allows(r, { action: `dynamodb:${action}`, ...row(THERE, 'refused') })).toBe(true);
      expect(allows(r, { action: `dynamodb:${action}`, ...row(THERE, 'job') })).toBe(false);
    }
    expect(allows(r, { action: 'dynamodb:PutItem', ...row(THERE, 'self') })).toBe(false);
    expect(allows(r, { action: 'dynamodb:DeleteItem', ...row(THERE, 'self') })).toBe(false);
  });

  test('owns its lanes and sends only to its dead-letter queues', () => {
    const r = role('apply');
    for (const action of ['ReceiveMessage', 'DeleteMessage', 'ChangeMessageVisibility']) {
      expect(allows(r, { action: `sqs:${action}`, resource: link })).toBe(true);
      expect(allows(r, { action: `sqs:${action}`, resource: dlq })).toBe(false);
    }
    expect(allows(r, { action: 'sqs:SendMessage', resource: dlq })).toBe(true);
    expect(allows(r, { action: 'sqs:SendMessage', resource: link })).toBe(false);
    expect(allows(r, { action: 'sqs:ReceiveMessage', resource: queue(`to-${HERE}-g1.fifo`, THERE) })).toBe(false);
  });
});

describe('reconcile', () => {
  test('is granted exactly this', () => {
    expect(summary('reconcile')).toMatchInlineSnapshot(`
      {
        "Allow DescribeStream": "dynamodb:DescribeStream | dynamodb eu-central-1-g1-items/stream/*",
        "Allow DrainDeadLetters": "sqs:ChangeMessageVisibility sqs:DeleteMessage sqs:GetQueueAttributes sqs:ReceiveMessage sqs:SendMessage | sqs eu-central-1-g1-to-ap-southeast-2-g1-dlq.fifo, sqs eu-central-1-g1-to-us-east-1-g1-dlq.fifo",
        "Allow KnowOthersTables": "dynamodb:BatchGetItem dynamodb:DescribeTable | dynamodb ap-southeast-2-g1-items, dynamodb us-east-1-g1-items",
        "Allow ListBuckets": "s3:ListBucket | s3 ap-southeast-2-g1-123456789012, s3 eu-central-1-g1-123456789012, s3 us-east-1-g1-123456789012",
        "Allow PutOthersJobsAndOrphans": "dynamodb:PutItem | dynamodb ap-southeast-2-g1-control, dynamodb us-east-1-g1-control | LeadingKeys job+orphan",
        "Allow ReadBucket": "s3:GetObject | s3 eu-central-1-g1-123456789012/index/*, s3 eu-central-1-g1-123456789012/log/*, s3 eu-central-1-g1-123456789012/reports/*, s3 eu-central-1-g1-123456789012/scans/*",
        "Allow ReadControl": "dynamodb:BatchGetItem dynamodb:GetItem dynamodb:Query | dynamodb eu-central-1-g1-control | LeadingKeys self+shard+refused+orphan+job",
        "Allow ReadItems": "dynamodb:BatchGetItem dynamodb:DescribeTable dynamodb:Scan | dynamodb eu-central-1-g1-items",
        "Allow ReadOtherBuckets": "s3:GetObject | s3 ap-southeast-2-g1-123456789012/log/*, s3 ap-southeast-2-g1-123456789012/scans/*, s3 us-east-1-g1-123456789012/log/*, s3 us-east-1-g1-123456789012/scans/*",
        "Allow ReadOthersRefused": "dynamodb:GetItem dynamodb:Query | dynamodb ap-southeast-2-g1-control, dynamodb us-east-1-g1-control | LeadingKeys refused",
        "Allow SendToLinks": "sqs:GetQueueAttributes sqs:PurgeQueue sqs:SendMessage | sqs eu-central-1-g1-to-ap-southeast-2-g1.fifo, sqs eu-central-1-g1-to-us-east-1-g1.fifo",
        "Allow TellEvents": "events:PutEvents | events event-bus/default",
        "Allow UpdateLinks": "dynamodb:UpdateItem | dynamodb eu-central-1-g1-control | LeadingKeys self",
        "Allow WriteBucket": "s3:DeleteObject s3:PutObject | s3 eu-central-1-g1-123456789012/reports/*, s3 eu-central-1-g1-123456789012/scans/*",
        "Allow WriteControl": "dynamodb:DeleteItem dynamodb:PutItem dynamodb:UpdateItem | dynamodb eu-central-1-g1-control | LeadingKeys shard+refused+orphan+job",
        "Allow WriteIndex": "s3:PutObject | s3 eu-central-1-g1-123456789012/index/*",
        "Allow WriteOwnLogs": "logs:CreateLogStream logs:PutLogEvents | own log group",
        "Deny NeverTheSeat": "dynamodb:UpdateItem | dynamodb eu-central-1-g1-control | LeadingKeys self | Attributes fence+open+own+primary+stream+successor+tableId+until+url+v",
      }
    `);
  });

  test('drains dead letters, declares links stale, reads others’ refused keys, writes no item', () => {
    const r = role('reconcile');
    expect(allows(r, { action: 'sqs:DeleteMessage', resource: dlq })).toBe(true);
    expect(allows(r, { action: 'sqs:DeleteMessage', resource: link })).toBe(false);
    expect(allows(r, { action: 'dynamodb:UpdateItem', ...row(HERE, 'self', 'state', 'why', 'since', 'proven') })).toBe(true);
    expect(allows(r, { action: 'dynamodb:Query', ...row(THERE, 'refused') })).toBe(true);
    expect(allows(r, { action: 'dynamodb:DeleteItem', ...row(THERE, 'refused') })).toBe(false);
    expect(allows(r, { action: 'dynamodb:Query', ...row(THERE, 'self') })).toBe(false);
    for (const action of ['PutObject', 'DeleteObject']) expect(allows(r, { action: `s3:${action}`, resource: objects(HERE, 'log/1/2') })).toBe(false);
    expect(allows(r, { action: 's3:PutObject', resource: objects(HERE, 'index/1/2') })).toBe(true);
    for (const member of [HERE, THERE])
      for (const action of ['PutItem', 'DeleteItem', 'UpdateItem', 'BatchWriteItem'])
        expect(allows(r, { action: `dynamodb:${action}`, resource: table(member, 'items') })).toBe(false);
  });
});

describe('api', () => {
  test('is granted exactly this', () => {
    expect(summary('api')).toMatchInlineSnapshot(`
      {
        "Allow ForwardToOthers": "lambda:InvokeFunction | lambda function:ap-southeast-2-g1-api, lambda function:us-east-1-g1-api",
        "Allow ListBucket": "s3:ListBucket | s3 eu-central-1-g1-123456789012 | s3:prefix log/*+index/*+reports/*",
        "Allow ReadBucket": "s3:GetObject | s3 eu-central-1-g1-123456789012/index/*, s3 eu-central-1-g1-123456789012/log/*, s3 eu-central-1-g1-123456789012/reports/*",
        "Allow ReadControl": "dynamodb:BatchGetItem dynamodb:GetItem dynamodb:Query | dynamodb eu-central-1-g1-control | LeadingKeys self+orphan+refused+job",
        "Allow ReadOthers": "dynamodb:BatchGetItem dynamodb:GetItem dynamodb:Query | dynamodb ap-southeast-2-g1-items, dynamodb ap-southeast-2-g1-tombstones, dynamodb us-east-1-g1-items, dynamodb us-east-1-g1-tombstones",
        "Allow ReadOthersSeats": "dynamodb:BatchGetItem dynamodb:GetItem | dynamodb ap-southeast-2-g1-control, dynamodb us-east-1-g1-control | LeadingKeys self",
        "Allow ReadTombstones": "dynamodb:BatchGetItem dynamodb:GetItem dynamodb:Query | dynamodb eu-central-1-g1-tombstones",
        "Allow RememberRequests": "dynamodb:BatchGetItem dynamodb:ConditionCheckItem dynamodb:GetItem dynamodb:PutItem | dynamodb eu-central-1-g1-requests",
        "Allow Serve": "dynamodb:BatchGetItem dynamodb:ConditionCheckItem dynamodb:DeleteItem dynamodb:GetItem dynamodb:PutItem dynamodb:Query | dynamodb eu-central-1-g1-items",
        "Allow WriteOwnLogs": "logs:CreateLogStream logs:PutLogEvents | own log group",
      }
    `);
  });

  test('writes no row of control, here or elsewhere', () => {
    for (const member of [HERE, THERE]) {
      for (const partition of ['self', 'shard', 'acceptor', 'refused', 'orphan', 'job']) {
        for (const action of ['PutItem', 'UpdateItem', 'DeleteItem', 'BatchWriteItem', 'ConditionCheckItem'])
          expect(allows(role('api'), { action: `dynamodb:${action}`, ...row(member, partition) }), `${action} ${partition} of ${member}`).toBe(false);
      }
    }
  });

  test('writes its own items, reads others’, invokes only their api', () => {
    const r = role('api');
    expect(allows(r, { action: 'dynamodb:PutItem', resource: table(HERE, 'items') })).toBe(true);
    expect(allows(r, { action: 'dynamodb:PutItem', resource: table(HERE, 'tombstones') })).toBe(false);
    expect(allows(r, { action: 'dynamodb:Scan', resource: table(HERE, 'items') })).toBe(false);
    expect(allows(r, { action: 'dynamodb:GetItem', resource: table(THERE, 'items') })).toBe(true);
    for (const action of ['PutItem', 'DeleteItem', 'UpdateItem', 'BatchWriteItem'])
      expect(allows(r, { action: `dynamodb:${action}`, resource: table(THERE, 'items') })).toBe(false);
    const fn = (name: string): string => `arn:aws:lambda:${THERE}:${ACCOUNT}:function:${prefix(THERE)}-${name}`;
    expect(allows(r, { action: 'lambda:InvokeFunction', resource: fn('api') })).toBe(true);
    expect(allows(r, { action: 'lambda:InvokeFunction', resource: fn('apply') })).toBe(false);
  });
});
