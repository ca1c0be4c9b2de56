import type { MemberConfig, SetConfig } from '../core/config.ts';
import type { KeySchema } from '../core/key.ts';
import { linkNames, memberNames, queueUrl } from '../core/names.ts';

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
  readonly tables: MemberTables;
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

const tables = (set: string, m: MemberConfig): MemberTables => {
  const names = memberNames(set, m);
  return { items: m.items, tombstones: names.tombstones, control: names.control, requests: names.requests };
};

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
    sourceTables: tables(config.set, source),
    target: target.name,
    targetRegion: target.region,
    targetTables: tables(config.set, target),
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
    tables: tables(config.set, member),
    links: config.members.filter((m) => m.name !== member.name).map((m) => linkContext(config, member, m)),
  };
}
