import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { Context } from 'aws-lambda';
import type { Cost, Task } from './protocol.ts';
import { measured, serve } from './serve.ts';

/** A process that runs a function's bundle as Lambda's runtime does: one event after the other. Imports nothing else, for its memory is measured. */

/** Time that an invocation has (ms): the functions' timeout. */
const TIMEOUT_MS = 30_000;

type Handler = (event: unknown, context: Context) => Promise<unknown>;

interface Loaded {
  readonly handler: Handler;
  readonly name: string;
  readonly memoryMiB: number;
}

let loaded: Loaded | undefined;
let invocations = 0;

async function load(task: Extract<Task, { kind: 'load' }>): Promise<null> {
  const { handler } = (await import(pathToFileURL(task.bundle).href)) as { readonly handler?: unknown };
  if (typeof handler !== 'function') throw new Error(`The bundle of "${task.name}" exports no function "handler".`);
  loaded = { handler: handler as Handler, name: task.name, memoryMiB: task.memoryMiB };
  return null;
}

/** One invocation. Parsing the event counts: Lambda's runtime does it in the function's process, too. */
async function invoke(file: string): Promise<Cost & { readonly result: unknown }> {
  const of = loaded;
  if (of === undefined) throw new Error('No function is loaded.');
  const text = readFileSync(file, 'utf8');
  return measured(async () => of.handler(JSON.parse(text), context(of)));
}

function context({ name, memoryMiB }: Loaded): Context {
  const until = performance.now() + TIMEOUT_MS;
  invocations += 1;
  return {
    callbackWaitsForEmptyEventLoop: false,
    functionName: name,
    functionVersion: '$LATEST',
    invokedFunctionArn: `arn:aws:lambda:${process.env['AWS_REGION'] ?? ''}:000000000000:function:${name}`,
    memoryLimitInMB: String(memoryMiB),
    awsRequestId: `bench-${process.pid}-${invocations}`,
    logGroupName: `/aws/lambda/${name}`,
    logStreamName: 'bench',
    getRemainingTimeInMillis: () => until - performance.now(),
    done: () => undefined,
    fail: () => undefined,
    succeed: () => undefined,
  };
}

serve(async (task) => {
  if (task.kind === 'load') return load(task);
  if (task.kind === 'invoke') return invoke(task.file);
  throw new Error(`This worker does not do "${task.kind}".`);
});
