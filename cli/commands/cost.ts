import type { Command } from 'commander';
import { Option } from 'commander';
import type { CheckCost } from '../../lib/cost/check-model.ts';
import { checkCostOf } from '../../lib/cost/check-model.ts';
import type { Cost, Load, Parts } from '../../lib/cost/model.ts';
import { CURVE_RATES, costOf, curveOf } from '../../lib/cost/model.ts';
import type { Prices } from '../../lib/cost/prices.ts';
import { PRICE_DATE, PRICE_NAMES, PRICE_REGION_DEFAULT, PRICE_SOURCES, pricesOf } from '../../lib/cost/prices.ts';
import { CliError, EXIT } from '../errors.ts';
import type { Output } from '../output.ts';
import { count } from '../output.ts';
import type { RunAlone } from '../program.ts';
import { logChart } from '../views/chart.ts';

/** Largest item (KB), and most members. */
const SIZE_KB_MAX = 400;
const REPLICAS_MAX = 15;
/** Most writes a second that the model is asked for. */
const WRITES_MAX = 1_000_000;
/** Most items of a table that the model is asked for. */
const ITEMS_MAX = 1_000_000_000_000;
/** Hours from one sweep to the next: by default, as the CDK has it, and at most. */
const SWEEP_EVERY_H = 168;
const SWEEP_EVERY_MAX_H = 8_784;
/** Writes by hand a month that are in the cost of checks. */
const HAND_WRITES = 1_000;
/** The chart's width where stdout is no terminal, and at most. */
const CHART_WIDTH = 76;
const CHART_WIDTH_MAX = 100;

/** What the model leaves out, said with every answer. */
const NOT_COUNTED = [
  'storage and backups, equal for both',
  'the HTTP API: $3.50 a million requests and its function, for writes that go through it',
  'logs and alarms of CloudWatch',
  'snapshots',
  'checks, unless --items says how large the table is',
  'free tiers, savings plans and tax',
] as const;

interface CostOptions {
  readonly writes?: number;
  readonly size: number;
  readonly replicas: number;
  readonly latency: 'low' | 'cheap';
  readonly newKeys: number;
  readonly items?: number;
  readonly sweepEvery: number | 'off';
  readonly region: string;
  readonly price?: Partial<Prices>;
}

/** syncline cost */
export function registerCost(program: Command, alone: RunAlone): void {
  program
    .command('cost')
    .summary('what it costs, beside Global Tables')
    .description(
      'Computes what replication costs, by a model of what the functions do, and beside it what DynamoDB Global Tables would cost. Queues and invocations are shared by what is written at the same time, so a write gets cheaper the more there are. It asks nobody.',
    )
    .addOption(new Option('--writes <rate>', 'writes a second at the primary').argParser(within('--writes', 0, WRITES_MAX)))
    .addOption(new Option('--size <KB>', 'size of an item as it is stored').default(1).argParser(within('--size', 0, SIZE_KB_MAX)))
    .addOption(new Option('--replicas <number>', 'members beside the primary').default(1).argParser(replicas))
    .addOption(new Option('--latency <setting>', 'low, or cheap: changes are gathered for 5 s').choices(['low', 'cheap']).default('low'))
    .addOption(new Option('--new-keys <share>', 'share of writes whose key is new, 0 to 1').default(0).argParser(share))
    .addOption(new Option('--items <number>', 'items of the table: then what checks cost is shown, too').argParser(within('--items', 0, ITEMS_MAX)))
    .addOption(new Option('--sweep-every <hours>', 'hours from one sweep to the next, or off').default(SWEEP_EVERY_H).argParser(sweepEvery))
    .option('--region <region>', 'whose prices', PRICE_REGION_DEFAULT)
    .addOption(
      new Option('--price <name=dollars>', `a price of your own: ${PRICE_NAMES.join(', ')}; may be repeated`).argParser<Partial<Prices>>((text, before) => ({
        ...before,
        ...price(text),
      })),
    )
    .addHelpText(
      'after',
      `
Examples:
  syncline cost --writes 20 --size 1 --replicas 2
  syncline cost --writes 20 --latency cheap
  syncline cost --writes 20 --items 100000000 --sweep-every 168
  syncline cost --writes 500 --price write=0.7 --price read=0.14 --json | jq .at`,
    )
    .action((own: CostOptions, command: Command) => alone(command, async (out) => cost(own, out)));
}

