import { createHash } from 'node:crypto';
import { systemClock } from '../../lib/adapters/aws/runtime.ts';
import { SeededChance } from '../../lib/adapters/memory/chance.ts';
import { MemoryCloud } from '../../lib/adapters/memory/cloud.ts';
import type { ArchivePlace } from '../../lib/archive/place.ts';
import type { Key } from '../../lib/core/attribute.ts';
import { applyEntry, Digest } from '../../lib/core/digest.ts';
import { encodeIndex, INDEX_FORMAT, type IndexEntry, SegmentIndex } from '../../lib/core/formats/segment-index.ts';
import { CELLS_MAX, Sketch } from '../../lib/core/sketch.ts';
import type { Runtime } from '../../lib/ports/runtime.ts';
import { readKeys, SketchReader, sketchName, storeKeys, storeSketch } from '../../lib/reconcile/proof/answers.ts';
import { SYMBOLS_DEFAULT, SYMBOLS_FACTOR } from '../../lib/reconcile/proof/limits.ts';
import { readDifference } from '../../lib/reconcile/proof/opening.ts';
import { Window } from '../../lib/reconcile/proof/window.ts';
import type { Bench } from '../bench.ts';
import { checkEqual } from '../check.ts';
import { GOALS, type Group, type Row } from '../rows.ts';
import { figure } from '../stats.ts';

/**
 * What an opening reads from the other region until it knows the keys that differ, by how many they are; and how fast entries of the log are
 * folded. The members' own code on a bucket in memory: bytes are counted, and no network is there to be waited for.
 */

const ITEMS = { full: 1_000_000, quick: 50_000 } as const;
const DIFFERENCES = { full: [10, 1_000, 100_000], quick: [10, 1_000] } as const;
/** The goal is that of a thousand keys in a million. */
const GOAL_OF = 1_000;
const FOLDED = { full: 1_000_000, quick: 100_000 } as const;
const FOLD_SEGMENT = 10_000;
const SYMBOL = 24;
const REGION = 'eu-west-1';
const BUCKET = 'a-bucket';

export const BYTES_GROUPS = ['bytes', 'fold'] as const satisfies readonly Group[];

/** Measures those that are wanted. @throws WrongResultError */
export async function measureBytes(bench: Bench, wanted: ReadonlySet<Group>): Promise<Row[]> {
  const rows: Row[] = [];
  if (wanted.has('bytes')) for (const count of bench.quick ? DIFFERENCES.quick : DIFFERENCES.full) rows.push(...(await measureOpening(bench, count)));
  if (wanted.has('fold')) rows.push(measureFold(bench));
  return rows;
}

/** Random bytes, the same in each run. */
const noise = (of: string, bytes: number): Buffer => createHash('shake256', { outputLength: bytes }).update(of).digest();

function memoryPlace(): { readonly place: ArchivePlace; readonly runtime: Runtime } {
  const silent = (): void => undefined;
  const chance = new SeededChance(1);
  const runtime: Runtime = {
    clock: systemClock,
    chance,
    metrics: { count: silent },
    log: { debug: silent, info: silent, warn: silent, error: silent },
  };
  const cloud = new MemoryCloud({ clock: systemClock, chance });
  const region = cloud.region(REGION);
  region.buckets.createBucket(BUCKET);
  return { place: { objects: region.objects, bucket: BUCKET, set: 'bench', member: REGION, key: { partition: { name: 'pk', type: 'S' } } }, runtime };
}

