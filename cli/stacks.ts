import type { Stack } from '@aws-sdk/client-cloudformation';
import { CloudFormationClient, DescribeStackResourcesCommand, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { GetFunctionConfigurationCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { remoteError } from '../lib/adapters/aws/classify.ts';
import { CONNECT_TIMEOUT_MS } from '../lib/core/constants.ts';
import type { StackPort } from './session.ts';

/** A control-plane call may take longer than a table's (ms). */
const REQUEST_TIMEOUT_MS = 10_000;
/** The output of an App stack that holds the URL of its API. */
const API_URL_OUTPUT = 'ApiUrl';

/** Stacks and functions of one region. @param endpoint of a local cloud, or undefined for AWS. */
export function stacksOf(region: string, endpoint: string | undefined): StackPort {
  const settings = {
    region,
    ...(endpoint !== undefined && { endpoint }),
    // The caller repeats what may be repeated, within the command's time.
    maxAttempts: 1,
    requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS, throwOnRequestTimeout: true },
  };
  const formation = new CloudFormationClient(settings);
  const lambda = new LambdaClient(settings);

  const stackNamed = async (name: string): Promise<Stack | undefined> => {
    try {
      return (await formation.send(new DescribeStacksCommand({ StackName: name }))).Stacks?.[0];
    } catch (error) {
      if (isNoSuchStack(error)) return undefined;
      throw remoteError(error);
    }
  };

  return {
    account: async (name) => accountOfArn((await stackNamed(name))?.StackId),
    apiUrl: async (name) => {
      const stack = await stackNamed(name);
      if (stack === undefined) return undefined;
      if (endpoint === undefined) return stack.Outputs?.find((o) => o.OutputKey?.startsWith(API_URL_OUTPUT))?.OutputValue;
      // A local cloud's output names a host that does not resolve; its gateway answers under the endpoint.
      try {
        const { StackResources: resources = [] } = await formation.send(new DescribeStackResourcesCommand({ StackName: name }));
        const physical = (type: string): string | undefined => resources.find((r) => r.ResourceType === type)?.PhysicalResourceId;
        return localApiUrl(endpoint, physical('AWS::ApiGateway::RestApi'), physical('AWS::ApiGateway::Stage'));
      } catch (error) {
        throw remoteError(error);
      }
    },
    deployedConfig: async (name) => {
      try {
        return (await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: name }))).Environment?.Variables?.['SYNCLINE_CONFIG'];
      } catch (error) {
        throw remoteError(error);
      }
    },
  };
}

/** CloudFormation says that a stack is not there by a ValidationError. */
const isNoSuchStack = (error: unknown): boolean => error instanceof Error && error.name === 'ValidationError' && /does not exist/.test(error.message);

/** The account in an ARN. Pure. */
export const accountOfArn = (arn: string | undefined): string | undefined => {
  const account = arn?.split(':')[4];
  return account !== undefined && /^\d{12}$/.test(account) ? account : undefined;
};

/** The URL of a REST API of a local cloud. Pure. */
export function localApiUrl(endpoint: string, api: string | undefined, stage: string | undefined): string | undefined {
  if (api === undefined || stage === undefined) return undefined;
  // Clouds differ: the stage's name alone, "API-STAGE", or "API/STAGE".
  const name = stage.startsWith(`${api}-`) || stage.startsWith(`${api}/`) ? stage.slice(api.length + 1) : stage;
  return `${endpoint.replace(/\/+$/, '')}/_aws/execute-api/${api}/${name}`;
}
