import { beforeAll, describe, expect, test } from 'vitest';
import type { ReplicaSet } from '../../cdk/replica-set.ts';
import { readSettings } from '../../functions/shared/settings.ts';
import type { Resource } from './fixture.ts';
import { byType, counts, only, replicaSet, resourcesOf, stacksOf } from './fixture.ts';

let set: ReplicaSet;
let app: Readonly<Record<string, Resource>>;
beforeAll(() => {
  set = replicaSet();
  app = resourcesOf(stacksOf(set).app);
});

describe('links', () => {
  const queues = (): [string, Resource][] => byType(app, 'AWS::SQS::Queue').filter(([, r]) => r.Properties.FifoQueue === true);

  test('are a queue and a dead-letter queue to each other member, high-throughput FIFO, encrypted', () => {
    expect(
      queues()
        .map(([, r]) => r.Properties.QueueName)
        .sort(),
    ).toEqual([
      'syncline-cities-eu-central-1-g1-to-ap-southeast-2-g1-dlq.fifo',
      'syncline-cities-eu-central-1-g1-to-ap-southeast-2-g1.fifo',
      'syncline-cities-eu-central-1-g1-to-us-east-1-g1-dlq.fifo',
      'syncline-cities-eu-central-1-g1-to-us-east-1-g1.fifo',
    ]);
    for (const [, r] of queues()) {
      expect(r.Properties).toMatchObject({
        ContentBasedDeduplication: false,
        DeduplicationScope: 'messageGroup',
        FifoThroughputLimit: 'perMessageGroupId',
        SqsManagedSseEnabled: true,
        MessageRetentionPeriod: 1_209_600,
      });
    }
  });

  test('have V as their visibility, and 1,000 receives before a message is a dead letter', () => {
    for (const [id, r] of queues().filter(([, q]) => !q.Properties.QueueName.endsWith('-dlq.fifo'))) {
      expect(r.Properties.VisibilityTimeout, id).toBe(180);
      expect(r.Properties.RedrivePolicy.maxReceiveCount, id).toBe(1_000);
      const dlq = app[r.Properties.RedrivePolicy.deadLetterTargetArn['Fn::GetAtt'][0]];
      expect(dlq?.Properties.QueueName, id).toBe(r.Properties.QueueName.replace('.fifo', '-dlq.fifo'));
    }
  });

  test('have one mapping each to the one apply function, with partial failures', () => {
    const mappings = byType(app, 'AWS::Lambda::EventSourceMapping').map(([, r]) => r.Properties);
    expect(new Set(mappings.map((m) => app[m.EventSourceArn['Fn::GetAtt'][0]]?.Properties.QueueName)).size).toBe(2);
    for (const m of mappings) {
      expect(m).toMatchObject({ BatchSize: 10, FunctionResponseTypes: ['ReportBatchItemFailures'], Enabled: true });
      expect(app[m.FunctionName.Ref]?.Properties.FunctionName).toBe('syncline-cities-eu-central-1-g1-apply');
    }
  });

  test('every queue refuses what is not TLS', () => {
    expect(byType(app, 'AWS::SQS::QueuePolicy')).toHaveLength(byType(app, 'AWS::SQS::Queue').length);
    for (const [, r] of byType(app, 'AWS::SQS::QueuePolicy'))
      expect(r.Properties.PolicyDocument.Statement).toMatchObject([{ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }]);
  });

  test('keep messages for as long as is asked, within the inequalities', () => {
    const DAY = 86_400_000;
    const shorter = resourcesOf(stacksOf(replicaSet({ queueRetentionMs: 13 * DAY, dlqRetentionMs: 10 * DAY })).app);
    const retention = (end: string): number =>
      byType(shorter, 'AWS::SQS::Queue').find(([, r]) => r.Properties.QueueName.endsWith(end))?.[1].Properties.MessageRetentionPeriod;
    expect([retention('us-east-1-g1.fifo'), retention('us-east-1-g1-dlq.fifo')]).toEqual([13 * 86_400, 10 * 86_400]);
    expect(() => replicaSet({ queueRetentionMs: 12 * DAY })).toThrow(/stale before its queue drops messages/);
  });
});

