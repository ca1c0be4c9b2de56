import { setTimeout as sleep } from 'node:timers/promises';
import { APPLY_BATCH_MESSAGES, STREAM_BATCH_RECORDS } from '../lib/core/constants.ts';
import { decodeMessage } from '../lib/core/formats/message.ts';
import type { QueueMessage } from '../lib/ports/queue.ts';
import { type Bench, call, eventFile, FREE, invoke, plus, startHandler } from './bench.ts';
import { checkCount, checkEqual, checkItems, WrongResultError } from './check.ts';
import { batches, type Changes, sequenceOf, sqsEvent, streamEvent } from './events.ts';
import { ITEM_BYTES, type RawMeter } from './raw.ts';
import { GOALS, type Row } from './rows.ts';
import { functionEnvironment, LINK, LINK_QUEUE_ARN, type Site, SOURCE } from './site.ts';
import { figure, ratios } from './stats.ts';
import type { Cost } from './workers/protocol.ts';
import type { Worker } from './workers.ts';

/**
 * Fan-out and apply alone: the real handlers, each in a process of its own. Fan-out gets stream events of 1,000 records and
 * sends into the link's real queue; what it has sent is received, ten messages at a time, and given to apply as the queue's
 * mapping would. Only the invocations are timed; receiving and deleting is the mapping's work.
 *
 * As for raw, one process writes into one process of the emulator; there is one invocation at a time, as the local cloud's
 * FIFO mapping has it, so that apply's own calls in flight are all there are.
 */

/** Records of one measurement, in full and in quick runs. */
const RECORDS = { full: 10_000, quick: 4_000 } as const;
const ROUNDS = { full: 5, quick: 2 } as const;
/** Records that go through before the first measurement. */
const WARM_UP_RECORDS = 4_000;
/** A received message must not come back before its invocation (s); apply then sets its own time. */
const HELD_S = 600;
/** Empty receives in a row before what is missing counts as lost, and the pause after each (ms). A given-back message is away for some seconds. */
const EMPTY_MAX = 600;
const EMPTY_PAUSE_MS = 50;
/** Rounds that may be disturbed in one run. A disturbed round is run again and does not count. */
const DISTURBED_MAX = 3;

interface FeedCost {
  readonly fanout: Cost;
  readonly apply: Cost;
  /**
   * Whether apply gave messages back, because the emulator did not answer in time. The result is checked all the same (they
   * come again, as they should), but what was measured is the machine's other load.
   */
  readonly disturbed: boolean;
}

interface Round {
  readonly inserts: FeedCost;
  readonly updates: FeedCost;
}

/** Measures rounds of raw, fan-out and apply, inserts and updates. @throws WrongResultError */
export async function measureAlone(bench: Bench, site: Site, raw: RawMeter): Promise<Row[]> {
  const records = bench.quick ? RECORDS.quick : RECORDS.full;
  const rounds = bench.repeats ?? (bench.quick ? ROUNDS.quick : ROUNDS.full);
  const environment = functionEnvironment(site.cloud.endpoints);
  const fanout = await startHandler(bench, 'fanout', 'alone', environment);
  const apply = await startHandler(bench, 'apply', 'alone', environment);
  const line = new Line(bench, site, fanout, apply);
  // One for each of raw's rounds; undefined for a disturbed one.
  const costs: (Round | undefined)[] = [];
  const first = raw.rounds;
  try {
    const warm = await line.insert(WARM_UP_RECORDS);
    await line.update(warm.from, WARM_UP_RECORDS);
    for (let disturbed = 0; costs.length - disturbed < rounds; ) {
      bench.signal.throwIfAborted();
      const done = bench.steps.begin(`raw, fan-out, apply: ${costs.length - disturbed + 1} of ${rounds}`);
      raw.beginRound();
      await raw.measure();
      const inserts = await line.insert(records);
      await raw.measure();
      const updates = await line.update(inserts.from, records);
      const counts = !inserts.cost.disturbed && !updates.disturbed;
      costs.push(counts ? { inserts: inserts.cost, updates } : undefined);
      done(counts ? undefined : 'disturbed: the emulator did not answer in time; does not count');
      if (counts) continue;
      disturbed += 1;
      if (disturbed > DISTURBED_MAX)
        throw new Error(`More than ${DISTURBED_MAX} rounds were disturbed: this machine is too busy to measure on.${apply.tail()}`);
    }
  } finally {
    await Promise.all([fanout.end(), apply.end()]);
  }

  const limits = raw.limits().slice(first);
  const rate = (cost: Cost): number => (records / cost.ms) * 1_000;
  const row = (group: 'fanout' | 'apply', kind: 'inserts' | 'updates', name: string, goal?: Row['goal'], note?: string): Row => {
    const rates = costs.map((c) => (c === undefined ? undefined : rate(c[kind][group])));
    return {
      group,
      name,
      unit: group === 'apply' ? 'items/s' : 'records/s',
      value: figure(rates.filter((r) => r !== undefined)),
      ratio: figure(ratios(rates, limits)),
      ratioTo: 'raw',
      ...(goal && { goal }),
      ...(note !== undefined && { note }),
    };
  };
  const inserts =
    'Inserts are the headline: the mix that a backlog is made of. Each handler is called with full batches (fan-out: 1,000 records; apply: 10 messages), one invocation at a time, one target, guard on.';
  return [
    row('fanout', 'inserts', 'fan-out into a FIFO queue, inserts', GOALS.fanout, inserts),
    row('fanout', 'updates', 'fan-out into a FIFO queue, updates', undefined, 'Updates carry old images, which fan-out parses and drops.'),
    row('apply', 'inserts', 'apply, inserts', GOALS.apply, inserts),
    row('apply', 'updates', 'apply, updates', undefined, 'The guard reads an item’s metadata at the target, and verifies its seal; no tombstones are read.'),
  ];
}

