import type { AttributeValue, Item, Key } from '../attribute.ts';
import { mapOf, text } from '../attribute.ts';
import { FormatError } from '../errors.ts';
import { position, readPosition, sequenceOf } from './position.ts';
import { check, FORMAT, n, num, optionalNum, present, s, sinceWhy, str } from './row-fields.ts';

/**
 * Rows of a member's `control` table (key: pk, sk, both strings). Every row has `f`, its format. Readers accept the
 * present format; an unknown one is a FormatError, never a guess.
 */
export const CONTROL_KEY_SCHEMA = { partition: { name: 'pk', type: 'S' }, sort: { name: 'sk', type: 'S' } } as const;

const control = (pk: string, sk: string): Key => ({ pk: s(pk), sk: s(sk) });

/** Partition of the rows that say what this member is. */
export const SELF = 'self';
export const SEAT_KEY: Key = control(SELF, 'seat');
export const LINK_PREFIX = 'link#';
export const linkKey = (target: string): Key => control(SELF, `${LINK_PREFIX}${target}`);
export const SHARD = 'shard';
export const shardKey = (id: string): Key => control(SHARD, id);

/** When every applier of the newest epoch may begin: wall time of one region's clocks. */
export interface Open {
  readonly region: string;
  /** ms since 1970, by that region's clocks. */
  readonly at: number;
}

/** `self / seat`: who may write at this member. */
export interface Seat {
  /** The lowest epoch that this member still accepts replicated writes from. Only grows. */
  readonly fence: number;
  readonly open?: Open;
  /** The epoch in which this member is, or was, primary; 0 for never. It is primary ⇔ own = fence > 0. */
  readonly own: number;
  /** The name of the primary of the fence's epoch, as far as it is known here. A hint for routing, never for deciding. */
  readonly primary?: string;
  /** Records created after this (ms) belong to the present role. */
  readonly since: number;
  /** ARN of the stream that the own epoch counts in. */
  readonly stream: string;
  /** The registered TableId of this member's items table. Seals and the resync's source check use it. */
  readonly tableId: string;
  readonly successor?: string;
  /** End of the lease (ms); absent when the set has none. */
  readonly until?: number;
  readonly url?: string;
  /** Member → URL of its API, as the command has announced them. For discovery only, never for deciding; it has no part in `v`. */
  readonly urls?: Readonly<Record<string, string>>;
  /** Grows by one with each write to the fields other than fence, open and urls. */
  readonly v: number;
}

/** Whether the seat's member is the primary (its lease apart). */
export const isPrimary = (seat: Seat): boolean => seat.own === seat.fence && seat.own > 0;

/** `self / link#T`: the state of the link to T. */
export interface Link {
  readonly target: string;
  readonly state: 'open' | 'paused' | 'stale';
  /** Why it is not open. */
  readonly why?: string;
  /** Since when it is in this state (ms). */
  readonly since: number;
  /** Until when source and target were last proven equal (ms). */
  readonly proven?: number;
  /** The target does not answer, since when and why. Written on change, by apply. */
  readonly failing?: { readonly since: number; readonly why: string };
  /** The queue refuses sends, since when and why. Written on change, by fan-out. */
  readonly refusing?: { readonly since: number; readonly why: string };
  /** The newest marker that arrived: when it was sent, and when it arrived (ms, the source region's clocks). */
  readonly mark?: { readonly sent: number; readonly arrived: number };
}

/** A record of a shard: its sequence number, and when it was made (ms, DynamoDB's clock, whole seconds). */
export interface ShardMark {
  readonly sequence: string;
  readonly at: number;
}

/** The newest segment of a shard's log: what its name is made of, and what its successor names it by. */
export interface ShardTail {
  /** Sequence number of its first record. */
  readonly first: string;
  /** When that was made (ms). */
  readonly firstAt: number;
  /** SHA-256 of the whole object, base64. */
  readonly sha256: string;
}

