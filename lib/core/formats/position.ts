import { assert, FormatError } from '../errors.ts';

/**
 * A change's position: (epoch, sequence number), fixed-width, so that bytes sort as positions do.
 *
 * | bytes | |
 * |---|---|
 * | 1 | format, 0x01 |
 * | 4 | epoch, unsigned, big-endian |
 * | 17 | sequence number of the stream record, unsigned, big-endian: up to 40 decimal digits, the API's limit |
 *
 * Totally ordered for one key. Sequence 0 is before every record of its epoch: the least that a repair contains.
 * https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_StreamRecord.html
 */
export const POSITION_BYTES = 22;
const FORMAT = 0x01;
/** Largest epoch: 32 bits. */
export const EPOCH_MAX = 0xffff_ffff;
const SEQUENCE_MAX = 10n ** 40n - 1n;

/** A position, as bytes. Compare with `comparePositions`. */
export type Position = Buffer;

/** Makes a position. @throws InvariantError for an epoch or sequence number out of range. */
export function position(epoch: number, sequence: string | bigint): Position {
  assert(Number.isInteger(epoch) && epoch >= 0 && epoch <= EPOCH_MAX, 'epoch out of range', { epoch });
  if (typeof sequence === 'string') assert(/^\d{1,40}$/.test(sequence), 'sequence number out of range', { sequence });
  const number = BigInt(sequence);
  assert(number >= 0n && number <= SEQUENCE_MAX, 'sequence number out of range', { sequence: number });
  const bytes = Buffer.alloc(POSITION_BYTES);
  bytes[0] = FORMAT;
  bytes.writeUInt32BE(epoch, 1);
  bytes[5] = Number(number >> 128n);
  bytes.writeBigUInt64BE((number >> 64n) & 0xffff_ffff_ffff_ffffn, 6);
  bytes.writeBigUInt64BE(number & 0xffff_ffff_ffff_ffffn, 14);
  return bytes;
}

/** Reads a position. @throws FormatError when the bytes are not one of this format. */
export function readPosition(bytes: Uint8Array): Position {
  if (bytes.length !== POSITION_BYTES || bytes[0] !== FORMAT) {
    throw new FormatError(`not a position of format 1: ${bytes.length} bytes beginning with ${bytes[0] ?? 'nothing'}`);
  }
  return Buffer.from(bytes);
}

/** The epoch of a position. */
export const epochOf = (p: Position): number => p.readUInt32BE(1);

/** The sequence number of a position. */
export const sequenceOf = (p: Position): bigint => (BigInt(p[5] as number) << 128n) | (p.readBigUInt64BE(6) << 64n) | p.readBigUInt64BE(14);

/** Negative, 0 or positive: a before b, equal, after. */
export const comparePositions = (a: Position, b: Position): number => Buffer.compare(a, b);

/** The later of two positions, either of which may be absent. */
export function laterPosition(a: Position, b: Position | undefined): Position {
  return b !== undefined && comparePositions(b, a) > 0 ? b : a;
}

/** "epoch/sequence", for people. */
export const showPosition = (p: Position): string => `${epochOf(p)}/${sequenceOf(p)}`;
