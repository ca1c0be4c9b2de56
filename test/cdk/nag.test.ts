import type { App } from 'aws-cdk-lib';
import { CfnPolicy, PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import { CfnQueue } from 'aws-cdk-lib/aws-sqs';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, test } from 'vitest';
import type { ReplicaSet } from '../../cdk/replica-set.ts';
import { ACCOUNT, LOCAL, replicaSet, stacksOf } from './fixture.ts';

const findings = (target: ReplicaSet): string[] => {
  const root = target.node.root as App;
  return new AwsSolutionsChecks(root)
    .validateScope(root)
    .violations.flatMap((v) => v.violatingResources.map((r) => `${v.ruleName} ${r.constructPath?.split('/').at(-1)}`));
};

describe('cdk-nag (AwsSolutions)', () => {
  test('finds nothing in a protected and in a local set', () => {
    expect(findings(replicaSet())).toEqual([]);
    expect(findings(replicaSet(LOCAL))).toEqual([]);
  });

  test('finds nothing with tokens, clients, pages, other accounts and keys of one’s own', () => {
    const key = (region: string, account = ACCOUNT): string => `arn:aws:kms:${region}:${account}:key/1234abcd-12ab-34cd-56ef-1234567890ab`;
    const members = [
      { region: 'eu-central-1', encryptionKeyArn: key('eu-central-1') },
      { region: 'us-east-1', account: '210987654321', encryptionKeyArn: key('us-east-1', '210987654321') },
    ];
    const api = { clients: [{ name: 'web', ratePerSecond: 1, burst: 1 }], corsOrigins: ['https://app.example'] };
    expect(findings(replicaSet({ members, ...api, auth: { type: 'jwt', issuer: 'https://id.example', audience: 'items' } }))).toEqual([]);
    expect(findings(replicaSet({ ...api, encryption: 'aws-managed' }))).toEqual([]);
  });

  test('sees the resources: a bare queue and a wide policy are findings', () => {
    const other = replicaSet();
    new CfnQueue(stacksOf(other).data, 'Bare');
    const anything = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'sqs:*', Resource: '*' }] };
    new CfnPolicy(stacksOf(other).app, 'Wide', { policyName: 'wide', policyDocument: anything });
    expect(findings(other).sort()).toEqual([
      'AwsSolutions-IAM5[Action::sqs:*] Wide',
      'AwsSolutions-IAM5[Resource::*] Wide',
      'AwsSolutions-SQS3 Bare',
      'AwsSolutions-SQS4 Bare',
    ]);
  });

  test('a wildcard of another table is a finding, though our own are acknowledged', () => {
    const other = replicaSet();
    const fanout = stacksOf(other).app.node.findChild('App').node.findChild('Fanout').node.findChild('Role') as Role;
    fanout.addToPolicy(new PolicyStatement({ actions: ['dynamodb:GetRecords'], resources: [`arn:aws:dynamodb:eu-central-1:${ACCOUNT}:table/Other/stream/*`] }));
    expect(findings(other)).toHaveLength(1);
  });
});
