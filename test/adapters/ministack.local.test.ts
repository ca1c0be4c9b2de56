import { afterAll, beforeAll } from 'vitest';
import type { Cloud } from '../../local/cloud.ts';
import { startCloud } from '../../local/cloud.ts';
import { awsQueueWorld, awsTableWorld, REGION } from './support/aws-world.ts';
import { awsEventWorld } from './support/event-worlds.ts';
import { eventPortSuite } from './support/events-suite.ts';
import { awsObjectWorld } from './support/object-worlds.ts';
import { objectPortSuite } from './support/objects-suite.ts';
import { pagesAndTransactionsSuite } from './support/pages-suite.ts';
import { queuePortSuite } from './support/queue-suite.ts';
import { streamPortSuite } from './support/stream-suite.ts';
import { tablePortSuite } from './support/table-suite.ts';

let cloud: Cloud;
beforeAll(async () => {
  cloud = await startCloud({ regions: [REGION] });
});
afterAll(() => cloud?.stop());
const endpoint = (): string => cloud.endpoints[REGION] as string;

tablePortSuite('MiniStack', () => awsTableWorld(endpoint()), ['number-keys-by-text', 'set-and-remove', 'names-may-be-empty']);
pagesAndTransactionsSuite('MiniStack', () => awsTableWorld(endpoint()), ['transaction-key-unchecked']);
streamPortSuite('MiniStack', () => awsTableWorld(endpoint()));
queuePortSuite('MiniStack', () => awsQueueWorld(endpoint()), ['expired-receipt-accepted', 'group-blocked-by-any', 'deleted-receipt-refused']);
objectPortSuite('MiniStack', () => awsObjectWorld(endpoint()));
eventPortSuite('MiniStack', () => awsEventWorld(endpoint()));
