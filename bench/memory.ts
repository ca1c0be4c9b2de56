import { type Bench, DEPLOYED_MEMORY_MIB, invoke, startHandler } from './bench.ts';
import { checkEqual } from './check.ts';
import { openNullSite, plannedMessages, recordQueue, recordStream } from './null-site.ts';
import { GOALS, type Row } from './rows.ts';
import { functionEnvironment, SOURCE, TARGET } from './site.ts';
import { figure } from './stats.ts';

/**
 * Peak resident memory of the handlers at full batches of large records. The heap is bounded as Lambda's Node runtime bounds
 * it for a function's memory setting; without a bound Node lets garbage pile up, and the number says nothing.
 */

/** Size of the items (bytes). */
const RECORD_BYTES = 4_096;
/**
 * Records that one plan of fan-out sorts into lanes for apply: about as many as fill each lane's message to its limit
 * (LANE_MESSAGE_BYTES), so that ten messages are as full as they can be.
 */
const PLAN_RECORDS = 1_200;
const RECORDS = { full: 6_000, quick: 2_400 } as const;
/** How often all events are given to one process. */
const PASSES = 2;
const REPEATS = { full: 3, quick: 1 } as const;
/** Memory settings (MiB): the goal, and what is deployed. */
const SETTINGS = [256, DEPLOYED_MEMORY_MIB] as const;
const MIB = 1_024 * 1_024;

/** @throws WrongResultError */
export async function measureMemory(bench: Bench): Promise<Row[]> {
  const repeats = bench.repeats ?? (bench.quick ? REPEATS.quick : REPEATS.full);
  const site = await openNullSite(bench);
  const peaks = new Map<string, number[]>();
  try {
    const records = bench.quick ? RECORDS.quick : RECORDS.full;
    const stream = await recordStream(bench, records, RECORD_BYTES);
    const queue = await recordQueue(bench, plannedMessages(records, RECORD_BYTES, PLAN_RECORDS));
    const files = { fanout: stream, apply: queue.files };
    for (let repeat = 0; repeat < repeats; repeat += 1) {
      const done = bench.steps.begin(`memory: ${repeat + 1} of ${repeats}`);
      for (const memoryMiB of SETTINGS) {
        for (const fn of ['fanout', 'apply'] as const) {
          bench.signal.throwIfAborted();
          const key = `${fn} ${memoryMiB}`;
          peaks.set(key, [...(peaks.get(key) ?? []), await peakOf(bench, site.url, fn, memoryMiB, files[fn])]);
        }
      }
      done();
    }
    const counts = await site.counts();
    const runs = repeats * SETTINGS.length * PASSES;
    checkEqual(counts.writes, runs * records, 'items written', 'apply, memory');
    checkEqual(counts.messages, runs * plannedMessages(records, RECORD_BYTES).length, 'messages sent', 'fan-out, memory');
    const note = `Resident set of the whole process, Node included, over ${PASSES * stream.length} events of 1,000 records of ${RECORD_BYTES.toLocaleString('en')} bytes (fan-out) or ${PASSES * queue.files.length} of ten messages with up to ${queue.fullest.toLocaleString('en')} such records (apply). Heap bounded as Lambda does: a tenth of the memory for new objects, the rest for old ones.`;
    return SETTINGS.flatMap((memoryMiB) =>
      (['fanout', 'apply'] as const).map((fn): Row => {
        const name = `${fn === 'fanout' ? 'fan-out' : fn}, peak RSS in ${memoryMiB} MiB${memoryMiB === DEPLOYED_MEMORY_MIB ? ' (as deployed)' : ''}`;
        return { group: 'memory', name, unit: 'MiB', value: figure(peaks.get(`${fn} ${memoryMiB}`) ?? []), note, goal: GOALS.memory };
      }),
    );
  } finally {
    await site.stop();
  }
}

async function peakOf(bench: Bench, url: string, fn: 'fanout' | 'apply', memoryMiB: number, files: readonly string[]): Promise<number> {
  const worker = await startHandler(bench, fn, `memory-${memoryMiB}`, functionEnvironment({ [SOURCE]: url, [TARGET]: url }), memoryMiB);
  try {
    for (let pass = 0; pass < PASSES; pass += 1) for (const file of files) await invoke(worker, file, `${fn}, memory`);
    return (await worker.ask({ kind: 'peak' })) / MIB;
  } finally {
    await worker.end();
  }
}
