import { LANE_MESSAGE_BYTES, LANE_MESSAGE_JSON_BYTES, RESYNC_KEYS_MAX } from '../core/constants.ts';
import { assert } from '../core/errors.ts';
import type { Envelope, ResyncKey } from '../core/formats/message.ts';
import { encodeChanges, encodeMessage, within } from '../core/formats/message.ts';
import { position } from '../core/formats/position.ts';
import type { Seat } from '../core/formats/rows.ts';
import { isPrimary } from '../core/formats/rows.ts';
import { metaOf } from '../core/formats/seal.ts';
import type { KeySchema } from '../core/key.ts';
import { keyHash, keyText } from '../core/key.ts';
import { laneOf } from '../core/lanes.ts';
import type { StreamRecord } from '../ports/stream.ts';
import type { LaneSend } from './send.ts';

/** What becomes of one stream record. */
export type Routing = 'image' | 'resync' | 'nothing';

/**
 * ⚠ The seat decides what is sent, not the item. An image goes out only if this member is primary, the stream is the
 * one that the seat's epoch counts in, and the record was surely created after the seat's `since` (times of records
 * are whole seconds, so the record's second must begin after it). Every other record at a primary goes as resync(key);
 * at a secondary nothing is sent. By default DynamoDB's own TTL removals are not sent: each member expires its copies.
 *
 * ⚠ A stream that does not show both images works by level: every record of it goes as resync(key), removals too. A
 * resync that finds both sides equal leaves the copy's position as it is, so a removal that went by its position beside
 * resyncs could delete an item that was written again. (Without the old image it would have no `of` either: a read of at
 * least a deleted version's rev asks the primary then, as it does after every delete by resync.)
 */
export function routeRecord(record: StreamRecord, seat: Seat, expiry: 'local' | 'replicate'): Routing {
  if (!isPrimary(seat)) return 'nothing';
  if (record.byTtl && expiry === 'local') return 'nothing';
  const bothImages = record.view === undefined || record.view === 'NEW_AND_OLD_IMAGES';
  const whole = bothImages && (record.eventName === 'REMOVE' || record.newImage !== undefined);
  return whole && record.streamArn === seat.stream && record.createdMs > seat.since ? 'image' : 'resync';
}

/** A plan: the messages of a batch, in the order of each lane. One plan serves all links without a rule. */
export interface FanoutPlan {
  readonly sends: readonly LaneSend[];
  readonly images: number;
  readonly resyncs: number;
  readonly skipped: number;
}

interface LanePlan {
  readonly changes: string[];
  /** The record of each change. */
  readonly records: StreamRecord[];
  readonly resync: ResyncKey[];
}

/**
 * Turns a batch into lane messages. Pure.
 *
 * Within a lane its resyncs go first: a resync reads the source after all records of the batch, so that an image that
 * comes after it is at worst superseded, and one that comes later than what it read is applied.
 *
 * What cannot be encoded (too large for a queue) goes as resync(key).
 */
export function planFanout(
  records: readonly StreamRecord[],
  at: {
    readonly seat: Seat;
    readonly set: string;
    readonly member: string;
    readonly key: KeySchema;
    readonly lanes: number;
    readonly expiry: 'local' | 'replicate';
    readonly nowMs: number;
    readonly shard?: string;
  },
): FanoutPlan {
  const lanes = new Map<number, LanePlan>();
  let images = 0;
  let resyncs = 0;
  let skipped = 0;
  for (const record of records) {
    const routing = routeRecord(record, at.seat, at.expiry);
    if (routing === 'nothing') {
      skipped += 1;
      continue;
    }
    const lane = laneOf(keyHash(keyText(record.keys, at.key)), at.lanes);
    let plan = lanes.get(lane);
    if (plan === undefined) {
      plan = { changes: [], records: [], resync: [] };
      lanes.set(lane, plan);
    }
    if (routing === 'resync') {
      resyncs += 1;
      addKey(plan.resync, { k: record.keys });
    } else {
      images += 1;
      plan.changes.push(changeJson(record));
      plan.records.push(record);
    }
  }

  const sends: LaneSend[] = [];
  for (const [lane, plan] of lanes) {
    const envelope: Envelope = {
      set: at.set,
      epoch: at.seat.own,
      source: at.member,
      lane,
      lanes: at.lanes,
      sent: at.nowMs,
      ...(at.shard !== undefined && { shard: at.shard }),
    };
    const packed = packChanges(envelope, plan.changes);
    for (const index of packed.tooLarge) {
      const record = plan.records[index] as StreamRecord;
      images -= 1;
      resyncs += 1;
      plan.resync.push({ k: record.keys, p: position(at.seat.own, record.sequence).toString('base64') });
    }
    for (const body of resyncBodies(envelope, plan.resync)) sends.push({ lane, body });
    for (const body of packed.bodies) sends.push({ lane, body });
  }
  return { sends, images, resyncs, skipped };
}

