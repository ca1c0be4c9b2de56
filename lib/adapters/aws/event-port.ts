import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { CONNECT_TIMEOUT_MS, REQUEST_TIMEOUT_MS } from '../../core/constants.ts';
import type { EventPort, OutgoingEvent } from '../../ports/events.ts';
import { remoteError } from './classify.ts';
import type { AwsClientsOptions } from './clients.ts';
import { settings, socketHandler } from './clients.ts';

/** The "source" of all our events. */
const SOURCE = 'syncline';

/** EventBridge's client of one region. Make it once a process: it keeps connections. */
export interface EventClient {
  readonly eventbridge: EventBridgeClient;
  /** Closes all connections. */
  destroy(): void;
}

/** Makes EventBridge's client, apart from the others, so that a function which sends no events does not carry its code. */
export function eventClient(options: AwsClientsOptions): EventClient {
  const { connectMs = CONNECT_TIMEOUT_MS, requestMs = REQUEST_TIMEOUT_MS } = options.timeouts ?? {};
  const handler = socketHandler(options, { connectMs, requestMs });
  const eventbridge = new EventBridgeClient({ ...settings(options), requestHandler: handler as never });
  return { eventbridge, destroy: () => handler.destroy() };
}

/** EventPort on the SDK, over a client of `eventClient`: the default event bus. */
export class AwsEventPort implements EventPort {
  readonly #eventbridge: EventBridgeClient;

  constructor({ eventbridge }: Pick<EventClient, 'eventbridge'>) {
    this.#eventbridge = eventbridge;
  }

  async put(events: readonly OutgoingEvent[]): Promise<{ readonly refused: number }> {
    const entries = events.map(({ type, detail }) => ({ Source: SOURCE, DetailType: type, Detail: JSON.stringify(detail) }));
    try {
      const { FailedEntryCount } = await this.#eventbridge.send(new PutEventsCommand({ Entries: entries }));
      return { refused: FailedEntryCount ?? 0 };
    } catch (error) {
      throw remoteError(error);
    }
  }
}
