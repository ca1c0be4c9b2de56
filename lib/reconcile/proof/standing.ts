import { z } from 'zod';
import type { ArchivePlace } from '../../archive/place.ts';
import { store } from '../../archive/rewrite/store.ts';
import { wholeObject } from '../../archive/snapshot/read.ts';
import { Digest } from '../../core/digest.ts';
import { FormatError } from '../../core/errors.ts';
import { SCANS_PREFIX } from '../../core/formats/archive-names.ts';
import { sha256Base64 } from '../../core/formats/segment.ts';
import { isRemote } from '../../ports/errors.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { Watermark } from '../segments.ts';
import { decodeWatermark, encodeWatermark } from '../segments.ts';
import { Window } from './window.ts';

/** What the primary knows of a member by its log: `scans/standing/<member>` in the primary’s bucket. */
export interface Standing {
  readonly member: string;
  /** The attribute by which items expire, where expiry days are compared: its days are in the digest and in the window. */
  readonly expiry?: string;
  /** Of its newest base. */
  readonly tableId?: string;
  /** Id of the base that was folded, or tried last. */
  readonly base?: string;
  /** How far its log was read. */
  readonly mark: Watermark;
  /** Of its table at the mark. Absent without a base, and after a gap: `why`. */
  readonly digest?: Digest;
  /** A sentence. */
  readonly why?: string;
  /** Keys that exist at the mark; there with the digest. */
  readonly items?: number;
  /** Its newest entries. */
  readonly window: Window;
  /** Everything made before (ms, the primary’s clock) has been read, unless the member’s observer stands still. */
  readonly asOfMs: number;
  /** When shards were last looked for in all places (ms). */
  readonly wideMs?: number;
}

const MAGIC = Buffer.from('SYNCSTD1', 'latin1');
/** Magic, and the length of the head. */
const BEFORE_HEAD = MAGIC.length + 4;

const SUM_BYTES = 32;
const sumOf = (bytes: Uint8Array): Buffer => Buffer.from(sha256Base64(bytes), 'base64');

const schema = z.strictObject({
  member: z.string(),
  expiry: z.string().exactOptional(),
  tableId: z.string().exactOptional(),
  base: z.string().exactOptional(),
  mark: z.array(z.unknown()),
  digest: z.string().exactOptional(),
  why: z.string().exactOptional(),
  items: z.int().exactOptional(),
  asOfMs: z.number(),
  wideMs: z.number().exactOptional(),
  keptFromMs: z.number(),
});

/** The object: magic, length of the head (4, big-endian), head (JSON), the window’s entries, SHA-256 of all of this. */
export function encodeStanding(standing: Standing): Buffer {
  const { mark, digest, window, ...rest } = standing;
  const head = Buffer.from(
    JSON.stringify({
      ...rest,
      mark: encodeWatermark(mark),
      ...(digest !== undefined && { digest: digest.encode().toString('base64') }),
      keptFromMs: window.keptFromMs,
    }),
    'utf8',
  );
  const lengths = Buffer.alloc(4);
  lengths.writeUInt32BE(head.length);
  const parts = [MAGIC, lengths, head, window.encode()];
  return Buffer.concat([...parts, sumOf(Buffer.concat(parts))]);
}

/** @throws FormatError */
export function decodeStanding(bytes: Uint8Array): Standing {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const last = all.length - SUM_BYTES;
  if (last < BEFORE_HEAD || !all.subarray(0, MAGIC.length).equals(MAGIC)) throw new FormatError('no standing state');
  if (!sumOf(all.subarray(0, last)).equals(all.subarray(last))) throw new FormatError('a standing state whose bytes are not those that were stored');
  const end = BEFORE_HEAD + all.readUInt32BE(MAGIC.length);
  let value: unknown;
  try {
    value = JSON.parse(all.toString('utf8', BEFORE_HEAD, end));
  } catch (cause) {
    throw new FormatError('a standing state whose head is not JSON', { cause });
  }
  const found = schema.safeParse(value);
  if (!found.success) throw new FormatError(`a standing state of another kind: ${found.error.issues[0]?.message ?? ''}`);
  const { mark, digest, keptFromMs, ...rest } = found.data;
  return {
    ...rest,
    mark: decodeWatermark(mark),
    ...(digest !== undefined && { digest: Digest.decode(Buffer.from(digest, 'base64')) }),
    window: new Window(keptFromMs, Buffer.from(all.subarray(end, last))),
  };
}

const standingName = (member: string): string => `${SCANS_PREFIX}standing/${member}`;

/**
 * The standing state of a member, from the primary’s bucket. One that is damaged, or of another version, is as none: it is begun anew.
 *
 * @throws RemoteError
 */
export async function readStanding(place: ArchivePlace, runtime: Runtime, member: string): Promise<Standing | undefined> {
  const name = standingName(member);
  try {
    const body = await wholeObject(place, runtime, name);
    if (body === undefined) return undefined;
    const standing = decodeStanding(body);
    return standing.member === member ? standing : undefined;
  } catch (error) {
    if (!(error instanceof FormatError) && !(isRemote(error, 'unanswered') && error.code === 'ChecksumMismatch')) throw error;
    runtime.log.warn('What was known of a member is damaged; it is gathered anew.', { object: name, why: error.message });
    return undefined;
  }
}

/** Stores it. Of two runs the last one counts: either is right. @throws RemoteError */
export async function saveStanding(place: ArchivePlace, runtime: Runtime, standing: Standing): Promise<void> {
  await store(place, runtime, standingName(standing.member), encodeStanding(standing));
}
