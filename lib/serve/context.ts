import type { ArchivePlace } from '../archive/place.ts';
import { archivePlace } from '../archive/place.ts';
import type { MemberConfig, SetConfig } from '../core/config.ts';
import type { Rev } from '../core/formats/rev.ts';
import { nextRev, revParts } from '../core/formats/rev.ts';
import type { KeySchema } from '../core/key.ts';
import { functionArn, memberNames, nameFor } from '../core/names.ts';
import type { InvokePort } from '../ports/invoke.ts';
import type { ObjectPort } from '../ports/objects.ts';
import type { TablePort } from '../ports/table.ts';
import type { MemberTables } from '../replicate/context.ts';
import { memberContext, tablesFor } from '../replicate/context.ts';

/** Another member's API, as this one calls it. */
export interface PeerApi {
  readonly functionName: string;
  /** Bound to that member's region. */
  readonly port: InvokePort;
}

/** Another member's tables, as this one reads them. Nothing is ever written there by the API. */
export interface OtherTables {
  readonly region: string;
  readonly tables: MemberTables;
  /** Bound to that member's region. */
  readonly table: TablePort;
}

/** What the API of one member stands on. Made once a sandbox. */
export interface ServeContext {
  readonly set: string;
  readonly member: string;
  readonly region: string;
  readonly key: KeySchema;
  readonly tables: MemberTables;
  readonly table: TablePort;
  /** The member's own log. */
  readonly archive: ArchivePlace;
  readonly peers: ReadonlyMap<string, PeerApi>;
  /** The other members' tables, for reads when this member's own cannot be read. */
  readonly others: ReadonlyMap<string, OtherTables>;
  readonly revs: RevClock;
  readonly seen: SeenPrimary;
}

/** The primary, as the newest seat that this sandbox read named it: whom to ask first when the own tables cannot be read. */
export interface SeenPrimary {
  name: string | undefined;
}

/**
 * Builds the context.
 *
 * @param ports of the member's own region.
 * @param invoke gives the port bound to a member's region, for its api function; called once a peer.
 * @param tableOf gives the port bound to a member's region, for its tables; called once a peer.
 */
export function serveContext(
  config: SetConfig,
  self: MemberConfig,
  { table, objects }: { readonly table: TablePort; readonly objects: ObjectPort },
  invoke: (peer: MemberConfig) => InvokePort,
  tableOf: (peer: MemberConfig) => TablePort,
): ServeContext {
  const of = memberContext(config, self);
  const others = config.members.filter((m) => m.name !== self.name);
  return {
    set: of.set,
    member: of.member,
    region: of.region,
    key: of.key,
    tables: of.tables,
    table,
    archive: archivePlace(of, objects),
    peers: new Map(others.map((m) => [m.name, { functionName: nameFor(self, m, memberNames(config.set, m).fn('api'), functionArn), port: invoke(m) }])),
    others: new Map(others.map((m) => [m.name, { region: m.region, tables: tablesFor(config, self, m), table: tableOf(m) }])),
    revs: new RevClock(),
    seen: { name: undefined },
  };
}

/** The same context as if this were another member, for reads only; undefined when there is no such member. */
export function seenFrom(ctx: ServeContext, member: string): ServeContext | undefined {
  const other = ctx.others.get(member);
  return other === undefined ? undefined : { ...ctx, ...other, member };
}

/**
 * A revision this far ahead of the clock (ms) was not made by us: revs end up in items that users copy and make, and
 * one at the end of time would stop the hybrid clock for good.
 */
export const REV_AHEAD_MAX_MS = 24 * 60 * 60 * 1_000;

/** The hybrid logical clock of one sandbox: each rev is later than its last one, and than the one that it replaces. */
export class RevClock {
  #last: Rev | undefined;

  /** The next revision. @param replaced rev of the version that is replaced; one that cannot be ours is not followed. */
  next(epoch: number, nowMs: number, replaced: Rev | undefined): Rev {
    const last = this.#last !== undefined && revParts(this.#last).epoch === epoch ? this.#last : undefined;
    const made = nextRev(epoch, nowMs, last, replaced !== undefined && credible(replaced, epoch, nowMs) ? replaced : undefined);
    this.#last = made;
    return made;
  }
}

/** Whether a rev can be one that the write path made, up to this epoch. */
export function credible(r: Rev, epoch: number, nowMs: number): boolean {
  const p = revParts(r);
  return p.epoch <= epoch && p.wallMs <= nowMs + REV_AHEAD_MAX_MS;
}
