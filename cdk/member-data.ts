import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import type { Attribute, TableProps } from 'aws-cdk-lib/aws-dynamodb';
import { AttributeType, BillingMode, StreamViewType, Table } from 'aws-cdk-lib/aws-dynamodb';
import type { PolicyDocument } from 'aws-cdk-lib/aws-iam';
import { EventSourceMapping, Function as LambdaFunction, StartingPosition } from 'aws-cdk-lib/aws-lambda';
import { BlockPublicAccess, Bucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { MemberConfig, SetConfig } from '../lib/core/config.ts';
import { STREAM_BATCH_RECORDS, STREAM_RECORD_AGE_MAX_MS } from '../lib/core/constants.ts';
import { CONTROL_KEY_SCHEMA } from '../lib/core/formats/rows.ts';
import { SEGMENT_RECORDS_MAX } from '../lib/core/formats/segment.ts';
import { EXPIRES_AT } from '../lib/core/formats/tombstone.ts';
import type { KeyAttribute, KeySchema } from '../lib/core/key.ts';
import { functionArn, memberNames, queueArn, tableArn } from '../lib/core/names.ts';
import { REQUESTS_KEY_SCHEMA, REQUESTS_TTL } from '../lib/serve/idempotency.ts';
import type { ArchiveSettings } from './archive.ts';
import { archiveBucket } from './archive.ts';
import type { EncryptionProps } from './encryption.ts';
import { bucketKeys, tableKeys } from './encryption.ts';
import type { ExistingTable } from './set.ts';
import { sharedWith, tablePolicy } from './sharing.ts';

/**
 * Length of the tumbling windows of the stream's mappings (s), Lambda's longest. Nothing is kept in them: a mapping that has some names the shard in
 * its events, and each costs one more call (docs/decisions/0006-shard-by-tumbling-window.md).
 */
const TUMBLING_WINDOW_S = 900;
/** How long fan-out's mapping gathers records (s): the lag that `cheap` adds, for fewer invocations and messages. */
const FANOUT_WINDOW_S = { low: 0, cheap: 5 } as const;

export interface MemberDataProps extends EncryptionProps {
  readonly config: SetConfig;
  readonly member: MemberConfig;
  /** Adopts this table in place of making one. */
  readonly existingTable?: ExistingTable;
  /** `low`: no waiting. `cheap`: fan-out gathers records for 5 s. Default: `low`. */
  readonly latency?: 'low' | 'cheap';
  readonly archive: ArchiveSettings;
  /** What becomes of tables and bucket that leave the template. Default: they stay (RETAIN). DESTROY is for local clouds and tests. */
  readonly removalPolicy?: RemovalPolicy;
  /** Whether DynamoDB refuses to delete the tables. Default: true. */
  readonly deletionProtection?: boolean;
}

/**
 * What a member keeps: its tables, its bucket; and the two mappings that read the items' stream. The mappings are here,
 * not with their functions, because a stream's ARN is minted by DynamoDB and can be had without a reference between
 * stacks only where the table is (docs/decisions/0003-stream-arn.md). So the functions must be deployed first:
 * `dependOn` says so.
 */
export class MemberData extends Construct {
  readonly readers: readonly EventSourceMapping[];
  /**
   * The resource policy that an adopted table needs so that members in other accounts may write to it, as a JSON text.
   * Nothing here changes a table of the user's, so the user attaches it. Undefined when none is needed.
   */
  readonly adoptPolicy: string | undefined;

  constructor(scope: Construct, id: string, props: MemberDataProps) {
    super(scope, id);
    const { config, member } = props;
    const names = memberNames(config.set, member);
    const removalPolicy = props.removalPolicy ?? RemovalPolicy.RETAIN;
    const table = (tableId: string, tableName: string, key: KeySchema, more: Partial<TableProps> = {}): Table =>
      new Table(this, tableId, {
        billingMode: BillingMode.PAY_PER_REQUEST,
        removalPolicy,
        deletionProtection: props.deletionProtection ?? true,
        ...tableKeys(this, props),
        ...keySchema(key),
        tableName,
        ...shared(tablePolicy(config, member, tableArn(member, tableName))),
        ...more,
      });
    const key = config.key as KeySchema;

    let streamArn = props.existingTable?.streamArn;
    if (streamArn === undefined) {
      const items = table('Items', member.items, key, {
        stream: StreamViewType.NEW_AND_OLD_IMAGES,
        pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
        ...(config.expiryAttribute !== undefined && { timeToLiveAttribute: config.expiryAttribute }),
      });
      // Of a table made here there always is one: the property is optional for tables without a stream.
      streamArn = items.tableStreamArn as string;
    }
    const policy = props.existingTable === undefined ? undefined : tablePolicy(config, member, tableArn(member, member.items));
    this.adoptPolicy = policy === undefined ? undefined : JSON.stringify(policy.toJSON());

    noBackup(
      table('Tombstones', names.tombstones, key, { timeToLiveAttribute: EXPIRES_AT }),
      'Tombstones live for 30 days and follow from the changes: a table restored to an earlier time is proven anew, never believed.',
    );
    noBackup(
      table('Control', names.control, CONTROL_KEY_SCHEMA),
      'Never restored from a backup: an acceptor that forgot what it promised could elect two primaries.',
    );
    noBackup(
      table('Requests', names.requests, REQUESTS_KEY_SCHEMA, { timeToLiveAttribute: REQUESTS_TTL }),
      'Remembered idempotency keys, for a day each: an older state would let a repeated request write again.',
    );

    const bucket = new Bucket(this, 'Bucket', {
      bucketName: names.bucket,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      ...bucketKeys(this, props),
      enforceSSL: true,
      removalPolicy,
      ...archiveBucket(props.archive),
    });
    const bucketArn = `arn:aws:s3:::${names.bucket}`;
    for (const statement of sharedWith(config, member, (arn) => arn === bucketArn || arn.startsWith(`${bucketArn}/`))) bucket.addToResourcePolicy(statement);
    Validations.of(bucket).acknowledge({
      id: 'AwsSolutions-S1',
      reason:
        'Access logs need a bucket of the user’s own choice; who reads and writes here is in CloudTrail’s data events, and only the set’s functions are allowed to.',
    });

    this.readers = [
      this.reader('Fanout', names.fn('fanout'), streamArn, props, { batchSize: STREAM_BATCH_RECORDS, windowS: FANOUT_WINDOW_S[props.latency ?? 'low'] }),
      this.reader('Observe', names.fn('observe'), streamArn, props, {
        batchSize: SEGMENT_RECORDS_MAX,
        windowS: props.archive.windowS,
      }),
    ];
  }

  /** Has the mappings made after what their functions need (function, role), and removed before it. Makes no export. */
  dependOn(...others: Construct[]): void {
    for (const reader of this.readers) reader.node.addDependency(...others);
  }

  /** A mapping of the stream. It never gives up a batch for its errors, only for its age, and then says so in a queue. */
  private reader(
    id: string,
    functionName: string,
    streamArn: string,
    { config, member }: MemberDataProps,
    { batchSize, windowS }: { readonly batchSize: number; readonly windowS: number },
  ): EventSourceMapping {
    const target = LambdaFunction.fromFunctionAttributes(this, `${id}Function`, { functionArn: functionArn(member, functionName), skipPermissions: true });
    const failures = queueArn(member, memberNames(config.set, member).streamFailures);
    return new EventSourceMapping(this, `${id}Mapping`, {
      target,
      eventSourceArn: streamArn,
      // From the oldest record there is: what was written before the mapping was made must be seen, too.
      startingPosition: StartingPosition.TRIM_HORIZON,
      batchSize,
      maxBatchingWindow: Duration.seconds(windowS),
      tumblingWindow: Duration.seconds(TUMBLING_WINDOW_S),
      parallelizationFactor: 1,
      retryAttempts: -1,
      maxRecordAge: Duration.millis(STREAM_RECORD_AGE_MAX_MS),
      bisectBatchOnError: false,
      // By its ARN: the function's role is in another stack, and allows it already (cdk/grants.ts).
      onFailure: { bind: () => ({ destination: failures }) },
    });
  }
}

/** Without a backup, with the reason. */
function noBackup(table: Table, reason: string): void {
  Validations.of(table).acknowledge({ id: 'AwsSolutions-DDB3', reason });
}

const shared = (resourcePolicy: PolicyDocument | undefined): Partial<TableProps> => (resourcePolicy === undefined ? {} : { resourcePolicy });

const TYPES: Readonly<Record<KeyAttribute['type'], AttributeType>> = { S: AttributeType.STRING, N: AttributeType.NUMBER, B: AttributeType.BINARY };
const attribute = ({ name, type }: KeyAttribute): Attribute => ({ name, type: TYPES[type] });

function keySchema(key: KeySchema): { partitionKey: Attribute; sortKey?: Attribute } {
  return { partitionKey: attribute(key.partition), ...(key.sort !== undefined && { sortKey: attribute(key.sort) }) };
}
