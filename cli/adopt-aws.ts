import type { TableDescription } from '@aws-sdk/client-dynamodb';
import { DescribeTableCommand, DynamoDBClient, UpdateTableCommand } from '@aws-sdk/client-dynamodb';
import type { TableMore } from '../lib/adopt/check.ts';
import { controlPlane, remote } from './control-plane.ts';

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
  const client = new DynamoDBClient(controlPlane(region, endpoint));
  return {
    more: (name) => remote(async () => tableMore((await client.send(new DescribeTableCommand({ TableName: name }))).Table ?? {})),
    enableStream: async (name) => {
      const update = { TableName: name, StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' } } as const;
      await remote(() => client.send(new UpdateTableCommand(update)));
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
