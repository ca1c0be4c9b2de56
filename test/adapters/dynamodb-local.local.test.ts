import { afterAll, beforeAll, describe, it } from 'vitest';
import { awsTableWorld } from './support/aws-world.ts';
import { javaProblem, startDynamoDbLocal } from './support/dynamodb-local.ts';
import { pagesAndTransactionsSuite } from './support/pages-suite.ts';
import { streamPortSuite } from './support/stream-suite.ts';
import { tablePortSuite } from './support/table-suite.ts';

const problem = javaProblem();
if (problem === undefined) {
  let server: Awaited<ReturnType<typeof startDynamoDbLocal>>;
  beforeAll(async () => {
    server = await startDynamoDbLocal();
  });
  afterAll(() => server?.stop());
  tablePortSuite('DynamoDB Local', () => awsTableWorld(server.endpoint), ['no-table-id']);
  pagesAndTransactionsSuite('DynamoDB Local', () => awsTableWorld(server.endpoint));
  streamPortSuite('DynamoDB Local', () => awsTableWorld(server.endpoint), ['empty-map-in-stream']);
} else {
  console.warn(`Skipped: the suites of tables and streams on DynamoDB Local, since ${problem}.`);
  describe('DynamoDB Local', () => {
    // biome-ignore lint/suspicious/noSkippedTests: said aloud, with the reason, and counted as skipped.
    it.skip(`the suites of tables and streams: ${problem}`, () => undefined);
  });
}
