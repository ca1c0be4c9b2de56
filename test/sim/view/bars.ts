import type { TraceEvent } from '../trace.ts';
import { endingOf } from './wording.ts';

/** Which events are one thing: the life of a message, or an invocation. */

/** A message from its first event to its last, or an invocation from `begin` to `end`. */
export interface Bar {
  readonly form: 'message' | 'invocation';
  /** "m17", or the process. */
  readonly name: string;
  /** Indexes of its events, in order. Never empty. */
  readonly events: readonly number[];
  /** Place in `events` of the one that ended it; of the last when it is open. */
  readonly ended: number;
  readonly ending: 'deleted' | 'dead' | 'done' | 'failed' | 'killed' | 'open';
}

/** A message that the simulator does not know by name: one in a dead-letter queue. */
export const UNKNOWN = '?';

const IN_A_QUEUE: ReadonlySet<string> = new Set(['send', 'receive', 'delete', 'dead']);

/**
 * The bars of a trace, in the order of their beginnings.
 *
 * A message's bar holds its `send`, `receive`, `delete` and `dead` events. A message whose `send` is not there (it was
 * cut off, or it came another way) begins with what is. A deleted message ends there, even when it went to the
 * dead-letter queue before; one that went there and was never deleted is `dead` and ends when it went. An invocation that
 * begins again under a name that had not ended ends the earlier one as killed.
 */
export function buildBars(events: readonly TraceEvent[]): readonly Bar[] {
  const bars: Bar[] = [];
  const messages = new Map<string, { events: number[]; begun: number }>();
  const running = new Map<string, number>();
  /** Bars are sorted by their first event at the end; this is the simplest way to get there. */
  const close = (name: string, begin: number, end: number | undefined, ending: Bar['ending']): void => {
    bars.push({ form: 'invocation', name, events: end === undefined ? [begin] : [begin, end], ended: end === undefined ? 0 : 1, ending });
  };
  events.forEach((event, i) => {
    if (IN_A_QUEUE.has(event.kind) && event.message !== undefined && event.message !== UNKNOWN) {
      const known = messages.get(event.message);
      if (known === undefined) messages.set(event.message, { events: [i], begun: i });
      else known.events.push(i);
    } else if (event.kind === 'begin' && event.who !== undefined) {
      const before = running.get(event.who);
      if (before !== undefined) close(event.who, before, undefined, 'killed');
      running.set(event.who, i);
    } else if (event.kind === 'end' && event.who !== undefined) {
      const begin = running.get(event.who);
      running.delete(event.who);
      if (begin !== undefined) close(event.who, begin, i, endingOf(event.text));
    }
  });
  for (const [name, begin] of running) close(name, begin, undefined, 'open');
  for (const [name, { events: own }] of messages) {
    const lastOf = (kind: string): number => own.findLastIndex((i) => events[i]?.kind === kind);
    const [deleted, dead] = [lastOf('delete'), lastOf('dead')];
    const ending = deleted >= 0 ? 'deleted' : dead >= 0 ? 'dead' : 'open';
    bars.push({ form: 'message', name, events: own, ended: deleted >= 0 ? deleted : dead >= 0 ? dead : own.length - 1, ending });
  }
  return bars.sort((a, b) => (a.events[0] ?? 0) - (b.events[0] ?? 0));
}
