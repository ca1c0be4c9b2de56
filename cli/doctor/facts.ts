import type { Bootstrap, ClockReading, Concurrency, Identity, Reader, StackFacts, TableFacts } from '../../lib/doctor/facts.ts';

/** What `doctor` looks at in one region: control-plane reads, nothing is changed. Every method throws RemoteError. */
export interface FactsPort {
  identity(): Promise<{ readonly identity: Identity; readonly clock?: ClockReading }>;
  bootstrap(): Promise<Bootstrap | undefined>;
  concurrency(): Promise<Concurrency>;
  /** Undefined where there is no such table. */
  table(name: string): Promise<TableFacts | undefined>;
  /** Lambda mappings that read the stream. */
  readers(streamArn: string): Promise<readonly Reader[]>;
  /** Undefined where there is no such stack. */
  stack(name: string): Promise<StackFacts | undefined>;
}
