import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { memberNamed } from '../../lib/core/config.ts';
import { memberNames } from '../../lib/core/names.ts';
import { localClient } from '../../local/region.ts';
import type { Bench } from '../bench.ts';
import { checkEqual } from '../check.ts';
import { bestOf, ITEM_BYTES } from '../raw.ts';
import { GOALS, type Group, number, type Row } from '../rows.ts';
import { CONFIG, functionEnvironment, LINK, openSite, rawEnvironment, type Site, SOURCE, TARGET } from '../site.ts';
import { figure, mean, ratios } from '../stats.ts';
import { Worker } from '../workers.ts';
import { MADE_UP_BYTES } from './sweep-table.ts';

/**
 * The sweep: both tables of a link are scanned at the same time by one process, as `syncline check --sweep` does, beside two bare parallel
 * scans in the same run. And the peak memory of a sweep of large tables, which are made up in the process.
 */

/** Items in each table. */
const ITEMS = { full: 40_000, quick: 5_000 } as const;
/** Items in each made-up table. */
const LARGE = { full: 1_000_000, quick: 50_000 } as const;
/** Memory by which the heap of the process is bounded (MiB), as Lambda bounds it for a function: the whole process stays below the goal. */
const HEAP_MIB = 160;
const ROUNDS = { full: 3, quick: 1 } as const;
/** Parts of each bare scan that are tried; the best of them is the limit. */
const SCAN_PARTS = [1, 2] as const;
const FILL_CONCURRENCY = 4;
const MIB = 1_024 * 1_024;

export const SWEEP_GROUPS = ['sweep', 'sweep-memory'] as const satisfies readonly Group[];

/** Measures those that are wanted. @throws WrongResultError */
export async function measureSweep(bench: Bench, wanted: ReadonlySet<Group>): Promise<Row[]> {
  const started = bench.steps.begin('Starting two regions for the sweep');
  const site = await openSite(bench.signal);
  started();
  try {
    await makeTargetBucket(site);
    return [...(wanted.has('sweep') ? await measureRate(bench, site) : []), ...(wanted.has('sweep-memory') ? await measureMemory(bench, site) : [])];
  } finally {
    await site.stop();
  }
}

/** The site has the source's bucket only. */
async function makeTargetBucket({ cloud }: Site): Promise<void> {
  const client = new S3Client({ ...localClient(TARGET, cloud.endpoints[TARGET]), forcePathStyle: true });
  try {
    const { bucket } = memberNames(CONFIG.set, memberNamed(CONFIG, TARGET));
    await client.send(
      new CreateBucketCommand({ Bucket: bucket, ...(TARGET !== 'us-east-1' && { CreateBucketConfiguration: { LocationConstraint: TARGET } }) }),
    );
  } finally {
    client.destroy();
  }
}

const startSweeper = (bench: Bench, site: Site, name: string, more: { readonly madeUp?: number; readonly memoryMiB?: number | undefined } = {}): Worker =>
  Worker.start({
    name,
    program: bench.bundles.sweep,
    directory: bench.directory,
    environment: { ...functionEnvironment(site.cloud.endpoints), BENCH_MADE_UP: String(more.madeUp ?? 0) },
    profileTo: bench.profileTo,
    ...(more.memoryMiB !== undefined && { memoryMiB: more.memoryMiB }),
  });

async function measureRate(bench: Bench, site: Site): Promise<Row[]> {
  const items = bench.quick ? ITEMS.quick : ITEMS.full;
  const rounds = bench.repeats ?? (bench.quick ? ROUNDS.quick : ROUNDS.full);
  await fill(bench, site, items);
  const worker = startSweeper(bench, site, 'sweeper');
  const seen: { readonly scans: ReadonlyMap<number, readonly number[]>; readonly sweep: Swept }[] = [];
  try {
    // Once for the compilers of all processes.
    await worker.ask({ kind: 'bare-scans', segments: 2 });
    await swept(worker, items);
    for (let round = 0; round < rounds; round += 1) {
      bench.signal.throwIfAborted();
      const done = bench.steps.begin(`scans, sweep, scans: ${round + 1} of ${rounds}`);
      const scans = new Map<number, number[]>();
      await bareScans(worker, items, scans, false);
      const sweep = await swept(worker, items);
      await bareScans(worker, items, scans, true);
      seen.push({ scans, sweep });
      done();
    }
  } finally {
    await worker.end();
  }
  const best = bestOf(
    SCAN_PARTS,
    seen.map((round) => round.scans),
  );
  const limits = seen.map((round) => mean(round.scans.get(best) ?? []));
  const rates = seen.map(({ sweep }) => sweep.itemsPerS);
  const cpuUs = figure(seen.map(({ sweep }) => sweep.cpuUs)).median;
  return [
    {
      group: 'sweep',
      name: 'two bare parallel scans',
      unit: 'items/s',
      value: figure(limits),
      note: `Two tables of ${items.toLocaleString('en')} items of ${ITEM_BYTES} bytes each, at the same time in one process. The same client, nothing kept; of ${SCAN_PARTS.join(', ')} parts ${best} was best.`,
    },
    {
      group: 'sweep',
      name: 'sweep of both tables',
      unit: 'items/s',
      value: figure(rates),
      ratio: figure(ratios(rates, limits)),
      ratioTo: 'scans',
      goal: GOALS.sweep,
      note: `The whole scan task of both members: lease, scan in 2 parts, hashes of items and keys, runs into the bucket, base. The time that a base waits for the log is not in it. ${number(cpuUs)} µs of this process for each item.`,
    },
  ];
}

