import { Logger } from '@aws-lambda-powertools/logger';
import { MetricUnit, Metrics as PowertoolsMetrics } from '@aws-lambda-powertools/metrics';
import type { FunctionName } from '../../lib/core/names.ts';
import type { Log, Metrics } from '../../lib/ports/runtime.ts';
import type { Settings } from './settings.ts';

/** The CloudWatch namespace of every metric. */
export const NAMESPACE = 'Syncline';
/** Different sets of dimensions that one function counts under; more are counted without their dimensions, and logged once. */
const DIMENSION_SETS_MAX = 64;
/** Longest dimension value (characters); longer ones are cut. https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Dimension.html */
const DIMENSION_VALUE_MAX = 1_024;

/** A function's logger, as the port and as Powertools' own (the middleware puts the invocation's ids into it). */
export interface Logging {
  readonly log: Log;
  readonly logger: Logger;
}

/** Makes the logger of a function. `POWERTOOLS_LOG_LEVEL` sets its level. */
export function logging(fn: FunctionName, of: Settings): Logging {
  const logger = new Logger({ serviceName: `syncline-${fn}`, persistentKeys: { set: of.config.set, member: of.member.name } });
  const put =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}): void =>
      logger[level](message, fields);
  return { logger, log: { debug: put('debug'), info: put('info'), warn: put('warn'), error: put('error') } };
}

/** Metrics that are collected during an invocation and written, as one line of embedded metric format a set of dimensions, at its end. */
export interface MetricsBuffer extends Metrics {
  /** Writes what was collected. Without anything collected it writes nothing. */
  flush(): void;
}

/** Makes the metrics of a function. Every metric has the dimensions `set` and `member`, and `service`, the function. */
export function metricsBuffer(fn: FunctionName, of: Settings, log: Log): MetricsBuffer {
  const byDimensions = new Map<string, PowertoolsMetrics>();
  let overflowed = false;
  const make = (dimensions: Readonly<Record<string, string>>): PowertoolsMetrics =>
    new PowertoolsMetrics({
      namespace: NAMESPACE,
      serviceName: `syncline-${fn}`,
      defaultDimensions: { set: of.config.set, member: of.member.name, ...dimensions },
    });
  const instance = (dimensions: Readonly<Record<string, string>>): PowertoolsMetrics => {
    const id = JSON.stringify(Object.entries(dimensions).sort(([a], [b]) => (a < b ? -1 : 1)));
    const known = byDimensions.get(id);
    if (known !== undefined) return known;
    if (byDimensions.size >= DIMENSION_SETS_MAX) {
      if (!overflowed) log.warn('too many sets of metric dimensions; further ones are counted without', { max: DIMENSION_SETS_MAX, dimensions });
      overflowed = true;
      return byDimensions.get('[]') ?? (byDimensions.values().next().value as PowertoolsMetrics);
    }
    const made = make(dimensions);
    byDimensions.set(id, made);
    return made;
  };
  // The set without dimensions always exists, so that an overflow has somewhere to go.
  instance({});
  return {
    count(name, value, dimensions = {}) {
      const cut = Object.fromEntries(Object.entries(dimensions).map(([k, v]) => [k, v.slice(0, DIMENSION_VALUE_MAX)]));
      instance(cut).addMetric(name, MetricUnit.NoUnit, value);
    },
    flush() {
      for (const metrics of byDimensions.values()) if (metrics.hasStoredMetrics()) metrics.publishStoredMetrics();
    },
  };
}
