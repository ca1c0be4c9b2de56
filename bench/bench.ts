import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Steps } from '../local/steps.ts';
import type { Bundles } from './bundles.ts';
import { checkEqual } from './check.ts';
import type { Cost } from './workers/protocol.ts';
import { Worker } from './workers.ts';

/** What every measurement is given, and what all of them do. */
export interface Bench {
  /** For files of this run; removed at its end. */
  readonly directory: string;
  readonly bundles: Bundles;
  readonly steps: Steps;
  readonly signal: AbortSignal;
  /** Short runs: to see that it works, not to compare numbers. */
  readonly quick: boolean;
  /** How often each measurement is repeated; each has its own default. */
  readonly repeats: number | undefined;
  /** Where processor profiles of the handlers go. */
  readonly profileTo: string | undefined;
}

/** Memory that the moving functions are deployed with (MiB), see MEMORY_MIB in cdk/functions.ts. */
export const DEPLOYED_MEMORY_MIB = 512;

/** Sum of costs. */
export const plus = (a: Cost, b: Cost): Cost => ({ ms: a.ms + b.ms, cpuUs: a.cpuUs + b.cpuUs });
/** No cost. */
export const FREE: Cost = { ms: 0, cpuUs: 0 };

let files = 0;

/** Writes an event into a file of its own. */
export async function eventFile(bench: Bench, event: object): Promise<string> {
  files += 1;
  const file = join(bench.directory, `event-${files}.json`);
  await writeFile(file, JSON.stringify(event));
  return file;
}

/** Starts a worker that runs one of the functions. */
export async function startHandler(
  bench: Bench,
  fn: keyof Bundles['functions'],
  at: string,
  environment: Readonly<Record<string, string>>,
  memoryMiB: number = DEPLOYED_MEMORY_MIB,
): Promise<Worker> {
  const worker = Worker.start({
    name: `${fn}-${at}`,
    program: bench.bundles.handler,
    directory: bench.directory,
    environment: {
      ...environment,
      AWS_LAMBDA_FUNCTION_NAME: fn,
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(memoryMiB),
      POWERTOOLS_SERVICE_NAME: fn,
      POWERTOOLS_METRICS_NAMESPACE: 'Syncline',
    },
    memoryMiB,
    profileTo: bench.profileTo,
  });
  await worker.ask({ kind: 'load', bundle: bench.bundles.functions[fn], name: fn, memoryMiB });
  return worker;
}

/** Calls a handler with an event; gives what it took, and the ids of the messages that it gave back. */
export async function call(worker: Worker, file: string): Promise<Cost & { readonly givenBack: readonly string[] }> {
  const { ms, cpuUs, result } = await worker.ask({ kind: 'invoke', file });
  const failures = (result as { readonly batchItemFailures?: readonly { readonly itemIdentifier: string }[] } | null | undefined)?.batchItemFailures ?? [];
  return { ms, cpuUs, givenBack: failures.map((failure) => failure.itemIdentifier) };
}

/** Calls a handler where nothing can fail. @throws WrongResultError when it answers that some of it failed. */
export async function invoke(worker: Worker, file: string, what: string): Promise<Cost> {
  const { givenBack, ...cost } = await call(worker, file);
  checkEqual(givenBack.length, 0, 'failed messages or records', `${what}${givenBack.length > 0 ? worker.tail() : ''}`);
  return cost;
}
