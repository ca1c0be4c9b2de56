import { Duration } from 'aws-cdk-lib';
import { TableEncryption, type TableProps } from 'aws-cdk-lib/aws-dynamodb';
import { type IKey, Key } from 'aws-cdk-lib/aws-kms';
import { BucketEncryption, type BucketProps } from 'aws-cdk-lib/aws-s3';
import { QueueEncryption, type QueueProps } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import type { Encryption } from './set.ts';

/** How a member's tables, bucket and queues are encrypted, in the words of each service's construct. Changing it replaces none of them. */

/** How a queue is encrypted. */
export type QueueKeys = Pick<QueueProps, 'encryption' | 'encryptionMasterKey' | 'dataKeyReuse'>;

export interface EncryptionProps {
  /** ARN of the user's KMS key. */
  readonly encryptionKeyArn?: string;
  /** Without such a key: whose keys. Default: `aws-owned`. */
  readonly encryption?: Encryption;
}

/** How long SQS uses one data key: the longer, the fewer calls of KMS, each of which has a price. */
const DATA_KEY_REUSE_S = 300;

/** The user's key as a construct, or undefined. */
const keyOf = (scope: Construct, { encryptionKeyArn }: EncryptionProps): IKey | undefined =>
  encryptionKeyArn === undefined ? undefined : ((scope.node.tryFindChild('Key') as IKey | undefined) ?? Key.fromKeyArn(scope, 'Key', encryptionKeyArn));

/** Settings of a table. */
export function tableKeys(scope: Construct, props: EncryptionProps): Pick<TableProps, 'encryption' | 'encryptionKey'> {
  const key = keyOf(scope, props);
  if (key !== undefined) return { encryption: TableEncryption.CUSTOMER_MANAGED, encryptionKey: key };
  // Said by absence for owned keys, as it always was: a table's template must not change without need.
  return props.encryption === 'aws-managed' ? { encryption: TableEncryption.AWS_MANAGED } : {};
}

/** Settings of a bucket. A bucket key saves one call of KMS for each object. */
export function bucketKeys(scope: Construct, props: EncryptionProps): Pick<BucketProps, 'encryption' | 'encryptionKey' | 'bucketKeyEnabled'> {
  const key = keyOf(scope, props);
  if (key !== undefined) return { encryption: BucketEncryption.KMS, encryptionKey: key, bucketKeyEnabled: true };
  return props.encryption === 'aws-managed'
    ? { encryption: BucketEncryption.KMS_MANAGED, bucketKeyEnabled: true }
    : { encryption: BucketEncryption.S3_MANAGED };
}

/** Settings of a queue. */
export function queueKeys(scope: Construct, props: EncryptionProps): QueueKeys {
  const key = keyOf(scope, props);
  const dataKeyReuse = Duration.seconds(DATA_KEY_REUSE_S);
  if (key !== undefined) return { encryption: QueueEncryption.KMS, encryptionMasterKey: key, dataKeyReuse };
  return props.encryption === 'aws-managed' ? { encryption: QueueEncryption.KMS_MANAGED, dataKeyReuse } : { encryption: QueueEncryption.SQS_MANAGED };
}
