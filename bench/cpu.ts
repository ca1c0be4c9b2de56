import { STREAM_BATCH_RECORDS } from '../lib/core/constants.ts';
import { type Bench, FREE, invoke, plus, startHandler } from './bench.ts';
import { checkEqual } from './check.ts';
import { openNullSite, plannedMessages, recordQueue, recordStream } from './null-site.ts';
import { CONCURRENCIES, ITEM_BYTES } from './raw.ts';
import { GOALS, type Row } from './rows.ts';
import { functionEnvironment, RAW_TABLE, rawEnvironment, SOURCE, TARGET } from './site.ts';
import { figure, ratios } from './stats.ts';
import type { Cost } from './workers/protocol.ts';
import { Worker } from './workers.ts';

/**
 * Processor time for each record, against a null endpoint: what a user pays Lambda for, apart from waiting. Measured for
 * the whole process (garbage collection included), within the invocations. Raw is measured in the same rounds.
 */

/**
 * A round is cut into slices of raw, fan-out and apply in turn, each of about one full fan-out batch: a disturbance of the
 * machine lasts longer than a slice, so that it hits all three.
 */
const SLICE_RECORDS = STREAM_BATCH_RECORDS;
const SLICES = { full: 10, quick: 4 } as const;
const ROUNDS = { full: 7, quick: 2 } as const;
/** Rounds that are run and not counted, for the compilers to warm up. */
const WARM_UP_ROUNDS = { full: 3, quick: 1 } as const;
/** Raw's calls in flight: enough that it never waits. */
const RAW_CONCURRENCY = CONCURRENCIES[2];

/** @throws WrongResultError when the endpoint was sent something else than every record once. */
export async function measureCpu(bench: Bench): Promise<Row[]> {
  const slices = bench.quick ? SLICES.quick : SLICES.full;
  const records = slices * SLICE_RECORDS;
  const warmUp = bench.quick ? WARM_UP_ROUNDS.quick : WARM_UP_ROUNDS.full;
  const rounds = bench.repeats ?? (bench.quick ? ROUNDS.quick : ROUNDS.full);
  const site = await openNullSite(bench);
  const workers: Worker[] = [];
  const costs: { raw: number; fanout: number; apply: number }[] = [];
  try {
    const environment = functionEnvironment({ [SOURCE]: site.url, [TARGET]: site.url });
    const raw = Worker.start({
      name: 'raw-null',
      program: bench.bundles.raw,
      directory: bench.directory,
      environment: rawEnvironment(site.url),
      profileTo: bench.profileTo,
    });
    workers.push(raw);
    const fanout = await startHandler(bench, 'fanout', 'null', environment);
    workers.push(fanout);
    const apply = await startHandler(bench, 'apply', 'null', environment);
    workers.push(apply);
    const stream = await recordStream(bench, records, ITEM_BYTES);
    const messages = plannedMessages(records, ITEM_BYTES);
    const queue = await recordQueue(bench, messages);
    // The items are made once, and garbage is collected once a round, for raw as for the handlers: whoever collects more often begins each slice cold.
    await raw.ask({ kind: 'prepare', from: 0, count: records, bytes: ITEM_BYTES, version: 1 });
    const rests = async (): Promise<void> => {
      for (const worker of workers) await worker.ask({ kind: 'rest' });
    };
    const slice = async (worker: Worker, files: readonly string[], what: string): Promise<Cost> => {
      let cost = FREE;
      for (const file of files) cost = plus(cost, await invoke(worker, file, what));
      return cost;
    };
    for (let round = -warmUp; round < rounds; round += 1) {
      bench.signal.throwIfAborted();
      const done = round < 0 ? undefined : bench.steps.begin(`CPU at a null endpoint: ${round + 1} of ${rounds}`);
      const before = await site.counts();
      await rests();
      let cost = { raw: FREE, fanout: FREE, apply: FREE };
      for (let i = 0; i < slices; i += 1) {
        const rawCost = await raw.ask({ kind: 'raw', table: RAW_TABLE, skip: i * SLICE_RECORDS, count: SLICE_RECORDS, concurrency: RAW_CONCURRENCY });
        cost = {
          raw: plus(cost.raw, rawCost),
          fanout: plus(cost.fanout, await slice(fanout, shareOf(stream, i, slices), 'fan-out at the null endpoint')),
          apply: plus(cost.apply, await slice(apply, shareOf(queue.files, i, slices), 'apply at the null endpoint')),
        };
      }
      const after = await site.counts();
      checkEqual(after.writes - before.writes, 2 * records, 'items written by raw and apply', 'CPU at the null endpoint');
      checkEqual(after.messages - before.messages, messages.length, 'messages sent', 'fan-out at the null endpoint');
      if (round >= 0) costs.push({ raw: cost.raw.cpuUs / records, fanout: cost.fanout.cpuUs / records, apply: cost.apply.cpuUs / records });
      done?.();
    }
  } finally {
    await Promise.all(workers.map((worker) => worker.end()));
    await site.stop();
  }

  const limits = costs.map((c) => c.raw);
  const row = (name: string, of: (c: (typeof costs)[number]) => number, more: Partial<Row> = {}): Row => {
    const values = costs.map(of);
    return { group: 'cpu', name, unit: 'µs/record', value: figure(values), ratio: figure(ratios(values, limits)), ratioTo: 'raw CPU', ...more };
  };
  const note =
    'Processor time of the whole process within the invocations, parsing of the event included, inserts, against an endpoint that answers at once that all is well and nothing is there.';
  return [
    { group: 'cpu', name: 'raw, CPU', unit: 'µs/record', value: figure(limits), note },
    row('fan-out, CPU', (c) => c.fanout, { note }),
    row('apply, CPU', (c) => c.apply, { note }),
    row('fan-out + apply, CPU', (c) => c.fanout + c.apply, { note, goal: GOALS.cpu }),
  ];
}

/** The i-th of `shares` parts of a list, in order; together they are the whole list. Pure. */
export const shareOf = <T>(list: readonly T[], i: number, shares: number): T[] =>
  list.slice(Math.round((i * list.length) / shares), Math.round(((i + 1) * list.length) / shares));
