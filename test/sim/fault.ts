import type { CloudCall, Fault } from '../../lib/adapters/memory/call.ts';
import type { SeededChance } from '../../lib/adapters/memory/chance.ts';
import type { StreamReader } from './mappings/stream.ts';
import type { KnownMessage } from './messages.ts';
import type { SimProcess } from './process.ts';
import type { World } from './world.ts';

/**
 * A kind of fault. A new kind is one file in faults/ and one line in faults/all.ts.
 *
 * Each seed turns some kinds on and most off (swarm testing: Groce and others, ISSTA 2012), and draws a rate for each
 * that is on.
 */
export interface FaultKind {
  /** As `--faults` names it: kebab-case. */
  readonly name: string;
  /** One sentence: what happens. */
  readonly about: string;
  /** The share of seeds that turn it on, among those with any faults (0 to 1). */
  readonly share: number;
  /** It is about the checker: only worlds that have one may have it, and its share is of those. */
  readonly checker?: true;
  /** The rate in a seed that turns it on; what it counts is the kind's own: requests, awaits, steps. */
  readonly rate: (chance: SeededChance) => number;
  readonly make: (at: FaultContext) => FaultHooks;
}

/** What a kind of fault has in one run. */
export interface FaultContext {
  readonly world: World;
  /** Its own source of chance, so that one kind less leaves the others as they were. */
  readonly chance: SeededChance;
  readonly rate: number;
  /** Whether it strikes now, by its rate. Never while the world heals. */
  strikes(): boolean;
  /** Writes into the trace what has begun and will strike: a storm, a partition. */
  note(text: () => string, where?: { readonly at?: string; readonly link?: string }): void;
  /** Counts one that was injected, and writes it into the trace. */
  injected(
    text: () => string,
    where?: { readonly at?: string; readonly link?: string; readonly lane?: number; readonly message?: string; readonly keys?: readonly string[] },
  ): void;
}

/** Where a fault can strike. All are optional; none is asked while the world heals, but for `heal`. */
export interface FaultHooks {
  /** A request of a function. It may throw a RemoteError. */
  call?(call: CloudCall): Fault | undefined;
  /** A process is about to go on after an await: it may be killed or frozen. */
  await?(process: SimProcess): void;
  /** Between two steps of the workload. */
  step?(): void;
  /** How many of the records that are there the next batch of a stream shall have. */
  cut?(available: number, reader: StreamReader): number | undefined;
  /** After a batch was handled: the reader's checkpoint may be moved. */
  checkpoint?(reader: StreamReader): void;
  /** How long received messages wait until their invocation begins (ms). */
  startMs?(): number | undefined;
  /** Whether a finished message stays in its queue, so that it comes again. */
  keep?(message: KnownMessage): boolean;
  /** The faults are over: whatever lasts is ended here. */
  heal?(): void;
}
