import type { CloudCall } from '../../../lib/adapters/memory/call.ts';
import type { Item, Key } from '../../../lib/core/attribute.ts';
import { text } from '../../../lib/core/attribute.ts';
import { LOG_PREFIX, segmentName, streamLabel } from '../../../lib/core/formats/archive-names.ts';
import type { LogRecord } from '../../../lib/core/formats/log-record.ts';
import type { Shard } from '../../../lib/core/formats/rows.ts';
import { decodeShard, SHARD } from '../../../lib/core/formats/rows.ts';
import type { DecodedSegment } from '../../../lib/core/formats/segment.ts';
import { decodeSegment, sha256Base64 } from '../../../lib/core/formats/segment.ts';
import { decodeFooter } from '../../../lib/core/formats/segment-footer.ts';
import type { PutAnswer } from '../../../lib/ports/objects.ts';
import type { Version } from '../model.ts';
import type { MakeOracle } from '../oracle.ts';
import type { World } from '../world.ts';
import type { LogTruth, ShardTruth, StoredSegment } from './log-truth.ts';
import { isTold, truthsOf } from './log-truth.ts';

/**
 * I8, as the log grows: each segment holds the next records of its shard, as its table made them, each once and in order; it names the
 * segment before it; what is missing between the two was lost to the stream, and the segment says so. A name is never given other
 * bytes. And the mark `seen` names only what is in the log.
 */
export const log: MakeOracle = (world) => {
  const truths = truthsOf(world);
  const chance = world.chanceOf('log oracle');
  const broken = (message: string, key?: string): undefined => {
    world.violate('I8', message, key);
  };

  function stored(member: string, call: CloudCall, truth: LogTruth): undefined {
    const [, name, bytes] = call.args as [string, string, Uint8Array];
    const sha256 = sha256Base64(bytes);
    const before = truth.segments.get(name);
    if (before !== undefined) {
      if (before.sha256 !== sha256) broken(`${call.by?.name} stored other bytes under ${name}, which was there already`);
      return;
    }
    const decoded = decode(bytes, chance.random() < READ_WHOLE);
    if (typeof decoded === 'string') return broken(`${call.by?.name} stored a segment at ${member} that cannot be read: ${decoded}`);
    const { head } = decoded.footer;
    const shard = truth.shards.get(head.shard);
    // A stream of a table that is gone: nobody will ask for it.
    if (shard === undefined && truths.isGone(head.shard)) {
      truth.strangers.push(head);
      return;
    }
    const named = segmentName({ label: streamLabel(head.stream), shard: head.shard, first: head.first, firstAtMs: head.firstAt });
    if (named !== name || head.member !== member) return broken(`the segment ${name} at ${member} says that it is ${named} of ${head.member}`);
    if (shard === undefined) return broken(`the segment ${name} is of a shard that ${member} never had`);
    const segment: StoredSegment = { name, sha256, head };
    truth.segments.set(name, segment);
    checkPrevious(segment, shard, truth);
    append(segment, decoded.records ?? [], shard, truth);
    const from = shard.passed - head.records;
    for (const witness of truths.witnesses) witness(member, decoded.footer, shard.records.slice(from, shard.passed));
    shard.tail = segment;
    shard.byFirst.set(head.first, segment);
    shard.byLast.set(head.last, segment);
  }

  /** The predecessor is the newest segment of the shard, or of the nearest ancestor that has one. */
  function checkPrevious({ name, head }: StoredSegment, shard: ShardTruth, truth: LogTruth): void {
    const before = shard.tail ?? truth.ancestorTail(shard);
    const said = head.previous;
    if (before === undefined) {
      if (said !== undefined) broken(`${name} names a predecessor in ${said.shard}, and there is none`);
      return;
    }
    // Ancestors that are described no more cannot be found, so that something may be missing.
    if (said === undefined && shard.tail === undefined && head.doubt !== undefined) return;
    const { head: true_ } = before;
    const right =
      said?.shard === true_.shard && said.first === true_.first && said.firstAt === true_.firstAt && said.last === true_.last && said.sha256 === before.sha256;
    if (!right) broken(`${name} names ${said === undefined ? 'no predecessor' : `${said.first} to ${said.last} of ${said.shard}`}; it is ${before.name}`);
  }

  function append({ name, head }: StoredSegment, records: readonly LogRecord[], shard: ShardTruth, truth: LogTruth): undefined {
    const begins = BigInt(head.first);
    const first = shard.records.findLastIndex((v) => v.sequence === begins);
    if (first < 0) return broken(`${name} begins with a record that ${shard.id} never had`);
    if (first < shard.passed) return broken(`${name} begins with "${shard.records[first]?.key}"@${head.first}, which the log has or has passed over`);
    const lost = [...passOver(shard, first), ...truth.ancestors(shard).flatMap((parent) => passOver(parent, parent.records.length))];
    const one = lost[0];
    // Where the log of a stream begins nothing can be missing from it; whether a snapshot reaches so far, a restore has to see.
    const isFirst = head.previous === undefined && [...truth.segments.values()].every((other) => other.name === name || other.head.stream !== head.stream);
    if (one !== undefined && !isFirst && head.doubt === undefined && lost.some((v) => isTold(truth, v)))
      broken(`${name} follows a hole of ${lost.length} records, from "${one.key}"@${one.sequence} on, and does not say so`, one.key);
    if (one === undefined && head.doubt === 'skipped') broken(`${name} says that records before it were skipped, and none was`);
    for (const [i, record] of records.entries()) {
      const version = shard.records[first + i];
      const wrong = version === undefined ? 'more records than the shard has' : differs(record, version);
      if (wrong !== undefined) return broken(`record ${i} of ${name} is not what the table made: ${wrong}`, version?.key);
    }
    const last = shard.records[first + head.records - 1];
    if (last === undefined || last.sequence !== BigInt(head.last)) return broken(`${name} does not end ${head.records} records later, with ${head.last}`);
    shard.passed = first + head.records;
  }

  return {
    name: 'log',
    recorded(version) {
      truths.recorded(version);
    },
    wiped(member) {
      truths.wiped(member);
    },
    effect(call, answer) {
      const member = call.region;
      if (call.service === 's3') {
        const [bucket, name] = call.args as [string, string];
        if (bucket !== world.set.bucketName(member) || typeof name !== 'string' || !name.startsWith(LOG_PREFIX)) return;
        if (call.op === 'delete') broken(`${call.by?.name} deleted ${name}`);
        if (call.op === 'put' && (answer as PutAnswer).ok) stored(member, call, truths.of(member));
      } else if (call.op === 'update' && call.by !== undefined) {
        if (call.by.name.includes('/observe')) checkSeen(world, call, truths.of(member), broken);
        if (call.by.name.includes('/fanout')) noteMoved(world, call, truths.of(member));
      }
    },
  };
};