describe('functions', () => {
  test('run Node 24 on arm64, with their settings and a log of one month', () => {
    const functions = byType(app, 'AWS::Lambda::Function').map(([, r]) => r.Properties);
    expect(Object.fromEntries(functions.map((f) => [f.FunctionName.split('-').at(-1), [f.MemorySize, f.Timeout]]))).toEqual({
      fanout: [512, 30],
      observe: [512, 30],
      apply: [512, 30],
      reconcile: [512, 55],
      api: [512, 28],
    });
    for (const f of functions) {
      expect(f).toMatchObject({ Runtime: 'nodejs24.x', Architectures: ['arm64'], Handler: 'index.handler' });
      expect(f.TracingConfig).toBeUndefined();
      expect(JSON.parse(f.Environment.Variables.SYNCLINE_CONFIG)).toEqual(set.config);
      expect(f.Environment.Variables.SYNCLINE_MEMBER).toBe('eu-central-1');
      expect(app[f.LoggingConfig.LogGroup.Ref]?.Properties).toMatchObject({ LogGroupName: `/aws/lambda/${f.FunctionName}`, RetentionInDays: 30 });
    }
  });

  test('only reconcile is told how the archive is kept, and only a schedule makes snapshots', () => {
    const archiveOf = (resources: Readonly<Record<string, Resource>>): Record<string, unknown> =>
      Object.fromEntries(
        byType(resources, 'AWS::Lambda::Function').flatMap(([, { Properties: p }]) => {
          const text = p.Environment.Variables.SYNCLINE_ARCHIVE as string | undefined;
          return text === undefined ? [] : [[p.FunctionName.split('-').at(-1), readSettings(p.Environment.Variables).archive]];
        }),
      );
    expect(archiveOf(app)).toEqual({ reconcile: { windowS: 60, retentionDays: 35, snapshotEveryMs: 7 * 86_400_000 } });
    const own = replicaSet({
      archive: { snapshotEvery: 'off' },
      members: [{ region: 'eu-central-1', archive: { windowS: 5, retentionDays: 400 } }, { region: 'us-east-1' }],
    });
    expect(archiveOf(resourcesOf(stacksOf(own).app))).toEqual({ reconcile: { windowS: 5, retentionDays: 400 } });
    expect(archiveOf(resourcesOf(stacksOf(own, 'us-east-1').app))).toEqual({ reconcile: { windowS: 60, retentionDays: 35 } });
  });

  test('reconcile runs each minute; a run that fails or is late is not repeated', () => {
    const rule = only(byType(app, 'AWS::Events::Rule')).Properties;
    expect(rule.ScheduleExpression).toBe('rate(1 minute)');
    expect(rule.Targets).toMatchObject([{ RetryPolicy: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 } }]);
    expect(app[rule.Targets[0].Arn['Fn::GetAtt'][0]]?.Properties.FunctionName).toBe('syncline-cities-eu-central-1-g1-reconcile');
    expect(only(byType(app, 'AWS::Lambda::EventInvokeConfig')).Properties).toMatchObject({ MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 });
  });
});

describe('the HTTP API', () => {
  test('is regional, and every method needs a signed request', () => {
    expect(only(byType(app, 'AWS::ApiGateway::RestApi')).Properties).toMatchObject({ EndpointConfiguration: { Types: ['REGIONAL'] } });
    for (const [id, r] of byType(app, 'AWS::ApiGateway::Method'))
      expect(r.Properties, id).toMatchObject({ HttpMethod: 'ANY', AuthorizationType: 'AWS_IAM', Integration: { Type: 'AWS_PROXY' } });
  });

  test('limits requests, and logs them without paths, queries or bodies', () => {
    const stage = only(byType(app, 'AWS::ApiGateway::Stage')).Properties;
    expect(stage).toMatchObject({
      StageName: 'v1',
      MethodSettings: [{ ThrottlingRateLimit: 1_000, ThrottlingBurstLimit: 500, DataTraceEnabled: false, LoggingLevel: 'ERROR' }],
    });
    const format = Object.values(JSON.parse(stage.AccessLogSetting.Format) as Record<string, string>);
    expect(format).toContain('$context.resourcePath');
    expect(format).not.toContain('$context.path');
    const own = resourcesOf(stacksOf(replicaSet({ throttle: { ratePerSecond: 5, burst: 2 } })).app);
    expect(only(byType(own, 'AWS::ApiGateway::Stage')).Properties.MethodSettings).toMatchObject([{ ThrottlingRateLimit: 5, ThrottlingBurstLimit: 2 }]);
  });

  test('answers its own refusals with problem documents that are JSON once the gateway has filled them in', () => {
    const responses = byType(app, 'AWS::ApiGateway::GatewayResponse').map(([, r]) => r.Properties);
    expect(responses.map((r) => r.ResponseType)).toEqual(
      expect.arrayContaining([
        'DEFAULT_4XX',
        'DEFAULT_5XX',
        'ACCESS_DENIED',
        'MISSING_AUTHENTICATION_TOKEN',
        'INVALID_SIGNATURE',
        'EXPIRED_TOKEN',
        'THROTTLED',
      ]),
    );
    for (const r of responses) {
      expect(r.ResponseParameters['gatewayresponse.header.Content-Type']).toBe("'application/problem+json'");
      const filled = r.ResponseTemplates['application/json'].replace('$context.error.messageString', '"a \\"message\\""').replace('$context.requestId', '4f1e');
      const problem = JSON.parse(filled) as { status?: number; title: string };
      expect(problem).toMatchObject({ type: 'about:blank', detail: 'a "message"', instance: 'urn:request:4f1e' });
      expect(problem.title).not.toBe('');
      expect(problem.status === undefined ? undefined : String(problem.status)).toBe(r.StatusCode);
    }
  });

  test('leaves the account’s log role alone where that is asked', () => {
    const without = counts(stacksOf(replicaSet({ accountLogRole: false })).app);
    expect(without['AWS::ApiGateway::Account']).toBeUndefined();
    expect(without['AWS::IAM::Role']).toBe(5);
    expect(only(byType(app, 'AWS::ApiGateway::Account')).DeletionPolicy).toBe('Retain');
  });
});
