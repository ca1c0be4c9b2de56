import type { Bench } from '../bench.ts';
import { checkCount, checkEqual, checkItems } from '../check.ts';
import { bestOf, ITEM_BYTES, type RawMeter } from '../raw.ts';
import { GOALS, type Row } from '../rows.ts';
import { CONFIG, functionEnvironment, LINK, makeTable, rawEnvironment, type Site, SOURCE } from '../site.ts';
import { figure, mean, ratios } from '../stats.ts';
import { Worker } from '../workers.ts';
import type { Feed } from './feed.ts';

/**
 * Snapshots and restores of a table on the local cloud, in a process that runs the flows as the command does.
 *
 * A round: bare parallel scans, with snapshots in between; then, with raw before and after it, a restore of the snapshot
 * and of a log with new versions of a part of the items. The bare scan has the same client and keeps nothing; the best
 * number of parts counts.
 */

/** Items in the table. */
const ITEMS = { full: 40_000, quick: 5_000 } as const;
/** Every so many items one has a newer version in the log. */
const LOGGED_PART = 10;
const ROUNDS = { full: 3, quick: 1 } as const;
/** Snapshots of a round, each between two bare scans. */
const PASSES = 2;
/** Parts of the bare scan that are tried; the best of them is the limit. */
const SCAN_PARTS = [1, 2, 4] as const;
/** Raw's calls in flight while it fills the table. */
const FILL_CONCURRENCY = 4;

interface Round {
  /** Of bare scans, by their number of parts. */
  readonly scans: ReadonlyMap<number, readonly number[]>;
  readonly snapshot: number;
  readonly restore: number;
  /** The check before it included. */
  readonly checked: number;
}

/** @throws WrongResultError */
export async function measureTable(bench: Bench, site: Site, feed: Feed, raw: RawMeter): Promise<Row[]> {
  const items = bench.quick ? ITEMS.quick : ITEMS.full;
  const rounds = bench.repeats ?? (bench.quick ? ROUNDS.quick : ROUNDS.full);
  await fill(bench, site, items);
  const worker = startArchiver(bench, site, 'archiver');
  const seen: Round[] = [];
  const first = raw.rounds;
  try {
    // Once for the compilers of both processes.
    await worker.ask({ kind: 'scan', segments: 2 });
    await worker.ask({ kind: 'snapshot' });
    for (let round = 0; round < rounds; round += 1) {
      bench.signal.throwIfAborted();
      const done = bench.steps.begin(`scan, snapshot, raw, restore: ${round + 1} of ${rounds}`);
      const scans = new Map<number, number[]>();
      const snapshots: number[] = [];
      for (let pass = 0; pass < PASSES; pass += 1) {
        await measureScans(worker, items, scans, pass % 2 === 1);
        snapshots.push(await snapshotRate(worker, items));
      }
      await measureScans(worker, items, scans, true);
      // Records of the observer have whole seconds: those made now are of the snapshot's time or later, and replay begins before it.
      await feed.archive({
        from: 0,
        count: items / LOGGED_PART,
        kind: { bytes: ITEM_BYTES, version: 2 + round },
        before: { bytes: ITEM_BYTES, version: 1 + round },
      });
      raw.beginRound();
      await raw.measure();
      const restore = await restored(site, worker, items, round);
      await raw.measure();
      seen.push({ scans, snapshot: mean(snapshots), ...restore });
      done();
    }
  } finally {
    await worker.end();
  }
  return rowsOf(seen, raw.limits().slice(first), items);
}

/** A process that runs the flows for the source member. @param madeUp items of a table that nobody stores */
export const startArchiver = (bench: Bench, site: Site, name: string, madeUp = 0): Worker =>
  Worker.start({
    name,
    program: bench.bundles.archive,
    directory: bench.directory,
    environment: { ...functionEnvironment(site.cloud.endpoints), BENCH_MADE_UP: String(madeUp) },
    profileTo: bench.profileTo,
  });

