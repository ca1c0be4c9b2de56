/** An event for the user's own event bus. */
export interface OutgoingEvent {
  /** What happened: EventBridge's "detail-type". */
  readonly type: string;
  /** A JSON value. With type and source at most EVENT_BYTES_MAX. */
  readonly detail: Readonly<Record<string, unknown>>;
}

/** Entries in one PutEvents call. https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html */
export const EVENTS_PER_CALL = 10;
/** Size of one entry, and of all entries of a call (bytes). https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html */
export const EVENT_BYTES_MAX = 256 * 1_024;

/** The default event bus of one region and account. */
export interface EventPort {
  /**
   * Sends events, at most EVENTS_PER_CALL; one request. They are for people and for what they have built: nothing of ours rests on one.
   *
   * @returns how many the bus refused. @throws RemoteError when the whole call failed
   */
  put(events: readonly OutgoingEvent[]): Promise<{ readonly refused: number }>;
}
