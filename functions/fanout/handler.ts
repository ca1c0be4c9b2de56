import { fanout } from '../../lib/replicate/fanout.ts';
import { base } from '../shared/base.ts';
import { ownRegion } from '../shared/own-region.ts';
import { streamHandler } from '../shared/stream-handler.ts';

const of = base('fanout');
const { member, ...ports } = ownRegion(of);

/** Reads the stream of this member's items, and moves its records to the lanes. A batch that throws comes again. */
export const handler = streamHandler(of, async (batch) => {
  const result = await fanout(batch, member, ports, of.runtime);
  of.runtime.log.debug('Fanned a batch out.', { ...result });
});
