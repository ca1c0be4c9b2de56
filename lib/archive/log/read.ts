import { FormatError } from '../../core/errors.ts';
import { streamLabel } from '../../core/formats/archive-names.ts';
import type { DecodedSegment } from '../../core/formats/segment.ts';
import { decodeSegment, sha256Base64 } from '../../core/formats/segment.ts';
import type { SegmentFooter, SegmentHead } from '../../core/formats/segment-footer.ts';
import { decodeFooter, decodeHead, FOOTER_TAIL_BYTES, footerLength, HEAD_TAIL_BYTES } from '../../core/formats/segment-footer.ts';
import type { ObjectRange } from '../../ports/objects.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { retried } from '../../replicate/retry.ts';
import type { ArchivePlace } from '../place.ts';
import { wholeObject } from '../snapshot/read.ts';
import { READ_MAX_MS } from './limits.ts';
import type { SegmentRef } from './list.ts';

/** An object that must be there is not. */
export class MissingObjectError extends FormatError {
  constructor(name: string) {
    super(`${name} is missing.`);
    this.name = 'MissingObjectError';
  }
}

/** A range of an object. @throws MissingObjectError · RemoteError */
export async function readRange(place: ArchivePlace, runtime: Runtime, name: string, range: ObjectRange): Promise<Uint8Array> {
  const read = await retried(runtime, runtime.clock.elapsed() + READ_MAX_MS, () => place.objects.get(place.bucket, name, { range }));
  if (read === undefined) throw new MissingObjectError(name);
  return read.body;
}

/** What some bytes of an object hold. @throws FormatError naming the object */
export function decoded<T>(name: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new FormatError(`${name} is damaged: ${error.message}.`, { cause: error });
  }
}

/** @throws FormatError when a head is not that of the segment that its object's name says. */
export function checkNamed(ref: SegmentRef, head: SegmentHead): void {
  const same = BigInt(head.first) === BigInt(ref.first) && head.shard === ref.shard && decoded(ref.name, () => streamLabel(head.stream)) === ref.label;
  if (!same) throw new FormatError(`${ref.name} is damaged: it holds the segment ${head.first} of ${head.stream}, ${head.shard}, which its name does not say.`);
}

/**
 * Reads a segment's footer: one request, a second one for a footer of more than FOOTER_TAIL_BYTES. Its sum is checked.
 *
 * @throws FormatError naming the object, when it is missing (MissingObjectError), cut off or damaged · RemoteError
 */
export async function readFooter(place: ArchivePlace, runtime: Runtime, ref: SegmentRef): Promise<SegmentFooter> {
  const tail = await tailOf(place, runtime, ref, FOOTER_TAIL_BYTES);
  const length = decoded(ref.name, () => footerLength(tail));
  const whole = length <= tail.length ? tail : await readRange(place, runtime, ref.name, { last: length });
  const footer = decoded(ref.name, () => decodeFooter(whole));
  checkNamed(ref, footer.head);
  return footer;
}

/**
 * Reads a segment's head: one request mostly, two for one of many frames. ⚠ Its sum is not checked.
 *
 * @throws FormatError naming the object, when it is missing (MissingObjectError), cut off or damaged · RemoteError
 */
export async function readHead(place: ArchivePlace, runtime: Runtime, ref: SegmentRef): Promise<SegmentHead> {
  const tail = await tailOf(place, runtime, ref, HEAD_TAIL_BYTES);
  const head = decoded(ref.name, () => decodeHead(tail)) ?? (await readFooter(place, runtime, ref)).head;
  checkNamed(ref, head);
  return head;
}

/** The last bytes of a segment. An empty object has none, and S3 refuses every range of it. */
function tailOf(place: ArchivePlace, runtime: Runtime, ref: SegmentRef, bytes: number): Promise<Uint8Array> {
  if (ref.size === 0) throw new FormatError(`${ref.name} is damaged: it is empty.`);
  return readRange(place, runtime, ref.name, { last: bytes });
}

/** A segment that was read whole. */
export interface ReadSegment extends DecodedSegment {
  /** SHA-256 of the object, base64. */
  readonly sha256: string;
  readonly bytes: number;
}

/**
 * Reads a whole segment. Every sum is checked: S3's own, those of the footer, and that index and lines agree.
 *
 * @param expected SHA-256 that its successor, or a row, names it by.
 * @throws FormatError naming the object, when it is missing (MissingObjectError) or damaged · RemoteError
 */
export async function readSegment(place: ArchivePlace, runtime: Runtime, ref: SegmentRef, expected: { readonly sha256?: string } = {}): Promise<ReadSegment> {
  const body = await wholeObject(place, runtime, ref.name);
  if (body === undefined) throw new MissingObjectError(ref.name);
  const sha256 = sha256Base64(body);
  if (expected.sha256 !== undefined && sha256 !== expected.sha256)
    throw new FormatError(`${ref.name} is damaged: its SHA-256 is ${sha256}; what follows on it says ${expected.sha256}.`);
  const segment = decoded(ref.name, () => decodeSegment(body));
  checkNamed(ref, segment.footer.head);
  return { ...segment, sha256, bytes: body.length };
}
