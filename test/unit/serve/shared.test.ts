import type { Context } from 'aws-lambda';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { base, wrap } from '../../../functions/shared/base.ts';
import { readSettings, regionAccess, SettingsError } from '../../../functions/shared/settings.ts';
import { World } from './harness.ts';

const CONFIG = JSON.stringify(new World().config);
const ENV = { SYNCLINE_CONFIG: CONFIG, SYNCLINE_MEMBER: 'us-east-1' };
const CONTEXT = { awsRequestId: 'r1', functionName: 'f', functionVersion: '1', invokedFunctionArn: 'arn', memoryLimitInMB: '128' } as unknown as Context;

describe('settings', () => {
  it('are read from the environment', () => {
    const of = readSettings({ ...ENV, SYNCLINE_ENDPOINTS: '{"us-east-1":"http://127.0.0.1:4566"}', SYNCLINE_LINGER_MS: '50' });
    expect(of).toMatchObject({ member: { name: 'us-east-1' }, lingerMs: 50, config: { lanes: 16 } });
    expect(regionAccess(of, 'us-east-1')).toEqual({ region: 'us-east-1', endpoint: 'http://127.0.0.1:4566' });
    expect(regionAccess(of, 'eu-central-1')).toEqual({ region: 'eu-central-1' });
    expect(readSettings({ ...ENV, SYNCLINE_ENDPOINTS: '' })).toMatchObject({ endpoints: {}, lingerMs: 0 });
    expect(readSettings(ENV).archive).toEqual({ retentionDays: 35 });
    expect(readSettings({ ...ENV, SYNCLINE_ARCHIVE: '{"windowS":5,"retentionDays":7,"snapshotEveryMs":3600000}' }).archive).toEqual({
      windowS: 5,
      retentionDays: 7,
      snapshotEveryMs: 3_600_000,
    });
  });

  it.each([
    [{ SYNCLINE_MEMBER: 'x' }, /SYNCLINE_CONFIG is not set/],
    [{ SYNCLINE_CONFIG: CONFIG }, /SYNCLINE_MEMBER is not set/],
    [{ ...ENV, SYNCLINE_CONFIG: '{' }, /SYNCLINE_CONFIG is not valid: is not JSON/],
    [{ ...ENV, SYNCLINE_CONFIG: '{"set":"cities"}' }, /SYNCLINE_CONFIG is not valid: key: .*members: /],
    [{ ...ENV, SYNCLINE_MEMBER: 'mars' }, /SYNCLINE_MEMBER names no member.*eu-central-1, us-east-1/],
    [{ ...ENV, SYNCLINE_ENDPOINTS: '{"us-east-1":"file:///x"}' }, /SYNCLINE_ENDPOINTS is not valid: us-east-1: /],
    [{ ...ENV, SYNCLINE_ARCHIVE: '{"retentionDays":0}' }, /SYNCLINE_ARCHIVE is not valid: retentionDays: /],
    [{ ...ENV, SYNCLINE_ARCHIVE: '{"windowS":301,"retentionDays":7}' }, /SYNCLINE_ARCHIVE is not valid: windowS: /],
    [{ ...ENV, SYNCLINE_LINGER_MS: '1.5' }, /SYNCLINE_LINGER_MS is not valid: must be whole milliseconds/],
  ])('%#: say which variable is wrong, and how', (env, message) => {
    expect(() => readSettings(env)).toThrow(SettingsError);
    expect(() => readSettings(env)).toThrow(message);
  });
});

describe('the middleware of every function', () => {
  const lines: Record<string, unknown>[] = [];
  const keep = (chunk: unknown): boolean => {
    for (const line of String(chunk).split('\n')) if (line.startsWith('{')) lines.push(JSON.parse(line) as Record<string, unknown>);
    return true;
  };
  beforeEach(() => {
    lines.length = 0;
    vi.spyOn(process.stdout, 'write').mockImplementation(keep as never);
    vi.spyOn(process.stderr, 'write').mockImplementation(keep as never);
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('logs one line an invocation, with its ids, and writes the metrics by their dimensions', async () => {
    const of = base('fanout', readSettings(ENV));
    const handler = wrap(of, async (event: number) => {
      of.runtime.metrics.count('Sent', event);
      of.runtime.metrics.count('Sent', 2, { link: 'a' });
      of.runtime.metrics.count('Lag', 5, { link: 'a' });
      return event + 1;
    });
    expect(await handler(1, CONTEXT)).toBe(2);
    const log = lines.filter((l) => l['message'] === 'done');
    expect(log).toMatchObject([
      { level: 'INFO', service: 'syncline-fanout', set: 'cities', member: 'us-east-1', function_request_id: 'r1', ms: expect.any(Number) as unknown },
    ]);
    const metrics = lines.filter((l) => l['_aws'] !== undefined);
    expect(metrics).toMatchObject([
      { set: 'cities', member: 'us-east-1', service: 'syncline-fanout', Sent: 1 },
      { set: 'cities', member: 'us-east-1', link: 'a', Sent: 2, Lag: 5 },
    ]);
    lines.length = 0;
    expect(await wrap(of, async () => 'x')(0, CONTEXT)).toBe('x');
    expect(lines.map((l) => l['message'])).toEqual(['done']);
  });

  it('logs an error and throws it on, its metrics written', async () => {
    const of = base('apply', readSettings(ENV));
    const handler = wrap(of, async () => {
      of.runtime.metrics.count('Failed', 1);
      throw new Error(`broken ${'x'.repeat(1_000)}`);
    });
    await expect(handler(0, CONTEXT)).rejects.toThrow('broken');
    const [failed] = lines.filter((l) => l['message'] === 'failed');
    expect(failed).toMatchObject({ level: 'ERROR', at: expect.arrayContaining([expect.stringContaining('shared.test.ts')]) as unknown });
    expect(String(failed?.['why']).length).toBeLessThanOrEqual(300);
    expect(lines.some((l) => l['Failed'] === 1)).toBe(true);
  });

  it('never answers before its handler has, however little time is left', async () => {
    const of = base('apply', readSettings(ENV));
    let finish: (value: string) => void = () => undefined;
    const handler = wrap(of, () => new Promise<string>((resolve) => (finish = resolve)));
    const running = handler(0, { ...CONTEXT, getRemainingTimeInMillis: () => 1 });
    let settled = false;
    running.then(
      () => (settled = true),
      () => (settled = true),
    );
    // middy's own time-out would fire after at most 1 ms.
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(settled).toBe(false);
    finish('done');
    expect(await running).toBe('done');
  });

  it('bounds the sets of dimensions that it keeps', async () => {
    const of = base('apply', readSettings(ENV));
    await wrap(of, async () => {
      for (let i = 0; i < 100; i += 1) of.runtime.metrics.count('Many', 1, { link: `l${i}` });
    })(0, CONTEXT);
    expect(lines.filter((l) => l['_aws'] !== undefined)).toHaveLength(64);
    expect(lines.filter((l) => String(l['message']).startsWith('too many sets'))).toHaveLength(1);
  });
});
