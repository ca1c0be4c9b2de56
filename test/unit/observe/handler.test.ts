import type { Context } from 'aws-lambda';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { base } from '../../../functions/shared/base.ts';
import { readSettings } from '../../../functions/shared/settings.ts';
import type { WindowedEvent } from '../../../functions/shared/stream-handler.ts';
import { streamHandler } from '../../../functions/shared/stream-handler.ts';
import { observe } from '../../../lib/observe/observe.ts';
import { memberContext } from '../../../lib/replicate/context.ts';
import { ShardFinder } from '../../../lib/replicate/shards.ts';
import { item, World } from '../../flows/support/world.ts';
import { segments } from './support/log.ts';

const CONTEXT = { awsRequestId: 'r1', functionName: 'f', functionVersion: '1', invokedFunctionArn: 'arn', memoryLimitInMB: '128' } as unknown as Context;

describe('the handler of a stream’s reader', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.create();
    for (const stream of ['stdout', 'stderr'] as const) vi.spyOn(process[stream], 'write').mockImplementation(() => true);
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });

  async function handle(event: WindowedEvent): Promise<unknown> {
    const { table, objects, stream } = world.cloud.region(world.primary);
    const of = base('observe', readSettings({ SYNCLINE_CONFIG: JSON.stringify(world.config), SYNCLINE_MEMBER: world.primary }), {
      clock: world.clock,
      chance: world.chance,
    });
    const ports = { table, objects, shards: new ShardFinder(stream, world.clock) };
    const handler = streamHandler(of, (batch) => observe(batch, memberContext(world.config, world.member(0)), ports, of.runtime));
    return world.clock.run(handler(event, CONTEXT) as Promise<unknown>);
  }

  /** A record as it stands in Lambda's event. */
  async function event(): Promise<WindowedEvent> {
    await world.put(item('k', 1));
    const [record] = world.records();
    return {
      Records: [
        {
          eventName: 'INSERT',
          eventSourceARN: record?.streamArn as string,
          dynamodb: {
            Keys: record?.keys as never,
            NewImage: record?.newImage as never,
            SequenceNumber: record?.sequence as string,
            ApproximateCreationDateTime: (record?.createdMs as number) / 1_000,
            StreamViewType: 'NEW_AND_OLD_IMAGES',
          },
        },
      ],
    };
  }

  const WINDOW = { window: { start: '2026-01-01T00:00:00Z', end: '2026-01-01T00:15:00Z' }, state: {}, isFinalInvokeForWindow: false };

  it('takes the shard from an event with a window, and answers a state', async () => {
    expect(await handle({ ...(await event()), ...WINDOW, shardId: 'shardId-named' })).toEqual({ state: {} });
    expect(segments(world).map(({ head }) => [head.shard, head.records])).toEqual([['shardId-named', 1]]);
  });

  it('concludes the shard where there is no window, and answers nothing', async () => {
    expect(await handle(await event())).toBeUndefined();
    expect(segments(world).map(({ head }) => head.shard)).toEqual([expect.stringMatching(/^shardId-0+-/)]);
  });

  it.each([{ Records: [] }, {}])('answers a state at the end of a window, which may be without records (%j)', async (records) => {
    expect(await handle({ ...records, ...WINDOW, shardId: 'shardId-named' })).toEqual({ state: {} });
    expect(segments(world)).toEqual([]);
  });

  it('throws when the batch is not archived, so that it comes again', async () => {
    world.cloud.region(world.primary).buckets.deleteBucket(memberContext(world.config, world.member(0)).bucket);
    await expect(handle({ ...(await event()), ...WINDOW, shardId: 'shardId-named' })).rejects.toThrow(/bucket does not exist/);
  });
});