/** The share of the segments that are read whole; of the others only the footer is. */
const READ_WHOLE = 0.15;

/** The records of a shard up to a place that are not in the log by now: they never will be. */
function passOver(shard: ShardTruth, to: number): readonly Version[] {
  const lost = shard.records.slice(shard.passed, to);
  shard.missing.push(...lost);
  shard.passed = Math.max(shard.passed, to);
  return lost;
}

/** Its footer, and its records if it is read whole; or why it cannot be read. */
function decode(bytes: Uint8Array, whole: boolean): (Pick<DecodedSegment, 'footer'> & Partial<DecodedSegment>) | string {
  try {
    return whole ? decodeSegment(bytes) : { footer: decodeFooter(bytes) };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const ORIGIN_OF = { user: 'local', apply: 'applier', ttl: 'expiry' } as const;

/** What of an archived record is not what the table made; undefined when all is. */
function differs(record: LogRecord, version: Version): string | undefined {
  const show = (item: Item | undefined): string => (item === undefined ? 'none' : JSON.stringify(item));
  if (BigInt(record.sequence) !== version.sequence) return `sequence number ${record.sequence}, not ${version.sequence}`;
  if (record.at !== version.createdMs) return `made at ${record.at}, not ${version.createdMs}`;
  if (record.event !== version.event) return `${record.event}, not ${version.event}`;
  if (show(record.newImage) !== show(version.image)) return `new image ${show(record.newImage)}, not ${show(version.image)}`;
  if (show(record.oldImage) !== show(version.before)) return `old image ${show(record.oldImage)}, not ${show(version.before)}`;
  if ((record.origin === 'expiry') !== (ORIGIN_OF[version.by] === 'expiry')) return `origin ${record.origin}, not ${ORIGIN_OF[version.by]}`;
  return undefined;
}

/** Notes when fan-out's mark of a shard came to cover records. */
function noteMoved(world: World, call: CloudCall, truth: LogTruth): void {
  const row = shardRow(world, call);
  const shard = row === undefined ? undefined : truth.shards.get(row.id);
  if (row?.sent === undefined || shard === undefined) return;
  const sent = BigInt(row.sent.sequence);
  for (let i = shard.movedAt.length; i < shard.records.length && (shard.records[i] as Version).sequence <= sent; i += 1)
    shard.movedAt.push(world.clock.elapsed());
}

/** The row of a shard that a request has just written; undefined for another row. */
function shardRow(world: World, call: CloudCall): Shard | undefined {
  const key = call.args[1] as Key;
  if (text(key['pk'], 'S') !== SHARD) return undefined;
  const row = world.set.control(call.region).read(key);
  return row === undefined ? undefined : decodeShard(row);
}

/** The mark `seen` of a shard's row, right after the observer has written it: it names the end of a segment, and that segment. */
function checkSeen(world: World, call: CloudCall, truth: LogTruth, broken: (message: string) => undefined): undefined {
  const row = shardRow(world, call);
  const shard = row === undefined ? undefined : truth.shards.get(row.id);
  if (row?.seen === undefined || shard === undefined) return;
  const { id, seen, tail } = row;
  const ends = shard.byLast.get(seen.sequence);
  if (ends === undefined) return broken(`${call.by?.name} says that it has seen ${id} up to ${seen.sequence}, where no segment ends`);
  if (tail === undefined || ends.sha256 !== tail.sha256 || ends.head.first !== tail.first || ends.head.firstAt !== tail.firstAt)
    broken(`${call.by?.name} wrote a tail for ${id} that is not the segment that ends with ${seen.sequence}: ${JSON.stringify(tail)}`);
}
