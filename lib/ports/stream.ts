import type { Item, Key } from '../core/attribute.ts';

/** What a stream shows of a change, beside its key. https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_StreamSpecification.html */
export type StreamView = 'NEW_AND_OLD_IMAGES' | 'NEW_IMAGE' | 'OLD_IMAGE' | 'KEYS_ONLY';

/** One record of a table's stream, as Lambda delivers it (of NEW_AND_OLD_IMAGES; others lack images). */
export interface StreamRecord {
  readonly eventName: 'INSERT' | 'MODIFY' | 'REMOVE';
  /** ARN of the stream: it is another after a stream was disabled and enabled, and after a table was made anew. */
  readonly streamArn: string;
  /** Decimal text, up to 40 digits. Rises for one key. */
  readonly sequence: string;
  /** ms since 1970, by DynamoDB's clocks; whole seconds in Lambda's events. */
  readonly createdMs: number;
  readonly keys: Key;
  readonly newImage?: Item;
  readonly oldImage?: Item;
  /** Whether DynamoDB's own TTL removed the item. */
  readonly byTtl: boolean;
  /** What its stream shows. Absent: both images. */
  readonly view?: StreamView;
}

/** A batch of one shard's records, in order. */
export interface StreamBatch {
  readonly records: readonly StreamRecord[];
  /** The shard, when the event names it. Lambda does so only for mappings with a tumbling window. */
  readonly shardId?: string;
}

/** A shard of a stream. */
export interface ShardDescription {
  readonly id: string;
  readonly parentId?: string;
  readonly first: string;
  /** Absent while the shard is open. */
  readonly last?: string;
}

/** DynamoDB Streams of one region: its description only. Nothing of ours reads records but Lambda's two mappings. */
export interface StreamPort {
  /** All shards of the stream. @throws RemoteError */
  shards(streamArn: string): Promise<readonly ShardDescription[]>;
}
