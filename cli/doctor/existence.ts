import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import type { LambdaClient } from '@aws-sdk/client-lambda';
import { GetEventSourceMappingCommand, GetFunctionConfigurationCommand } from '@aws-sdk/client-lambda';
import type { S3ClientConfig } from '@aws-sdk/client-s3';
import { HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { remoteError } from '../../lib/adapters/aws/classify.ts';
import type { StackResource } from '../../lib/doctor/facts.ts';

/** Questions to the services at the same time. */
const AT_ONCE = 8;

type Settings = Pick<S3ClientConfig, 'region' | 'endpoint' | 'maxAttempts' | 'requestHandler'>;

/** Asks the service itself whether it knows a stack's resource; of types that are not asked for, and where it does not answer: `unasked`. */
export function existence(
  settings: Settings,
  { dynamodb, lambda }: { readonly dynamodb: DynamoDBClient; readonly lambda: LambdaClient },
): (type: string, id: string) => Promise<StackResource['answer']> {
  const s3 = new S3Client({ ...settings, forcePathStyle: settings.endpoint !== undefined });
  const sqs = new SQSClient({ ...settings, useQueueUrlAsEndpoint: false } as ConstructorParameters<typeof SQSClient>[0] & object);
  const questions: Readonly<Record<string, (id: string) => Promise<unknown>>> = {
    'AWS::DynamoDB::Table': (id) => dynamodb.send(new DescribeTableCommand({ TableName: id })),
    'AWS::Lambda::Function': (id) => lambda.send(new GetFunctionConfigurationCommand({ FunctionName: id })),
    'AWS::Lambda::EventSourceMapping': (id) => lambda.send(new GetEventSourceMappingCommand({ UUID: id })),
    'AWS::SQS::Queue': (id) => sqs.send(new GetQueueAttributesCommand({ QueueUrl: id, AttributeNames: ['QueueArn'] })),
    'AWS::S3::Bucket': (id) => s3.send(new HeadBucketCommand({ Bucket: id })),
  };
  const limited = gate(AT_ONCE);
  return async (type, id) => {
    const question = questions[type];
    if (question === undefined || id === '' || id === 'unknown') return 'unasked';
    try {
      await limited(() => question(id));
      return 'there';
    } catch (error) {
      return remoteError(error).kind === 'missing' ? 'missing' : 'unasked';
    }
  };
}

/** Lets at most so many run at the same time; the others wait for their turn. */
function gate(max: number): <T>(run: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (run) => {
    if (running >= max) await new Promise<void>((go) => waiting.push(go));
    else running += 1;
    try {
      return await run();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
