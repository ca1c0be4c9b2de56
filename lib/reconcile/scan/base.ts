import { constants as zlib, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { z } from 'zod';
import { MissingObjectError } from '../../archive/log/read.ts';
import type { ArchivePlace } from '../../archive/place.ts';
import { wholeObject } from '../../archive/snapshot/read.ts';
import { storeOnce, sweep } from '../../archive/snapshot/store.ts';
import { Digest } from '../../core/digest.ts';
import { FormatError } from '../../core/errors.ts';
import { SCANS_PREFIX } from '../../core/formats/archive-names.ts';
import { readDocument, scanPrefix } from '../../core/formats/manifest.ts';
import { sha256Base64 } from '../../core/formats/segment.ts';
import { isRemote, RemoteError } from '../../ports/errors.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { retried } from '../../replicate/retry.ts';
import type { MemberReach } from '../ports.ts';
import type { Watermark } from '../segments.ts';
import { decodeWatermark, encodeWatermark } from '../segments.ts';
import { OBJECT_MAX_MS } from './limits.ts';

/**
 * A base: the digest of a member's table at a watermark of its log, exact. The scan's runs count for every key that no record
 * from `from` on is of, and for the others the last record up to `mark`.
 */
export interface Base {
  /** Of the scan. */
  readonly id: string;
  readonly member: string;
  readonly tableId: string;
  /** Label of the table's stream. */
  readonly label: string;
  /** The attribute by which items expire, where expiry days are compared. */
  readonly expiry?: string;
  /** Before the scan's first page was read, and after its last one with a margin (ms). */
  readonly started: number;
  readonly ended: number;
  /** Records from here on (ms) override the runs; `from` is where they begin in the log. */
  readonly fromMs: number;
  readonly from: Watermark;
  /** Keys that exist at the watermark. */
  readonly items: number;
  readonly mark: Watermark;
  readonly digest: Digest;
}

/** What a base is made of, as far as it was made. */
export interface Draft {
  readonly from: Watermark;
  readonly mark: Watermark;
  /** Keys whose hash begins with less (16 bits) are in the digest. */
  readonly prefix: number;
  readonly items: number;
  readonly digest: Digest;
}

const MAX_BYTES = 32 * 1_024 * 1_024;
const CHECKED = { params: { [zlib.ZSTD_c_checksumFlag]: 1 } } as const;
const time = z.int().min(0);
const digestState = { from: z.array(z.unknown()), mark: z.array(z.unknown()), items: z.int().min(0), digest: z.string() };

const baseSchema = z.strictObject({
  format: z.literal(1),
  id: z.string(),
  set: z.string(),
  member: z.string(),
  tableId: z.string(),
  label: z.string(),
  expiry: z.string().exactOptional(),
  startedMs: time,
  endedMs: time,
  fromMs: time,
  ...digestState,
});
const draftSchema = z.strictObject({ format: z.literal(1), prefix: z.int().min(0).max(65_536), ...digestState });
const pointerSchema = z.strictObject({ format: z.literal(1), id: z.string(), tableId: z.string() });

export const baseName = (id: string): string => `${scanPrefix(id)}base`;
/** The list of a scan's runs (listed.ts). */
export const scanJsonName = (id: string): string => `${scanPrefix(id)}scan.json`;
const draftPrefix = (id: string): string => `${scanPrefix(id)}draft-`;
/** @param run the short name of whoever writes it @param number of the draft, among its own */
const draftName = (id: string, run: string, number: number): string => `${draftPrefix(id)}${run}-${number}`;
/** Names the newest base of the member, so that nobody needs to list all scans. */
const NEWEST_NAME = `${SCANS_PREFIX}newest-base`;

const packed = (value: object): Buffer => zstdCompressSync(Buffer.from(JSON.stringify(value), 'utf8'), CHECKED);

function unpack<T>(body: Uint8Array, schema: z.ZodType<T>, name: string): T {
  let text: Buffer;
  try {
    text = zstdDecompressSync(body, { maxOutputLength: MAX_BYTES });
  } catch (cause) {
    throw new FormatError(`${name} is damaged: it does not unpack. Scan the table again.`, { cause });
  }
  return readDocument(text, schema, name);
}

const stateOf = ({ from, mark, items, digest }: Pick<Base, 'from' | 'mark' | 'items' | 'digest'>): object => ({
  from: encodeWatermark(from),
  mark: encodeWatermark(mark),
  items,
  digest: digest.encode().toString('base64'),
});

const readState = (found: { from: unknown[]; mark: unknown[]; items: number; digest: string }): Pick<Base, 'from' | 'mark' | 'items' | 'digest'> => ({
  from: decodeWatermark(found.from),
  mark: decodeWatermark(found.mark),
  items: found.items,
  digest: Digest.decode(Buffer.from(found.digest, 'base64')),
});

/** Stores a base under its own name. @param admit see `storeOnce` @throws RemoteError, InputError */
export async function storeBase(place: ArchivePlace, runtime: Runtime, base: Base, admit: () => void): Promise<void> {
  const { id, member, tableId, label, expiry, started, ended, fromMs } = base;
  const body = packed({
    format: 1,
    ...{ id, set: place.set, member, tableId, label },
    ...(expiry !== undefined && { expiry }),
    ...{ startedMs: started, endedMs: ended, fromMs },
    ...stateOf(base),
  });
  // Two attempts may reach different watermarks, and both are exact: the first one stays.
  const until = runtime.clock.elapsed() + OBJECT_MAX_MS;
  await retried(runtime, until, () => place.objects.put(place.bucket, baseName(id), body, { sha256: sha256Base64(body), ifNoneMatch: '*' }, { admit }));
}

async function findBase(place: ArchivePlace, runtime: Runtime, id: string): Promise<Base | undefined> {
  const name = baseName(id);
  const body = await wholeObject(place, runtime, name);
  if (body === undefined) return undefined;
  const found = unpack(body, baseSchema, name);
  if (found.id !== id || found.member !== place.member) throw new FormatError(`${name} is of another scan: ${found.id} of ${found.member}.`);
  const { member, tableId, label, expiry, startedMs, endedMs, fromMs } = found;
  return { id, member, tableId, label, ...(expiry !== undefined && { expiry }), started: startedMs, ended: endedMs, fromMs, ...readState(found) };
}

/** A base by its id. @throws FormatError when there is none, or it is damaged · RemoteError */
export async function readBase(place: ArchivePlace, runtime: Runtime, id: string): Promise<Base> {
  const base = await findBase(place, runtime, id);
  if (base === undefined) throw new MissingObjectError(baseName(id));
  return base;
}

/** Stores a draft. @throws as `storeOnce` */
export async function storeDraft(
  place: ArchivePlace,
  runtime: Runtime,
  id: string,
  run: string,
  number: number,
  draft: Draft,
  admit: () => void,
): Promise<{ readonly name: string; readonly sha256: string }> {
  const name = draftName(id, run, number);
  return { name, sha256: await storeOnce(place, runtime, name, packed({ format: 1, prefix: draft.prefix, ...stateOf(draft) }), admit) };
}

/** @throws FormatError naming a draft that is missing or damaged · RemoteError */
export async function readDraft(place: ArchivePlace, runtime: Runtime, { name, sha256 }: { readonly name: string; readonly sha256: string }): Promise<Draft> {
  const body = await wholeObject(place, runtime, name);
  if (body === undefined) throw new MissingObjectError(name);
  if (sha256Base64(body) !== sha256) throw new FormatError(`${name} is damaged: its bytes are not those that were stored. Scan the table again.`);
  const found = unpack(body, draftSchema, name);
  return { prefix: found.prefix, ...readState(found) };
}

/** Deletes the drafts of a scan that has its base. @throws RemoteError */
export async function clearDrafts(place: ArchivePlace, runtime: Runtime, id: string): Promise<void> {
  await sweep(place, runtime, draftPrefix(id), () => false);
}

/** Makes a base the member's newest, unless there is a newer one. @throws RemoteError */
export async function announceBase(place: ArchivePlace, runtime: Runtime, { id, tableId }: Pick<Base, 'id' | 'tableId'>): Promise<void> {
  const until = runtime.clock.elapsed() + OBJECT_MAX_MS;
  const body = Buffer.from(`${JSON.stringify({ format: 1, id, tableId })}\n`, 'utf8');
  await retried(runtime, until, async () => {
    const found = await place.objects.get(place.bucket, NEWEST_NAME);
    if (found !== undefined && readDocument(found.body, pointerSchema, NEWEST_NAME).id >= id) return;
    const condition = found === undefined ? ({ ifNoneMatch: '*' } as const) : { ifMatch: found.etag };
    const answer = await place.objects.put(place.bucket, NEWEST_NAME, body, { sha256: sha256Base64(body), ...condition });
    if (!answer.ok) throw new RemoteError('transient', 'Conflict', `${NEWEST_NAME} was changed meanwhile.`);
  });
}

/**
 * The member's newest base, of the table that is there now and of its present expiry attribute; undefined where there is none. Where the
 * table may not be described, the table is not compared: the base's `label` tells it by the log.
 *
 * @throws FormatError naming a damaged object · RemoteError
 */
export async function newestBase({ member, table, place }: MemberReach, runtime: Runtime): Promise<Base | undefined> {
  const body = await wholeObject(place, runtime, NEWEST_NAME);
  if (body === undefined) return undefined;
  const base = await findBase(place, runtime, readDocument(body, pointerSchema, NEWEST_NAME).id);
  if (base === undefined || base.expiry !== member.expiryAttribute) return undefined;
  try {
    const { tableId } = await retried(runtime, runtime.clock.elapsed() + OBJECT_MAX_MS, () => table.describe(member.tables.items));
    return tableId === base.tableId ? base : undefined;
  } catch (error) {
    if (isRemote(error, 'denied')) return base;
    throw error;
  }
}
