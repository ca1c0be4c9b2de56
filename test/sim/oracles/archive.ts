import type { SeededChance } from '../../../lib/adapters/memory/chance.ts';
import { archivedBound } from '../../../lib/archive/log/until.ts';
import { archivePlace } from '../../../lib/archive/place.ts';
import { planRestore } from '../../../lib/archive/restore/plan.ts';
import { RestoreRefusedError } from '../../../lib/archive/restore/refused.ts';
import { stateAt } from '../../../lib/archive/restore/state.ts';
import type { Item } from '../../../lib/core/attribute.ts';
import { SCANS_PREFIX } from '../../../lib/core/formats/archive-names.ts';
import { decodeShard, SHARD } from '../../../lib/core/formats/rows.ts';
import type { SegmentHead } from '../../../lib/core/formats/segment-footer.ts';
import type { PutAnswer } from '../../../lib/ports/objects.ts';
import type { Runtime } from '../../../lib/ports/runtime.ts';
import { memberContext } from '../../../lib/replicate/context.ts';
import type { MakeOracle } from '../oracle.ts';
import { nameOfKey } from '../set.ts';
import type { World } from '../world.ts';
import type { LogTruth } from './log-truth.ts';
import { isTold, truthsOf } from './log-truth.ts';

/** Times to which one member is restored at the end of a run, at most. Each reads its log twice. */
const TIMES_MAX = 2;
/** Replay begins this long before a snapshot's start (ms), as DESIGN.md has it. */
const BEFORE_START_MS = 5 * 60_000;

/** A finished snapshot, as its manifest says. */
interface Finished {
  readonly startedMs: number;
  readonly endedMs: number;
}

/**
 * I8, at the end of a run: a member's snapshot and log at T equal what its table was at T, for any T since a snapshot's
 * end; or the restore is refused, and rightly: a record that it needs is not in the log, or a segment says that it may be so.
 */
export const archive: MakeOracle = (world) => {
  const truths = truthsOf(world);
  const chance = world.chanceOf('archive oracle');
  const finished = new Map<string, Finished[]>();
  return {
    name: 'archive',
    effect(call, answer) {
      if (call.service !== 's3' || call.op !== 'put' || !(answer as PutAnswer).ok) return;
      const [bucket, name, bytes] = call.args as [string, string, Uint8Array];
      if (bucket !== world.set.bucketName(call.region) || !name.startsWith(SCANS_PREFIX) || !name.endsWith('/manifest.json')) return;
      const { startedMs, endedMs } = JSON.parse(Buffer.from(bytes).toString('utf8')) as Finished;
      const list = finished.get(call.region) ?? [];
      finished.set(call.region, [...list, { startedMs, endedMs }]);
    },
    wiped(member) {
      finished.delete(member);
    },
    async settled() {
      const members = world.set.members.filter((m) => finished.has(m));
      const member = members[chance.below(Math.max(1, members.length))];
      if (member === undefined) return;
      const snapshots = finished.get(member) ?? [];
      const times = 1 + chance.below(TIMES_MAX);
      for (let i = 0; i < times && world.violation === undefined; i += 1)
        await restored(world, chance, member, snapshots, timeToAsk(chance, snapshots, truths.of(member)));
    },
  };
};

/** A whole second that is worth asking for. */
function timeToAsk(chance: SeededChance, snapshots: readonly Finished[], truth: LogTruth): number {
  const whole = (ms: number): number => Math.ceil(ms / 1_000) * 1_000;
  const first = whole(snapshots[0]?.endedMs ?? 0);
  const last = truth.writes.at(-1)?.createdMs ?? first;
  const die = chance.random();
  if (die < 0.2) return whole(snapshots[chance.below(snapshots.length)]?.endedMs ?? 0);
  if (die < 0.4) return last;
  // A moment at which a key was written, or the second before it.
  const write = truth.writes[chance.below(Math.max(1, truth.writes.length))];
  if (die < 0.8 && write !== undefined && write.createdMs - 1_000 >= first) return write.createdMs - 1_000 * chance.below(2);
  return whole(first + chance.random() * Math.max(0, last - first) * 1.1);
}

