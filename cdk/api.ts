import { RemovalPolicy, Validations } from 'aws-cdk-lib';
import type { IResource } from 'aws-cdk-lib/aws-apigateway';
import {
  AccessLogField,
  AccessLogFormat,
  AuthorizationType,
  EndpointType,
  LambdaIntegration,
  LogGroupLogDestination,
  MethodLoggingLevel,
  RestApi,
} from 'aws-cdk-lib/aws-apigateway';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { ApiAccess } from './auth.ts';
import type { ApiClient } from './clients.ts';
import { apiKeys, checkClients } from './clients.ts';
import { shapeRefusals } from './refusals.ts';

/** The stage's name: the first part of each URL. Grows with an incompatible API. */
export const API_STAGE = 'v1';
/** The stage's variable that says what the gateway asks callers for: `iam` or `jwt`. It changes in one call with what it speaks of. */
export const AUTH_VARIABLE = 'auth';
/** Steady requests a second and burst that a member's API lets in, unless set. AWS's limits of an account are 10,000 and 5,000. */
const THROTTLE = { ratePerSecond: 1_000, burst: 500 } as const;

export interface Throttle {
  /** Requests a second. */
  readonly ratePerSecond: number;
  /** Requests at once. */
  readonly burst: number;
}

/** What a user may say about a member's HTTP API. */
export interface ApiProps extends ApiAccess {
  /** Limits of the whole API. Default: 1,000 requests a second, 500 at once. */
  readonly throttle?: Throttle;
  /**
   * Clients with limits of their own: then each request needs the API key of one of them, beside what `auth` asks for.
   * A key says whose limits count, not who is calling. Default: no keys.
   */
  readonly clients?: readonly ApiClient[];
  /**
   * Whether to set this account's role for API Gateway's logs, a setting of the account in the region: without one no
   * stage can have an access log. Turn it off where the account has one already. It stays when the stack is removed.
   * Default: true.
   */
  readonly accountLogRole?: boolean;
}

/** The settings of the API among others. */
export function apiProps(props: ApiProps): ApiProps {
  const { auth, corsOrigins, throttle, clients, accountLogRole } = props;
  return {
    ...(auth !== undefined && { auth }),
    ...(corsOrigins !== undefined && { corsOrigins }),
    ...(throttle !== undefined && { throttle }),
    ...(clients !== undefined && { clients }),
    ...(accountLogRole !== undefined && { accountLogRole }),
  };
}

export interface MemberApiProps extends ApiProps {
  readonly name: string;
  /** The api function. Its environment must say the same `auth` (auth.ts). */
  readonly handler: LambdaFunction;
  /** What becomes of the account's log role. */
  readonly removalPolicy: RemovalPolicy;
}

/**
 * A member's HTTP API: a REST API whose every method runs the api function, for signed requests (IAM) or, with tokens, for
 * any, since then the function decides.
 *
 * Tokens are checked by the function and not by an authorizer of the gateway, because a REST API has none for JWT: it
 * would be one more function with the same code, whose answers are cached for minutes, and whose refusals carry no
 * `www-authenticate`.
 *
 * All bodies are binary to the gateway: so compressed ones pass unharmed both ways, and the function packs and unpacks them
 * (functions/api/encoding.ts). The gateway's own compression (`minCompressionSize`) knows no brotli, and no local cloud has it.
 */
export class MemberApi extends Construct {
  /** URL of the stage, ending in "/". */
  readonly url: string;
  /** Ids of the API keys, by client. */
  readonly keyIds: ReadonlyMap<string, string>;