/** Source table, queue and target in a line, with the items that went through. */
class Line {
  readonly #bench: Bench;
  readonly #site: Site;
  readonly #fanout: Worker;
  readonly #apply: Worker;
  #items = 0;
  #records = 0;

  constructor(bench: Bench, site: Site, fanout: Worker, apply: Worker) {
    this.#bench = bench;
    this.#site = site;
    this.#fanout = fanout;
    this.#apply = apply;
  }

  /** New items. */
  async insert(count: number): Promise<{ readonly from: number; readonly cost: FeedCost }> {
    const from = this.#items;
    this.#items += count;
    return { from, cost: await this.#feed({ from, count, sequence: this.#records, kind: { bytes: ITEM_BYTES, version: 1 } }) };
  }

  /** New content of items that were inserted. */
  async update(from: number, count: number): Promise<FeedCost> {
    return this.#feed({ from, count, sequence: this.#records, kind: { bytes: ITEM_BYTES, version: 2 }, before: { bytes: ITEM_BYTES, version: 1 } });
  }

  async #feed(changes: Changes): Promise<FeedCost> {
    this.#records += changes.count;
    const what = changes.before === undefined ? 'inserts' : 'updates';
    const origin = { arn: this.#site.streamArn, region: SOURCE, createdS: Math.floor(Date.now() / 1_000) };
    const files: string[] = [];
    for (const batch of batches(changes, STREAM_BATCH_RECORDS)) files.push(await eventFile(this.#bench, streamEvent(batch, origin)));
    await this.#fanout.ask({ kind: 'rest' });
    let fanout = FREE;
    for (const file of files) fanout = plus(fanout, await invoke(this.#fanout, file, `fan-out, ${what}`));
    const { cost: apply, disturbed } = await this.#drain(changes, what);
    await checkItems(this.#site.target, LINK.targetTables.items, changes, changes.kind, `apply, ${what}`);
    await checkCount(this.#site.target, LINK.targetTables.items, this.#items, `apply, ${what}`);
    return { fanout, apply, disturbed };
  }

  /** Takes everything out of the queue and gives it to apply; makes sure that fan-out has sent each record once. */
  async #drain(changes: Changes, what: string): Promise<{ readonly cost: Cost; readonly disturbed: boolean }> {
    const wanted = new Set(Array.from({ length: changes.count }, (_, i) => sequenceOf(changes.sequence + i)));
    let cost = FREE;
    let disturbed = false;
    await this.#apply.ask({ kind: 'rest' });
    for (let empty = 0; wanted.size > 0; ) {
      this.#bench.signal.throwIfAborted();
      const messages = await this.#site.queue.receive(LINK.queueUrl, { max: APPLY_BATCH_MESSAGES, visibilityS: HELD_S });
      if (messages.length === 0) {
        empty += 1;
        if (empty === EMPTY_MAX) throw new WrongResultError(`fan-out, ${what}`, `${wanted.size} of ${changes.count} records never came out of the queue`);
        await sleep(EMPTY_PAUSE_MS);
        continue;
      }
      empty = 0;
      const file = await eventFile(this.#bench, sqsEvent(messages, { arn: LINK_QUEUE_ARN, region: SOURCE }));
      const { givenBack, ...one } = await call(this.#apply, file);
      cost = plus(cost, one);
      disturbed ||= givenBack.length > 0;
      const finished = messages.filter((message) => !givenBack.includes(message.id));
      if (finished.length === 0) continue;
      for (const message of finished) takeOut(message, wanted, what);
      const { failed } = await this.#site.queue.deleteBatch(
        LINK.queueUrl,
        finished.map(({ receipt }, i) => ({ id: String(i), receipt })),
      );
      checkEqual(failed.length, 0, 'messages that could not be deleted', `apply, ${what}`);
    }
    const left = await this.#site.queue.depth(LINK.queueUrl);
    checkEqual(left.visible + left.inFlight + left.delayed, 0, 'messages left in the queue', `fan-out, ${what}`);
    return { cost, disturbed };
  }
}

function takeOut(source: QueueMessage, wanted: Set<string>, what: string): void {
  const message = decodeMessage(source.body);
  if (message.kind !== 'changes') throw new WrongResultError(`fan-out, ${what}`, `it sent a message of kind "${message.kind}"`);
  for (const { q } of message.changes)
    if (!wanted.delete(q)) throw new WrongResultError(`fan-out, ${what}`, `record ${q} was sent twice, or is none of this run`);
}
