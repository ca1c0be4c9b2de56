import { CfnOutput, Stack, Stage } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import type { MemberConfig, SetConfig } from '../lib/core/config.ts';
import { memberNames } from '../lib/core/names.ts';
import { MemberApp } from './member-app.ts';
import { MemberData } from './member-data.ts';
import type { MemberSettings } from './replica-set-member.ts';
import { memberParts, readersOf } from './replica-set-member.ts';
import type { SetProps } from './set.ts';
import { SetPropsError, setConfig } from './set.ts';

export interface ReplicaSetProps extends SetProps, MemberSettings {
  /** Whether CloudFormation refuses to delete the Data stacks. Default: true, but for the local clouds' account 000000000000. */
  readonly terminationProtection?: boolean;
}

/** The account of the local clouds. */
export const LOCAL_ACCOUNT = '000000000000';

/** The two stacks of a member. */
export interface MemberStacks {
  readonly data: Stack;
  readonly app: Stack;
}

/**
 * A whole replica set: a Data stack (tables, bucket, the stream's mappings) and an App stack (everything else) for each
 * member, under the nearest Stage. No stack refers to another. A member's App stack is deployed before its Data stack,
 * and removed after it (docs/decisions/0003-stream-arn.md).
 *
 * @throws SetPropsError on a name, key, region or limit that cannot be.
 */
export class ReplicaSet extends Construct {
  readonly config: SetConfig;
  readonly stacks: ReadonlyMap<string, MemberStacks>;

  constructor(scope: Construct, id: string, props: ReplicaSetProps) {
    super(scope, id);
    this.config = setConfig(props);
    const stage = Stage.of(this);
    if (stage === undefined) throw new SetPropsError('A ReplicaSet makes stacks, so it must be within an App or a Stage.');
    this.stacks = new Map(this.config.members.map((m) => [m.name, this.member(stage, m, props)]));
  }

  private member(stage: Stage, member: MemberConfig, props: ReplicaSetProps): MemberStacks {
    const names = memberNames(this.config.set, member);
    const env = { account: member.account, region: member.region };
    const parts = memberParts(this.config, member, props);
    const where = `member ${member.name} of the replica set ${this.config.set}`;

    const app = new Stack(stage, names.appStack, { stackName: names.appStack, env, description: `Syncline: functions, queues and API of the ${where}` });
    const appPart = new MemberApp(app, 'App', parts.app);
    new CfnOutput(app, 'ApiUrl', { value: appPart.apiUrl });
    for (const [client, id] of appPart.apiKeyIds) {
      new CfnOutput(app, `ApiKey-${client}`, {
        value: id,
        description: `Id of the API key of "${client}"; the key: aws apigateway get-api-key --include-value`,
      });
    }

    const data = new Stack(stage, names.dataStack, {
      stackName: names.dataStack,
      env,
      description: `Syncline: tables, bucket and stream mappings of the ${where}`,
      terminationProtection: props.terminationProtection ?? member.account !== LOCAL_ACCOUNT,
    });
    const dataPart = new MemberData(data, 'Data', parts.data);
    dataPart.dependOn(...readersOf(appPart));
    new CfnOutput(data, 'ItemsTable', { value: member.items });
    new CfnOutput(data, 'TombstonesTable', { value: names.tombstones });
    new CfnOutput(data, 'ControlTable', { value: names.control });
    new CfnOutput(data, 'RequestsTable', { value: names.requests });
    new CfnOutput(data, 'BucketName', { value: names.bucket });
    if (dataPart.adoptPolicy !== undefined) {
      new CfnOutput(data, 'AdoptPolicy', {
        value: dataPart.adoptPolicy,
        description: `Attach this to the table ${member.items}, which was there before: aws dynamodb put-resource-policy`,
      });
    }
    return { data, app };
  }
}
