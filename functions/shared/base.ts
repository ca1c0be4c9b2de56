import type { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import type { MiddyfiedHandler } from '@middy/core';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { systemChance, systemClock } from '../../lib/adapters/aws/runtime.ts';
import type { FunctionName } from '../../lib/core/names.ts';
import { whyText } from '../../lib/ports/errors.ts';
import type { Chance, Clock, Runtime } from '../../lib/ports/runtime.ts';
import type { Settings } from './settings.ts';
import { settings } from './settings.ts';
import type { MetricsBuffer } from './telemetry.ts';
import { logging, metricsBuffer } from './telemetry.ts';

/** What a handler stands on: made once a sandbox. */
export interface Base {
  readonly fn: FunctionName;
  readonly settings: Settings;
  /** What every flow is given. */
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly metrics: MetricsBuffer;
}

/**
 * Settings, log and metrics of a function, with this host's clock and chance.
 *
 * @param of the settings; read from the environment when not given.
 * @param adapters another clock and chance, for tests.
 * @throws SettingsError
 */
export function base(
  fn: FunctionName,
  of: Settings = settings(),
  adapters: { readonly clock: Clock; readonly chance: Chance } = { clock: systemClock, chance: systemChance },
): Base {
  const { log, logger } = logging(fn, of);
  const metrics = metricsBuffer(fn, of, log);
  return { fn, settings: of, logger, metrics, runtime: { clock: adapters.clock, chance: adapters.chance, metrics, log } };
}

/**
 * The middleware that every function has: the invocation's ids in each log line, one line at the end of every
 * invocation (a local cloud waits 50 ms for the first line of one that prints nothing), and the metrics written.
 *
 * ⚠ middy's early time-out is off. It would answer while a request is still in flight, and a frozen sandbox would send
 * that request hours later; when Lambda's own time-out ends the process, the request dies with it.
 *
 * An error is logged (its message cut, its frames) and thrown on, so that Lambda sees it.
 */
export function wrap<TEvent, TResult>(of: Base, handle: (event: TEvent, context: Context) => Promise<TResult>): MiddyfiedHandler<TEvent, TResult> {
  let began = 0;
  const ms = (): number => Math.round(of.runtime.clock.elapsed() - began);
  return middy<TEvent, TResult>({ timeoutEarlyInMillis: 0 })
    .use(injectLambdaContext(of.logger, { logEvent: false }))
    .use({
      before: () => {
        began = of.runtime.clock.elapsed();
      },
      after: () => {
        of.runtime.log.info('done', { ms: ms() });
        of.metrics.flush();
      },
      onError: ({ error }: { error: unknown }) => {
        of.runtime.log.error('failed', { ms: ms(), why: whyText(error), at: frames(error) });
        of.metrics.flush();
      },
    })
    .handler((event: TEvent, context: Context) => handle(event, context)) as MiddyfiedHandler<TEvent, TResult>;
}

/** Frames of a stack that go into the log. */
const FRAMES_MAX = 8;

/** Where an error was thrown: the frames alone, since the message may be long and is logged, cut, on its own. */
export function frames(error: unknown): readonly string[] {
  if (!(error instanceof Error) || error.stack === undefined) return [];
  return error.stack
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('at '))
    .slice(0, FRAMES_MAX);
}
