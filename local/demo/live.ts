import { setTimeout as sleep } from 'node:timers/promises';
import { DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import { GetQueueAttributesCommand, type SQSClient } from '@aws-sdk/client-sqs';
import Table from 'cli-table3';
import { createLogUpdate } from 'log-update';
import { duration, type StepOutput } from '../steps.ts';
import type { Watched } from './lag.ts';

/** Shows how the members fill up, while the demonstration writes. */

/** Time between two pictures on a terminal, and between two lines elsewhere (ms). */
const PICTURE_MS = 500;
const LINE_MS = 2_000;
/** One look at a member (ms): a frozen one must not keep the others from being shown. */
const LOOK_MAX_MS = 1_500;
const soon = (): { abortSignal: AbortSignal } => ({ abortSignal: AbortSignal.timeout(LOOK_MAX_MS) });

/** A link's queue, at the primary. */
export interface WatchedQueue {
  readonly target: string;
  readonly client: SQSClient;
  readonly url: string;
}

/** How a member is. */
export interface MemberCount {
  readonly region: string;
  readonly items: number;
  /** Messages on the way to it; undefined at the primary. */
  readonly queued: number | undefined;
}

/** Counts items (the local cloud's ItemCount is exact and current; AWS's is hours old) and messages. A member that does not answer has NaN. */
export async function count(members: readonly Watched[], queues: readonly WatchedQueue[]): Promise<MemberCount[]> {
  return Promise.all(
    members.map(async ({ region, client, table }) => {
      const queue = queues.find((q) => q.target === region);
      const [described, queued] = await Promise.all([
        client.send(new DescribeTableCommand({ TableName: table }), soon()).catch(() => undefined),
        queue === undefined ? undefined : depth(queue).catch(() => Number.NaN),
      ]);
      return { region, items: described?.Table?.ItemCount ?? Number.NaN, queued };
    }),
  );
}

async function depth({ client, url }: WatchedQueue): Promise<number> {
  const { Attributes } = await client.send(
    new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] }),
    soon(),
  );
  return Number(Attributes?.ApproximateNumberOfMessages) + Number(Attributes?.ApproximateNumberOfMessagesNotVisible);
}

/** Shows counts until it is stopped. Gives the function that stops it, which waits for the last look. */
export function showLive(
  output: StepOutput,
  title: string,
  detail: () => string,
  members: readonly Watched[],
  queues: readonly WatchedQueue[],
): () => Promise<void> {
  const controller = new AbortController();
  const since = performance.now();
  const update = output.isTTY ? createLogUpdate(output as unknown as NodeJS.WriteStream) : undefined;
  const loop = async (): Promise<void> => {
    // Lines come only for what takes long; a terminal shows a picture from the start.
    if (update === undefined) await pause(LINE_MS, controller.signal);
    while (!controller.signal.aborted) {
      const counts = await count(members, queues);
      if (update !== undefined) update(`${title}  ${detail()}  ${duration(performance.now() - since)}\n${picture(counts)}`);
      else output.write(`  ${title}: ${detail()}; ${lineOf(counts)}\n`);
      await pause(update === undefined ? LINE_MS : PICTURE_MS, controller.signal);
    }
    update?.clear();
    update?.done();
  };
  const ended = loop();
  return async () => {
    controller.abort();
    await ended;
  };
}

const pause = async (ms: number, signal: AbortSignal): Promise<void> => sleep(ms, undefined, { signal }).catch(() => undefined);

/** A table of the members. Pure. */
export function picture(counts: readonly MemberCount[]): string {
  const table = new Table({ head: ['member', 'items', 'messages on the way'], colAligns: ['left', 'right', 'right'], style: { head: [], border: [] } });
  for (const { region, items, queued } of counts) table.push([region, number(items), queued === undefined ? 'primary' : number(queued)]);
  return table.toString();
}

const lineOf = (counts: readonly MemberCount[]): string =>
  counts.map((c) => `${c.region} ${number(c.items)}${c.queued === undefined ? '' : ` (${number(c.queued)} queued)`}`).join(', ');

const number = (n: number): string => (Number.isNaN(n) ? 'no answer' : n.toLocaleString('en'));