/** `shard / id`: how far the two readers of a stream's shard are. */
export interface Shard {
  readonly id: string;
  /** The newest record that fan-out has moved. Only grows. */
  readonly sent?: ShardMark;
  /** The newest record that the observer has archived. Only grows. */
  readonly seen?: ShardMark;
  /** The segment of the log that ends with `seen`; written with it. */
  readonly tail?: ShardTail;
  /**
   * Records, the oldest first, that the observer had seen while fan-out had not sent them. Written by the minute run, as
   * it looks: what `sent` has reached since counts no more. See lib/reconcile/behind.ts.
   */
  readonly unsent?: readonly ShardMark[];
}

export const openValue = (open: Open): AttributeValue => ({ M: { region: s(open.region), at: n(open.at) } });

/** The seat's row. */
export function encodeSeat(seat: Seat): Item {
  return {
    ...SEAT_KEY,
    f: { N: FORMAT },
    fence: n(seat.fence),
    own: n(seat.own),
    since: n(seat.since),
    stream: s(seat.stream),
    tableId: s(seat.tableId),
    v: n(seat.v),
    ...(seat.open && { open: openValue(seat.open) }),
    ...(seat.primary !== undefined && { primary: s(seat.primary) }),
    ...(seat.successor !== undefined && { successor: s(seat.successor) }),
    ...(seat.until !== undefined && { until: n(seat.until) }),
    ...(seat.url !== undefined && { url: s(seat.url) }),
    ...(seat.urls && { urls: urlsValue(seat.urls) }),
  };
}

/** The URLs of all members' APIs, as they stand in a seat's row. */
export const urlsValue = (urls: Readonly<Record<string, string>>): AttributeValue => ({
  M: Object.fromEntries(Object.entries(urls).map(([member, url]) => [member, s(url)])),
});

/** Nothing is decided by a URL, so an entry that is no text is left out, and the seat is read all the same. */
function urlsOf(value: AttributeValue | undefined): Readonly<Record<string, string>> | undefined {
  const fields = mapOf(value);
  if (fields === undefined) return undefined;
  const entries = Object.entries(fields).flatMap(([member, url]): [string, string][] => {
    const found = text(url, 'S');
    return found === undefined ? [] : [[member, found]];
  });
  return Object.fromEntries(entries);
}

/** Reads a seat. @throws FormatError */
export function decodeSeat(row: Item): Seat {
  check(row, 'seat');
  const open = mapOf(row['open']);
  return present<Seat>({
    fence: num(row, 'fence', 'seat'),
    open: open && { region: str(open, 'region', 'seat'), at: num(open, 'at', 'seat') },
    own: num(row, 'own', 'seat'),
    primary: text(row['primary'], 'S'),
    since: num(row, 'since', 'seat'),
    stream: str(row, 'stream', 'seat'),
    tableId: str(row, 'tableId', 'seat'),
    successor: text(row['successor'], 'S'),
    until: optionalNum(row, 'until'),
    url: text(row['url'], 'S'),
    urls: urlsOf(row['urls']),
    v: num(row, 'v', 'seat'),
  });
}

/** A link's row. */
export function encodeLink(link: Link): Item {
  return {
    ...linkKey(link.target),
    f: { N: FORMAT },
    state: s(link.state),
    since: n(link.since),
    ...(link.why !== undefined && { why: s(link.why) }),
    ...(link.proven !== undefined && { proven: n(link.proven) }),
    ...(link.failing && { failing: sinceWhyValue(link.failing) }),
    ...(link.refusing && { refusing: sinceWhyValue(link.refusing) }),
    ...(link.mark && { mark: markValue(link.mark) }),
  };
}

export const sinceWhyValue = (v: { since: number; why: string }): AttributeValue => ({ M: { since: n(v.since), why: s(v.why) } });
export const markValue = (v: { sent: number; arrived: number }): AttributeValue => ({ M: { sent: n(v.sent), arrived: n(v.arrived) } });
export const numberValue = n;
export const stringValue = s;

