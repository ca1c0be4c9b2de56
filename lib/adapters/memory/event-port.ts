import { RemoteError } from '../../ports/errors.ts';
import type { EventPort, OutgoingEvent } from '../../ports/events.ts';
import { EVENT_BYTES_MAX, EVENTS_PER_CALL } from '../../ports/events.ts';

/** "source" of our events: it counts for an entry's size. */
const SOURCE_BYTES = 'syncline'.length;

/** The default event bus of one region, in memory: it keeps what it was sent. */
export class MemoryEventPort implements EventPort {
  /** The oldest first. */
  readonly events: OutgoingEvent[] = [];
  /** Asked before each call; what it throws is thrown. */
  hook: (() => void) | undefined;

  async put(events: readonly OutgoingEvent[]): Promise<{ readonly refused: number }> {
    this.hook?.();
    if (events.length === 0 || events.length > EVENTS_PER_CALL) {
      throw new RemoteError('invalid', 'ValidationException', `A call has 1 to ${EVENTS_PER_CALL} entries; got ${events.length}.`);
    }
    const bytes = events.reduce((sum, { type, detail }) => sum + SOURCE_BYTES + Buffer.byteLength(type) + Buffer.byteLength(JSON.stringify(detail)), 0);
    if (bytes > EVENT_BYTES_MAX) throw new RemoteError('invalid', 'ValidationException', `The entries of a call have at most ${EVENT_BYTES_MAX} bytes.`);
    // As values that have travelled: nobody sees a later change of the caller's own.
    this.events.push(...events.map(({ type, detail }) => ({ type, detail: JSON.parse(JSON.stringify(detail)) as Record<string, unknown> })));
    return { refused: 0 };
  }
}
