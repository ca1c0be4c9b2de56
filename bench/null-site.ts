import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fromStreamEvent } from '../lib/adapters/aws/events.ts';
import { APPLY_BATCH_MESSAGES, STREAM_BATCH_RECORDS } from '../lib/core/constants.ts';
import { decodeMessage } from '../lib/core/formats/message.ts';
import { decodeSeat } from '../lib/core/formats/rows.ts';
import { laneGroup } from '../lib/core/lanes.ts';
import type { QueueMessage } from '../lib/ports/queue.ts';
import { planFanout } from '../lib/replicate/fanout-plan.ts';
import { plainEnvironment } from '../local/command.ts';
import { type Bench, eventFile } from './bench.ts';
import { batches, type Changes, sqsEvent, streamEvent } from './events.ts';
import type { NullCounts } from './null-endpoint.ts';
import { CONFIG, LINK, LINK_QUEUE_ARN, NULL_STREAM_ARN, nullRows, SOURCE } from './site.ts';

/** The null endpoint as a place where handlers run, and recorded events for it. */

/** How long the endpoint may take to start (ms). */
const START_MAX_MS = 20_000;
/** One question for its counts (ms). */
const COUNTS_MAX_MS = 5_000;

/** The endpoint in its own process. */
export interface NullSite {
  readonly url: string;
  counts(): Promise<NullCounts>;
  stop(): Promise<void>;
}

/** Starts it. @throws Error when it does not start. */
export async function openNullSite(bench: Bench): Promise<NullSite> {
  const child = fork(bench.bundles.nullEndpoint, [], {
    execArgv: [],
    env: { ...plainEnvironment(), BENCH_NULL_ROWS: JSON.stringify(nullRows(Date.now() - 60_000)) },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const stop = async (): Promise<void> => end(child);
  try {
    const [{ url }] = (await once(child, 'message', { signal: AbortSignal.any([bench.signal, AbortSignal.timeout(START_MAX_MS)]) })) as [
      { readonly url: string },
    ];
    return {
      url,
      counts: async () => (await (await fetch(url, { signal: AbortSignal.timeout(COUNTS_MAX_MS) })).json()) as NullCounts,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  if (child.connected) child.disconnect();
  else child.kill();
  await exit;
}

const ORIGIN = { arn: NULL_STREAM_ARN, region: SOURCE };

/** What items at the null endpoint look like: they are never there, so that updates could not be told from inserts. */
const inserts = (count: number, bytes: number): Changes => ({ from: 0, count, sequence: 0, kind: { bytes, version: 1 } });

/** Records stream events of `count` inserts, 1,000 an event; gives their files. */
export async function recordStream(bench: Bench, count: number, bytes: number): Promise<string[]> {
  const createdS = Math.floor(Date.now() / 1_000);
  return Promise.all(batches(inserts(count, bytes), STREAM_BATCH_RECORDS).map((batch) => eventFile(bench, streamEvent(batch, { ...ORIGIN, createdS }))));
}

/** Queue events, recorded in files. */
export interface RecordedQueue {
  readonly files: readonly string[];
  /** Messages in all events. */
  readonly messages: number;
  /** Records in the fullest event. */
  readonly fullest: number;
}

/** The messages that the real plan makes of `count` inserts in stream batches of `batch` records. */
export function plannedMessages(count: number, bytes: number, batch: number = STREAM_BATCH_RECORDS): QueueMessage[] {
  const nowMs = Date.now();
  const seat = decodeSeat(nullRows(0)[LINK.sourceTables.control]?.[0] ?? {});
  const at = { seat, set: CONFIG.set, member: SOURCE, key: LINK.key, lanes: CONFIG.lanes, expiry: CONFIG.expiry, nowMs, shard: 'shardId-0' };
  const messages: QueueMessage[] = [];
  for (const changes of batches(inserts(count, bytes), batch)) {
    const { records } = fromStreamEvent(streamEvent(changes, { ...ORIGIN, createdS: Math.floor(nowMs / 1_000) }) as never);
    for (const { lane, body } of planFanout(records, at).sends) {
      const id = `message-${messages.length}`;
      messages.push({ id, receipt: `receipt-${id}`, body, group: laneGroup(lane), receiveCount: 1, sentMs: nowMs, attributes: {} });
    }
  }
  return messages;
}

/** Records queue events of messages, ten an event. */
export async function recordQueue(bench: Bench, messages: readonly QueueMessage[]): Promise<RecordedQueue> {
  const files: string[] = [];
  let fullest = 0;
  for (let at = 0; at < messages.length; at += APPLY_BATCH_MESSAGES) {
    const some = messages.slice(at, at + APPLY_BATCH_MESSAGES);
    fullest = Math.max(
      fullest,
      some.reduce((sum, m) => sum + recordsIn(m.body), 0),
    );
    files.push(await eventFile(bench, sqsEvent(some, { arn: LINK_QUEUE_ARN, region: SOURCE })));
  }
  return { files, messages: messages.length, fullest };
}

function recordsIn(body: string): number {
  const message = decodeMessage(body);
  return message.kind === 'changes' ? message.changes.length : 0;
}
