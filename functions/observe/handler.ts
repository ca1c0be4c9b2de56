import { observe } from '../../lib/observe/observe.ts';
import { base } from '../shared/base.ts';
import { ownObjects, ownRegion } from '../shared/own-region.ts';
import { streamHandler } from '../shared/stream-handler.ts';

const of = base('observe');
const { member, table, shards } = ownRegion(of);
const ports = { table, shards, objects: ownObjects(of) };

/** Reads the stream of this member's items, and writes its records to the log. A batch that throws comes again. */
export const handler = streamHandler(of, async (batch) => {
  const result = await observe(batch, member, ports, of.runtime);
  of.runtime.log.debug('Archived a batch.', { ...result });
});
