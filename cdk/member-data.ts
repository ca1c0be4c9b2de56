import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import type { Attribute } from 'aws-cdk-lib/aws-dynamodb';
import { AttributeType, BillingMode, StreamViewType, Table } from 'aws-cdk-lib/aws-dynamodb';
import { EventSourceMapping, Function as LambdaFunction, StartingPosition } from 'aws-cdk-lib/aws-lambda';
import { BlockPublicAccess, Bucket, BucketEncryption } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { MemberConfig, SetConfig } from '../lib/core/config.ts';
import { STREAM_BATCH_RECORDS, STREAM_RECORD_AGE_MAX_MS } from '../lib/core/constants.ts';
import { CONTROL_KEY_SCHEMA } from '../lib/core/formats/rows.ts';
import { EXPIRES_AT } from '../lib/core/formats/tombstone.ts';
import type { KeyAttribute, KeySchema } from '../lib/core/key.ts';
import { functionArn, memberNames, queueArn } from '../lib/core/names.ts';
import type { ExistingTable } from './set.ts';

/** How long the observer's mapping gathers records (s). It only grows a hint so far; the log's window comes with the log. */
const OBSERVE_WINDOW_S = 5;
/** How long fan-out's mapping gathers records (s): the lag that `cheap` adds, for fewer invocations and messages. */
const FANOUT_WINDOW_S = { low: 0, cheap: 5 } as const;

export interface MemberDataProps {
  readonly config: SetConfig;
  readonly member: MemberConfig;
  /** Adopts this table in place of making one. */
  readonly existingTable?: ExistingTable;
  /** `low`: no waiting. `cheap`: fan-out gathers records for 5 s. Default: `low`. */
  readonly latency?: 'low' | 'cheap';
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

  constructor(scope: Construct, id: string, props: MemberDataProps) {
    super(scope, id);
    const { config, member } = props;
    const names = memberNames(config.set, member);
    const removalPolicy = props.removalPolicy ?? RemovalPolicy.RETAIN;
    const deletionProtection = props.deletionProtection ?? true;
    const common = { billingMode: BillingMode.PAY_PER_REQUEST, removalPolicy, deletionProtection };

    let streamArn = props.existingTable?.streamArn;
    if (streamArn === undefined) {
      const items = new Table(this, 'Items', {
        ...common,
        ...keySchema(config.key as KeySchema),
        tableName: member.items,
        stream: StreamViewType.NEW_AND_OLD_IMAGES,
        pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      });
      // Of a table made here there always is one: the property is optional for tables without a stream.
      streamArn = items.tableStreamArn as string;
    }

    const tombstones = new Table(this, 'Tombstones', {
      ...common,
      ...keySchema(config.key as KeySchema),
      tableName: names.tombstones,
      timeToLiveAttribute: EXPIRES_AT,
    });
    Validations.of(tombstones).acknowledge({
      id: 'AwsSolutions-DDB3',
      reason: 'Tombstones live for 30 days and follow from the changes: a table restored to an earlier time is proven anew, never believed.',
    });
    const control = new Table(this, 'Control', { ...common, ...keySchema(CONTROL_KEY_SCHEMA), tableName: names.control });
    Validations.of(control).acknowledge({
      id: 'AwsSolutions-DDB3',
      reason: 'Never restored from a backup: an acceptor that forgot what it promised could elect two primaries.',
    });

    const bucket = new Bucket(this, 'Bucket', {
      bucketName: names.bucket,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      versioned: false,
      removalPolicy,
      lifecycleRules: [{ id: 'abandoned-uploads', abortIncompleteMultipartUploadAfter: Duration.days(7) }],
    });
    Validations.of(bucket).acknowledge({
      id: 'AwsSolutions-S1',
      reason:
        'Access logs need a bucket of the user’s own choice; who reads and writes here is in CloudTrail’s data events, and only this member’s functions are allowed to.',
    });

    this.readers = [
      this.reader('Fanout', names.fn('fanout'), streamArn, props, FANOUT_WINDOW_S[props.latency ?? 'low']),
      this.reader('Observe', names.fn('observe'), streamArn, props, OBSERVE_WINDOW_S),
    ];
  }

  /** Has the mappings made after what their functions need (function, role), and removed before it. Makes no export. */
  dependOn(...others: Construct[]): void {
    for (const reader of this.readers) reader.node.addDependency(...others);
  }

  /** A mapping of the stream. It never gives up a batch for its errors, only for its age, and then says so in a queue. */
  private reader(id: string, functionName: string, streamArn: string, { config, member }: MemberDataProps, windowS: number): EventSourceMapping {
    const target = LambdaFunction.fromFunctionAttributes(this, `${id}Function`, { functionArn: functionArn(member, functionName), skipPermissions: true });
    const failures = queueArn(member, memberNames(config.set, member).streamFailures);
    return new EventSourceMapping(this, `${id}Mapping`, {
      target,
      eventSourceArn: streamArn,
      // From the oldest record there is: what was written before the mapping was made must be seen, too.
      startingPosition: StartingPosition.TRIM_HORIZON,
      batchSize: STREAM_BATCH_RECORDS,
      maxBatchingWindow: Duration.seconds(windowS),
      parallelizationFactor: 1,
      retryAttempts: -1,
      maxRecordAge: Duration.millis(STREAM_RECORD_AGE_MAX_MS),
      bisectBatchOnError: false,
      // By its ARN: the function's role is in another stack, and allows it already (cdk/grants.ts).
      onFailure: { bind: () => ({ destination: failures }) },
    });
  }
}

const TYPES: Readonly<Record<KeyAttribute['type'], AttributeType>> = { S: AttributeType.STRING, N: AttributeType.NUMBER, B: AttributeType.BINARY };
const attribute = ({ name, type }: KeyAttribute): Attribute => ({ name, type: TYPES[type] });

function keySchema(key: KeySchema): { partitionKey: Attribute; sortKey?: Attribute } {
  return { partitionKey: attribute(key.partition), ...(key.sort !== undefined && { sortKey: attribute(key.sort) }) };
}
