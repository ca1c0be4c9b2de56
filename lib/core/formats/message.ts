import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { z } from 'zod';
import type { Item, Key } from '../attribute.ts';
import { LANE_MESSAGE_BYTES_MAX, LANE_MESSAGE_UNPACKED_MAX, LANES_MAX, RESYNC_KEYS_MAX } from '../constants.ts';
import { FormatError } from '../errors.ts';
import { EPOCH_MAX } from './position.ts';

/**
 * The two messages that travel in a lane. The body of the SQS message is base64 of: one byte, the format (0x01), then
 * one zstd frame holding JSON. Not JSON itself, since one local cloud parses JSON bodies and rounds their numbers.
 * The envelope says whose message it is: the epoch is always one that its sender's seat owns.
 */
const FORMAT = 0x01;

/** Fields of both messages. */
export interface Envelope {
  readonly set: string;
  /** The sender's own epoch. */
  readonly epoch: number;
  /** The source member's name. The target is not named: its queue says it, so that one body serves every link. */
  readonly source: string;
  readonly lane: number;
  readonly lanes: number;
  /** Clock of the source's region when it was sent (ms). */
  readonly sent: number;
  /** Stream shard, when known. */
  readonly shard?: string;
}

/** A write: the new image. */
export interface PutChange {
  /** Sequence number of the stream record, decimal text. */
  readonly q: string;
  /** The new image, whole. */
  readonly i: Item;
}

/** A removal. */
export interface DeleteChange {
  readonly q: string;
  readonly k: Key;
  /** `of`: the rev of the removed version (base64), if it had one. */
  readonly o?: string;
}

export type Change = PutChange | DeleteChange;

/** Images, in stream order. */
export interface ChangesMessage extends Envelope {
  readonly kind: 'changes';
  readonly changes: readonly Change[];
}

/** A key to make equal, or to compare. */
export interface ResyncKey {
  readonly k: Key;
  /** A position (base64) known to be contained in what the source holds now. */
  readonly p?: string;
  /** Item hash (base64) that was seen at the source, for a report. */
  readonly s?: string;
}

/** "Make these keys at the target equal to the source, now." Without keys it is a marker. */
export interface ResyncMessage extends Envelope {
  readonly kind: 'resync';
  readonly mode: 'repair' | 'report';
  readonly keys: readonly ResyncKey[];
  readonly job?: string;
}

export type LaneMessage = ChangesMessage | ResyncMessage;

const item = z.custom<Item>((v) => typeof v === 'object' && v !== null && !Array.isArray(v), 'not an item');
const envelope = {
  set: z.string(),
  epoch: z.int().min(0).max(EPOCH_MAX),
  source: z.string(),
  lane: z.int().min(0),
  lanes: z.int().min(1).max(LANES_MAX),
  sent: z.number(),
  shard: z.string().exactOptional(),
};
// Changes are the hot path: their shape is checked by hand below.
const changesSchema = z.object({ ...envelope, kind: z.literal('changes'), changes: z.array(z.unknown()) });
const resyncSchema = z.object({
  ...envelope,
  kind: z.literal('resync'),
  mode: z.enum(['repair', 'report']),
  keys: z.array(z.object({ k: item, p: z.string().exactOptional(), s: z.string().exactOptional() })).max(RESYNC_KEYS_MAX),
  job: z.string().exactOptional(),
});

const isObject = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null && !Array.isArray(v);
// As isDelete tells them apart: what has an `i`, even null, is a put.
const isChange = (v: unknown): v is Change =>
  isObject(v) && typeof v['q'] === 'string' && ('i' in v ? isObject(v['i']) : isObject(v['k']) && (v['o'] === undefined || typeof v['o'] === 'string'));

/** Level 1 is enough for lane messages; the frame's own checksum finds a flipped bit (4 bytes). */
const ZSTD = { params: { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 } };

/** The body of an SQS message, or undefined when it would be larger than a queue takes. */
export const encodeMessage = (message: LaneMessage): string | undefined => within(packBody(JSON.stringify(message)));

/**
 * The body of a changes message whose changes are JSON texts already, so that fan-out, which needs their sizes, makes
 * each of them once. Not checked against a limit: the caller splits.
 */
export const encodeChanges = (envelope: Envelope, changes: readonly string[]): string =>
  packBody(`${JSON.stringify({ ...envelope, kind: 'changes' }).slice(0, -1)},"changes":[${changes.join(',')}]}`);

/** The body, unless it is larger than a queue takes. */
export const within = (body: string): string | undefined => (body.length <= LANE_MESSAGE_BYTES_MAX ? body : undefined);

function packBody(json: string): string {
  const packed = zstdCompressSync(json, ZSTD);
  return Buffer.concat([Buffer.of(FORMAT), packed]).toString('base64');
}

/**
 * Reads the body of an SQS message. Bounded: never unpacks to more than LANE_MESSAGE_UNPACKED_MAX bytes.
 *
 * @throws FormatError for anything that is not a whole message of this format.
 */
export function decodeMessage(body: string): LaneMessage {
  const bytes = Buffer.from(body, 'base64');
  if (bytes[0] !== FORMAT) throw new FormatError(`unknown format of a lane message: ${bytes[0] ?? 'empty'}; this version reads format 1`);
  const json = parse(unpack(bytes.subarray(1)));
  const kind = isObject(json) ? json['kind'] : undefined;
  // Counted first: the schema would look at, and complain of, every one of millions.
  const keys = isObject(json) ? json['keys'] : undefined;
  if (Array.isArray(keys) && keys.length > RESYNC_KEYS_MAX) throw new FormatError(`${keys.length} keys in a resync message; at most ${RESYNC_KEYS_MAX}`);
  const parsed = kind === 'changes' ? changesSchema.safeParse(json) : resyncSchema.safeParse(json);
  if (!parsed.success) throw new FormatError(`not a lane message: ${z.prettifyError(parsed.error)}`);
  const message = parsed.data;
  if (message.lane >= message.lanes) throw new FormatError(`lane ${message.lane} of ${message.lanes}`);
  if (message.kind === 'changes') {
    const bad = message.changes.findIndex((c) => !isChange(c));
    if (bad >= 0) throw new FormatError(`change ${bad} of a lane message has no sequence number, or neither image nor key, or a rev that is no text`);
  }
  return message as LaneMessage;
}

function unpack(packed: Uint8Array): string {
  try {
    return zstdDecompressSync(packed, { maxOutputLength: LANE_MESSAGE_UNPACKED_MAX }).toString('utf8');
  } catch (cause) {
    throw new FormatError('a lane message is damaged: it does not unpack', { cause });
  }
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    // Without its cause: a syntax error quotes the text around it, which is an item's.
    throw new FormatError('a lane message is damaged: it does not unpack to JSON');
  }
}

/** Whether a change is a removal. */
export const isDelete = (change: Change): change is DeleteChange => !('i' in change);
