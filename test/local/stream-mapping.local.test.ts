import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BatchWriteItemCommand, CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateEventSourceMappingCommand, type CreateEventSourceMappingCommandInput, CreateFunctionCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { CreateQueueCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cloud, startCloud } from '../../local/cloud.ts';
import { until } from '../../local/processes.ts';
import { venvPython } from '../../local/python.ts';
import { localClient } from '../../local/region.ts';

/** What MiniStack's own stream mappings cannot do and the launcher's can (local/ministack/gaps/stream_mapping.py). */

const DEADLINE_MS = 60_000;
const REGION = 'eu-central-1';
const RECORDS = 20;
const POISON = 13;

/** Writes a line a call: what it was given. Fails at the poison record, by throwing or by naming it. */
const CODE = `
const { appendFileSync } = require('node:fs');
exports.handler = async (event) => {
  console.log('called');
  const ids = event.Records.map((r) => Number(r.dynamodb.Keys.id.N));
  const bad = event.Records.find((r) => r.dynamodb.Keys.id.N === '${POISON}');
  appendFileSync(process.env.OUT, JSON.stringify({ ids, failed: bad !== undefined }) + '\\n');
  if (bad === undefined) return { batchItemFailures: [] };
  if (process.env.HOW === 'throw') throw new Error('poison');
  return { batchItemFailures: [{ itemIdentifier: bad.dynamodb.SequenceNumber }] };
};`;

interface Call {
  readonly ids: readonly number[];
  readonly failed: boolean;
}

let cloud: Cloud;
let directory: string;
let dynamodb: DynamoDBClient;
let lambda: LambdaClient;
let sqs: SQSClient;

beforeAll(async () => {
  cloud = await startCloud({ regions: [REGION] });
  directory = mkdtempSync(join(tmpdir(), 'syncline-test-'));
  const settings = localClient(REGION, cloud.endpoints[REGION]);
  dynamodb = new DynamoDBClient(settings);
  lambda = new LambdaClient(settings);
  sqs = new SQSClient(settings);
}, DEADLINE_MS * 3);

afterAll(async () => {
  for (const client of [dynamodb, lambda, sqs]) client.destroy();
  await cloud.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** A table with a mapping to the function; gives what reads its calls, and its failure queue's URL. */
async function mapped(
  name: string,
  how: 'throw' | 'report',
  more: Partial<CreateEventSourceMappingCommandInput>,
): Promise<{ calls: () => Call[]; failures: string }> {
  const out = join(directory, `${name}.jsonl`);
  const { TableDescription } = await dynamodb.send(
    new CreateTableCommand({
      TableName: name,
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'N' }],
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      BillingMode: 'PAY_PER_REQUEST',
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
    }),
  );
  const { QueueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName: `${name}-failures` }));
  writeFileSync(join(directory, 'index.js'), CODE);
  execFileSync(venvPython, ['-m', 'zipfile', '-c', 'code.zip', 'index.js'], { cwd: directory });
  await lambda.send(
    new CreateFunctionCommand({
      FunctionName: name,
      Runtime: 'nodejs24.x',
      Role: 'arn:aws:iam::000000000000:role/any',
      Handler: 'index.handler',
      Code: { ZipFile: readFileSync(join(directory, 'code.zip')) },
      Environment: { Variables: { OUT: out, HOW: how } },
    }),
  );
  // Written before there is a mapping, so that one batch has them all.
  const puts = Array.from({ length: RECORDS }, (_, id) => ({ PutRequest: { Item: { id: { N: String(id) } } } }));
  await dynamodb.send(new BatchWriteItemCommand({ RequestItems: { [name]: puts } }));
  await lambda.send(
    new CreateEventSourceMappingCommand({
      FunctionName: name,
      EventSourceArn: TableDescription?.LatestStreamArn,
      StartingPosition: 'TRIM_HORIZON',
      BatchSize: 100,
      DestinationConfig: { OnFailure: { Destination: `arn:aws:sqs:${REGION}:000000000000:${name}-failures` } },
      ...more,
    }),
  );
  const calls = (): Call[] =>
    (existsSync(out) ? readFileSync(out, 'utf8').trim().split('\n') : []).filter((line) => line !== '').map((line) => JSON.parse(line) as Call);
  return { calls, failures: QueueUrl };
}

/** The record counts of the batches that were given up. */
async function givenUp(queue: string): Promise<number[]> {
  const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: queue, MaxNumberOfMessages: 10, WaitTimeSeconds: 1, VisibilityTimeout: 0 }));
  return (Messages ?? []).map((message) => (JSON.parse(message.Body ?? '{}') as { DDBStreamBatchInfo: { batchSize: number } }).DDBStreamBatchInfo.batchSize);
}

const others = Array.from({ length: RECORDS }, (_, id) => id).filter((id) => id !== POISON);
const delivered = (calls: readonly Call[]): number[] => calls.filter((call) => !call.failed).flatMap((call) => call.ids);

test('a failed batch is cut in two until the poison record is alone, which is tried as often as asked and then given up', {
  timeout: DEADLINE_MS,
}, async () => {
  const { calls, failures } = await mapped('bisected', 'throw', { BisectBatchOnFunctionError: true, MaximumRetryAttempts: 2 });
  expect(await until(() => delivered(calls()).length >= others.length, DEADLINE_MS)).toBe(true);
  expect(delivered(calls())).toEqual(others);
  expect(calls().filter((call) => call.ids.length === 1 && call.failed)).toHaveLength(3);
  expect(await givenUp(failures)).toEqual([1]);
});

test('after a reported failure the batch goes on from the record named; what came before it is not given again', { timeout: DEADLINE_MS }, async () => {
  const { calls, failures } = await mapped('reported', 'report', {
    FunctionResponseTypes: ['ReportBatchItemFailures'],
    BisectBatchOnFunctionError: true,
    MaximumRetryAttempts: 1,
  });
  expect(await until(() => delivered(calls()).includes(RECORDS - 1), DEADLINE_MS)).toBe(true);
  const [first, second] = calls();
  expect(first?.ids).toHaveLength(RECORDS);
  expect(second?.ids[0]).toBe(POISON);
  expect(delivered(calls())).toEqual(others.filter((id) => id > POISON));
  expect(await givenUp(failures)).toEqual([1]);
});

test('a batching window waits for more records, and no longer than it says', { timeout: DEADLINE_MS }, async () => {
  const began = performance.now();
  const { calls } = await mapped('gathered', 'report', { MaximumBatchingWindowInSeconds: 1 });
  expect(await until(() => calls().length > 0, DEADLINE_MS)).toBe(true);
  expect(performance.now() - began).toBeGreaterThan(1_000);
  expect(calls()[0]?.ids).toHaveLength(RECORDS);
});
