import type { ScheduledEvent } from 'aws-lambda';
import { archiveMinute } from '../../lib/archive/minute.ts';
import { DEADLINE_MARGIN_MS } from '../../lib/core/constants.ts';
import { minuteRun } from '../../lib/reconcile/minute.ts';
import { base, wrap } from '../shared/base.ts';
import { ownObjects, ownRegion } from '../shared/own-region.ts';

const of = base('reconcile');
const { member, ...ports } = ownRegion(of);
const objects = ownObjects(of);

/**
 * The minute run, by a schedule. A run that fails is not repeated: the next minute does the same work. The archive's part
 * comes last, in the time that is left, and also when the urgent part has failed.
 */
export const handler = wrap<ScheduledEvent, void>(of, async (_, context) => {
  const { runtime, settings } = of;
  const untilMs = runtime.clock.elapsed() + context.getRemainingTimeInMillis() - DEADLINE_MARGIN_MS;
  try {
    const result = await minuteRun(member, ports, runtime);
    runtime.log.info('The minute run is over.', { ...result });
  } finally {
    const archive = await archiveMinute(member, { table: ports.table, objects }, settings.archive, runtime, untilMs);
    runtime.log.info('The archive’s part of the minute run is over.', { ...archive });
  }
});
