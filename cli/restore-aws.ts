import type { CreateTableCommandInput, TableDescription } from '@aws-sdk/client-dynamodb';
import { CreateTableCommand, DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { KeySchema } from '../lib/core/key.ts';
import { keyAttributes } from '../lib/core/key.ts';
import { isRemote } from '../lib/ports/errors.ts';
import { controlPlane, remote } from './control-plane.ts';

/** Makes a table to restore into. Every method throws RemoteError. */
export interface NewTablePort {
  /**
   * Begins to make a table like another one: its indexes and its encryption, on demand, without a stream and without tags.
   *
   * @param like name of the other table; where that is not there, the new one has no indexes.
   * @returns the names of its indexes; undefined when the other table is not there.
   */
  create(name: string, key: KeySchema, like: string): Promise<readonly string[] | undefined>;
}

/** Gives the port of a region. @param endpoint of a local cloud, or undefined for AWS. */
export type NewTableConnect = (region: string, endpoint: string | undefined) => NewTablePort;

/** The real one. Credentials were chosen when the session was opened. */
export const newTablePort: NewTableConnect = (region, endpoint) => {
  const client = new DynamoDBClient(controlPlane(region, endpoint));
  const described = async (name: string): Promise<TableDescription | undefined> => {
    try {
      return (await remote(() => client.send(new DescribeTableCommand({ TableName: name })))).Table;
    } catch (error) {
      if (isRemote(error, 'missing')) return undefined;
      throw error;
    }
  };
  return {
    create: async (name, key, like) => {
      const model = await described(like);
      const input = newTable(name, key, model);
      await remote(() => client.send(new CreateTableCommand(input)));
      return model && [...(input.GlobalSecondaryIndexes ?? []), ...(input.LocalSecondaryIndexes ?? [])].map((index) => index.IndexName ?? '');
    },
  };
};

/** What CreateTable is asked for. Pure. @param model the table that the new one is to be like */
export function newTable(name: string, key: KeySchema, model: TableDescription | undefined): CreateTableCommandInput {
  const own = keyAttributes(key);
  const globals = (model?.GlobalSecondaryIndexes ?? [])
    .filter((index) => index.IndexStatus !== 'DELETING')
    .map(({ IndexName, KeySchema, Projection }) => ({ IndexName, KeySchema, Projection }));
  const locals = (model?.LocalSecondaryIndexes ?? []).map(({ IndexName, KeySchema, Projection }) => ({ IndexName, KeySchema, Projection }));
  const indexed = new Set([...globals, ...locals].flatMap((index) => (index.KeySchema ?? []).map((k) => k.AttributeName)));
  const more = (model?.AttributeDefinitions ?? []).filter(({ AttributeName }) => indexed.has(AttributeName) && !own.some((a) => a.name === AttributeName));
  const kms = model?.SSEDescription?.SSEType === 'KMS' ? model.SSEDescription.KMSMasterKeyArn : undefined;
  return {
    TableName: name,
    BillingMode: 'PAY_PER_REQUEST',
    KeySchema: own.map((a, i) => ({ AttributeName: a.name, KeyType: i === 0 ? 'HASH' : 'RANGE' })),
    AttributeDefinitions: [...own.map((a) => ({ AttributeName: a.name, AttributeType: a.type })), ...more],
    ...(globals.length > 0 && { GlobalSecondaryIndexes: globals }),
    ...(locals.length > 0 && { LocalSecondaryIndexes: locals }),
    ...(kms !== undefined && { SSESpecification: { Enabled: true, SSEType: 'KMS', KMSMasterKeyId: kms } }),
  } as CreateTableCommandInput;
}
