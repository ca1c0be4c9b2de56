import { RemovalPolicy, Validations } from 'aws-cdk-lib';
import {
  AccessLogField,
  AccessLogFormat,
  AuthorizationType,
  EndpointType,
  LambdaIntegration,
  LogGroupLogDestination,
  MethodLoggingLevel,
  ResponseType,
  RestApi,
} from 'aws-cdk-lib/aws-apigateway';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';

/** The stage's name: the first part of each URL. Grows with an incompatible API. */
export const API_STAGE = 'v1';
/** Steady requests a second and burst that a member's API lets in, unless set. AWS's limits of an account are 10,000 and 5,000. */
const THROTTLE = { ratePerSecond: 1_000, burst: 500 } as const;

export interface Throttle {
  /** Requests a second. */
  readonly ratePerSecond: number;
  /** Requests at once. */
  readonly burst: number;
}

export interface MemberApiProps {
  readonly name: string;
  readonly handler: LambdaFunction;
  readonly throttle?: Throttle;
  /**
   * Whether to set this account's role for API Gateway's logs, a setting of the account in the region: without one no
   * stage can have an access log. Turn it off where the account has one already. It stays when the stack is removed.
   */
  readonly accountLogRole: boolean;
  /** What becomes of that setting's role. */
  readonly removalPolicy: RemovalPolicy;
}

/** What the gateway itself answers with, before any code of ours runs. */
const REFUSALS: readonly { readonly type: ResponseType; readonly id: string; readonly status?: number; readonly title: string }[] = [
  { id: 'AccessDenied', type: ResponseType.ACCESS_DENIED, status: 403, title: 'Access denied' },
  { id: 'BadRequestBody', type: ResponseType.BAD_REQUEST_BODY, status: 400, title: 'Bad request body' },
  { id: 'BadRequestParameters', type: ResponseType.BAD_REQUEST_PARAMETERS, status: 400, title: 'Bad request parameters' },
  { id: 'ExpiredToken', type: ResponseType.EXPIRED_TOKEN, status: 403, title: 'Expired credentials' },
  { id: 'IntegrationFailure', type: ResponseType.INTEGRATION_FAILURE, status: 504, title: 'The service did not answer' },
  { id: 'IntegrationTimeout', type: ResponseType.INTEGRATION_TIMEOUT, status: 504, title: 'The service did not answer in time' },
  { id: 'InvalidSignature', type: ResponseType.INVALID_SIGNATURE, status: 403, title: 'Wrong signature' },
  { id: 'MissingAuthenticationToken', type: ResponseType.MISSING_AUTHENTICATION_TOKEN, status: 403, title: 'Unsigned request, or no such route' },
  { id: 'QuotaExceeded', type: ResponseType.QUOTA_EXCEEDED, status: 429, title: 'Quota exceeded' },
  { id: 'RequestTooLarge', type: ResponseType.REQUEST_TOO_LARGE, status: 413, title: 'Request too large' },
  { id: 'ResourceNotFound', type: ResponseType.RESOURCE_NOT_FOUND, status: 404, title: 'No such route' },
  { id: 'Throttled', type: ResponseType.THROTTLED, status: 429, title: 'Too many requests' },
  { id: 'Unauthorized', type: ResponseType.UNAUTHORIZED, status: 401, title: 'Unauthorized' },
  { id: 'UnsupportedMediaType', type: ResponseType.UNSUPPORTED_MEDIA_TYPE, status: 415, title: 'Unsupported media type' },
  { id: 'WafFiltered', type: ResponseType.WAF_FILTERED, status: 403, title: 'Refused by the web application firewall' },
  { id: 'Default4xx', type: ResponseType.DEFAULT_4XX, title: 'The request was refused' },
  { id: 'Default5xx', type: ResponseType.DEFAULT_5XX, title: 'The request failed' },
];

/** A member's HTTP API: a REST API whose every method needs a signed request (IAM) and runs the api function. */
export class MemberApi extends Construct {
  /** URL of the stage, ending in "/". */
  readonly url: string;

  constructor(scope: Construct, id: string, props: MemberApiProps) {
    super(scope, id);
    const logs = new LogGroup(this, 'Access', {
      logGroupName: `/aws/apigateway/${props.name}`,
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const throttle = props.throttle ?? THROTTLE;
    const api = new RestApi(this, 'Rest', {
      restApiName: props.name,
      description: 'Syncline: items of a replica set',
      endpointTypes: [EndpointType.REGIONAL],
      cloudWatchRole: props.accountLogRole,
      ...(props.accountLogRole && { cloudWatchRoleRemovalPolicy: props.removalPolicy }),
      deployOptions: {
        stageName: API_STAGE,
        throttlingRateLimit: throttle.ratePerSecond,
        throttlingBurstLimit: throttle.burst,
        accessLogDestination: new LogGroupLogDestination(logs),
        accessLogFormat: accessLog(),
        loggingLevel: MethodLoggingLevel.ERROR,
        // Bodies and headers are the user's data: they are never logged.
        dataTraceEnabled: false,
      },
    });
    const integration = new LambdaIntegration(props.handler, { allowTestInvoke: false });
    const method = { authorizationType: AuthorizationType.IAM };
    api.root.addMethod('ANY', integration, method);
    const proxy = api.root.addResource('{proxy+}');
    proxy.addMethod('ANY', integration, method);
    for (const refusal of REFUSALS) {
      api.addGatewayResponse(refusal.id, {
        type: refusal.type,
        ...(refusal.status !== undefined && { statusCode: String(refusal.status) }),
        responseHeaders: { 'Content-Type': "'application/problem+json'" },
        templates: { 'application/json': problem(refusal.title, refusal.status) },
      });
    }
    acknowledge(api, props.accountLogRole);
    // An output that CDK adds by itself, under a name that says nothing; whoever places this construct names its own.
    api.node.tryRemoveChild('Endpoint');
    this.url = api.url;
  }
}

/** A problem document (RFC 9457). The gateway fills in its own message, quoted, and the request's id. A default response serves many statuses, so it names none. */
function problem(title: string, status?: number): string {
  return `{"type":"about:blank","title":${JSON.stringify(title)},${status === undefined ? '' : `"status":${status},`}"detail":$context.error.messageString,"instance":"urn:request:$context.requestId"}`;
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

function acknowledge(api: RestApi, accountLogRole: boolean): void {
  const v = Validations.of(api);
  v.acknowledge({
    id: 'AwsSolutions-APIG2',
    reason:
      'Every route is one proxy: what a request must look like depends on the key schema, and the function checks it and answers with a problem document.',
  });
  v.acknowledge({
    id: 'AwsSolutions-APIG3',
    reason: 'A firewall has a price and is a choice of the user, who can associate one with this stage. Every request is signed (IAM).',
  });
  v.acknowledge({ id: 'AwsSolutions-COG4', reason: 'Callers are IAM principals: AWS_IAM on every method, in place of a Cognito user pool.' });
  if (accountLogRole) {
    v.acknowledge({
      id: 'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]',
      reason: 'The policy that API Gateway asks for, for an account’s log role; it serves all APIs of the account in the region, so it cannot be narrower.',
    });
  }
}