/** Reads a link. @throws FormatError */
export function decodeLink(row: Item): Link {
  check(row, 'link');
  const state = text(row['state'], 'S');
  if (state !== 'open' && state !== 'paused' && state !== 'stale') throw new FormatError(`link row in unknown state ${state ?? 'none'}`);
  const mark = mapOf(row['mark']);
  return present<Link>({
    target: (text(row['sk'], 'S') ?? '').slice(LINK_PREFIX.length),
    state,
    why: text(row['why'], 'S'),
    since: num(row, 'since', 'link'),
    proven: optionalNum(row, 'proven'),
    failing: sinceWhy(row, 'failing'),
    refusing: sinceWhy(row, 'refusing'),
    mark: mark && { sent: num(mark, 'sent', 'link'), arrived: num(mark, 'arrived', 'link') },
  });
}

/** A sequence number as it stands in a shard's row: a position of epoch 0, fixed-width, so that a condition can compare it. */
export const sequenceValue = (sequence: string): AttributeValue => ({ B: position(0, sequence).toString('base64') });

/** Records as they stand in a shard's row, by their sequence numbers. */
export const unsentValue = (marks: readonly ShardMark[]): AttributeValue => ({
  L: marks.map((mark) => ({ M: { sequence: sequenceValue(mark.sequence), at: n(mark.at) } })),
});

/** A segment as it stands in a shard's row. */
export const tailValue = ({ first, firstAt, sha256 }: ShardTail): AttributeValue => ({
  M: { first: sequenceValue(first), firstAt: n(firstAt), sha256: s(sha256) },
});

/** A shard's row; its fields are written by update, by whoever grows each, so this serves tests and readers. */
export function encodeShard(shard: Shard): Item {
  return {
    ...shardKey(shard.id),
    f: { N: FORMAT },
    ...(shard.sent && { sent: sequenceValue(shard.sent.sequence), sentAt: n(shard.sent.at) }),
    ...(shard.seen && { seen: sequenceValue(shard.seen.sequence), seenAt: n(shard.seen.at) }),
    ...(shard.tail && { tail: tailValue(shard.tail) }),
    ...(shard.unsent && { unsent: unsentValue(shard.unsent) }),
  };
}

/** Reads a shard. @throws FormatError */
export function decodeShard(row: Item): Shard {
  check(row, 'shard');
  const mark = (name: 'sent' | 'seen'): ShardMark | undefined => {
    const sequence = storedSequence(row[name]);
    return sequence === undefined ? undefined : { sequence, at: num(row, `${name}At`, 'shard') };
  };
  return present<Shard>({
    id: text(row['sk'], 'S') ?? '',
    sent: mark('sent'),
    seen: mark('seen'),
    tail: shardTail(mapOf(row['tail'])),
    unsent: unsentMarks(row['unsent']),
  });
}

function shardTail(fields: Item | undefined): ShardTail | undefined {
  if (fields === undefined) return undefined;
  const first = storedSequence(fields['first']);
  if (first === undefined) throw new FormatError('shard row with a "tail" that has no "first"');
  return { first, firstAt: num(fields, 'firstAt', 'shard'), sha256: str(fields, 'sha256', 'shard') };
}

function storedSequence(value: AttributeValue | undefined): string | undefined {
  const bytes = text(value, 'B');
  return bytes === undefined ? undefined : sequenceOf(readPosition(Buffer.from(bytes, 'base64'))).toString();
}

function unsentMarks(value: AttributeValue | undefined): readonly ShardMark[] | undefined {
  if (value === undefined) return undefined;
  if (!('L' in value)) throw new FormatError('shard row whose "unsent" is not a list');
  return value.L.map((entry) => {
    const fields = mapOf(entry);
    const sequence = storedSequence(fields?.['sequence']);
    if (fields === undefined || sequence === undefined) throw new FormatError('shard row with an entry of "unsent" that has no "sequence"');
    return { sequence, at: num(fields, 'at', 'shard') };
  });
}
