import type { MemoryCloud, MemoryRegion } from '../../lib/adapters/memory/cloud.ts';
import type { MemoryQueue } from '../../lib/adapters/memory/queue.ts';
import type { MemoryTable } from '../../lib/adapters/memory/table.ts';
import type { Item, Key } from '../../lib/core/attribute.ts';
import type { MemberConfig, SetConfig } from '../../lib/core/config.ts';
import { VISIBILITY_S } from '../../lib/core/constants.ts';
import type { Link, Seat } from '../../lib/core/formats/rows.ts';
import { CONTROL_KEY_SCHEMA, decodeLink, decodeSeat, linkKey, SEAT_KEY } from '../../lib/core/formats/rows.ts';
import type { KeySchema } from '../../lib/core/key.ts';
import { linkNames, memberNames } from '../../lib/core/names.ts';

/** The key schema of the simulated set: one string. Other schemas are the unit tests'. */
export const KEY: KeySchema = { partition: { name: 'pk', type: 'S' } };
/** Attribute of the secondaries' index: a string there; a number in it is what they refuse. */
export const INDEXED = 'ix';

export const keyOfName = (name: string): Key => ({ pk: { S: name } });
export const nameOfKey = (key: Item): string => (key['pk'] as { S: string }).S;

/** One link of the simulated set: its queues' state. */
export interface SimLink {
  readonly id: string;
  readonly source: string;
  readonly target: string;
  readonly queue: MemoryQueue;
  readonly dlq: MemoryQueue;
}

/** The tables and queues of a set in a memory cloud: made, wiped, and read past the ports, as an oracle may. */
export class SimSet {
  readonly config: SetConfig;
  readonly members: readonly string[];
  readonly links: readonly SimLink[];
  readonly #cloud: MemoryCloud;
  readonly #configs: ReadonlyMap<string, MemberConfig>;

  constructor(cloud: MemoryCloud, members: readonly string[], lanes: number, shards: number) {
    this.#cloud = cloud;
    this.members = members;
    this.config = {
      set: 'sim',
      lanes,
      key: KEY as SetConfig['key'],
      expiry: 'local',
      // A region's name is its member's: nothing in the simulation reads it as AWS's.
      members: members.map((name) => ({ name, region: name, account: '000000000000', generation: 1, items: `items-${name}` })),
    };
    this.#configs = new Map(this.config.members.map((m) => [m.name, m]));
    for (const member of members) this.#make(member, shards);
    this.links = members.flatMap((source) => members.filter((target) => target !== source).map((target) => this.#makeLink(source, target)));
  }

  memberConfig(member: string): MemberConfig {
    return this.#configs.get(member) as MemberConfig;
  }
  region(member: string): MemoryRegion {
    return this.#cloud.region(member);
  }
  link(source: string, target: string): SimLink {
    return this.links.find((l) => l.source === source && l.target === target) as SimLink;
  }
  items(member: string): MemoryTable {
    return this.region(member).tableNamed(`items-${member}`);
  }
  tombstones(member: string): MemoryTable {
    return this.region(member).tableNamed(this.tombstonesName(member));
  }
  control(member: string): MemoryTable {
    return this.region(member).tableNamed(this.controlName(member));
  }
  tombstonesName(member: string): string {
    return memberNames('sim', this.memberConfig(member)).tombstones;
  }
  controlName(member: string): string {
    return memberNames('sim', this.memberConfig(member)).control;
  }
  bucketName(member: string): string {
    return memberNames('sim', this.memberConfig(member)).bucket;
  }

  /** The seat as it is, past the ports; undefined when there is none. */
  seat(member: string): Seat | undefined {
    const row = this.control(member).read(SEAT_KEY);
    return row === undefined ? undefined : decodeSeat(row);
  }
  linkRow(source: string, target: string): Link | undefined {
    const row = this.control(source).read(linkKey(target));
    return row === undefined ? undefined : decodeLink(row);
  }

  #make(member: string, shards: number): void {
    const region = this.region(member);
    region.buckets.createBucket(this.bucketName(member));
    // The first member has no index, so that it takes what the others refuse.
    const indexed = member !== this.members[0];
    region.createTable({
      name: `items-${member}`,
      key: KEY,
      stream: true,
      shards,
      ...(indexed && { indexes: [{ name: 'by-ix', key: [{ name: INDEXED, type: 'S' }] }] }),
    });
    region.createTable({ name: this.tombstonesName(member), key: KEY, ttl: 'expiresAt' });
    region.createTable({ name: this.controlName(member), key: CONTROL_KEY_SCHEMA });
  }

  /** Everything of a member is gone, its bucket too, and it is there again, empty: other TableIds, another stream. */
  wipe(member: string, shards: number): void {
    const region = this.region(member);
    for (const name of [`items-${member}`, this.tombstonesName(member), this.controlName(member)]) region.deleteTable(name);
    region.buckets.deleteBucket(this.bucketName(member));
    this.#make(member, shards);
  }

  #makeLink(source: string, target: string): SimLink {
    const { queue, dlq } = linkNames('sim', this.memberConfig(source), this.memberConfig(target));
    const region = this.region(source);
    const dead = region.createQueue({ name: dlq });
    return { id: `${source}>${target}`, source, target, queue: region.createQueue({ name: queue, dlq, visibilityS: VISIBILITY_S }), dlq: dead };
  }
}
