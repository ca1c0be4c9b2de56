import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cdkLines, contextSettings } from '../../../cli/adopt-deploy.ts';
import { progressWords } from '../../../cli/adopt-progress.ts';
import { setConfigOf } from '../../../cli/context.ts';
import { estimateBackfill, showBytes, writesPerS } from '../../../lib/adopt/estimate.ts';
import { depthMax, modelledRate, stepKeys, timeLeft, waitForRate } from '../../../lib/adopt/pace.ts';
import { hasForeignMeta } from '../../../lib/adopt/ready.ts';
import { rev } from '../../../lib/core/formats/rev.ts';
import { metaValue } from '../../../lib/core/formats/seal.ts';
import { pricesOf } from '../../../lib/cost/prices.ts';

const PRICES = pricesOf('us-east-1', {});

describe('the pace', () => {
  it('takes a message a lane for a step, and less where a rate says so (table)', () => {
    expect(stepKeys(16, undefined)).toBe(1_280);
    expect(stepKeys(16, 100)).toBe(200);
    expect(stepKeys(16, 0.1)).toBe(1);
    expect(stepKeys(1, 1e6)).toBe(80);
    expect(depthMax(16)).toBe(32);
  });

  it('never lets more keys go than the rate allows', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), fc.integer({ min: 1, max: 1e4 }), fc.integer({ min: 0, max: 1e6 }), (keys, rate, nowMs) => {
        const wait = waitForRate(keys, 0, nowMs, rate);
        expect(keys).toBeLessThanOrEqual((rate * (nowMs + wait)) / 1_000 + 1e-6);
        expect(wait === 0 || keys > (rate * (nowMs + wait - 1)) / 1_000).toBe(true);
      }),
    );
    expect(waitForRate(1e9, 0, 0, undefined)).toBe(0);
  });

  it('reckons with round trips, and then with what was measured', () => {
    expect(Math.round(modelledRate(16, 90))).toBe(1_111);
    expect(modelledRate(16, 180)).toBeCloseTo(modelledRate(16, 90) / 2);
    expect(timeLeft(250, 1_000, 1_000)).toBe(3_000);
    expect(timeLeft(0, 1_000, 1_000)).toBeUndefined();
    expect(timeLeft(2_000, 1_000, 1_000)).toBe(0);
  });
});

describe('the estimate', () => {
  it('counts what is read, written and moved (a million items of 1,000 bytes, two replicas)', () => {
    const e = estimateBackfill({ items: 1e6, bytes: 1e9, links: 2, lanes: 16, prove: true }, PRICES);
    expect(e.sourceReads).toBe(2 * Math.ceil(1e9 / 4_096) + 2e6);
    expect(e.replicaReads).toBe(2 * (3e6 + Math.ceil(1e9 / 4_096)));
    // 1,000 bytes and 55 of ours are over a kilobyte: two units each.
    expect(e.replicaWrites).toBe(4e6);
    expect(e.dollars).toBeCloseTo((e.sourceReads + e.replicaReads) * 0.125e-6 + 4e6 * 0.625e-6 + (2e9 / 1_024 ** 3) * 0.02, 0);
    expect(e.rateBy).toBe('model');
    expect(writesPerS(e)).toBe(Math.ceil(2 * e.keysPerS));
  });

  it('says whose rate it is', () => {
    const load = { items: 1_000, bytes: 1e5, links: 1, lanes: 16, prove: false };
    expect(estimateBackfill({ ...load, ratePerS: 100 }, PRICES)).toMatchObject({ rateBy: 'limit', keysPerS: 100, seconds: 10 });
    expect(estimateBackfill({ ...load, ratePerS: 100, measuredPerS: 50 }, PRICES)).toMatchObject({ rateBy: 'measured', seconds: 20 });
    expect(estimateBackfill({ ...load, items: 0, bytes: 0 }, PRICES)).toMatchObject({ seconds: 0, dollars: 0, replicaWrites: 0 });
  });

  it('shows bytes for people', () => {
    expect([0, 2_048, 3 * 1_024 ** 2, 1.5 * 1_024 ** 3].map(showBytes)).toEqual(['0 bytes', '2 KB', '3.0 MB', '1.5 GB']);
  });
});

describe('a reserved attribute', () => {
  it('is the user’s own when our writers cannot have left it (table)', () => {
    expect(hasForeignMeta({ a: { S: 'x' } })).toBe(false);
    expect(hasForeignMeta({ _s: metaValue(rev(1, 1, 1), undefined) })).toBe(false);
    expect(hasForeignMeta({ _s: { M: {} } })).toBe(false);
    expect(hasForeignMeta({ _s: { S: 'mine' } })).toBe(true);
    expect(hasForeignMeta({ _s: { M: { r: { S: 'mine' } } } })).toBe(true);
    expect(hasForeignMeta({ _s: { M: { x: { B: 'AA==' } } } })).toBe(true);
  });
});

describe('what is said', () => {
  it('gives lines for a CDK app, whatever the names hold, and settings that a shell takes as they are', () => {
    const config = setConfigOf({ set: 'orders', regions: 'eu-central-1,us-east-1', account: '123456789012' });
    const what = {
      config,
      member: 'eu-central-1',
      region: 'eu-central-1',
      table: 'orders',
      streamArn: 'arn:aws:dynamodb:eu-central-1:1:table/orders/stream/x',
      key: [{ name: "it's", type: 'S' }],
      account: '123456789012',
    };
    expect(cdkLines(what)).toBe(`new ReplicaSet(app, 'ReplicaSet', {
  set: 'orders',
  account: '123456789012',
  key: { partition: { name: 'it\\'s', type: 'S' } },
  members: [
    { region: 'eu-central-1', existingTable: { tableName: 'orders', streamArn: 'arn:aws:dynamodb:eu-central-1:1:table/orders/stream/x' } },
    { region: 'us-east-1' },
  ],
});`);
    expect(contextSettings(what)).toEqual([
      '-c',
      'set=orders',
      '-c',
      'regions=eu-central-1,us-east-1',
      '-c',
      `'keys=it'\\''s:S'`,
      '-c',
      `'existingTables={"eu-central-1":{"tableName":"orders","streamArn":"arn:aws:dynamodb:eu-central-1:1:table/orders/stream/x"}}'`,
    ]);
  });

  it('tells progress with the rate and the time left', () => {
    expect(progressWords({ phase: 'send', keys: 5_000, worked: 10_000, depth: 12 }, 20_000)).toBe(
      '5,000 of about 20,000 keys, 500/s, 30 s left, 12 messages wait',
    );
    // DynamoDB's count is old: there may be more keys than it says.
    expect(progressWords({ phase: 'send', keys: 300, worked: 1_000 }, 200)).toBe('300 of about 300 keys, 300/s');
    expect(progressWords({ phase: 'arrive', keys: 1, worked: 1, lanes: { passed: 3, of: 32 } }, 1)).toContain('3 of 32 lanes');
  });
});
