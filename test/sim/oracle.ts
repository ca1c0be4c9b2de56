import type { CloudCall } from '../../lib/adapters/memory/call.ts';
import type { Item } from '../../lib/core/attribute.ts';
import type { LaneMessage } from '../../lib/core/formats/message.ts';
import type { KnownMessage } from './messages.ts';
import type { Version } from './model.ts';
import type { Held } from './oracles/held.ts';
import type { SimProcess } from './process.ts';
import type { SimLink } from './set.ts';
import type { World } from './world.ts';

/** A write to one key of a member, by an applier, and what the member has of it right after. */
export interface KeyWrite {
  readonly member: string;
  readonly key: string;
  readonly call: CloudCall;
  /** The item or tombstone that the request has put; undefined when it removes. */
  readonly written: Item | undefined;
  readonly held: Held;
}

/**
 * Something that watches a run and knows one rule of docs/SPEC.md. A new oracle is one file in oracles/ and one line in
 * oracles/all.ts. It reports with `world.violate`, naming the rule; it never changes anything.
 */
export interface Oracle {
  readonly name: string;
  /** A request has just had its effect. */
  effect?(call: CloudCall, answer: unknown): void;
  /** One key of a member was written or removed by an applier, or is being looked at because its tombstone was. */
  state?(state: KeyWrite): void;
  /** A table of items has accepted a write. */
  recorded?(version: Version): void;
  /** A message was stored in a lane. */
  stored?(message: KnownMessage): void;
  /** A message was deleted, since apply said that it is finished. */
  finished?(message: KnownMessage): void;
  /** A message was dropped by its queue's retention. */
  dropped?(message: KnownMessage): void;
  /** A message was stored in a dead-letter queue. */
  dead?(link: SimLink, content: LaneMessage | undefined): void;
  /** An invocation began. */
  began?(process: SimProcess): void;
  /** A request leaves its process, and: the process was told what came of it. */
  sent?(process: SimProcess, call: CloudCall): void;
  answered?(process: SimProcess, call: CloudCall): void;
  /** Lambda ends an invocation that has run out of time. */
  timedOut?(process: SimProcess): void;
  /** An invocation returned or threw: its process is about to be frozen by Lambda. */
  returned?(process: SimProcess, error: unknown): void;
  /** What a member holds of a key has changed, and no record tells of it. */
  corrupted?(member: string, key: string): void;
  /** A member lost everything. */
  wiped?(member: string): void;
  /** A member became primary. */
  promoted?(member: string, epoch: number): void;
  /** The faults are over and the lanes are drained: what differs now is what nobody has mended, or knows of. */
  rested?(): void;
  /** All is quiet after healing. It may ask the flows; no time may pass by it. */
  settled?(): void | Promise<void>;
}

/** Tells each oracle that all is quiet. */
export async function settled(oracles: readonly Oracle[]): Promise<void> {
  for (const oracle of oracles) await oracle.settled?.();
}

export type MakeOracle = (world: World) => Oracle;
