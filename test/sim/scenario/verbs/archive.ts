import { archivedBound } from '../../../../lib/archive/log/until.ts';
import { archivePlace } from '../../../../lib/archive/place.ts';
import { planRestore } from '../../../../lib/archive/restore/plan.ts';
import { RestoreRefusedError } from '../../../../lib/archive/restore/refused.ts';
import { stateAt } from '../../../../lib/archive/restore/state.ts';
import { takeSnapshot } from '../../../../lib/archive/snapshot/take.ts';
import type { Item } from '../../../../lib/core/attribute.ts';
import { LOG_PREFIX } from '../../../../lib/core/formats/archive-names.ts';
import { decodeShard, SHARD } from '../../../../lib/core/formats/rows.ts';
import type { SegmentHead } from '../../../../lib/core/formats/segment-footer.ts';
import { decodeFooter } from '../../../../lib/core/formats/segment-footer.ts';
import { memberContext } from '../../../../lib/replicate/context.ts';
import { nameOfKey } from '../../set.ts';
import type { Arguments } from '../arguments.ts';
import { UsageError } from '../arguments.ts';
import { values } from '../names.ts';
import type { Stage } from '../stage.ts';
import type { Verbs } from './verb.ts';

/** Longest time of a snapshot (virtual ms). */
const SNAPSHOT_MAX_MS = 10 * 60_000;

/** A member's archive: its log, its snapshots, and what can be restored from them. */
export const ARCHIVE: Verbs = {
  /** `log MEMBER`: the segments of its bucket, each shard's in order: "a1 to a3, after a0; doubt: silence". */
  log(stage, args) {
    const heads = segments(stage, stage.member(args.word('member')));
    return heads.length === 0 ? ['no segments'] : heads.map(({ head }) => described(stage, head));
  },

  /** `snapshot MEMBER [rate=N] [for=DURATION] [as=NAME]`: scans its table, at N items a second, for so long at most; the next one goes on. `as`: begin, and do not wait for it. */
  async snapshot(stage, args) {
    const member = stage.member(args.word('member'));
    const itemsPerS = args.number('rate');
    const forMs = args.ms('for');
    const as = args.option('as');
    const { set } = stage.world;
    const context = memberContext(set.config, set.memberConfig(member));
    const task = stage.invoke(
      member,
      'snapshot',
      async (process) => {
        const { table, objects } = set.region(member).ports(process);
        const untilMs = forMs === undefined ? undefined : process.clock.elapsed() + forMs;
        const options = { owner: 'somebody', segments: 1, ...(itemsPerS !== undefined && { itemsPerS }), ...(untilMs !== undefined && { untilMs }) };
        const watcher = { progress: () => undefined, stopped: () => false };
        const { manifest, job } = await takeSnapshot(
          context,
          { table, place: archivePlace(context, objects) },
          stage.world.runtimeOf(process),
          options,
          watcher,
        );
        return [manifest === undefined ? `${job.items} items so far` : `a snapshot of ${manifest.items} items`];
      },
      SNAPSHOT_MAX_MS,
    );
    if (as === undefined) return stage.wait(task);
    stage.tasks.set(as, task);
    return [];
  },

  /**
   * `restore MEMBER at=RECORD|now`: what the table was, by its bucket alone, when that record was made, or now (whole
   * seconds, DynamoDB's clock): its items, or what kinds of fault refuse it.
   */
  async restore(stage, args) {
    const member = stage.member(args.word('member'));
    const at = timeOf(stage, args, member);
    const { world } = stage;
    const { set } = world;
    const context = memberContext(set.config, set.memberConfig(member));
    const now = Math.floor(world.nowAt(member));
    const clock = { now: () => now, elapsed: () => world.clock.elapsed(), sleep: (ms: number) => world.clock.sleep(ms) };
    const runtime = { ...world.runtimeOf(world.process(member, 'operator')), clock };
    const place = archivePlace(context, set.region(member).objects);
    const rows = set
      .control(member)
      .items()
      .filter((row) => 'S' in (row['pk'] ?? {}) && (row['pk'] as { S: string }).S === SHARD)
      .map(decodeShard);
    const shards = set.items(member).stream?.describe(world.nowAt(member)) ?? [];
    const stream = set.seat(member)?.stream;
    const items = async (): Promise<readonly Item[]> => {
      const surely = archivedBound(rows, shards, now);
      const plan = await planRestore(place, runtime, { at, rows, surely, ...(stream !== undefined && { stream }) });
      const found: Item[] = [];
      for await (const item of stateAt(place, runtime, plan)) found.push(item);
      return found;
    };
    try {
      const lines = (await world.clock.run(items())).map((item) => `${nameOfKey(item)} ${values(item)}`).sort();
      return lines.length === 0 ? ['no items'] : lines;
    } catch (error) {
      if (!(error instanceof RestoreRefusedError)) throw error;
      return [`refused: ${[...new Set(error.findings.map((f) => f.kind))].join(', ')}`];
    }
  },

  /** `damage MEMBER RECORD deleted|flipped`: the segment that holds a record is gone, or has another bit somewhere. */
  damage(stage, args) {
    const member = stage.member(args.word('member'));
    const record = args.word('record');
    const version = stage.names.version(record);
    if (version === undefined) throw new UsageError(`there is no record "${record}"`);
    const holds = segments(stage, member).find(({ head: { first, last, stream } }) => {
      return stream === version.stream && BigInt(first) <= version.sequence && version.sequence <= BigInt(last);
    });
    if (holds === undefined) throw new UsageError(`"${record}" is in no segment`);
    const { buckets } = stage.world.set.region(member);
    const bucket = stage.world.set.bucketName(member);
    const how = args.word('how');
    if (how === 'deleted') buckets.delete(bucket, holds.name);
    else if (how === 'flipped') buckets.flipBit(bucket, holds.name, 400);
    else throw new UsageError(`"${how}" is none of deleted, flipped`);
    return [];
  },
};

function timeOf(stage: Stage, args: Arguments, member: string): number {
  const at = args.option('at');
  if (at === undefined) throw new UsageError('at=RECORD or at=now is missing');
  if (at === 'now') return Math.floor(stage.world.nowAt(member) / 1_000) * 1_000;
  const version = stage.names.version(at);
  if (version === undefined) throw new UsageError(`there is no record "${at}"`);
  return version.createdMs;
}

/** The segments of a member's bucket, by name. */
function segments(stage: Stage, member: string): readonly { readonly name: string; readonly head: SegmentHead }[] {
  const { set } = stage.world;
  const { buckets } = set.region(member);
  const bucket = set.bucketName(member);
  const names = buckets.keys(bucket).filter((name) => name.startsWith(LOG_PREFIX));
  return names.map((name) => ({ name, head: decodeFooter(buckets.bytes(bucket, name)).head }));
}

/** The records that it holds, the segment before it, and its doubt. */
function described(stage: Stage, { stream, first, last, previous, doubt }: SegmentHead): string {
  const span = (from: string, to: string): string => {
    const [a, b] = [stage.names.record(stream, from), stage.names.record(stream, to)];
    return a === b ? a : `${a} to ${b}`;
  };
  const before = previous === undefined ? 'the first' : `after ${span(previous.first, previous.last)}`;
  return `${span(first, last)}, ${before}${doubt === undefined ? '' : `; doubt: ${doubt}`}`;
}
