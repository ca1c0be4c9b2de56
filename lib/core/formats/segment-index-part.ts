import { FormatError } from '../errors.ts';
import type { SegmentHead } from './segment-footer.ts';
import { BEFORE_INDEX, BLOCK_BYTES_MAX, BLOCK_HEADER_BYTES, FRAME_HEADER_BYTES } from './segment-footer.ts';
import { entryBytes, SegmentIndex } from './segment-index.ts';

/**
 * A part of a segment's index, read without the rest of the footer. Entries are sorted by key hash, and hashes are even:
 * where a key's entries are is known to within a few standard deviations. ⚠ The footer's sum is not checked so; what is
 * read shows by its own order whether it holds all entries of the key.
 */

/** How many standard deviations around the expected place are read: beyond six lies one key in 500 million. */
const DEVIATIONS = 6;
/** Bytes of the index in so many characters of base64. */
const GROUP = { bytes: 3, characters: 4 } as const;

/** Some entries of an index. */
export interface IndexPart {
  /** Numbers of the entries: from the one, up to the other, exclusive. */
  readonly from: number;
  readonly to: number;
  /** The bytes of the object that hold them. */
  readonly range: { readonly from: number; readonly to: number };
}

/** Where the entries of a key are, most probably. */
export function partOf(head: SegmentHead, hash: Uint8Array): IndexPart {
  const share = Buffer.from(hash.buffer, hash.byteOffset, hash.length).readUIntBE(0, 6) / 2 ** 48;
  const wide = Math.ceil(DEVIATIONS * Math.sqrt(head.records * share * (1 - share))) + 1;
  const middle = Math.floor(head.records * share);
  const [from, to] = [Math.max(0, middle - wide), Math.min(head.records, middle + wide)];
  const step = entryBytes(head.format);
  const at = (byte: number): number => placeOf(head, Math.floor(byte / GROUP.bytes) * GROUP.characters);
  return { from, to, range: { from: at(from * step), to: at(to * step + GROUP.bytes - 1) } };
}

/** The place of a character of the index within the object. The line is cut into blocks, each with a header. */
function placeOf({ dataBytes }: SegmentHead, character: number): number {
  const at = BEFORE_INDEX.length + character;
  return dataBytes + FRAME_HEADER_BYTES + (Math.floor(at / BLOCK_BYTES_MAX) + 1) * BLOCK_HEADER_BYTES + at;
}

/**
 * The entries of a part; undefined when they do not show that the key has none beside them: then the whole footer must tell.
 *
 * @param bytes those of `part.range`.
 */
export function readPart(head: SegmentHead, part: IndexPart, bytes: Uint8Array, hash: Uint8Array): SegmentIndex | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const kept: Buffer[] = [];
  // The headers of blocks that begin within the part are taken out.
  let at = 0;
  for (let block = Math.ceil((part.range.from - blockStart(head, 0)) / BLOCK_STEP); ; block += 1) {
    const header = blockStart(head, block) - part.range.from;
    if (header >= text.length) break;
    if (header < at) continue;
    kept.push(text.subarray(at, header));
    at = header + BLOCK_HEADER_BYTES;
  }
  kept.push(text.subarray(at));
  const step = entryBytes(head.format);
  const group = Math.floor((part.from * step) / GROUP.bytes) * GROUP.bytes;
  const skipped = part.from * step - group;
  const raw = Buffer.from(Buffer.concat(kept).toString('latin1'), 'base64').subarray(skipped, skipped + (part.to - part.from) * step);
  if (raw.length !== (part.to - part.from) * step) throw new FormatError('an index that is shorter than its entries');
  const index = new SegmentIndex(raw, head.fromMs, head.format);
  for (let i = 1; i < index.length; i += 1) if (Buffer.compare(index.keyHashAt(i - 1), index.keyHashAt(i)) > 0) return undefined;
  const begins = part.from === 0 || (index.length > 0 && Buffer.compare(index.keyHashAt(0), hash) < 0);
  const ends = part.to === head.records || (index.length > 0 && Buffer.compare(index.keyHashAt(index.length - 1), hash) > 0);
  return begins && ends ? index : undefined;
}

/** Bytes from one block's header to the next one's. */
const BLOCK_STEP = BLOCK_HEADER_BYTES + BLOCK_BYTES_MAX;

const blockStart = ({ dataBytes }: SegmentHead, block: number): number => dataBytes + FRAME_HEADER_BYTES + block * BLOCK_STEP;