/** A backlog of an old epoch names its hot keys many times; neighbours are enough to fold. */
function addKey(keys: ResyncKey[], key: ResyncKey): void {
  const last = keys[keys.length - 1];
  if (last === undefined || JSON.stringify(last.k) !== JSON.stringify(key.k)) keys.push(key);
}

/** The JSON of one change. New images only; a removal carries `of`, the rev of the version that was removed. */
function changeJson(record: StreamRecord): string {
  if (record.eventName !== 'REMOVE') return `{"q":"${record.sequence}","i":${JSON.stringify(record.newImage)}}`;
  const of = record.oldImage === undefined ? undefined : metaOf(record.oldImage).rev;
  const o = of === undefined ? '' : `,"o":"${of.toString('base64')}"`;
  return `{"q":"${record.sequence}","k":${JSON.stringify(record.keys)}${o}}`;
}

/** Packs changes into bodies, in order, each near the size that an applier's event has room for. */
function packChanges(envelope: Envelope, changes: readonly string[]): { bodies: string[]; tooLarge: number[] } {
  const bodies: string[] = [];
  const tooLarge: number[] = [];
  const emit = (from: number, to: number): void => {
    if (from === to) return;
    const body = encodeChanges(envelope, changes.slice(from, to));
    if (to - from === 1) {
      if (within(body) === undefined) tooLarge.push(from);
      else bodies.push(body);
    } else if (body.length <= LANE_MESSAGE_BYTES) bodies.push(body);
    else {
      const middle = (from + to) >> 1;
      emit(from, middle);
      emit(middle, to);
    }
  };
  let from = 0;
  let bytes = 0;
  changes.forEach((change, i) => {
    if (bytes + change.length > LANE_MESSAGE_JSON_BYTES) {
      emit(from, i);
      from = i;
      bytes = 0;
    }
    bytes += change.length;
  });
  emit(from, changes.length);
  return { bodies, tooLarge };
}

/** What a resync is to do, and for which job. */
export interface ResyncHow {
  /** `repair` when absent. */
  readonly mode?: 'repair' | 'report';
  readonly job?: string;
}

/** The bodies of resync messages for these keys of one lane, RESYNC_KEYS_MAX a message. Keys are at most 3 KB, so a body always fits. */
export function resyncBodies(envelope: Envelope, keys: readonly ResyncKey[], { mode = 'repair', job }: ResyncHow = {}): string[] {
  const bodies: string[] = [];
  for (let i = 0; i < keys.length; i += RESYNC_KEYS_MAX) {
    const slice = keys.slice(i, i + RESYNC_KEYS_MAX);
    const body = encodeMessage({ ...envelope, kind: 'resync', mode, keys: slice, ...(job !== undefined && { job }) });
    assert(body !== undefined, 'a resync message is larger than a queue takes', { keys: slice.length });
    bodies.push(body);
  }
  return bodies;
}

/** Resync messages for these keys, each in its lane. */
export function planResync(keys: readonly ResyncKey[], envelope: Omit<Envelope, 'lane'>, schema: KeySchema, how: ResyncHow = {}): LaneSend[] {
  const byLane = new Map<number, ResyncKey[]>();
  for (const key of keys) {
    const lane = laneOf(keyHash(keyText(key.k, schema)), envelope.lanes);
    const list = byLane.get(lane);
    if (list === undefined) byLane.set(lane, [key]);
    else list.push(key);
  }
  return [...byLane].flatMap(([lane, list]) => resyncBodies({ ...envelope, lane }, list, how).map((body) => ({ lane, body })));
}

/** The body of a marker: a resync without keys. */
export function markerBody(envelope: Envelope): string {
  const body = encodeMessage({ ...envelope, kind: 'resync', mode: 'repair', keys: [] });
  assert(body !== undefined, 'a marker is larger than a queue takes', {});
  return body;
}
