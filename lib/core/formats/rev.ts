import { assert, FormatError } from '../errors.ts';
import { EPOCH_MAX } from './position.ts';

/**
 * A revision: (epoch, hybrid logical clock), put on an item by Syncline's own write path and carried along to replicas.
 *
 * | bytes | |
 * |---|---|
 * | 1 | format, 0x01 |
 * | 4 | epoch, unsigned, big-endian |
 * | 6 | wall clock of the writer (ms since 1970), unsigned, big-endian |
 * | 2 | counter, unsigned, big-endian |
 *
 * The clock is the hybrid logical clock of Kulkarni et al., "Logical Physical Clocks" (2014), in its 64-bit form:
 * within 2^16 events of one millisecond it never runs behind the wall clock nor behind what it has seen.
 */
export const REV_BYTES = 13;
const FORMAT = 0x01;
const WALL_MAX = 2 ** 48 - 1;
const COUNTER_MAX = 0xffff;

/** A revision, as bytes that sort as revisions do. */
export type Rev = Buffer;

/** Makes a revision. */
export function rev(epoch: number, wallMs: number, counter: number): Rev {
  assert(Number.isInteger(epoch) && epoch >= 0 && epoch <= EPOCH_MAX, 'epoch out of range', { epoch });
  assert(Number.isInteger(wallMs) && wallMs >= 0 && wallMs <= WALL_MAX, 'clock out of range', { wallMs });
  assert(Number.isInteger(counter) && counter >= 0 && counter <= COUNTER_MAX, 'counter out of range', { counter });
  const bytes = Buffer.alloc(REV_BYTES);
  bytes[0] = FORMAT;
  bytes.writeUInt32BE(epoch, 1);
  bytes.writeUIntBE(wallMs, 5, 6);
  bytes.writeUInt16BE(counter, 11);
  return bytes;
}

/** The revision in these bytes, or undefined: what users put into our attribute is no error. */
export function parseRev(bytes: Uint8Array | undefined): Rev | undefined {
  return bytes !== undefined && bytes.length === REV_BYTES && bytes[0] === FORMAT ? Buffer.from(bytes) : undefined;
}

/** The parts of a revision. */
export const revParts = (r: Rev): { epoch: number; wallMs: number; counter: number } => ({
  epoch: r.readUInt32BE(1),
  wallMs: r.readUIntBE(5, 6),
  counter: r.readUInt16BE(11),
});

/**
 * The next revision of a writer: later than the clock, than its own last one, and than the one it replaces.
 *
 * @param after revisions that the new one must follow (those of a later epoch are a broken invariant).
 */
export function nextRev(epoch: number, nowMs: number, ...after: (Rev | undefined)[]): Rev {
  let wall = nowMs;
  let counter = 0;
  for (const earlier of after) {
    if (earlier === undefined) continue;
    const p = revParts(earlier);
    assert(p.epoch <= epoch, 'a revision of a later epoch', { epoch, seen: p.epoch });
    if (p.epoch < epoch) continue;
    if (p.wallMs > wall || (p.wallMs === wall && p.counter >= counter)) {
      wall = p.counter === COUNTER_MAX ? p.wallMs + 1 : p.wallMs;
      counter = p.counter === COUNTER_MAX ? 0 : p.counter + 1;
    }
  }
  return rev(epoch, wall, counter);
}

/** Negative, 0 or positive: a before b, equal, after. */
export const compareRevs = (a: Rev, b: Rev): number => Buffer.compare(a, b);

/** base64url text of a revision, as in ETags and read tokens. */
export const revText = (r: Rev): string => r.toString('base64url');

/** Reads the text of a revision. @throws FormatError */
export function revFromText(text: string): Rev {
  const found = /^[A-Za-z0-9_-]{1,64}$/.test(text) ? parseRev(Buffer.from(text, 'base64url')) : undefined;
  if (found === undefined) throw new FormatError(`not a revision: ${JSON.stringify(text.slice(0, 80))}`);
  return found;
}
