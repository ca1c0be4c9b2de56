import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EventPort } from '../../../lib/ports/events.ts';
import { EVENTS_PER_CALL } from '../../../lib/ports/events.ts';

/** An event as a rule's target gets it. */
export interface ArrivedEvent {
  readonly source: string;
  readonly type: string;
  readonly detail: unknown;
}

/** What the suite of event buses needs beside the port. */
export interface EventWorld {
  readonly events: EventPort;
  /** What a rule for all events of "syncline" has delivered, once there are at least `count`. */
  arrived(count: number): Promise<readonly ArrivedEvent[]>;
  close(): Promise<void>;
}

/** The same suite for every adapter of the event port. */
export function eventPortSuite(name: string, make: () => Promise<EventWorld>): void {
  describe(`the event port on ${name}`, () => {
    let world: EventWorld;
    beforeAll(async () => {
      world = await make();
    });
    afterAll(() => world?.close());

    it('delivers events of the source "syncline", with their type and every kind of JSON value', async () => {
      const detail = { set: 'orders', keys: 3, ratio: 0.5, none: null, list: [1, 'ü', { a: true }] };
      expect(await world.events.put([{ type: 'Syncline Check Finished', detail }])).toEqual({ refused: 0 });
      expect(await world.arrived(1)).toEqual([{ source: 'syncline', type: 'Syncline Check Finished', detail }]);
    });

    it('takes as many in one call as it says', async () => {
      const events = Array.from({ length: EVENTS_PER_CALL }, (_, n) => ({ type: 'Syncline Test', detail: { n } }));
      expect(await world.events.put(events)).toEqual({ refused: 0 });
      const arrived = (await world.arrived(1 + events.length)).filter(({ type }) => type === 'Syncline Test');
      expect(arrived.map(({ detail }) => (detail as { n: number }).n).sort((a, b) => a - b)).toEqual(events.map(({ detail }) => detail.n));
    });
  });
}