async function restored(world: World, chance: SeededChance, member: string, snapshots: readonly Finished[], at: number): Promise<void> {
  const { set } = world;
  const region = set.region(member);
  const truth = truthsOf(world).of(member);
  const place = archivePlace(memberContext(set.config, set.memberConfig(member)), region.objects);
  const clock = { now: () => Math.floor(world.nowAt(member)), elapsed: () => world.clock.elapsed(), sleep: (ms: number) => world.clock.sleep(ms) };
  const runtime: Runtime = { ...world.runtimeOf(world.process(member, 'operator')), clock, chance };
  const rows = set
    .control(member)
    .items()
    .filter((row) => (row['pk'] as { S: string }).S === SHARD)
    .map(decodeShard);
  const shards = set.items(member).streams.flatMap((stream) => stream.describe(world.nowAt(member)));
  const surely = archivedBound(rows, shards, clock.now());
  const stream = set.seat(member)?.stream;
  const from = replayStart(snapshots, at);
  // What both readers have lost nobody can tell of (Gaps of docs/SPEC.md), so no answer is wrong.
  if (from !== undefined && [...truth.absent()].some((v) => v.createdMs >= from && v.createdMs <= at && !isTold(truth, v))) return;
  const broken = (message: string, key?: string): void => world.violate('I8', `${member} at ${new Date(at).toISOString()}: ${message}`, key);
  const found = new Map<string, string>();
  try {
    const plan = await planRestore(place, runtime, { at, rows, surely, ...(stream !== undefined && { stream }) });
    for await (const item of stateAt(place, runtime, plan)) {
      const key = nameOfKey(item);
      if (found.has(key)) broken(`the restore gives "${key}" twice`, key);
      found.set(key, JSON.stringify(item));
    }
  } catch (error) {
    if (!(error instanceof RestoreRefusedError)) return broken(`the restore fails: ${error instanceof Error ? error.stack : String(error)}`);
    if (at > surely.untilMs || mayRefuse(truth, from, at)) return;
    return broken(`the restore is refused, and nothing is missing: ${error.message}`);
  }
  const wanted = tableAt(truth, at);
  for (const key of new Set([...found.keys(), ...wanted.keys()])) {
    // What no record tells of is restored as a snapshot has found it, if one has.
    if (world.silent.has(member, key)) continue;
    const [have, was] = [found.get(key) ?? 'nothing', wanted.get(key) ?? 'nothing'];
    if (have !== was) return broken(`"${key}" is restored as ${have}; it was ${was}`, key);
  }
}

/** What the table was at T: every write up to it, in order. */
function tableAt(truth: LogTruth, at: number): Map<string, string> {
  const table = new Map<string, Item | undefined>();
  for (const { key, image, createdMs } of truth.writes) if (createdMs <= at) table.set(key, image);
  return new Map([...table].flatMap(([key, image]): [string, string][] => (image === undefined ? [] : [[key, JSON.stringify(image)]])));
}

/** From when on the newest snapshot that serves T needs the log (ms); undefined when there is none. */
function replayStart(snapshots: readonly Finished[], at: number): number | undefined {
  const serves = snapshots.filter((s) => s.endedMs <= at).sort((a, b) => b.startedMs - a.startedMs)[0];
  return serves === undefined ? undefined : serves.startedMs - BEFORE_START_MS;
}

/** Whether T may be refused: for want of a snapshot, or since what it needs of the log is not there, or may not be. */
function mayRefuse(truth: LogTruth, from: number | undefined, at: number): boolean {
  if (from === undefined) return true;
  for (const { createdMs } of truth.absent()) if (createdMs >= from && createdMs <= at) return true;
  const heads = [...truth.segments.values()].map(({ head }) => head);
  // A doubt is about the time before its segment.
  const doubted = heads.some(({ doubt, fromMs, previous }) => doubt !== undefined && fromMs >= from && (previous?.firstAt ?? 0) <= at);
  return doubted || streamGaps([...heads, ...truth.strangers]).some((gap) => gap.fromMs <= at && gap.toMs >= from);
}

/** The times between the last record of one stream and the first of the next: what was changed in them nobody may have recorded. */
function streamGaps(heads: readonly SegmentHead[]): readonly { readonly fromMs: number; readonly toMs: number }[] {
  const streams = new Map<string, { fromMs: number; toMs: number }>();
  for (const { stream, fromMs, toMs } of heads) {
    const seen = streams.get(stream) ?? { fromMs, toMs };
    streams.set(stream, { fromMs: Math.min(seen.fromMs, fromMs), toMs: Math.max(seen.toMs, toMs) });
  }
  const spans = [...streams.values()].sort((a, b) => a.fromMs - b.fromMs);
  return spans.slice(1).map((next, i) => ({ fromMs: Math.min((spans[i] as { toMs: number }).toMs, next.fromMs), toMs: next.fromMs }));
}
