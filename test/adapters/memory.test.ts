import { memoryEventWorld } from './support/event-worlds.ts';
import { eventPortSuite } from './support/events-suite.ts';
import { memoryQueueWorld, memoryTableWorld } from './support/memory-world.ts';
import { memoryObjectWorld } from './support/object-worlds.ts';
import { objectPortSuite } from './support/objects-suite.ts';
import { pagesAndTransactionsSuite } from './support/pages-suite.ts';
import { queuePortSuite } from './support/queue-suite.ts';
import { streamPortSuite } from './support/stream-suite.ts';
import { tablePortSuite } from './support/table-suite.ts';

tablePortSuite('the memory cloud', memoryTableWorld);
pagesAndTransactionsSuite('the memory cloud', memoryTableWorld);
streamPortSuite('the memory cloud', memoryTableWorld);
queuePortSuite('the memory cloud', memoryQueueWorld);
objectPortSuite('the memory cloud', memoryObjectWorld);
eventPortSuite('the memory cloud', memoryEventWorld);
