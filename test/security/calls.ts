import {
  BatchGetItemCommand,
  BatchWriteItemCommand,
  DeleteItemCommand,
  DeleteTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { Identity } from './enforcement.ts';

/** Performs an action of IAM on a resource, as somebody, and says whether he was let. What the call does else is of no interest. */

const KEY = { id: { S: 'a' }, sk: { S: 'a' }, pk: { S: 'a' } };

type Send = (clients: Clients, target: string) => Promise<unknown>;

interface Clients {
  readonly dynamodb: DynamoDBClient;
  readonly sqs: SQSClient;
  readonly s3: S3Client;
  readonly lambda: LambdaClient;
}

const split = (path: string): { Bucket: string; Key: string } => {
  const at = path.indexOf('/');
  return at < 0 ? { Bucket: path, Key: 'none' } : { Bucket: path.slice(0, at), Key: path.slice(at + 1) };
};

/** How each action is performed. `target` is a table's name, a queue's URL, bucket/key, or a function's name. */
const CALLS: Readonly<Record<string, Send>> = {
  'dynamodb:GetItem': ({ dynamodb }, TableName) => dynamodb.send(new GetItemCommand({ TableName, Key: KEY })),
  'dynamodb:BatchGetItem': ({ dynamodb }, table) => dynamodb.send(new BatchGetItemCommand({ RequestItems: { [table]: { Keys: [KEY] } } })),
  'dynamodb:Query': ({ dynamodb }, TableName) =>
    dynamodb.send(new QueryCommand({ TableName, KeyConditionExpression: 'id = :a', ExpressionAttributeValues: { ':a': { S: 'a' } } })),
  'dynamodb:Scan': ({ dynamodb }, TableName) => dynamodb.send(new ScanCommand({ TableName })),
  'dynamodb:PutItem': ({ dynamodb }, TableName) => dynamodb.send(new PutItemCommand({ TableName, Item: KEY })),
  'dynamodb:UpdateItem': ({ dynamodb }, TableName) =>
    dynamodb.send(new UpdateItemCommand({ TableName, Key: KEY, UpdateExpression: 'SET x = :a', ExpressionAttributeValues: { ':a': { S: 'a' } } })),
  'dynamodb:DeleteItem': ({ dynamodb }, TableName) => dynamodb.send(new DeleteItemCommand({ TableName, Key: KEY })),
  'dynamodb:BatchWriteItem': ({ dynamodb }, table) => dynamodb.send(new BatchWriteItemCommand({ RequestItems: { [table]: [{ PutRequest: { Item: KEY } }] } })),
  'dynamodb:ConditionCheckItem': ({ dynamodb }, TableName) =>
    dynamodb.send(new TransactWriteItemsCommand({ TransactItems: [{ ConditionCheck: { TableName, Key: KEY, ConditionExpression: 'attribute_exists(id)' } }] })),
  'dynamodb:DescribeTable': ({ dynamodb }, TableName) => dynamodb.send(new DescribeTableCommand({ TableName })),
  'dynamodb:DeleteTable': ({ dynamodb }, TableName) => dynamodb.send(new DeleteTableCommand({ TableName })),
  'sqs:SendMessage': ({ sqs }, QueueUrl) => sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'a', MessageGroupId: 'a', MessageDeduplicationId: 'a' })),
  'sqs:ReceiveMessage': ({ sqs }, QueueUrl) => sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 0 })),
  'sqs:DeleteMessage': ({ sqs }, QueueUrl) => sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: 'a' })),
  'sqs:ChangeMessageVisibility': ({ sqs }, QueueUrl) => sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle: 'a', VisibilityTimeout: 1 })),
  'sqs:GetQueueAttributes': ({ sqs }, QueueUrl) => sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] })),
  'sqs:PurgeQueue': ({ sqs }, QueueUrl) => sqs.send(new PurgeQueueCommand({ QueueUrl })),
  's3:GetObject': ({ s3 }, path) => s3.send(new GetObjectCommand(split(path))),
  's3:PutObject': ({ s3 }, path) => s3.send(new PutObjectCommand({ ...split(path), Body: 'a' })),
  's3:DeleteObject': ({ s3 }, path) => s3.send(new DeleteObjectCommand(split(path))),
  // Some grants are of one prefix; the log's is among all of them.
  's3:ListBucket': ({ s3 }, path) => s3.send(new ListObjectsV2Command({ Bucket: split(path).Bucket, Prefix: 'log/' })),
  'lambda:InvokeFunction': ({ lambda }, FunctionName) => lambda.send(new InvokeCommand({ FunctionName, Payload: Buffer.from('{}') })),
};

/** The actions that can be tried, by service. */
export const ACTIONS = Object.keys(CALLS);

/** Calls of one identity, to any region. */
export interface Caller {
  /** @param arn the resource, as a policy names it; a "*" at its end stands for anything. */
  may(action: string, arn: string): Promise<boolean>;
  end(): void;
}

export function callerOf(endpoint: string, credentials: Identity): Caller {
  const regions = new Map<string, Clients>();
  const clientsOf = (region: string): Clients => {
    const settings = { region, endpoint, credentials, maxAttempts: 1, logger: {} as Console };
    const clients = regions.get(region) ?? {
      dynamodb: new DynamoDBClient(settings),
      sqs: new SQSClient(settings),
      s3: new S3Client({ ...settings, forcePathStyle: true }),
      lambda: new LambdaClient(settings),
    };
    regions.set(region, clients);
    return clients;
  };
  return {
    async may(action, arn) {
      const call = CALLS[action];
      if (call === undefined) throw new Error(`no way to perform ${action}`);
      const [, , service, region, account, ...rest] = arn.split(':');
      const name = rest
        .join(':')
        .replace(/^(table\/|function:)/, '')
        .replace(/\*$/, 'any');
      const target = service === 'sqs' ? `${endpoint}/${account}/${name}` : name;
      try {
        await call(clientsOf(region === '' ? 'eu-central-1' : (region ?? '')), target);
        return true;
      } catch (error) {
        const { name: code, message } = error as Error;
        if (/AccessDenied|NotAuthorized/.test(code)) return false;
        // Anything else was said by the service itself: no such key, a receipt handle that is none.
        if (/Credential|Signature|Token/.test(code)) throw new Error(`${action} on ${arn}: ${code}: ${message}`);
        return true;
      }
    },
    end() {
      for (const clients of regions.values()) for (const client of Object.values(clients)) client.destroy();
    },
  };
}
