import { setTimeout as sleep } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import { AwsClient } from 'aws4fetch';
import { linkNames, queueUrl } from '../../lib/core/names.ts';
import type { Cloud } from '../cloud.ts';
import type { Deployment } from '../deploy.ts';
import { LOCAL_CREDENTIALS, localClient } from '../region.ts';
import type { StepOutput, Steps } from '../steps.ts';
import { allCities, type City, type Item, keyOf, spread } from './cities.ts';
import { type Contents, type Difference, differences, keyText, readTable } from './compare.ts';
import { measureLag, quantile, type Watched } from './lag.ts';
import { count, showLive, type WatchedQueue } from './live.ts';
import { after, loadPlan, mixPlan, type Plan, size } from './mix.ts';
import { type Api, apiClient, writeByApi, writeBySdk } from './writer.ts';

/** The demonstration: writes real data at the primary, waits until all members are equal, proves it, measures lag. */

/** How long the members may take to become equal, beside what the number of items asks for (ms). */
const CONVERGE_BASE_MS = 120_000;
/** … and for each item (ms). The pipeline carries some thousand items a second; this is a hundred times slower. */
const CONVERGE_ITEM_MS = 20;
/** Pause between two looks whether all is there (ms). */
const LOOK_MS = 100;
/** Number of lag probes. Each gives one lag a secondary. */
const PROBES = 50;
/** Repetitions of an HTTP request that was answered 5xx or 429. */
const API_RETRIES = 2;
/** One request of the SDK (ms). */
const REQUEST_MS = 30_000;

/** The name of the key's attributes in the demonstration's table. */
export const KEY_NAMES = ['country', 'cityId'] as const;

/** What came out; `--json` prints it. */
export interface Outcome {
  readonly converged: boolean;
  /** Items at the primary in the end. */
  readonly items: number;
  /** Changes a second, from the first write until a comparison had found all members equal. */
  readonly itemsPerSecond: number;
  /** From before a write at the primary until a read at a secondary has shown it. */
  readonly lagMs: { readonly p50: number; readonly p99: number };
  /** The primary is compared with what was written; the others with the primary. */
  readonly members: readonly { readonly region: string; readonly items: number; readonly differences: number }[];
}

/** What the demonstration needs. */
export interface DemoOptions {
  readonly cloud: Cloud;
  readonly deployment: Deployment;
  readonly items: number;
  readonly steps: Steps;
  readonly output: StepOutput & NodeJS.WritableStream;
  readonly signal: AbortSignal;
}

/** The outcome, and examples of differences where there are any. */
export interface DemoResult {
  readonly outcome: Outcome;
  readonly examples: readonly string[];
  /** A city that is there, for examples. */
  readonly example: City;
}

/** Runs it. @throws Error when a write fails or the work is interrupted. Not converging in time is an outcome, not an error. */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const { steps } = options;
  const began = steps.begin('Choosing cities');
  const { chosen, others } = spread(allCities(), options.items);
  const plans = { load: loadPlan(chosen), mix: mixPlan(chosen, others) };
  began();
  const demo = new Demo(options);
  try {
    const first = performance.now();
    await demo.write('Writing cities', plans.load);
    await demo.write('Updates, inserts, deletes', plans.mix);
    const early = await demo.converge('Waiting until all are equal', options.items);
    const seconds = (performance.now() - first) / 1_000;
    const changes = size(plans.load) + size(plans.mix);
    if (!early.converged) return demo.result(early, 0, [], chosen[chosen.length - 1] as City);
    const lags = await demo.lag(chosen);
    // The probes are gone again at the primary; the last word is the comparison after that.
    const last = await demo.converge('Comparing item by item', PROBES);
    return demo.result(last, Math.round(changes / seconds), lags, chosen[chosen.length - 1] as City);
  } finally {
    demo.close();
  }
}

interface Comparison {
  readonly converged: boolean;
  readonly tables: readonly Contents[];
  readonly found: readonly (readonly Difference[])[];
}

class Demo {
  readonly #options: DemoOptions;
  /** The primary first. */
  readonly #members: readonly Watched[];
  readonly #queues: readonly WatchedQueue[];
  readonly #clients: { destroy(): void }[] = [];
  /** What must be in the tables, by key: known from what was written alone. */
  readonly #expected = new Map<string, Item>();

