import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeLine } from '../../lib/core/formats/log-record.ts';
import { decodeSegment } from '../../lib/core/formats/segment.ts';
import type { Bench } from '../bench.ts';
import { ITEM_BYTES } from '../raw.ts';
import { GOALS, type Row } from '../rows.ts';
import { BUCKET, rawEnvironment, type Site, SOURCE } from '../site.ts';
import { figure, ratios } from '../stats.ts';
import { Worker } from '../workers.ts';
import { writeBodies } from './bodies.ts';
import type { Feed, StoredSegment } from './feed.ts';

/**
 * The observer alone: the real handler, given full batches of stream records, one invocation at a time, with the rows of
 * `control` and the bucket on the local cloud. It is compared with the SDK's PutObject into the same bucket: of the very
 * bytes that it has stored, and of one object for each record.
 *
 * The processor time is the worker process's own, so that the emulator's is not in it. Both sides pay for their requests.
 */

/** Records of one measurement. */
const RECORDS = { full: 20_000, quick: 4_000 } as const;
/** Records of one measurement with one object each: they take ten times as long. */
const SINGLES = { full: 2_000, quick: 500 } as const;
const ROUNDS = { full: 5, quick: 2 } as const;
/** Calls in flight that are tried for one object a record; the best counts. The observer itself has one call at a time. */
const SINGLE_CONCURRENCIES = [1, 4, 8] as const;

interface Round {
  readonly archive: { readonly rate: number; readonly cpu: number };
  readonly same: { readonly rate: number; readonly cpu: number };
  readonly singles: { readonly rate: number; readonly cpu: number; readonly concurrency: number };
}

/** @throws WrongResultError */
export async function measureLog(bench: Bench, site: Site, feed: Feed): Promise<Row[]> {
  const count = bench.quick ? RECORDS.quick : RECORDS.full;
  const rounds = bench.repeats ?? (bench.quick ? ROUNDS.quick : ROUNDS.full);
  const puts = Worker.start({
    name: 'objects',
    program: bench.bundles.objects,
    directory: bench.directory,
    environment: rawEnvironment(site.cloud.endpoints[SOURCE] ?? '', SOURCE),
  });
  const seen: Round[] = [];
  let from = 0;
  let bytes = 0;
  try {
    const next = async (): Promise<Round> => {
      const round = await measure(bench, feed, puts, from, count);
      from += count;
      bytes = round.bytes;
      return round;
    };
    await next();
    for (let round = 0; round < rounds; round += 1) {
      bench.signal.throwIfAborted();
      const done = bench.steps.begin(`archive, raw objects: ${round + 1} of ${rounds}`);
      seen.push(await next());
      done();
    }
  } finally {
    await puts.end();
  }
  return rowsOf(seen, count, bytes);
}

async function measure(bench: Bench, feed: Feed, puts: Worker, from: number, count: number): Promise<Round & { readonly bytes: number }> {
  const { cost, segments } = await feed.archive({ from, count, kind: { bytes: ITEM_BYTES, version: 1 } });
  const files = await bodyFiles(bench, segments);
  await puts.ask({ kind: 'rest' });
  const same = await puts.ask({ kind: 'puts', bucket: BUCKET, prefix: `raw/${from}/`, files: [files.segments], concurrency: 1 });
  let best: Round['singles'] | undefined;
  for (const concurrency of SINGLE_CONCURRENCIES) {
    await puts.ask({ kind: 'rest' });
    const one = await puts.ask({ kind: 'puts', bucket: BUCKET, prefix: `single/${from}/${concurrency}/`, files: [files.lines], concurrency });
    const rate = (one.objects / one.ms) * 1_000;
    if (best === undefined || rate > best.rate) best = { rate, cpu: one.cpuUs / one.objects, concurrency };
  }
  return {
    archive: { rate: (count / cost.ms) * 1_000, cpu: cost.cpuUs / count },
    same: { rate: (count / same.ms) * 1_000, cpu: same.cpuUs / count },
    singles: best as Round['singles'],
    bytes: segments.reduce((sum, { body }) => sum + body.length, 0),
  };
}

/** The stored bytes, and the first records one by one, in files for the worker. */
async function bodyFiles(bench: Bench, segments: readonly StoredSegment[]): Promise<{ readonly segments: string; readonly lines: string }> {
  const singles = bench.quick ? SINGLES.quick : SINGLES.full;
  const lines = segments.flatMap(({ body }) => decodeSegment(body).records).slice(0, singles);
  const files = { segments: join(bench.directory, 'segments.bodies'), lines: join(bench.directory, 'lines.bodies') };
  await writeFile(files.segments, writeBodies(segments.map(({ body }) => body)));
  await writeFile(files.lines, writeBodies(lines.map((record) => Buffer.from(`${encodeLine(record)}\n`, 'utf8'))));
  return files;
}

function rowsOf(seen: readonly Round[], count: number, bytes: number): Row[] {
  const of = (what: 'archive' | 'same' | 'singles', which: 'rate' | 'cpu'): number[] => seen.map((round) => round[what][which]);
  const row = (name: string, which: 'rate' | 'cpu', what: Parameters<typeof of>[0], more: Partial<Row> = {}): Row => ({
    group: 'archive',
    name,
    unit: which === 'rate' ? 'records/s' : 'µs/record',
    value: figure(of(what, which)),
    ...more,
  });
  const inFlight = [...new Set(seen.map(({ singles }) => singles.concurrency))].join(' or ');
  const note = `The real handler with full batches of 1,000 inserts of ${ITEM_BYTES} bytes, one invocation at a time; ${count.toLocaleString('en')} records came to ${Math.round(bytes / count)} bytes each in the bucket. Processor time is the process's own.`;
  return [
    row('PutObject of the same bytes', 'rate', 'same', {
      note: 'What the observer has stored, again, by the SDK: one call at a time, as the observer has it.',
    }),
    row('one object a record', 'rate', 'singles', { note: `The SDK, best of ${SINGLE_CONCURRENCIES.join(', ')} calls in flight: ${inFlight}.` }),
    row('archive', 'rate', 'archive', {
      ratio: figure(ratios(of('archive', 'rate'), of('singles', 'rate'))),
      ratioTo: 'one object',
      goal: GOALS.archive,
      note,
    }),
    row('archive', 'rate', 'archive', { ratio: figure(ratios(of('archive', 'rate'), of('same', 'rate'))), ratioTo: 'same bytes', note }),
    row('PutObject of the same bytes, CPU', 'cpu', 'same'),
    row('archive, CPU', 'cpu', 'archive', { ratio: figure(ratios(of('archive', 'cpu'), of('singles', 'cpu'))), ratioTo: 'one object CPU', note }),
  ];
}
