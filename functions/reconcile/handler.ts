import type { ScheduledEvent } from 'aws-lambda';
import { archiveMinute } from '../../lib/archive/minute.ts';
import { DEADLINE_MARGIN_MS } from '../../lib/core/constants.ts';
import { minuteRun } from '../../lib/reconcile/minute.ts';
import { reconcilePart } from '../../lib/reconcile/part.ts';
import { base, wrap } from '../shared/base.ts';
import { checkPorts } from '../shared/check-ports.ts';
import { objectsOf, ownRegion } from '../shared/own-region.ts';

const of = base('reconcile');
const own = ownRegion(of);
const { member, ...ports } = own;
const objects = objectsOf(of);
const checker = checkPorts(of, own, objects);
/** The archive's part has at least this share of the time that the urgent part has left. */
const ARCHIVE_SHARE = 0.5;

/**
 * The minute run, by a schedule. A run that fails is not repeated: the next minute does the same work. The checker's and the
 * archive's parts come last, in the time that is left, and also when the urgent part has failed.
 */
export const handler = wrap<ScheduledEvent, void>(of, async (_, context) => {
  const { runtime, settings } = of;
  const untilMs = runtime.clock.elapsed() + context.getRemainingTimeInMillis() - DEADLINE_MARGIN_MS;
  try {
    const result = await minuteRun(member, ports, runtime);
    runtime.log.info('The minute run is over.', { ...result });
  } finally {
    const now = runtime.clock.elapsed();
    const check = await reconcilePart(checker, settings.check, runtime, now + (untilMs - now) * (1 - ARCHIVE_SHARE));
    runtime.log.info('The checker’s part of the minute run is over.', { ...check });
    const archive = await archiveMinute(member, { table: ports.table, objects: objects(member.region) }, settings.archive, runtime, untilMs);
    runtime.log.info('The archive’s part of the minute run is over.', { ...archive });
  }
});
