import type { ArchivePlace } from '../archive/place.ts';
import type { EventPort } from '../ports/events.ts';
import type { QueuePort } from '../ports/queue.ts';
import type { StreamPort } from '../ports/stream.ts';
import type { TablePort } from '../ports/table.ts';
import type { MemberContext } from '../replicate/context.ts';

/** A member as the checker reaches it: its tables and its bucket. */
export interface MemberReach {
  readonly member: MemberContext;
  readonly table: TablePort;
  readonly place: ArchivePlace;
  /** Its stream's description; absent where the caller may not ask for it. */
  readonly stream?: StreamPort;
}

/** What the checker of a member reaches. */
export interface CheckPorts {
  /** The member itself. Its queues are those of its links, its stream is the one that fan-out and observer read. */
  readonly own: MemberReach;
  /** All other members, by name. */
  readonly others: ReadonlyMap<string, MemberReach>;
  readonly queue: QueuePort;
  readonly stream: StreamPort;
  readonly events: EventPort;
}
