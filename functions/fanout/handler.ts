import type { DynamoDBStreamEvent } from 'aws-lambda';
import { fromStreamEvent } from '../../lib/adapters/aws/events.ts';
import { fanout } from '../../lib/replicate/fanout.ts';
import { base, wrap } from '../shared/base.ts';
import { ownRegion } from '../shared/own-region.ts';

const of = base('fanout');
const { member, ...ports } = ownRegion(of);

/** Reads the stream of this member's items, and moves its records to the lanes. A batch that throws comes again. */
export const handler = wrap<DynamoDBStreamEvent, void>(of, async (event) => {
  const result = await fanout(fromStreamEvent(event), member, ports, of.runtime);
  of.runtime.log.debug('Fanned a batch out.', { ...result });
});
