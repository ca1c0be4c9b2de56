import type { AttributeValue, Item } from '../lib/core/attribute.ts';
import type { AttributeChange } from './history.ts';
import type { CallOptions, ReadItem } from './types.ts';

/** What the client gives of checks. Times are ms since 1970. A type's parameter is how items stand in it: as JavaScript has them, or as they travel. */

export interface PageOptions extends CallOptions {
  /** Entries of a page: 1 to 1,000. Default: 100. */
  readonly limit?: number;
  /** `next` of the page before. */
  readonly cursor?: string;
}

export interface OrphanOptions extends PageOptions {
  /** Whose they are. */
  readonly member: string;
  /** Default: `open`. */
  readonly state?: 'open' | 'reapplied' | 'discarded' | 'all';
}

/** The result of a check, or of one link of it. */
export type CheckResult = 'pending' | 'equal' | 'repaired' | 'unverified' | 'divergent';
export type CheckMode = 'proof' | 'sweep' | 'keys' | 'sample';
type CheckPhase = 'scan' | 'compare' | 'open' | 'verdict' | 'preview' | 'repair' | 'verify' | 'done';

/** How many keys a check has looked at. `verified + divergent + unverified = keys`, always. */
export interface CheckCounts {
  readonly keys: number;
  readonly verified: number;
  /** As found, before any repair. */
  readonly divergent: number;
  readonly unverified: number;
  /** Those of `divergent` that were repaired, and that are still divergent after a repair. */
  readonly repaired: number;
  readonly left: number;
  /** Those of `left` whose repair is a deletion that a person must allow. */
  readonly held: number;
}

/** How far a member is known to be equal to the primary. */
export interface LinkProof {
  readonly target: string;
  /** `verified`: equal but for `hot` keys in motion. `suspect`: parts differ, which may still be lag. `unverified`: nothing can be said, and `why`. */
  readonly state: 'verified' | 'suspect' | 'unverified' | 'none';
  readonly lookedAt?: number;
  /** As of when it was verified last. */
  readonly asOf?: number;
  /** Parts of the table that were compared, and those that were equal. */
  readonly cells: number;
  readonly equalCells: number;
  readonly hot: number;
  readonly why?: string;
  readonly quietSince?: number;
  readonly proven?: number;
  readonly last?: CheckCounts & { readonly id: string; readonly mode: CheckMode; readonly result: CheckResult; readonly ended?: number };
  /** What was written by hand at the target in about the last day. */
  readonly drift?: { readonly since: number; readonly at: number; readonly found: number; readonly sent: number; readonly held: number; readonly over: number };
}

export interface Proof {
  readonly set: string;
  /** The primary. */
  readonly source: string;
  readonly links: readonly LinkProof[];
  readonly members: readonly {
    readonly member: string;
    readonly base?: string;
    readonly items?: number;
    readonly asOf: number;
    readonly why?: string;
    readonly audit?: { readonly base: string; readonly before: string; readonly differing: number; readonly at: number };
  }[];
  /** Checks under way, the oldest first. */
  readonly running: readonly {
    readonly id: string;
    readonly mode: CheckMode;
    readonly by: string;
    readonly phase: CheckPhase;
    readonly started: number;
    readonly targets: readonly string[];
    readonly judged: number;
    readonly suspicions: number;
    readonly waits: boolean;
  }[];
  readonly sweeps?: { readonly last?: number; readonly month: string; readonly spentUsd: number; readonly overBudget: boolean };
  /** What needs a person. */
  readonly attention: readonly { readonly code: string; readonly member?: string; readonly link?: string; readonly message: string }[];
}

/** A key that is not simply equal. */
export interface Finding<I = ReadItem> {
  readonly key: I;
  readonly target: string;
  readonly verdict: 'divergent' | 'unverified' | 'refused';
  readonly kind?: 'changed' | 'missing' | 'extra';
  readonly sourceHash?: string;
  readonly targetHash?: string;
  readonly at?: number;
  /** What became of a divergent one; absent where nothing was repaired. */
  readonly outcome?: 'repaired' | 'left' | 'held';
  readonly why?: string;
}

