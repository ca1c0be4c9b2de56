import type { DynamoDBStreamEvent } from 'aws-lambda';
import { fromStreamEvent } from '../../lib/adapters/aws/events.ts';
import { observe } from '../../lib/observe/observe.ts';
import { base, wrap } from '../shared/base.ts';
import { ownRegion } from '../shared/own-region.ts';

const of = base('observe');
const { member, ...ports } = ownRegion(of);

/** Observes the stream of this member's items. A batch that throws comes again. */
export const handler = wrap<DynamoDBStreamEvent, void>(of, (event) => observe(fromStreamEvent(event), member, ports, of.runtime));
