import { Duration } from 'aws-cdk-lib';
import { DeduplicationScope, FifoThroughputLimit, Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { DLQ_RETENTION_MS, DLQ_VISIBILITY_S, MAX_RECEIVE_COUNT, QUEUE_RETENTION_MS, VISIBILITY_S } from '../lib/core/constants.ts';
import type { LinkNames } from '../lib/core/names.ts';
import type { QueueKeys } from './encryption.ts';
import type { Limits } from './set.ts';

export interface LinkQueuesProps extends Limits {
  readonly names: LinkNames;
  /** How the queues are encrypted. */
  readonly encryption: QueueKeys;
}

/** The two queues of a link, in the source's region: what is on its way, and what the target refused. */
export class LinkQueues extends Construct {
  readonly queue: Queue;
  readonly dlq: Queue;

  constructor(scope: Construct, id: string, props: LinkQueuesProps) {
    super(scope, id);
    // Order holds in a group only, so each group may have SQS's full rate: that is FIFO's high-throughput mode.
    const fifo = {
      fifo: true,
      // A content hash would drop the newest change when a checkpoint steps back: the sender mints the ids.
      contentBasedDeduplication: false,
      deduplicationScope: DeduplicationScope.MESSAGE_GROUP,
      fifoThroughputLimit: FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
      ...props.encryption,
      enforceSSL: true,
    };
    this.dlq = new Queue(this, 'DeadLetters', {
      ...fifo,
      queueName: props.names.dlq,
      visibilityTimeout: Duration.seconds(DLQ_VISIBILITY_S),
      retentionPeriod: Duration.millis(props.dlqRetentionMs ?? DLQ_RETENTION_MS),
    });
    this.queue = new Queue(this, 'Queue', {
      ...fifo,
      queueName: props.names.queue,
      visibilityTimeout: Duration.seconds(VISIBILITY_S),
      retentionPeriod: Duration.millis(props.queueRetentionMs ?? QUEUE_RETENTION_MS),
      deadLetterQueue: { queue: this.dlq, maxReceiveCount: MAX_RECEIVE_COUNT },
    });
  }
}