export interface FindingsPage<I = ReadItem> {
  readonly findings: readonly Finding<I>[];
  readonly next?: string;
}

/** One link of a check. */
export interface LinkReport extends CheckCounts {
  readonly source: string;
  readonly target: string;
  readonly result: CheckResult;
  readonly changed: number;
  readonly missing: number;
  readonly extra: number;
  readonly refused: number;
  readonly expired: number;
  readonly suspicions: number;
  readonly asOfMs?: number;
  readonly bytes: number;
  readonly why?: string;
  readonly reasons: readonly { readonly why: string; readonly keys: number }[];
  readonly provenMs?: number;
}

/** What a check says: the same document as in the bucket of the primary. */
export interface CheckReport<I = ReadItem> {
  readonly schema: 'syncline.check/1';
  readonly id: string;
  readonly set: string;
  readonly source: string;
  readonly mode: CheckMode;
  readonly share?: number;
  readonly action: 'report' | 'ask' | 'repair';
  readonly purpose?: 'prove';
  readonly by: string;
  readonly phase: CheckPhase;
  readonly result: CheckResult | 'failed';
  readonly startedMs: number;
  readonly endedMs?: number;
  readonly approvedBy?: string;
  readonly failed?: string;
  readonly links: readonly LinkReport[];
  /** How many findings there are, and in how many parts they are stored. */
  readonly findings: number;
  readonly parts: number;
  /** The first of them. */
  readonly first: readonly Finding<I>[];
}

/** A write that lost its place: made at a secondary by whatever is no applier. */
export interface Orphan<I = ReadItem> {
  readonly id: string;
  readonly member: string;
  readonly key: I;
  readonly cause: 'hand-write' | 'hand-delete' | 'foreign-tool';
  readonly at: number;
  readonly itemHash?: string;
  readonly was?: string;
  readonly state: 'open' | 'reapplied' | 'discarded';
  readonly since: number;
  readonly note?: string;
  readonly log: { readonly segment: string; readonly line: number };
  /** Of a single one: whether the log still has it, what was written (absent for a delete), and what was there before. */
  readonly kept?: boolean;
  readonly written?: I;
  readonly replaced?: I;
}

export interface OrphanPage<I = ReadItem> {
  readonly member: string;
  readonly orphans: readonly Orphan<I>[];
  readonly next?: string;
}

interface MemberDiff {
  readonly member: string;
  readonly state: 'equal' | 'changed' | 'missing' | 'extra' | 'half-deleted' | 'unread';
  /** Equal values that are not written alike, such as 1 and 1.0. */
  readonly writtenDifferently?: boolean;
  /** What an applier has left on the copy; `intact` is false where it was changed by hand since. */
  readonly copy?: { readonly counts: boolean; readonly intact?: boolean; readonly position?: string; readonly kind?: 'lane' | 'repair' };
  readonly tombstone?: { readonly position: string; readonly kind: 'lane' | 'repair' };
  readonly sameRev?: boolean;
  readonly why?: string;
}

interface DiffFacts {
  readonly set: string;
  readonly primary: string;
  readonly hash?: string;
  /** It was too large for an answer: values, or the item, were left out. */
  readonly cut?: true;
}

/** One item at every member. */
export interface ItemDiff extends DiffFacts {
  readonly key: ReadItem;
  /** The primary's; absent where there is none. */
  readonly item?: ReadItem;
  /** `differences` leads from the primary's item to the member's. */
  readonly members: readonly (MemberDiff & { readonly differences?: readonly AttributeChange[] })[];
}

/** The same as it travels, its values in DynamoDB JSON. */
export interface DiffPage extends DiffFacts {
  readonly key: Item;
  readonly item?: Item;
  readonly members: readonly (MemberDiff & {
    readonly differences?: readonly { readonly path: string; readonly before?: AttributeValue; readonly after?: AttributeValue }[];
  })[];
}
