import type { DynamoDBStreamsClient, Shard } from '@aws-sdk/client-dynamodb-streams';
import { DescribeStreamCommand } from '@aws-sdk/client-dynamodb-streams';
import { RemoteError } from '../../ports/errors.ts';
import type { ShardDescription, StreamPort } from '../../ports/stream.ts';
import { remoteError } from './classify.ts';

/** Pages of a stream's description (100 shards each): far more than a table has shards in 24 h. */
const PAGES_MAX = 200;

/** StreamPort on the SDK. */
export class AwsStreamPort implements StreamPort {
  readonly #client: DynamoDBStreamsClient;

  constructor(client: DynamoDBStreamsClient) {
    this.#client = client;
  }

  async shards(streamArn: string): Promise<readonly ShardDescription[]> {
    const shards: ShardDescription[] = [];
    let after: string | undefined;
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const description = await this.#page(streamArn, after);
      for (const shard of description.Shards ?? []) {
        const described = describedShard(shard);
        if (described !== undefined) shards.push(described);
      }
      after = description.LastEvaluatedShardId;
      if (after === undefined) return shards;
    }
    throw new RemoteError('invalid', 'TooManyShards', `The stream ${streamArn} has more than ${PAGES_MAX} pages of shards.`);
  }

  async #page(streamArn: string, after: string | undefined): Promise<{ Shards?: Shard[] | undefined; LastEvaluatedShardId?: string | undefined }> {
    try {
      const answer = await this.#client.send(new DescribeStreamCommand({ StreamArn: streamArn, ...(after !== undefined && { ExclusiveStartShardId: after }) }));
      return answer.StreamDescription ?? {};
    } catch (error) {
      throw remoteError(error);
    }
  }
}

function describedShard(shard: Shard): ShardDescription | undefined {
  const range = shard.SequenceNumberRange;
  if (shard.ShardId === undefined || range?.StartingSequenceNumber === undefined) return undefined;
  return {
    id: shard.ShardId,
    first: range.StartingSequenceNumber,
    ...(shard.ParentShardId !== undefined && { parentId: shard.ParentShardId }),
    ...(range.EndingSequenceNumber !== undefined && { last: range.EndingSequenceNumber }),
  };
}
