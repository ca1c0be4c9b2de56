import { startCloud } from '../local/cloud.ts';
import { deploy } from '../local/deploy.ts';
import type { Bench } from './bench.ts';
import { KEYS } from './items.ts';
import type { LagResult } from './lag.ts';
import { Plant, WRITE_BATCH } from './plant.ts';
import type { RawMeter } from './raw.ts';
import { GOALS, type Row } from './rows.ts';
import { SOURCE, TARGET } from './site.ts';
import { figure, quantile, ratios } from './stats.ts';

/**
 * The whole pipeline: the real stacks on a local cloud of two regions. A backlog is written while fan-out's mapping is
 * switched off; it is released by switching it on, and the time runs until the target has every item. Then changes are
 * written at a fixed rate, and the lag of each is measured.
 */

const CHANGES = { full: 20_000, quick: 4_000 } as const;
const REPEATS = { full: 3, quick: 1 } as const;
/** Length of one lag measurement (s). */
const LAG_S = { full: 10, quick: 4 } as const;
/** Part of the pipeline's rate at which lag is measured. */
const PART = 0.5;
/** The low rate at which lag is measured (changes/s). */
const LOW_RATE = 100;
/** Changes that go through before the first measurement: functions start, compilers warm up. */
const WARM_UP_CHANGES = 4_000;
/** Pause between two looks at the target's stream (ms). */
const LOOK_MS = { half: 10, low: 4 } as const;

interface Repeat {
  readonly rate: number;
  /** From the release to the first item at the target (ms). */
  readonly firstMs: number;
  /** Undefined: the machine was too busy to write at that rate. */
  readonly half: LagResult | undefined;
  readonly low: LagResult | undefined;
}

/**
 * Lanes of the bench's set. The local cloud's mapping gives apply one batch at a time, about 25 a second, whatever the
 * lanes; fewer lanes make fewer, fuller messages of the same changes. On AWS lanes work side by side, and 16 is the default.
 */
const LANES = '4';

/** @throws WrongResultError */
export async function measurePipeline(bench: Bench, raw: RawMeter): Promise<Row[]> {
  const repeats = bench.repeats ?? (bench.quick ? REPEATS.quick : REPEATS.full);
  const cloud = await startCloud({ regions: [SOURCE, TARGET], signal: bench.signal });
  const first = raw.rounds;
  const found: Repeat[] = [];
  let lanes = 0;
  try {
    const deployed = await deploy(cloud, { set: 'bench', keys: KEYS, context: { lanes: LANES }, signal: bench.signal, onStep: bench.steps.begin });
    lanes = deployed.config.lanes;
    const plant = await Plant.open(cloud, deployed, bench.signal);
    try {
      await plant.backlog(WARM_UP_CHANGES);
      for (let repeat = 0; repeat < repeats; repeat += 1) {
        const done = bench.steps.begin(`pipeline: ${repeat + 1} of ${repeats}`);
        raw.beginRound();
        await raw.measure();
        const { rate, firstMs } = await plant.backlog(bench.quick ? CHANGES.quick : CHANGES.full);
        await raw.measure();
        const seconds = bench.quick ? LAG_S.quick : LAG_S.full;
        const half = await plant.lag(rate * PART, WRITE_BATCH, seconds, LOOK_MS.half);
        const low = await plant.lag(LOW_RATE, 1, seconds, LOOK_MS.low);
        found.push({ rate, firstMs, half, low });
        done(half === undefined || low === undefined ? 'too busy to measure all lags' : undefined);
      }
    } finally {
      plant.close();
    }
  } finally {
    await cloud.stop();
  }

  const rates = found.map((r) => r.rate);
  const lagRow = (name: string, of: 'half' | 'low', q: number, goal?: Row['goal']): Row[] => {
    const lookMs = LOOK_MS[of];
    const measured = found.flatMap((r) => r[of] ?? []);
    if (measured.length === 0) return [];
    const written = figure(measured.map((lag) => lag.rate));
    const row: Row = {
      group: 'pipeline',
      name,
      unit: 'ms',
      value: figure(measured.map((lag) => quantile(lag.lags, q))),
      ...(goal && { goal }),
      note: `Of every change, from before its write was sent until the target’s stream showed it; looked at every ${lookMs} ms and the call’s own time. Written at ${Math.round(written.median).toLocaleString('en')} changes/s, ${of === 'half' ? `${WRITE_BATCH} a call` : 'one a call'}.`,
    };
    return [row];
  };
  const startMs = figure(found.map((r) => r.firstMs));
  return [
    {
      group: 'pipeline',
      name: 'pipeline, backlog to one replica',
      unit: 'items/s',
      value: figure(rates),
      ratio: figure(ratios(rates, raw.limits().slice(first))),
      ratioTo: 'raw',
      goal: GOALS.pipeline,
      note: `${(bench.quick ? CHANGES.quick : CHANGES.full).toLocaleString('en')} inserts, from the release until all are at the target (the first after ${Math.round(startMs.median)} ms); ${lanes} lanes. One process a region, and the functions’ processes, share the processors; raw has one region and one process.`,
    },
    ...lagRow('lag p50 at half that rate', 'half', 0.5, GOALS.lagHalfP50),
    ...lagRow('lag p99 at half that rate', 'half', 0.99, GOALS.lagHalfP99),
    ...lagRow(`lag p50 at ${LOW_RATE} writes/s`, 'low', 0.5, GOALS.lagIdleP50),
    ...lagRow(`lag p99 at ${LOW_RATE} writes/s`, 'low', 0.99),
  ];
}