  constructor(scope: Construct, id: string, props: MemberApiProps) {
    super(scope, id);
    const clients = checkClients(props.clients ?? []);
    const accountLogRole = props.accountLogRole ?? true;
    const logs = new LogGroup(this, 'Access', {
      logGroupName: `/aws/apigateway/${props.name}`,
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const throttle = props.throttle ?? THROTTLE;
    const tokens = props.auth?.type === 'jwt';
    const api = new RestApi(this, 'Rest', {
      restApiName: props.name,
      description: 'Syncline: items of a replica set',
      endpointTypes: [EndpointType.REGIONAL],
      binaryMediaTypes: ['*/*'],
      cloudWatchRole: accountLogRole,
      ...(accountLogRole && { cloudWatchRoleRemovalPolicy: props.removalPolicy }),
      deployOptions: {
        stageName: API_STAGE,
        throttlingRateLimit: throttle.ratePerSecond,
        throttlingBurstLimit: throttle.burst,
        accessLogDestination: new LogGroupLogDestination(logs),
        accessLogFormat: accessLog(),
        loggingLevel: MethodLoggingLevel.ERROR,
        // Bodies and headers are the user's data: they are never logged.
        dataTraceEnabled: false,
        // Each request tells the function what its gateway asks for: while a deployment switches from one way to the other
        // they differ for some seconds, in which nobody may be let in unseen.
        variables: { [AUTH_VARIABLE]: tokens ? 'jwt' : 'iam' },
      },
    });
    const integration = new LambdaIntegration(props.handler, { allowTestInvoke: false });
    const origins = props.corsOrigins ?? [];
    for (const resource of [api.root, api.root.addResource('{proxy+}')] as IResource[]) {
      resource.addMethod('ANY', integration, {
        authorizationType: tokens ? AuthorizationType.NONE : AuthorizationType.IAM,
        ...(clients.length > 0 && { apiKeyRequired: true }),
      });
      // A browser asks first (OPTIONS), and neither signs nor shows a key for that. The function answers nothing but preflights there.
      if (origins.length > 0 && (!tokens || clients.length > 0)) resource.addMethod('OPTIONS', integration, { authorizationType: AuthorizationType.NONE });
    }
    shapeRefusals(api, origins.length === 1 ? origins[0] : undefined);
    this.keyIds = apiKeys(this, props.name, api.deploymentStage, clients);
    acknowledge(api, accountLogRole, tokens, origins.length > 0);
    // An output that CDK adds by itself, under a name that says nothing; whoever places this construct names its own.
    api.node.tryRemoveChild('Endpoint');
    this.url = api.url;
  }
}

/** One line of JSON a request. The route, not the path: paths and queries hold keys, which are the user's data. */
function accessLog(): AccessLogFormat {
  return AccessLogFormat.custom(
    JSON.stringify({
      requestId: AccessLogField.contextRequestId(),
      at: AccessLogField.contextRequestTimeEpoch(),
      ip: AccessLogField.contextIdentitySourceIp(),
      caller: AccessLogField.contextIdentityUserArn(),
      method: AccessLogField.contextHttpMethod(),
      route: AccessLogField.contextResourcePath(),
      status: AccessLogField.contextStatus(),
      bytes: AccessLogField.contextResponseLength(),
      ms: AccessLogField.contextResponseLatency(),
      functionMs: AccessLogField.contextIntegrationLatency(),
      error: AccessLogField.contextErrorMessage(),
    }),
  );
}

function acknowledge(api: RestApi, accountLogRole: boolean, tokens: boolean, cors: boolean): void {
  const v = Validations.of(api);
  v.acknowledge({
    id: 'AwsSolutions-APIG2',
    reason:
      'Every route is one proxy: what a request must look like depends on the key schema, and the function checks it and answers with a problem document.',
  });
  v.acknowledge({
    id: 'AwsSolutions-APIG3',
    reason: `A firewall has a price and is a choice of the user, who can associate one with this stage. ${tokens ? 'Every request needs a token.' : 'Every request is signed (IAM).'}`,
  });
  v.acknowledge({
    id: 'AwsSolutions-COG4',
    reason: tokens
      ? 'Callers carry tokens of the issuer that the deployment names, which may be a Cognito user pool; the function checks them.'
      : 'Callers are IAM principals: AWS_IAM on every method, in place of a Cognito user pool.',
  });
  if (tokens || cors) {
    v.acknowledge({
      id: 'AwsSolutions-APIG4',
      reason: tokens
        ? 'A REST API has no authorizer for JWT: the api function checks each request’s token before anything else (functions/api/auth.ts), and answers nothing without one.'
        : 'Only OPTIONS is open, since browsers sign no preflight: the function answers it without touching data.',
    });
  }
  if (accountLogRole) {
    v.acknowledge({
      id: 'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]',
      reason: 'The policy that API Gateway asks for, for an account’s log role; it serves all APIs of the account in the region, so it cannot be narrower.',
    });
  }
}
