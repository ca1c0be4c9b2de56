import type { MemoryStream } from '../../../../lib/adapters/memory/stream.ts';
import { STREAM_BATCH_RECORDS, STREAM_RECORD_AGE_MAX_MS } from '../../../../lib/core/constants.ts';
import type { StreamBatch, StreamRecord } from '../../../../lib/ports/stream.ts';
import type { Arguments } from '../arguments.ts';
import { UsageError } from '../arguments.ts';
import { beginReader } from '../flows.ts';
import type { Stage } from '../stage.ts';
import type { Verb, Verbs } from './verb.ts';

/** A table's stream, and its two readers. */
export const STREAMS: Verbs = {
  /**
   * `fanout MEMBER [records=N] [from=RECORD] [as=NAME] [writes]`: the next batch of each shard that has one, parents
   * before their children. `from`: the checkpoint has stepped back to that record. `as`: begin, and do not wait for it.
   */
  fanout: (stage, args) => read(stage, args, 'fanout'),
  /** `observe MEMBER [records=N]`: the same for the observer. */
  observe: (stage, args) => read(stage, args, 'observe'),

  /** `stream MEMBER replaced`: disabled and enabled. The new one begins with smaller sequence numbers than any of the old. */
  stream(stage, args) {
    const member = stage.member(args.word('member'));
    if (args.word('"replaced"') !== 'replaced') throw new UsageError('a stream can be "replaced"');
    const table = stage.world.set.items(member);
    table.disableStream(stage.world.nowAt(member));
    table.enableStream(stage.world.nowAt(member), { fromSequence: 1_000n });
    return [];
  },
  /** `split MEMBER`: the first open shard has two children. */
  split: onOpenShard((stream, now) => {
    const open = stream.shardIds(now).find((id) => stream.shard(id)?.closed === false);
    if (open !== undefined) stream.split(open, now);
  }),
  /** `roll MEMBER`: each open shard is closed, and has one child. */
  roll: onOpenShard((stream, now) => stream.roll(now)),
};

function onOpenShard(change: (stream: MemoryStream, nowMs: number) => void): Verb {
  return (stage, args) => {
    const member = stage.member(args.word('member'));
    const { stream } = stage.world.set.items(member);
    if (stream?.enabled !== true) throw new UsageError(`${member} has no enabled stream`);
    change(stream, stage.world.nowAt(member));
    return [`${stream.shardIds(stage.world.nowAt(member)).length} shards`];
  };
}

async function read(stage: Stage, args: Arguments, fn: 'fanout' | 'observe'): Promise<readonly string[]> {
  const member = stage.member(args.word('member'));
  const limit = args.number('records') ?? STREAM_BATCH_RECORDS;
  const from = args.option('from');
  const as = args.option('as');
  const writes = args.flag('writes');
  if (from !== undefined) stepBack(stage, from, fn);
  const lines: string[] = [];
  for (const batch of batches(stage, member, fn, limit, from)) {
    lines.push(...batch.tooOld);
    if (batch.records.length === 0) continue;
    const task = beginReader(stage, member, fn, batch, batch.stored);
    if (as !== undefined) {
      stage.tasks.set(as, task);
      return lines;
    }
    lines.push(...(await stage.wait(task)));
    if (writes) lines.push(...stage.takeEffects(task.process));
  }
  return lines.length > 0 ? lines : ['nothing to read'];
}

/** Reads everything that a member's fan-out has not read. Gives how many batches there were, and what went wrong last. */
export async function readAll(stage: Stage, member: string, fn: 'fanout' | 'observe'): Promise<number> {
  let count = 0;
  for (const batch of batches(stage, member, fn, STREAM_BATCH_RECORDS, undefined)) {
    if (batch.records.length === 0) continue;
    count += 1;
    await stage.wait(beginReader(stage, member, fn, batch, batch.stored));
  }
  return count;
}

const idOf = (fn: string, stream: MemoryStream, shard: string): string => `${fn} ${stream.arn} ${shard}`;

/** Moves the checkpoint of a record's shard to before it. */
function stepBack(stage: Stage, name: string, fn: string): void {
  const version = stage.names.version(name);
  if (version === undefined) throw new UsageError(`there is no record "${name}"`);
  const { member } = version;
  const now = stage.world.nowAt(member);
  for (const stream of stage.world.set.items(member).streams) {
    for (const shard of stream.shardIds(now)) {
      const records = stream.read(shard, undefined, Number.MAX_SAFE_INTEGER, now);
      const at = records.findIndex((r) => r.streamArn === version.stream && BigInt(r.sequence) === version.sequence);
      if (at < 0) continue;
      const before = records[at - 1];
      if (before === undefined) stage.checkpoints.delete(idOf(fn, stream, shard));
      else stage.checkpoints.set(idOf(fn, stream, shard), before.sequence);
      return;
    }
  }
  throw new UsageError(`the record "${name}" is in no stream any more`);
}

interface Batch extends StreamBatch {
  /** What is said of records that have grown too old: Lambda gives them to the failure queue. */
  readonly tooOld: readonly string[];
  /** It was handled: the checkpoint moves. */
  readonly stored: () => void;
}

/** The next batch of each shard whose parent was read. */
function* batches(stage: Stage, member: string, fn: 'fanout' | 'observe', limit: number, from: string | undefined): Generator<Batch> {
  const { world } = stage;
  const only = from === undefined ? undefined : stage.names.version(from)?.sequence;
  for (const stream of world.set.items(member).streams) {
    const now = world.nowAt(member);
    for (const shard of stream.shardIds(now)) {
      const id = idOf(fn, stream, shard);
      const parent = stream.shard(shard)?.parentId;
      if (parent !== undefined && stream.shard(parent) !== undefined && stream.lag(parent, stage.checkpoints.get(idOf(fn, stream, parent)), now) > 0) continue;
      let records = stream.read(shard, stage.checkpoints.get(id), limit, now);
      if (records.length === 0 || (only !== undefined && !records.some((r) => BigInt(r.sequence) === only))) continue;
      const last = records.at(-1) as StreamRecord;
      const old = records.filter((r) => now - r.createdMs >= STREAM_RECORD_AGE_MAX_MS);
      records = records.slice(old.length);
      if (old.length > 0 && fn === 'fanout') for (const link of world.set.links) if (link.source === member) world.doubt.all(link.id, 'records too old');
      const stored = (): void => void stage.checkpoints.set(id, last.sequence);
      if (records.length === 0) stored();
      yield {
        records,
        ...(fn === 'observe' && { shardId: shard }),
        tooOld: old.map((r) => `${stage.names.record(r.streamArn, r.sequence)} is too old: to the failure queue`),
        stored,
      };
    }
  }
}

/** Records that a member's fan-out has not read. */
export function unread(stage: Stage, member: string): number {
  const now = stage.world.nowAt(member);
  let count = 0;
  for (const stream of stage.world.set.items(member).streams)
    for (const shard of stream.shardIds(now)) count += stream.lag(shard, stage.checkpoints.get(idOf('fanout', stream, shard)), now);
  return count;
}
