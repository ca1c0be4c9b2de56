import type { MemberConfig, SetConfig } from '../core/config.ts';
import type { KeySchema } from '../core/key.ts';
import { linkNames, memberNames, nameFor, queueUrl, tableArn } from '../core/names.ts';

/** The tables of one member. */
export interface MemberTables {
  readonly items: string;
  readonly tombstones: string;
  readonly control: string;
  /** Remembered idempotency keys: only this member's API uses it. */
  readonly requests: string;
}

/** What the flows of one member need to know. Pure data, from the set's configuration. */
export interface MemberContext {
  readonly set: string;
  readonly member: string;
  readonly region: string;
  readonly key: KeySchema;
  readonly lanes: number;
  readonly expiry: 'local' | 'replicate';
  /** The TTL attribute, where each member expires its own copies; absent where nothing expires, and where removals by TTL are replicated. */
  readonly expiryAttribute?: string;
  readonly tables: MemberTables;
  /** Its own bucket: the log, snapshots, reports. */
  readonly bucket: string;
  readonly links: readonly LinkContext[];
}

/** One link, seen from its source. */
export interface LinkContext {
  readonly set: string;
  readonly source: string;
  readonly sourceRegion: string;
  readonly sourceTables: MemberTables;
  readonly target: string;
  readonly targetRegion: string;
  readonly targetTables: MemberTables;
  readonly key: KeySchema;
  readonly lanes: number;
  readonly queueUrl: string;
  readonly dlqUrl: string;
}

/** The tables of a member, named so that callers of another one find them. */
export function tablesFor(config: SetConfig, caller: MemberConfig, m: MemberConfig): MemberTables {
  const names = memberNames(config.set, m);
  const named = (table: string): string => nameFor(caller, m, table, tableArn);
  return { items: named(m.items), tombstones: named(names.tombstones), control: named(names.control), requests: named(names.requests) };
}

const schema = (config: SetConfig): KeySchema => ({
  partition: config.key.partition,
  ...(config.key.sort !== undefined && { sort: config.key.sort }),
});

/** The link from one member to another. */
export function linkContext(config: SetConfig, source: MemberConfig, target: MemberConfig): LinkContext {
  const names = linkNames(config.set, source, target);
  return {
    set: config.set,
    source: source.name,
    sourceRegion: source.region,
    sourceTables: tablesFor(config, source, source),
    target: target.name,
    targetRegion: target.region,
    targetTables: tablesFor(config, source, target),
    key: schema(config),
    lanes: config.lanes,
    queueUrl: queueUrl(source, names.queue),
    dlqUrl: queueUrl(source, names.dlq),
  };
}

/** A member, with its links to every other member. */
export function memberContext(config: SetConfig, member: MemberConfig): MemberContext {
  return {
    set: config.set,
    member: member.name,
    region: member.region,
    key: schema(config),
    lanes: config.lanes,
    expiry: config.expiry,
    ...(config.expiry === 'local' && config.expiryAttribute !== undefined && { expiryAttribute: config.expiryAttribute }),
    tables: tablesFor(config, member, member),
    bucket: memberNames(config.set, member).bucket,
    links: config.members.filter((m) => m.name !== member.name).map((m) => linkContext(config, member, m)),
  };
}
