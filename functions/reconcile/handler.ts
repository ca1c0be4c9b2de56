import type { ScheduledEvent } from 'aws-lambda';
import { minuteRun } from '../../lib/reconcile/minute.ts';
import { base, wrap } from '../shared/base.ts';
import { ownRegion } from '../shared/own-region.ts';

const of = base('reconcile');
const { member, ...ports } = ownRegion(of);

/** The minute run, by a schedule. A run that fails is not repeated: the next minute does the same work. */
export const handler = wrap<ScheduledEvent, void>(of, async () => {
  const result = await minuteRun(member, ports, of.runtime);
  of.runtime.log.info('The minute run is over.', { ...result });
});
