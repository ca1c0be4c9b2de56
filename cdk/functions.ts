import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import { Effect, PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Code, Function as LambdaFunction, LoggingFormat, Runtime } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { MemberConfig, SetConfig } from '../lib/core/config.ts';
import { API_TIMEOUT_MS, FUNCTION_TIMEOUT_MS, RECONCILE_TIMEOUT_MS } from '../lib/core/constants.ts';
import type { FunctionName } from '../lib/core/names.ts';
import { memberNames } from '../lib/core/names.ts';
import type { Grant } from './grants.ts';
import { grants } from './grants.ts';
import { keyGrants } from './key-grants.ts';
import type { MemberKeys } from './set.ts';
import { SetPropsError } from './set.ts';
import { roleName } from './sharing.ts';

/** Where a function's code comes from. */
export type CodeOf = (fn: FunctionName) => Code;

const BUNDLES = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist', 'functions');

/** The bundles that tools/bundle.ts makes. @throws SetPropsError when the function was not bundled. */
export const bundledCode: CodeOf = (fn) => {
  const folder = join(BUNDLES, fn);
  if (!existsSync(join(folder, 'index.mjs'))) {
    throw new SetPropsError(`The function "${fn}" is not bundled: there is no dist/functions/${fn}/index.mjs. Run "npm run build" first.`);
  }
  return Code.fromAsset(folder);
};

/** Memory of the functions (MiB): those that move data get more of a processor with it. */
const MEMORY_MIB: Readonly<Record<FunctionName, number>> = { fanout: 512, apply: 512, api: 512, reconcile: 512, observe: 512, control: 256 };

const TIMEOUT_MS: Readonly<Record<FunctionName, number>> = {
  fanout: FUNCTION_TIMEOUT_MS,
  observe: FUNCTION_TIMEOUT_MS,
  apply: FUNCTION_TIMEOUT_MS,
  reconcile: RECONCILE_TIMEOUT_MS,
  control: RECONCILE_TIMEOUT_MS,
  api: API_TIMEOUT_MS,
};

/** Characters of one role's inline policies, whitespace apart. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
const INLINE_POLICY_CHARACTERS_MAX = 10_240;

export interface MemberFunctionProps {
  readonly fn: FunctionName;
  readonly config: SetConfig;
  readonly member: MemberConfig;
  readonly code: CodeOf;
  /** The stream that fanout and observe read, when the table was adopted. */
  readonly streamArn?: string;
  /** The users' KMS keys. */
  readonly keys: MemberKeys;
  /** More variables of its environment. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** One function of a member, with its role and its log group. Its role may do what the Inventory says, and nothing else. */
export class MemberFunction extends Construct {
  readonly handler: LambdaFunction;

  constructor(scope: Construct, id: string, props: MemberFunctionProps) {
    super(scope, id);
    const { fn, config, member } = props;
    const functionName = memberNames(config.set, member).fn(fn);

    const logGroup = new LogGroup(this, 'Logs', {
      logGroupName: `/aws/lambda/${functionName}`,
      retention: RetentionDays.ONE_MONTH,
      // Its name is fixed: a group left behind would stop the next deployment of a member of this name.
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const granted = [...grants(fn, config, member, props.streamArn), ...keyGrants(fn, config, member, props.keys)];
    const statements = [...granted.map(statement), logs(logGroup.logGroupArn)];
    const policy = new PolicyDocument({ statements });
    checkSize(fn, policy);
    const role = new Role(this, 'Role', {
      roleName: roleName(config, member, fn),
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: `What ${functionName} may do`,
      inlinePolicies: { grants: policy },
    });
    acknowledgeWildcards(role, policy);

    this.handler = new LambdaFunction(this, 'Function', {
      functionName,
      description: `Syncline: ${fn} of the member ${member.name} of the replica set ${config.set}`,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      handler: 'index.handler',
      code: props.code(fn),
      role: role.withoutPolicyUpdates(),
      memorySize: MEMORY_MIB[fn],
      timeout: Duration.millis(TIMEOUT_MS[fn]),
      logGroup,
      loggingFormat: LoggingFormat.JSON,
      environment: {
        SYNCLINE_CONFIG: JSON.stringify(config),
        SYNCLINE_MEMBER: member.name,
        POWERTOOLS_SERVICE_NAME: fn,
        POWERTOOLS_METRICS_NAMESPACE: 'Syncline',
        ...props.environment,
      },
    });
  }
}

const statement = (grant: Grant): PolicyStatement =>
  new PolicyStatement({
    sid: grant.sid,
    effect: grant.effect === 'Deny' ? Effect.DENY : Effect.ALLOW,
    actions: [...grant.actions],
    resources: [...grant.resources],
    ...(grant.conditions !== undefined && { conditions: grant.conditions }),
  });

const logs = (logGroupArn: string): PolicyStatement =>
  new PolicyStatement({ sid: 'WriteOwnLogs', actions: ['logs:CreateLogStream', 'logs:PutLogEvents'], resources: [logGroupArn] });

function checkSize(fn: FunctionName, policy: PolicyDocument): void {
  const { length } = JSON.stringify(policy.toJSON());
  if (length <= INLINE_POLICY_CHARACTERS_MAX) return;
  throw new SetPropsError(
    `The policy of "${fn}" has ${length} characters; IAM takes ${INLINE_POLICY_CHARACTERS_MAX}. Each member of the set is named in it: use fewer members, or shorter names.`,
  );
}

/** Says of each wildcard why it is there, naming just that one, so that a new wildcard is a finding. */
function acknowledgeWildcards(role: Role, policy: PolicyDocument): void {
  const reasons: readonly [RegExp, string][] = [
    [/^arn:aws:dynamodb:[^*]*\/stream\/\*$/, 'DynamoDB mints the label at the end of a stream’s ARN; the table is named.'],
    [/^arn:aws:s3:::[^*]*\/(log|index|scans|reports)\/\*$/, 'All objects under one prefix of one bucket: their names grow with the data.'],
  ];
  for (const { Resource } of (policy.toJSON() as { Statement: { Resource: string | string[] }[] }).Statement) {
    for (const resource of [Resource].flat()) {
      const found = typeof resource === 'string' ? reasons.find(([pattern]) => pattern.test(resource)) : undefined;
      if (found !== undefined) Validations.of(role).acknowledge({ id: `AwsSolutions-IAM5[Resource::${resource}]`, reason: found[1] });
    }
  }
}
