import type { MemberConfig, SetConfig } from '../core/config.ts';
import type { Rev } from '../core/formats/rev.ts';
import { nextRev, revParts } from '../core/formats/rev.ts';
import type { KeySchema } from '../core/key.ts';
import { memberNames } from '../core/names.ts';
import type { InvokePort } from '../ports/invoke.ts';
import type { TablePort } from '../ports/table.ts';
import type { MemberTables } from '../replicate/context.ts';
import { memberContext } from '../replicate/context.ts';

/** Another member's API, as this one calls it. */
export interface PeerApi {
  readonly functionName: string;
  /** Bound to that member's region. */
  readonly port: InvokePort;
}

/** What the API of one member stands on. Made once a sandbox. */
export interface ServeContext {
  readonly set: string;
  readonly member: string;
  readonly region: string;
  readonly key: KeySchema;
  readonly tables: MemberTables;
  readonly table: TablePort;
  readonly peers: ReadonlyMap<string, PeerApi>;
  readonly revs: RevClock;
}

/** Builds the context. `invoke` gives the port bound to a member's region; it is called once a peer. */
export function serveContext(config: SetConfig, self: MemberConfig, table: TablePort, invoke: (peer: MemberConfig) => InvokePort): ServeContext {
  const of = memberContext(config, self);
  const peers = config.members
    .filter((m) => m.name !== self.name)
    .map((m): [string, PeerApi] => [m.name, { functionName: memberNames(config.set, m).fn('api'), port: invoke(m) }]);
  return { set: of.set, member: of.member, region: of.region, key: of.key, tables: of.tables, table, peers: new Map(peers), revs: new RevClock() };
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