async function measureOpening(bench: Bench, differences: number): Promise<Row[]> {
  const items = bench.quick ? ITEMS.quick : ITEMS.full;
  const done = bench.steps.begin(`${differences.toLocaleString('en')} keys that differ in ${items.toLocaleString('en')}`);
  const { place, runtime } = memoryPlace();
  const shared = noise('items', items * SYMBOL);
  // Half of what differs is another content of the same key, a quarter is missing at the target, a quarter is there only.
  const changed = differences >> 1;
  const missing = (differences - changed) >> 1;
  const extra = differences - changed - missing;
  const fresh = noise('others', (changed + extra) * SYMBOL);
  let bytes = 0;
  let cpuMs = 0;
  for (let symbols = SYMBOLS_DEFAULT; ; symbols = Math.min(CELLS_MAX, symbols * SYMBOLS_FACTOR)) {
    bench.signal.throwIfAborted();
    const [own, other] = [new Sketch(symbols, 1), new Sketch(symbols, 1)];
    const began = performance.now();
    for (let i = 0; i < items; i += 1) own.add(...parts(shared, i));
    cpuMs = performance.now() - began;
    for (let i = 0; i < items; i += 1) {
      const [hash, content] = parts(shared, i);
      if (i < changed) other.add(hash, parts(fresh, i)[1]);
      else if (i >= changed + missing) other.add(hash, content);
    }
    for (let i = 0; i < extra; i += 1) other.add(...parts(fresh, changed + i));
    await storeSketch(place, runtime, sketchName('open'), other);
    const reader = new SketchReader(place, runtime, sketchName('open'));
    const found = await readDifference(own, reader);
    bytes += reader.bytes;
    if (found === undefined) continue;
    checkEqual(found.own.length, changed + missing, 'of the source alone', 'bytes');
    checkEqual(found.other.length, changed + extra, 'of the target alone', 'bytes');
    break;
  }
  const keys = new Map(
    Array.from({ length: extra }, (_, i): [string, Key] => [
      parts(fresh, changed + i)[0].toString('hex'),
      { pk: { S: `customer#${i}` }, sk: { S: `order#${i}` } },
    ]),
  );
  await storeKeys(place, runtime, 'keys', keys);
  bytes += (await readKeys(place, runtime, 'keys'))?.bytes ?? 0;
  done();
  const row: Row = {
    group: 'bytes',
    name: `opening, ${differences.toLocaleString('en')} keys differ in ${items.toLocaleString('en')}`,
    unit: 'KB across regions',
    value: figure([bytes / 1_000]),
    ...(differences === GOAL_OF && !bench.quick && { goal: GOALS.bytes }),
    note: `${Math.round(bytes / differences)} bytes a key; coded symbols of all items in ${(cpuMs / 1_000).toFixed(1)} s`,
  };
  return [row];
}

const parts = (all: Buffer, i: number): [Buffer, Buffer] => [all.subarray(i * SYMBOL, i * SYMBOL + 16), all.subarray(i * SYMBOL + 16, (i + 1) * SYMBOL)];

function measureFold(bench: Bench): Row {
  const entries = bench.quick ? FOLDED.quick : FOLDED.full;
  const done = bench.steps.begin(`folding ${entries.toLocaleString('en')} entries`);
  const rates: number[] = [];
  for (let round = 0; round < (bench.repeats ?? 3); round += 1) {
    bench.signal.throwIfAborted();
    const index = new SegmentIndex(encodeIndex(madeUpEntries(), 0), 0, INDEX_FORMAT);
    const [digest, window] = [new Digest(), new Window(0)];
    const began = performance.now();
    for (let at = 0; at < entries; at += FOLD_SEGMENT) {
      for (let i = 0; i < index.length; i += 1) {
        const entry = index.entry(i);
        applyEntry(digest, entry);
        window.push(entry);
      }
    }
    rates.push(entries / ((performance.now() - began) / 1_000));
    checkEqual(window.length, entries, 'entries', 'fold');
  }
  done();
  return {
    group: 'fold',
    name: 'fold of the log',
    unit: 'entries/s',
    value: figure(rates),
    note: 'one process: minus the old content, plus the new one, and the window',
  };
}

/** Changes of FOLD_SEGMENT keys, each from one content to another. */
function madeUpEntries(): IndexEntry[] {
  const bytes = noise('entries', FOLD_SEGMENT * 32);
  return Array.from({ length: FOLD_SEGMENT }, (_, i) => {
    const of = bytes.subarray(i * 32, (i + 1) * 32);
    return {
      ...{ keyHash: of.subarray(0, 16), itemHash: of.subarray(16, 24), oldHash: of.subarray(24), oldKnown: true, day: 0, oldDay: 0 },
      ...{ removed: false, ordinal: i, frame: 0, at: i, origin: 'local', drift: false },
    };
  });
}
