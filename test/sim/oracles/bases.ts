import { zstdDecompressSync } from 'node:zlib';
import type { CloudCall } from '../../../lib/adapters/memory/call.ts';
import { shardPath } from '../../../lib/archive/log/list.ts';
import { Digest } from '../../../lib/core/digest.ts';
import { SCANS_PREFIX, streamLabel } from '../../../lib/core/formats/archive-names.ts';
import type { PutAnswer } from '../../../lib/ports/objects.ts';
import type { Watermark } from '../../../lib/reconcile/segments.ts';
import { decodeWatermark, HORIZON } from '../../../lib/reconcile/segments.ts';
import type { Version } from '../model.ts';
import type { SilentChange } from '../silent.ts';
import type { World } from '../world.ts';
import type { LogTruth } from './log-truth.ts';
import { truthsOf } from './log-truth.ts';

/** A base as it was stored. */
export interface StoredBase {
  readonly member: string;
  readonly id: string;
  /** When its scan began (virtual ms). */
  readonly scanned: number;
  /** Records after this one override what the scan has read. */
  readonly from: Watermark;
  readonly mark: Watermark;
  readonly digest: Digest;
}

/** An object that a request has just stored in a member's own bucket; undefined for all else. */
export function storedBy(world: World, call: CloudCall, answer: unknown): { readonly name: string; readonly bytes: Uint8Array } | undefined {
  if (call.service !== 's3' || call.op !== 'put' || (answer as PutAnswer | undefined)?.ok !== true) return undefined;
  const [bucket, name, bytes] = call.args as [string, string, Uint8Array];
  return bucket === world.set.bucketName(call.region) && typeof name === 'string' ? { name, bytes } : undefined;
}

/** The base that an object is, of the table that is there; undefined for another one. */
export function baseIn(world: World, member: string, { name, bytes }: { readonly name: string; readonly bytes: Uint8Array }): StoredBase | undefined {
  if (!name.startsWith(SCANS_PREFIX) || !name.endsWith('/base')) return undefined;
  const found = JSON.parse(zstdDecompressSync(bytes).toString('utf8')) as { tableId: string; startedMs: number; from: unknown; mark: unknown; digest: string };
  // A run that was under way when the member lost everything has stored what it knew of the table before.
  if (found.tableId !== world.set.items(member).tableId) return undefined;
  return {
    member,
    id: name.slice(SCANS_PREFIX.length, -'/base'.length),
    scanned: found.startedMs - (world.nowAt(member) - world.clock.elapsed()),
    from: decodeWatermark(found.from),
    mark: decodeWatermark(found.mark),
    digest: Digest.decode(Buffer.from(found.digest, 'base64')),
  };
}

/** Host clocks differ by less than this (ms). */
const CLOCK_SLACK_MS = 2_000;

/** Whether a watermark counts a record. A mark names a segment by its first record. */
export function counts(truth: LogTruth, mark: Watermark, { stream, shard, sequence, createdMs }: Version): boolean {
  const own = mark.get(shardPath({ label: streamLabel(stream), shard }));
  if (own === undefined) return createdMs < (mark.get(HORIZON)?.firstAt ?? Number.NEGATIVE_INFINITY);
  const last = truth.shards.get(shard)?.byFirst.get(own.first)?.head.last ?? own.last;
  return sequence <= BigInt(last);
}

/**
 * Whether a base surely shows a change that no record tells of: its scan began after it, and no record of the key that is older than the
 * change overrides what the scan has read.
 */
export function shows(world: World, base: StoredBase, change: SilentChange): boolean {
  if (change.t >= base.scanned - CLOCK_SLACK_MS) return false;
  const truth = truthsOf(world).of(base.member);
  return !truth.writes.some((version) => version.key === change.key && version.t <= change.t && !counts(truth, base.from, version));
}