/** @param above the number must be more than this */
const within =
  (option: string, above: number, max: number) =>
  (text: string): number => {
    const number = Number(text);
    if (!/^\d*\.?\d+$/.test(text) || number <= above || number > max)
      throw new CliError('usage', 'bad-number', `${option} must be a number, more than ${above} and at most ${count(max)}; got ${JSON.stringify(text)}.`);
    return number;
  };

function sweepEvery(text: string): number | 'off' {
  if (text === 'off') return text;
  if (!/^\d{1,4}$/.test(text) || Number(text) < 1 || Number(text) > SWEEP_EVERY_MAX_H)
    throw new CliError(
      'usage',
      'bad-number',
      `--sweep-every must be a whole number of hours from 1 to ${SWEEP_EVERY_MAX_H}, or "off"; got ${JSON.stringify(text)}.`,
    );
  return Number(text);
}

function replicas(text: string): number {
  if (!/^\d{1,2}$/.test(text) || Number(text) < 1 || Number(text) > REPLICAS_MAX)
    throw new CliError('usage', 'bad-number', `--replicas must be a whole number from 1 to ${REPLICAS_MAX}; got ${JSON.stringify(text)}.`);
  return Number(text);
}

function share(text: string): number {
  const number = Number(text);
  if (!/^\d*\.?\d+$/.test(text) || number > 1)
    throw new CliError('usage', 'bad-number', `--new-keys must be a number from 0 to 1; got ${JSON.stringify(text)}.`);
  return number;
}

function price(text: string): Partial<Prices> {
  const [name, value] = [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)];
  const known = PRICE_NAMES.find((n) => n === name);
  if (known === undefined || !/^\d*\.?\d+$/.test(value))
    throw new CliError('usage', 'bad-price', `--price takes NAME=DOLLARS with one of ${PRICE_NAMES.join(', ')}; got ${JSON.stringify(text)}.`);
  return { [known]: Number(value) };
}

function cost(own: CostOptions, out: Output): number {
  const prices = pricesOf(own.region, own.price ?? {});
  const load: Omit<Load, 'writesPerS'> = { sizeKb: own.size, replicas: own.replicas, latency: own.latency, newKeys: own.newKeys };
  const curve = curveOf(load, prices);
  const at = own.writes === undefined ? undefined : { writesPerS: own.writes, ...costOf({ ...load, writesPerS: own.writes }, prices) };
  const checks = checksOf(own, prices);
  const document = {
    load: { ...load, ...(own.writes !== undefined && { writesPerS: own.writes }) },
    region: own.region,
    prices,
    priceDate: PRICE_DATE,
    sources: PRICE_SOURCES,
    notCounted: NOT_COUNTED,
    ...(at !== undefined && { at }),
    ...(checks !== undefined && { checks }),
    curve,
  };
  out.result(document, () => text(own, prices, curve, at, checks, out));
  return EXIT.ok;
}

type Checks = CheckCost & { readonly items: number; readonly sweepEveryH?: number; readonly handWrites: number };

/** What checks cost; undefined where nobody says how large the table is. @throws CliError (usage) */
function checksOf({ items, writes, size, replicas: members, sweepEvery: every }: CostOptions, prices: Prices): Checks | undefined {
  if (items === undefined) return undefined;
  if (writes === undefined) throw new CliError('usage', 'bad-options', '--items goes with --writes: the standing proof costs by the changes. Give both.');
  const of = { items, handWrites: HAND_WRITES, ...(every !== 'off' && { sweepEveryH: every }) };
  return { ...of, ...checkCostOf({ ...of, writesPerS: writes, sizeKb: size, replicas: members }, prices) };
}

const dollars = (value: number): string =>
  value < 0.005 && value > 0 ? '<0.01' : value.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });

type At = Cost & { readonly writesPerS: number };

