import type { MiddyfiedHandler } from '@middy/core';
import type { DynamoDBStreamEvent } from 'aws-lambda';
import { fromStreamEvent } from '../../lib/adapters/aws/events.ts';
import type { StreamBatch } from '../../lib/ports/stream.ts';
import type { Base } from './base.ts';
import { wrap } from './base.ts';

/**
 * What a mapping with a tumbling window makes of an event: the shard is named, and the last call of a window may be without records.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-windows.html
 */
export interface WindowedEvent extends Partial<DynamoDBStreamEvent> {
  readonly shardId?: string;
  readonly window?: unknown;
}

/** What a call with a window must answer: without `state` it counts as failed. Nothing is kept in it. */
export interface WindowedAnswer {
  readonly state: Record<string, never>;
}

/**
 * The handler of a reader of the items' stream. A batch that throws comes again.
 *
 * Their mappings have tumbling windows, since only then Lambda names the shard (docs/decisions/0006-shard-by-tumbling-window.md).
 * Local clouds know no windows: then nothing is answered, as for any other mapping.
 */
export function streamHandler(of: Base, read: (batch: StreamBatch) => Promise<unknown>): MiddyfiedHandler<WindowedEvent, WindowedAnswer | undefined> {
  return wrap<WindowedEvent, WindowedAnswer | undefined>(of, async (event) => {
    await read(fromStreamEvent({ ...event, Records: event.Records ?? [] }));
    return event.window === undefined ? undefined : { state: {} };
  });
}
