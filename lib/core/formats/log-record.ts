import type { Item, Key } from '../attribute.ts';
import { FormatError } from '../errors.ts';
import type { Position } from './position.ts';
import { EPOCH_MAX, position, showPosition } from './position.ts';

/** Who made a change: a write at this member, an applier of a link into it, or DynamoDB's own TTL. */
export type Origin = 'local' | 'applier' | 'expiry';
export const ORIGINS: readonly Origin[] = ['local', 'applier', 'expiry'];

/** One change of a member's table, as its log keeps it. */
export interface LogRecord {
  /** Of the member's own stream; decimal text. */
  readonly sequence: string;
  /** When DynamoDB made the record (ms since 1970; Lambda gives whole seconds). */
  readonly at: number;
  readonly event: 'INSERT' | 'MODIFY' | 'REMOVE';
  readonly origin: Origin;
  /** The change's position: of the epoch's own stream at the primary, that of the seal on a copy. Absent where neither is known. */
  readonly position?: Position;
  readonly keys: Key;
  /** Both as DynamoDB JSON, the reserved attribute included. */
  readonly newImage?: Item;
  readonly oldImage?: Item;
}

const EVENTS: readonly string[] = ['INSERT', 'MODIFY', 'REMOVE'];

/**
 * The record as a line of JSON, without its line feed. ("at" is a word of its own in DuckDB's SQL, hence "created".)
 * {"sequence":"…","created":ms,"event":"…","origin":"…","position":"epoch/sequence","keys":{…},"new":{…},"old":{…}}.
 */
export function encodeLine(r: LogRecord): string {
  const place = r.position === undefined ? '' : `,"position":"${showPosition(r.position)}"`;
  const after = r.newImage === undefined ? '' : `,"new":${JSON.stringify(r.newImage)}`;
  const before = r.oldImage === undefined ? '' : `,"old":${JSON.stringify(r.oldImage)}`;
  return `{"sequence":"${r.sequence}","created":${r.at},"event":"${r.event}","origin":"${r.origin}"${place},"keys":${JSON.stringify(r.keys)}${after}${before}}`;
}

/** Reads a line. @throws FormatError for what this version has not written. */
export function decodeLine(line: string): LogRecord {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new FormatError('a line of a segment is not JSON', { cause: error });
  }
  const field = (name: string): unknown => (value as Record<string, unknown> | null)?.[name];
  const wrong = (name: string): FormatError => new FormatError(`a line of a segment with a wrong "${name}"`);
  const [sequence, at, event, origin] = [field('sequence'), field('created'), field('event'), field('origin')];
  if (typeof sequence !== 'string' || !/^\d{1,40}$/.test(sequence)) throw wrong('sequence');
  if (typeof at !== 'number' || !Number.isSafeInteger(at) || at < 0) throw wrong('created');
  if (typeof event !== 'string' || !EVENTS.includes(event)) throw wrong('event');
  if (typeof origin !== 'string' || !(ORIGINS as readonly string[]).includes(origin)) throw wrong('origin');
  const map = (name: string): Item | undefined => {
    const found = field(name);
    if (found === undefined) return undefined;
    if (typeof found !== 'object' || found === null || Array.isArray(found)) throw wrong(name);
    return found as Item;
  };
  const keys = map('keys');
  if (keys === undefined) throw wrong('keys');
  const place = field('position');
  const [newImage, oldImage] = [map('new'), map('old')];
  return {
    sequence,
    at,
    event: event as LogRecord['event'],
    origin: origin as Origin,
    ...(place !== undefined && { position: readPlace(place) }),
    keys,
    ...(newImage !== undefined && { newImage }),
    ...(oldImage !== undefined && { oldImage }),
  };
}

function readPlace(place: unknown): Position {
  const [, epoch, sequence] = (typeof place === 'string' && /^(\d{1,10})\/(\d{1,40})$/.exec(place)) || [];
  if (epoch === undefined || sequence === undefined || Number(epoch) > EPOCH_MAX) throw new FormatError('a line of a segment with a wrong "position"');
  return position(Number(epoch), sequence);
}
