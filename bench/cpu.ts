import { type Bench, FREE, invoke, plus, startHandler } from './bench.ts';
import { checkEqual } from './check.ts';
import { openNullSite, recordQueue, recordStream } from './null-site.ts';
import { CONCURRENCIES, ITEM_BYTES } from './raw.ts';
import { GOALS, type Row } from './rows.ts';
import { functionEnvironment, rawEnvironment, SOURCE, TARGET } from './site.ts';
import { figure, ratios } from './stats.ts';
import type { Cost } from './workers/protocol.ts';
import { Worker } from './workers.ts';

/**
 * Processor time for each record, against a null endpoint: what a user pays Lambda for, apart from waiting. Measured for
 * the whole process (garbage collection included), within the invocations. Raw is measured in the same rounds.
 */

const RECORDS = { full: 10_000, quick: 4_000 } as const;
const ROUNDS = { full: 7, quick: 2 } as const;
/** Rounds that are run and not counted, for the compiler to warm up. */
const WARM_UP_ROUNDS = 2;
/** Raw's calls in flight: enough that it never waits. */
const RAW_CONCURRENCY = CONCURRENCIES[2];

/** @throws WrongResultError when the endpoint was sent something else than every record once. */
export async function measureCpu(bench: Bench): Promise<Row[]> {
  const records = bench.quick ? RECORDS.quick : RECORDS.full;
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
    const queue = await recordQueue(bench, records, ITEM_BYTES);

    const run = async (worker: Worker, files: readonly string[], what: string): Promise<Cost> => {
      await worker.ask({ kind: 'rest' });
      let cost = FREE;
      for (const file of files) cost = plus(cost, await invoke(worker, file, what));
      return cost;
    };
    for (let round = -WARM_UP_ROUNDS; round < rounds; round += 1) {
      bench.signal.throwIfAborted();
      const done = round < 0 ? undefined : bench.steps.begin(`CPU at a null endpoint: ${round + 1} of ${rounds}`);
      const before = await site.counts();
      const rawCost = await raw.ask({ kind: 'raw', table: 'bench-raw', from: 0, count: records, bytes: ITEM_BYTES, version: 1, concurrency: RAW_CONCURRENCY });
      const afterRaw = await site.counts();
      checkEqual(afterRaw.writes - before.writes, records, 'items written', 'raw at the null endpoint');
      const fanoutCost = await run(fanout, stream, 'fan-out at the null endpoint');
      const afterFanout = await site.counts();
      checkEqual(afterFanout.messages - afterRaw.messages, queue.messages, 'messages sent', 'fan-out at the null endpoint');
      const applyCost = await run(apply, queue.files, 'apply at the null endpoint');
      const afterApply = await site.counts();
      checkEqual(afterApply.writes - afterFanout.writes, records, 'items written', 'apply at the null endpoint');
      if (round >= 0) costs.push({ raw: rawCost.cpuUs / records, fanout: fanoutCost.cpuUs / records, apply: applyCost.cpuUs / records });
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
