/** What the bench asks of its worker processes, and what they answer. One task at a time. */

export type Task =
  /** Makes the items that `raw` writes, outside of any measurement. */
  | { readonly kind: 'prepare'; readonly from: number; readonly count: number; readonly bytes: number; readonly version: number }
  /** BatchWriteItem by the SDK, of `count` prepared items from the `skip`-th on: the limit that everything is compared with. */
  | { readonly kind: 'raw'; readonly table: string; readonly skip: number; readonly count: number; readonly concurrency: number }
  /** Loads a function's bundle. */
  | { readonly kind: 'load'; readonly bundle: string; readonly name: string; readonly memoryMiB: number }
  /** Calls the function's handler once, with the event in this file. */
  | { readonly kind: 'invoke'; readonly file: string }
  /** PutObject by the SDK, of each of the bodies in these files (see bodies.ts), at names below `prefix`. */
  | { readonly kind: 'puts'; readonly bucket: string; readonly prefix: string; readonly files: readonly string[]; readonly concurrency: number }
  /** Reads the whole table of the member by a parallel scan, and keeps nothing. */
  | { readonly kind: 'scan'; readonly segments: number }
  /** Reads the tables of all members at the same time, each by a parallel scan, and keeps nothing. */
  | { readonly kind: 'bare-scans'; readonly segments: number }
  /** Scans all members at the same time, to their bases. */
  | { readonly kind: 'sweep' }
  /** Takes a snapshot of the table of the member. */
  | { readonly kind: 'snapshot' }
  /** Restores what the archive has into a new table, after everything was checked. */
  | { readonly kind: 'restore'; readonly table: string }
  /** Writes a log of so many changes (see made-up-log.ts) into the member's bucket, and rolls it up as the minute run does. */
  | { readonly kind: 'make-log'; readonly changes: number; readonly stream: string }
  /** The history of a key. */
  | { readonly kind: 'history'; readonly item: number }
  /** Collects garbage, so that what a measurement begins with is not what its preparation left. */
  | { readonly kind: 'rest' }
  /** The process's largest resident set until now. */
  | { readonly kind: 'peak' };

/** What a task took. */
export interface Cost {
  /** Elapsed time (ms). */
  readonly ms: number;
  /** Processor time of all threads of the process, in user and in system mode (µs). */
  readonly cpuUs: number;
}

export interface Answers {
  readonly prepare: null;
  readonly raw: Cost;
  readonly load: null;
  readonly invoke: Cost & { readonly result: unknown };
  readonly puts: Cost & { readonly objects: number };
  readonly scan: Cost & { readonly items: number };
  readonly 'bare-scans': Cost & { readonly items: number };
  /** Of each member: the items in its base, and its digest (base64). */
  readonly sweep: Cost & { readonly items: readonly number[]; readonly digests: readonly string[] };
  readonly snapshot: Cost & { readonly items: number; readonly files: number };
  readonly restore: Cost & { readonly items: number; readonly checkMs: number; readonly digest: string };
  /** Bytes of all segments. */
  readonly 'make-log': { readonly segments: number; readonly bytes: number; readonly rollUps: number };
  readonly history: Cost & { readonly changes: number; readonly bytes: number; readonly requests: number };
  readonly rest: null;
  /** Bytes. */
  readonly peak: number;
}

export interface Question {
  readonly id: number;
  readonly task: Task;
}

export type Reply = { readonly id: number; readonly answer: Answers[Task['kind']] } | { readonly id: number; readonly error: string };