function text(own: CostOptions, prices: Prices, curve: readonly At[], at: At | undefined, checks: Checks | undefined, out: Output): string {
  const head = `${own.replicas} ${own.replicas === 1 ? 'replica' : 'replicas'}, items of ${own.size} KB, latency ${own.latency}; ${own.region}. Dollars; the source's writes are in them.`;
  const rows = curve.map((c) => [
    String(c.writesPerS),
    dollars(c.perMillion),
    dollars(c.globalTables),
    `${(c.perMillion / c.globalTables).toFixed(2)} ×`,
    dollars(c.perMonth),
    dollars(c.globalTablesPerMonth),
  ]);
  const table = out.table(['WRITES/S', '$ / MILLION', 'GLOBAL TABLES', 'RATIO', '$ / MONTH', 'GLOBAL TABLES'], rows, [0, 1, 2, 3, 4, 5]);
  const parts = [
    out.wrap(head),
    ...(at === undefined ? [] : [one(at, out)]),
    ...(checks === undefined ? [] : [checksText(checks, out)]),
    chart(own, prices, out),
    table,
    out.wrap(
      `Idle, the set costs $${dollars(curve[0]?.idlePerMonth ?? 0)} a month; it is in the months above. A write gets one unit dearer where our 55 bytes pass a KB.`,
    ),
    out.style('dim', out.wrap(`Not counted: ${NOT_COUNTED.join('; ')}.`)),
    out.style('dim', out.wrap(`Prices as of ${PRICE_DATE}: ${PRICE_SOURCES.join(' ')}`)),
  ];
  return parts.join('\n\n');
}

const PART_NAMES: Readonly<Record<keyof Parts, string>> = {
  source: 'writes at the primary',
  copies: 'writes at the replicas',
  guard: 'reads of the guard at the replicas',
  transfer: 'data between regions',
  fanout: 'fan-out: invocations, sends',
  checkpoints: 'checkpoints of the stream’s readers',
  observe: 'observers',
  archive: 'log: stored for 35 days at every member',
  apply: 'apply: invocations, queue requests',
};

/** The rate that was asked for, part by part. */
function one(at: At, out: Output): string {
  const rows = (Object.keys(PART_NAMES) as (keyof Parts)[]).map((name) => [PART_NAMES[name], dollars(at.parts[name])]);
  rows.push([out.style('bold', 'a million writes'), out.style('bold', dollars(at.perMillion))], ['with Global Tables', dollars(at.globalTables)]);
  const month = `At ${at.writesPerS} writes/s: $${dollars(at.perMonth)} a month, with Global Tables $${dollars(at.globalTablesPerMonth)}.`;
  return `${month}\n\n${out.table(['$ FOR A MILLION WRITES', ''], rows, [1])}`;
}

/** The checks of a month. */
function checksText({ proof, sweeps, drift, perMonth, perSweep, sweepHours, items, sweepEveryH, handWrites }: Checks, out: Output): string {
  const hours = sweepHours < 1 ? `${Math.max(1, Math.round(sweepHours * 60))} min` : `${Math.round(sweepHours)} h`;
  const sum = (parts: Readonly<Record<string, number>>): number => Object.values(parts).reduce((all, part) => all + part, 0);
  const rows = [
    ['standing proof: requests and storage of S3', dollars(proof.storage)],
    ['standing proof: data between regions', dollars(proof.transfer)],
    ['standing proof: functions and rows', dollars(proof.lambda + proof.rows)],
    [sweepEveryH === undefined ? 'no sweeps' : `sweeps, one in ${count(sweepEveryH)} h: reads of all tables`, dollars(sweeps.reads)],
    ['sweeps: all else', dollars(sum(sweeps) - sweeps.reads)],
    [`${count(handWrites)} writes by hand at replicas, found and repaired`, dollars(drift)],
    [out.style('bold', 'checks, a month'), out.style('bold', dollars(perMonth))],
  ];
  const sweep = `One sweep of ${count(items)} items costs $${dollars(perSweep)}; the minute runs read a table for about ${hours}, the members at the same time.`;
  return [`Checks come on top. ${sweep}`, out.table(['$ A MONTH FOR CHECKS', ''], rows, [1])].join('\n\n');
}

function chart(own: CostOptions, prices: Prices, out: Output): string {
  const load = { sizeKb: own.size, replicas: own.replicas, newKeys: own.newKeys };
  const series = (latency: 'low' | 'cheap', mark: string) => ({
    mark,
    points: curveOf({ ...load, latency }, prices, CURVE_RATES).map((c) => ({ x: c.writesPerS, y: c.perMillion })),
  });
  const flat = { mark: '·', points: curveOf({ ...load, latency: 'low' }, prices, CURVE_RATES).map((c) => ({ x: c.writesPerS, y: c.globalTables })) };
  const lines = logChart([flat, series('low', '#'), series('cheap', 'o')], Math.min(out.columns ?? CHART_WIDTH, CHART_WIDTH_MAX));
  return ['$ a million writes, over writes a second.  # latency low   o latency cheap   · Global Tables', '', ...lines].join('\n');
}
