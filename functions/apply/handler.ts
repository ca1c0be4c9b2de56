import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { fromSqsEvent } from '../../lib/adapters/aws/events.ts';
import type { ObjectPort } from '../../lib/ports/objects.ts';
import { apply, applySandbox } from '../../lib/replicate/apply/apply.ts';
import type { ReportDesk } from '../../lib/replicate/apply/pass.ts';
import { base, wrap } from '../shared/base.ts';
import { ownObjects, ownRegion } from '../shared/own-region.ts';

const of = base('apply');
const { member, table, queue, target } = ownRegion(of);

/** S3's client, made with the first report: most sandboxes never write one. */
let objects: ObjectPort | undefined;
const reports: ReportDesk = {
  bucket: member.bucket,
  objects: () => {
    objects ??= ownObjects(of);
    return objects;
  },
  ...(member.expiryAttribute !== undefined && { expiryAttribute: member.expiryAttribute }),
};

/** This member's links, by the names of their queues. */
const links = new Map(
  member.links.map((link) => {
    const ports = { source: table, target: target(link.targetRegion), queue, reports };
    return [link.queueUrl.slice(link.queueUrl.lastIndexOf('/') + 1), { link, ports, sandbox: applySandbox(link, ports, of.runtime) }];
  }),
);

/** Applies lane messages of one link to its target, and names those that must stay in the queue. */
export const handler = wrap<SQSEvent, SQSBatchResponse>(of, async (event, context) => {
  const { queueArn, messages } = fromSqsEvent(event);
  const found = links.get(queueArn.slice(queueArn.lastIndexOf(':') + 1));
  if (found === undefined)
    throw new Error(`No link of the member "${member.member}" has the queue ${queueArn}; its queues are ${[...links.keys()].join(', ')}.`);
  const { link, ports, sandbox } = found;
  const { failures, counts } = await apply(messages, link, ports, of.runtime, sandbox, context.getRemainingTimeInMillis());
  of.runtime.log.debug('Applied a batch.', { link: link.target, messages: messages.length, failed: failures.length, ...counts });
  return { batchItemFailures: failures.map((itemIdentifier) => ({ itemIdentifier })) };
});
