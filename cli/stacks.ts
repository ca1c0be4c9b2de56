import { CloudFormationClient, DescribeStackResourcesCommand } from '@aws-sdk/client-cloudformation';
import { GetFunctionConfigurationCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { controlPlane, remote, stackNamed } from './control-plane.ts';
import type { StackPort } from './session.ts';

/** The output of an App stack that holds the URL of its API. */
const API_URL_OUTPUT = 'ApiUrl';

/** Stacks and functions of one region. @param endpoint of a local cloud, or undefined for AWS. */
export function stacksOf(region: string, endpoint: string | undefined): StackPort {
  const settings = controlPlane(region, endpoint);
  const formation = new CloudFormationClient(settings);
  const lambda = new LambdaClient(settings);

  return {
    account: async (name) => accountOfArn((await stackNamed(formation, name))?.StackId),
    apiUrl: async (name) => {
      const stack = await stackNamed(formation, name);
      if (stack === undefined) return undefined;
      if (endpoint === undefined) return stack.Outputs?.find((o) => o.OutputKey?.startsWith(API_URL_OUTPUT))?.OutputValue;
      // A local cloud's output names a host that does not resolve; its gateway answers under the endpoint.
      const { StackResources: resources = [] } = await remote(() => formation.send(new DescribeStackResourcesCommand({ StackName: name })));
      const physical = (type: string): string | undefined => resources.find((r) => r.ResourceType === type)?.PhysicalResourceId;
      return localApiUrl(endpoint, physical('AWS::ApiGateway::RestApi'), physical('AWS::ApiGateway::Stage'));
    },
    deployedConfig: async (name) =>
      (await remote(() => lambda.send(new GetFunctionConfigurationCommand({ FunctionName: name })))).Environment?.Variables?.['SYNCLINE_CONFIG'],
  };
}

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
