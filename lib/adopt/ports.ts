import type { QueuePort } from '../ports/queue.ts';
import type { TablePort } from '../ports/table.ts';

/** What a backfill needs: the source's region, and the targets' tables. */
export interface BackfillPorts {
  readonly table: TablePort;
  readonly queue: QueuePort;
  readonly target: (region: string) => TablePort;
}

/** Where it is. */
export interface Progress {
  readonly phase: 'send' | 'arrive';
  /** Keys that were sent. */
  readonly keys: number;
  /** Time that was spent on them (ms), in all runs. */
  readonly worked: number;
  /** The fullest queue's messages, as SQS counts them. */
  readonly depth?: number;
  /** Lanes whose marker came out, of all lanes of all links. */
  readonly lanes?: { readonly passed: number; readonly of: number };
}

/** Hears of progress, and may end the run. */
export interface Watcher {
  progress(now: Progress): void;
  /** Whether somebody wants it to end: it then gives its savepoint up at the next opportunity. */
  stopped(): boolean;
}