/** Writes version 1 of all items into the member's table. */
async function fill(bench: Bench, site: Site, count: number): Promise<void> {
  const done = bench.steps.begin(`Writing ${count.toLocaleString('en')} items`);
  const environment = rawEnvironment(site.cloud.endpoints[SOURCE] ?? '', SOURCE);
  const worker = Worker.start({ name: 'fill', program: bench.bundles.raw, directory: bench.directory, environment });
  try {
    await worker.ask({ kind: 'prepare', from: 0, count, bytes: ITEM_BYTES, version: 1 });
    await worker.ask({ kind: 'raw', table: LINK.sourceTables.items, skip: 0, count, concurrency: FILL_CONCURRENCY });
  } finally {
    await worker.end();
  }
  await checkCount(site.source, LINK.sourceTables.items, count, 'filling the table');
  done();
}

/** Adds items a second of a bare scan in each number of parts. @param backwards every second pass, so that none is always the first */
async function measureScans(worker: Worker, items: number, rates: Map<number, number[]>, backwards: boolean): Promise<void> {
  for (const parts of backwards ? SCAN_PARTS.toReversed() : SCAN_PARTS) {
    await worker.ask({ kind: 'rest' });
    const scan = await worker.ask({ kind: 'scan', segments: parts });
    checkEqual(scan.items, items, 'items of a bare scan', 'scan');
    rates.set(parts, [...(rates.get(parts) ?? []), (items / scan.ms) * 1_000]);
  }
}

async function snapshotRate(worker: Worker, items: number): Promise<number> {
  await worker.ask({ kind: 'rest' });
  const snapshot = await worker.ask({ kind: 'snapshot' });
  checkEqual(snapshot.items, items, 'items in the snapshot', 'snapshot');
  return (items / snapshot.ms) * 1_000;
}

/** Items a second of a restore into a new table, whose content was compared. */
async function restored(site: Site, worker: Worker, items: number, round: number): Promise<Pick<Round, 'restore' | 'checked'>> {
  const table = `${CONFIG.set}-restored-${round}`;
  await makeTable(site.source, table, 'plain');
  await worker.ask({ kind: 'rest' });
  const restore = await worker.ask({ kind: 'restore', table });
  const logged = items / LOGGED_PART;
  await checkCount(site.source, table, items, 'restore');
  await checkItems(site.source, table, { from: 0, count: logged }, { bytes: ITEM_BYTES, version: 2 + round }, 'restore');
  await checkItems(site.source, table, { from: logged, count: items - logged }, { bytes: ITEM_BYTES, version: 1 }, 'restore');
  return { restore: (items / restore.ms) * 1_000, checked: (items / (restore.ms + restore.checkMs)) * 1_000 };
}

function rowsOf(seen: readonly Round[], limits: readonly number[], items: number): Row[] {
  const best = bestOf(
    SCAN_PARTS,
    seen.map((round) => round.scans),
  );
  const scans = seen.map((round) => mean(round.scans.get(best) ?? []));
  const about = `${items.toLocaleString('en')} items of ${ITEM_BYTES} bytes.`;
  return [
    {
      group: 'snapshot',
      name: 'bare parallel scan',
      unit: 'items/s',
      value: figure(scans),
      note: `${about} The same client, nothing kept; of ${SCAN_PARTS.join(', ')} parts ${best} was best.`,
    },
    {
      group: 'snapshot',
      name: 'snapshot',
      unit: 'items/s',
      value: figure(seen.map((round) => round.snapshot)),
      ratio: figure(
        ratios(
          seen.map((round) => round.snapshot),
          scans,
        ),
      ),
      ratioTo: 'scan',
      goal: GOALS.snapshot,
      note: 'The whole flow: lease, scan in 4 parts, zstd, files into the bucket, manifest.',
    },
    {
      group: 'restore',
      name: 'restore into a new table',
      unit: 'items/s',
      value: figure(seen.map((round) => round.restore)),
      ratio: figure(
        ratios(
          seen.map((round) => round.restore),
          limits,
        ),
      ),
      ratioTo: 'raw',
      goal: GOALS.restore,
      note: 'After its check: snapshot and log, a tenth of the items from the log, until the table has taken the last one.',
    },
    {
      group: 'restore',
      name: 'the same, its check included',
      unit: 'items/s',
      value: figure(seen.map((round) => round.checked)),
      ratio: figure(
        ratios(
          seen.map((round) => round.checked),
          limits,
        ),
      ),
      ratioTo: 'raw',
      note: 'Before the first item is written, every byte of snapshot and log is read and verified.',
    },
  ];
}
