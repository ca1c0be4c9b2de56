import type { TableDescription } from '@aws-sdk/client-dynamodb';
import { DescribeTableCommand, DynamoDBClient, UpdateTableCommand } from '@aws-sdk/client-dynamodb';
import { remoteError } from '../lib/adapters/aws/classify.ts';
import type { TableMore } from '../lib/adopt/check.ts';
import { CONNECT_TIMEOUT_MS } from '../lib/core/constants.ts';

/** A control-plane call may take longer than a table's (ms). */
const REQUEST_TIMEOUT_MS = 10_000;

/** What `adopt` does with a table of the user's. Every method throws RemoteError. */
export interface AdoptPort {
  more(table: string): Promise<TableMore>;
  /** Enables a stream of both images. DynamoDB refuses it when there is one. It takes a moment to become active. */
  enableStream(table: string): Promise<void>;
}

/** Gives the port of a region. @param endpoint of a local cloud, or undefined for AWS. */
export type AdoptConnect = (region: string, endpoint: string | undefined) => AdoptPort;

/** The real one. Credentials were chosen when the session was opened. */
export const adoptPort: AdoptConnect = (region, endpoint) => {
  const client = new DynamoDBClient({
    region,
    ...(endpoint !== undefined && { endpoint }),
    maxAttempts: 1,
    requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS, throwOnRequestTimeout: true },
  });
  return {
    more: async (name) => {
      try {
        return tableMore((await client.send(new DescribeTableCommand({ TableName: name }))).Table ?? {});
      } catch (error) {
        throw remoteError(error);
      }
    },
    enableStream: async (name) => {
      try {
        await client.send(new UpdateTableCommand({ TableName: name, StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' } }));
      } catch (error) {
        throw remoteError(error);
      }
    },
  };
};

/** What DescribeTable says beside TableFacts. Pure. */
export function tableMore(table: TableDescription): TableMore {
  const reads = table.ProvisionedThroughput?.ReadCapacityUnits;
  const indexes = [...(table.GlobalSecondaryIndexes ?? []), ...(table.LocalSecondaryIndexes ?? [])];
  return {
    bytes: table.TableSizeBytes ?? 0,
    ...(reads !== undefined && reads > 0 && { provisionedReads: reads }),
    indexAttributes: [...new Set(indexes.flatMap((i) => (i.KeySchema ?? []).map((k) => k.AttributeName ?? '')))],
  };
}
