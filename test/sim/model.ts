import type { Item } from '../../lib/core/attribute.ts';
import type { StreamRecord } from '../../lib/ports/stream.ts';
import { nameOfKey } from './set.ts';

/** One accepted write, as the table that took it recorded it. */
export interface Version {
  readonly member: string;
  /** The key's name. */
  readonly key: string;
  readonly stream: string;
  /** Id of the stream's shard that took the record. */
  readonly shard: string;
  readonly sequence: bigint;
  readonly event: StreamRecord['eventName'];
  /** Who wrote it: a user, an applier, or DynamoDB's expiry. */
  readonly by: 'user' | 'apply' | 'ttl';
  /** The epoch in which that member was primary when it took the write; undefined when it was not. */
  readonly epoch: number | undefined;
  /** The item as written; undefined for a removal. */
  readonly image: Item | undefined;
  /** What was there before; undefined when nothing was. */
  readonly before: Item | undefined;
  /** Time by the region's clock (ms), and in the run. */
  readonly createdMs: number;
  readonly t: number;
}

/** A role that a member took: from then on writes at it belong to that epoch. */
export interface Role {
  readonly epoch: number;
  readonly member: string;
  readonly stream: string;
  /** The seat's `since`: what was written there by then belongs to what was before (ms, the member's clocks). */
  readonly since: number;
  readonly t: number;
}

/** Versions of one key at one member that are remembered; older ones can be of no more interest than "some old version". */
const VERSIONS_A_KEY_MAX = 400;
/** Writes of a member that are remembered in their order. */
const VERSIONS_A_MEMBER_MAX = 20_000;

/**
 * The truth that the oracles hold the flows against: every write that a table accepted, by whom, and who was primary.
 * It is filled by the tables themselves (their stream records) and by the operator who moves the primary, never by the flows.
 */
export class Model {
  readonly roles: Role[] = [];
  readonly #byRecord = new Map<string, Version>();
  readonly #byKey = new Map<string, Version[]>();
  readonly #byMember = new Map<string, Version[]>();
  /** Writes by users. */
  userWrites = 0;
  /** Whether old writes were forgotten, so that one that is not known may be one of them. */
  forgets = false;

  /** The primary now. */
  get primary(): Role | undefined {
    return this.roles.at(-1);
  }

  record(member: string, record: StreamRecord, shard: string, by: Version['by'], t: number): Version {
    const key = nameOfKey(record.keys);
    const role = this.primary;
    const version: Version = {
      member,
      key,
      stream: record.streamArn,
      shard,
      sequence: BigInt(record.sequence),
      event: record.eventName,
      by,
      epoch: role?.member === member && role.stream === record.streamArn ? role.epoch : undefined,
      image: record.newImage,
      before: record.oldImage,
      createdMs: record.createdMs,
      t,
    };
    this.#byRecord.set(`${record.streamArn}|${version.sequence}`, version);
    const id = `${member}|${key}`;
    let list = this.#byKey.get(id);
    if (list === undefined) {
      list = [];
      this.#byKey.set(id, list);
    }
    list.push(version);
    if (list.length > VERSIONS_A_KEY_MAX) {
      const old = list.shift() as Version;
      this.forgets = true;
      this.#byRecord.delete(`${old.stream}|${old.sequence}`);
    }
    if (by === 'user') this.userWrites += 1;
    let all = this.#byMember.get(member);
    if (all === undefined) {
      all = [];
      this.#byMember.set(member, all);
    }
    all.push(version);
    if (all.length > 2 * VERSIONS_A_MEMBER_MAX) all.splice(0, VERSIONS_A_MEMBER_MAX);
    return version;
  }

  /** The write that a position of that epoch names. */
  versionAt(epoch: number, sequence: bigint): Version | undefined {
    const role = this.roles.find((r) => r.epoch === epoch);
    return role === undefined ? undefined : this.#byRecord.get(`${role.stream}|${sequence}`);
  }

  /** The newest writes that a member took, in order. */
  latest(member: string): readonly Version[] {
    return this.#byMember.get(member) ?? [];
  }
}
