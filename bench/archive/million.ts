import type { Bench } from '../bench.ts';
import { checkEqual, WrongResultError } from '../check.ts';
import { itemOf } from '../items.ts';
import { GOALS, type Group, type Row } from '../rows.ts';
import { openSite, type Site } from '../site.ts';
import { figure } from '../stats.ts';
import type { Answers } from '../workers/protocol.ts';
import type { Worker } from '../workers.ts';
import { Feed } from './feed.ts';
import { Digest, ITEM, RESTORED } from './made-up.ts';
import { CHANGES_EACH, lastVersion } from './made-up-log.ts';
import { startArchiver } from './table.ts';

/**
 * The history of a key, and peak memory, at a million items and a million changes. So large a table is made up in the
 * process that reads it; the bucket and the rows of `control` are the local cloud's. What comes out is checked all the same: the restored
 * table by a digest of its items.
 */

/** Items of the table, and changes of the log. */
const SIZE = { full: 1_000_000, quick: 20_000 } as const;
/** Keys whose history is asked for. */
const HISTORIES = { full: 20, quick: 5 } as const;
/** Records of large items that the observer is given, and their size (bytes): its memory does not depend on the table's. */
const OBSERVED = { records: 6_000, bytes: 4_096 } as const;
const MIB = 1_024 * 1_024;

/** @throws WrongResultError */
export async function measureMillion(bench: Bench, wanted: ReadonlySet<Group>): Promise<Row[]> {
  const size = bench.quick ? SIZE.quick : SIZE.full;
  const site = await openSite(bench.signal);
  const run = new Run(bench, site, size);
  try {
    const rows: Row[] = [];
    if (wanted.has('archive-memory')) rows.push(await run.snapshot());
    const log = await run.log();
    const history = await run.history(log);
    if (wanted.has('history')) rows.push(...history.rows);
    if (wanted.has('archive-memory')) rows.push(history.memory, await run.restore(), await run.observer());
    return rows;
  } finally {
    await site.stop();
  }
}

type Log = Answers['make-log'];

class Run {
  readonly #bench: Bench;
  readonly #site: Site;
  readonly #size: number;

  constructor(bench: Bench, site: Site, size: number) {
    this.#bench = bench;
    this.#site = site;
    this.#size = size;
  }

  /** Last: what it writes is in the log, too. */
  async observer(): Promise<Row> {
    const done = this.#bench.steps.begin('memory: the observer');
    const feed = await Feed.start(this.#bench, this.#site);
    try {
      await feed.archive({ from: 0, count: OBSERVED.records, kind: { bytes: OBSERVED.bytes, version: 1 } });
      return this.#memory(
        'archive, as deployed',
        await feed.peak(),
        `${OBSERVED.records.toLocaleString('en')} records of ${OBSERVED.bytes.toLocaleString('en')} bytes, 1,000 an event; the heap bounded as Lambda does for 512 MiB.`,
      );
    } finally {
      await feed.end();
      done();
    }
  }

  async snapshot(): Promise<Row> {
    return this.#alone(`snapshot of ${this.#text} items`, async (worker) => {
      const { items } = await worker.ask({ kind: 'snapshot' });
      checkEqual(items, this.#size, 'items in the snapshot', 'memory');
    });
  }

  /** Writes the log. */
  async log(): Promise<Log> {
    const done = this.#bench.steps.begin(`a log of ${this.#text} changes`);
    const worker = startArchiver(this.#bench, this.#site, 'log-maker');
    try {
      return await worker.ask({ kind: 'make-log', changes: this.#size, stream: this.#site.streamArn });
    } finally {
      await worker.end();
      done();
    }
  }

  async history({ segments, bytes: logBytes, rollUps }: Log): Promise<{ readonly rows: readonly Row[]; readonly memory: Row }> {
    const times: number[] = [];
    const percents: number[] = [];
    const requests: number[] = [];
    const count = this.#bench.quick ? HISTORIES.quick : HISTORIES.full;
    const changed = this.#size / CHANGES_EACH;
    const memory = await this.#alone(`history of ${count} keys in ${this.#text} changes`, async (worker) => {
      // The first is for the compilers: a person who asks twice is served by the second.
      for (let i = -1; i < count; i += 1) {
        const seen = await worker.ask({ kind: 'history', item: Math.floor(((i + 1.5) * changed) / (count + 2)) });
        checkEqual(seen.changes, CHANGES_EACH, 'changes of a key', 'history');
        if (i < 0) continue;
        times.push(seen.ms);
        percents.push((seen.bytes / logBytes) * 100);
        requests.push(seen.requests);
      }
    });
    const note = `Of ${this.#text} changes in ${Math.round(logBytes / MIB)} MiB, ${segments.toLocaleString('en')} segments with ${rollUps} roll-ups; each key has ${CHANGES_EACH} of them, all are found. ${figure(requests).median} requests.`;
    return {
      rows: [
        { group: 'history', name: 'history of a key', unit: 'ms', value: figure(times), goal: GOALS.historyMs, note },
        { group: 'history', name: 'history of a key, bytes read', unit: '% of the log', value: figure(percents), goal: GOALS.historyPercent, note },
      ],
      memory,
    };
  }

  async restore(): Promise<Row> {
    return this.#alone(`restore of ${this.#text} items and changes`, async (worker) => {
      const { digest } = await worker.ask({ kind: 'restore', table: RESTORED });
      const wanted = new Digest();
      for (let n = 0; n < this.#size; n += 1) wanted.add(itemOf(n, { bytes: ITEM.bytes, version: lastVersion(n, this.#size) }));
      if (digest !== wanted.text) throw new WrongResultError('restore, memory', `the digest of the restored items is ${digest}, not ${wanted.text}`);
    });
  }

  get #text(): string {
    return this.#size.toLocaleString('en');
  }

  /** Does something in a process of its own; gives the row of its peak. */
  async #alone(what: string, work: (worker: Worker) => Promise<void>): Promise<Row> {
    this.#bench.signal.throwIfAborted();
    const done = this.#bench.steps.begin(`memory: ${what}`);
    const worker = startArchiver(this.#bench, this.#site, 'archiver-large', this.#size);
    try {
      await work(worker);
      return this.#memory(
        what,
        await worker.ask({ kind: 'peak' }),
        'Resident set of the whole process, Node and the clients included, with no bound on the heap. The table is made up as it is read, and what is restored is digested (the cities that items are made of take about 90 MiB); bucket and rows are the local cloud’s.',
      );
    } finally {
      await worker.end();
      done();
    }
  }

  #memory(what: string, bytes: number, note: string): Row {
    return { group: 'archive-memory', name: `${what}, peak RSS`, unit: 'MiB', value: figure([bytes / MIB]), goal: GOALS.archiveMemory, note };
  }
}