  constructor(options: DemoOptions) {
    this.#options = options;
    const { cloud, deployment } = options;
    const { config, primary } = deployment;
    const ordered = [...config.members].sort((a, b) => Number(b.name === primary) - Number(a.name === primary));
    this.#members = ordered.map((member) => {
      const client = new DynamoDBClient({
        ...localClient(member.region, cloud.endpoints[member.region]),
        requestHandler: { requestTimeout: REQUEST_MS, throwOnRequestTimeout: true },
      });
      this.#clients.push(client);
      return { region: member.region, client, table: member.items };
    });
    const [source, ...targets] = ordered;
    if (source === undefined) throw new Error('The set has no members.');
    const sqs = new SQSClient(localClient(source.region, cloud.endpoints[source.region]));
    this.#clients.push(sqs);
    this.#queues = targets.map((target) => ({ target: target.region, client: sqs, url: queueUrl(source, linkNames(config.set, source, target).queue) }));
  }

  close(): void {
    for (const client of this.#clients) client.destroy();
  }

  get #primary(): Watched {
    return this.#members[0] as Watched;
  }

  get #secondaries(): readonly Watched[] {
    return this.#members.slice(1);
  }

  /** Does long work while the members' counts are shown: moving on a terminal, else as lines. */
  async #shown<T>(title: string, detail: () => string, work: () => Promise<T>): Promise<T> {
    const { steps, output } = this.#options;
    const step = output.isTTY ? undefined : steps.begin(title);
    const began = performance.now();
    const stopLive = showLive(output, title, detail, this.#members, this.#queues);
    try {
      return await work();
    } finally {
      await stopLive();
      if (step === undefined) steps.note(title, performance.now() - began, detail());
      else step(detail());
    }
  }

  /** Carries out a plan, each way beside the others. */
  async write(title: string, plan: Plan): Promise<void> {
    const { deployment, signal } = this.#options;
    // What is there before the plan: an update over HTTP puts the whole item, so it must know the rest of it.
    const before = new Map(this.#expected);
    const present = (city: City): Item | undefined => before.get(keyText(keyOf(city), KEY_NAMES));
    const api = (region: string): Api =>
      apiClient(new AwsClient({ ...LOCAL_CREDENTIALS, service: 'execute-api', region, retries: API_RETRIES }), deployment.apis[region] ?? '');
    const secondary = this.#secondaries[0]?.region ?? this.#primary.region;
    const overHttp = plan.ways.api.length + plan.ways['secondary-api'].length;
    let written = 0;
    const onWritten = (changes: number): void => {
      written += changes;
    };
    const detail = (): string => `${written.toLocaleString('en')} of ${size(plan).toLocaleString('en')} changes, ${overHttp} of them over HTTP`;
    await this.#shown(title, detail, async () =>
      Promise.all([
        writeBySdk(this.#primary.client, this.#primary.table, plan.ways.sdk, signal, onWritten),
        writeByApi(api(this.#primary.region), plan.ways.api, present, signal, onWritten),
        writeByApi(api(secondary), plan.ways['secondary-api'], present, signal, onWritten),
      ]),
    );
    for (const changes of Object.values(plan.ways)) for (const change of changes) this.#note(change);
  }

  #note(change: Parameters<typeof after>[1]): void {
    const key = keyText(keyOf(change.city), KEY_NAMES);
    const item = after(this.#expected.get(key), change);
    if (item === undefined) this.#expected.delete(key);
    else this.#expected.set(key, item);
  }

  /** Waits until a comparison of all tables finds them equal, or the time is over; the last comparison counts. */
  async converge(title: string, items: number): Promise<Comparison> {
    const deadline = performance.now() + CONVERGE_BASE_MS + items * CONVERGE_ITEM_MS;
    let comparisons = 0;
    const detail = (): string => `${this.#expected.size.toLocaleString('en')} items, ${comparisons === 1 ? 'one comparison' : `${comparisons} comparisons`}`;
    return this.#shown(title, detail, async () => {
      for (;;) {
        this.#options.signal.throwIfAborted();
        const isLast = performance.now() > deadline;
        if (isLast || (await this.#isQuiet())) {
          comparisons += 1;
          const comparison = await this.#compare();
          if (comparison.converged || isLast) return comparison;
        }
        await sleep(LOOK_MS, undefined, { signal: this.#options.signal });
      }
    });
  }

  /** Whole tables are read only when the counts agree and nothing is on the way: reading them slows the members down. */
  async #isQuiet(): Promise<boolean> {
    const counts = await count(this.#members, this.#queues);
    return counts.every((c) => c.items === this.#expected.size && (c.queued ?? 0) === 0);
  }

  async #compare(): Promise<Comparison> {
    const tables = await Promise.all(this.#members.map(async ({ client, table }) => readTable(client, table, KEY_NAMES, this.#options.signal)));
    const [primary, ...secondaries] = tables as [Contents, ...Contents[]];
    const found = [differences(this.#expected, primary), ...secondaries.map((secondary) => differences(primary, secondary))];
    return { converged: found.every((f) => f.length === 0), tables, found };
  }

  async lag(cities: readonly City[]): Promise<number[]> {
    const done = this.#options.steps.begin('Measuring lag');
    const lags = await measureLag(this.#primary, this.#secondaries, cities, PROBES, this.#options.signal);
    done(`${PROBES} probes, one after the other`);
    return lags;
  }

  result(comparison: Comparison, itemsPerSecond: number, lags: readonly number[], example: City): DemoResult {
    const members = this.#members.map(({ region }, i) => ({ region, items: comparison.tables[i]?.size ?? 0, differences: comparison.found[i]?.length ?? 0 }));
    const examples = this.#members.flatMap(({ region }, i) => (comparison.found[i] ?? []).slice(0, 3).map((d) => `${region}: ${d.key} is ${d.kind}`));
    return {
      outcome: {
        converged: comparison.converged,
        items: members[0]?.items ?? 0,
        itemsPerSecond,
        lagMs: { p50: quantile(lags, 0.5), p99: quantile(lags, 0.99) },
        members,
      },
      examples,
      example,
    };
  }
}