/** Writes the same items into both tables. */
async function fill(bench: Bench, site: Site, count: number): Promise<void> {
  const done = bench.steps.begin(`Writing ${count.toLocaleString('en')} items into both tables`);
  for (const [region, tables] of [
    [SOURCE, LINK.sourceTables],
    [TARGET, LINK.targetTables],
  ] as const) {
    const environment = rawEnvironment(site.cloud.endpoints[region] ?? '', region);
    const worker = Worker.start({ name: `fill-${region}`, program: bench.bundles.raw, directory: bench.directory, environment });
    try {
      await worker.ask({ kind: 'prepare', from: 0, count, bytes: ITEM_BYTES, version: 1 });
      await worker.ask({ kind: 'raw', table: tables.items, skip: 0, count, concurrency: FILL_CONCURRENCY });
    } finally {
      await worker.end();
    }
  }
  done();
}

/** Adds items a second, of both tables together, of bare scans in each number of parts. */
async function bareScans(worker: Worker, items: number, rates: Map<number, number[]>, backwards: boolean): Promise<void> {
  for (const parts of backwards ? SCAN_PARTS.toReversed() : SCAN_PARTS) {
    await worker.ask({ kind: 'rest' });
    const scan = await worker.ask({ kind: 'bare-scans', segments: parts });
    checkEqual(scan.items, 2 * items, 'items of two bare scans', 'sweep');
    rates.set(parts, [...(rates.get(parts) ?? []), (2 * items * 1_000) / scan.ms]);
  }
}

interface Swept {
  /** Of both tables together. */
  readonly itemsPerS: number;
  /** Processor time of the sweeping process for each item (µs). */
  readonly cpuUs: number;
}

/** A sweep, whose two digests were compared. @throws WrongResultError */
async function swept(worker: Worker, items: number): Promise<Swept> {
  await worker.ask({ kind: 'rest' });
  const { ms, cpuUs, digests, items: found } = await worker.ask({ kind: 'sweep' });
  for (const of of found) checkEqual(of, items, 'items in a base', 'sweep');
  checkEqual(new Set(digests).size, 1, 'digests of two equal tables', 'sweep');
  return { itemsPerS: (2 * items * 1_000) / ms, cpuUs: cpuUs / (2 * items) };
}

/** In a process whose heap is bounded, and in one whose heap is not: then Node lets garbage pile up. */
async function measureMemory(bench: Bench, site: Site): Promise<Row[]> {
  const items = bench.quick ? LARGE.quick : LARGE.full;
  const rows: Row[] = [];
  for (const memoryMiB of [HEAP_MIB, undefined]) {
    const bound = memoryMiB === undefined ? 'no bound on the heap' : `the heap bounded as Lambda does for ${memoryMiB} MiB`;
    const done = bench.steps.begin(`memory: a sweep of two tables of ${items.toLocaleString('en')} items, ${bound}`);
    const worker = startSweeper(bench, site, `sweeper-${memoryMiB ?? 'free'}`, { madeUp: items, memoryMiB });
    try {
      const { itemsPerS } = await swept(worker, items);
      const peak = await worker.ask({ kind: 'peak' });
      rows.push({
        group: 'sweep-memory',
        name: `sweep of two tables of ${items.toLocaleString('en')} items, peak RSS${memoryMiB === undefined ? ', free heap' : ''}`,
        unit: 'MiB',
        value: figure([peak / MIB]),
        ...(memoryMiB !== undefined && { goal: GOALS.sweepMemory }),
        note: `Resident set of the whole process, Node and the clients of both regions included, ${bound}. The items, of ${MADE_UP_BYTES} bytes, are made up as they are read; buckets and rows are the local cloud’s. ${number(itemsPerS)} items/s.`,
      });
    } finally {
      await worker.end();
      done();
    }
  }
  return rows;
}
