import { describe, expect, test } from 'vitest';
import type { CheckProps } from '../../cdk/check.ts';
import { checkSettings } from '../../cdk/check.ts';
import { appSettings } from '../../cdk/context.ts';
import { SetPropsError } from '../../cdk/set.ts';
import { readSettings } from '../../functions/shared/settings.ts';
import { byType, only, replicaSet, resourcesOf, stacksOf } from './fixture.ts';

/** The environment of the reconcile function. */
function environment(check?: CheckProps): Record<string, string> {
  const found = byType(resourcesOf(stacksOf(replicaSet(check === undefined ? {} : { check })).app), 'AWS::Lambda::Function').filter(([, r]) =>
    String(r.Properties.FunctionName).endsWith('-reconcile'),
  );
  return only(found).Properties.Environment.Variables;
}

describe('the settings of the checker', () => {
  test('are a sweep a week and repairs, unless a user says otherwise', () => {
    expect(checkSettings()).toEqual({ sweepEveryMs: 604_800_000, repair: 'auto' });
    expect(checkSettings({ sweepEvery: 'off', repair: 'ask' })).toEqual({ repair: 'ask' });
    expect(checkSettings({ sweepEvery: 12, monthlyUsd: 2.5 })).toEqual({ sweepEveryMs: 43_200_000, monthlyUsd: 2.5, repair: 'auto' });
  });

  test('sweep again before the log since the last sweep expires', () => {
    expect(checkSettings({}, { retentionDays: 3 })).toEqual({ sweepEveryMs: 86_400_000, repair: 'auto' });
    expect(checkSettings({}, { retentionDays: 2 })).toEqual({ repair: 'auto' });
    expect(checkSettings({ sweepEvery: 24 }, { retentionDays: 3 }).sweepEveryMs).toBe(86_400_000);
    expect(() => checkSettings({ sweepEvery: 25 }, { retentionDays: 3 })).toThrow(
      /retentionDays ≥ check\.sweepEvery \+ 2 days.*keep the log for 4 days or more/,
    );
    expect(() => replicaSet({ check: { sweepEvery: 34 * 24 } })).toThrow(SetPropsError);
  });

  test('reach the function that checks', () => {
    expect(readSettings(environment()).check).toEqual({ sweepEveryMs: 604_800_000, repair: 'auto' });
    expect(readSettings(environment({ sweepEvery: 'off', monthlyUsd: 25, repair: 'off' })).check).toEqual({ monthlyUsd: 25, repair: 'off' });
  });

  test('where the environment says nothing, nothing begins by itself', () => {
    const { SYNCLINE_CHECK: _, ...older } = environment();
    expect(readSettings(older).check).toEqual({ repair: 'off' });
    expect(() => readSettings({ ...older, SYNCLINE_CHECK: '{"repair":"always"}' })).toThrow(/SYNCLINE_CHECK is not valid: repair/);
  });

  test.each<[string, CheckProps, RegExp]>([
    ['a sweep each moment', { sweepEvery: 0 }, /check\.sweepEvery must be a whole number of hours from 1 to 8784, or "off"; got 0/],
    ['half an hour', { sweepEvery: 0.5 }, /check\.sweepEvery/],
    ['an unknown way', { repair: 'always' as 'auto' }, /check\.repair must be "auto", "ask" or "off"; got "always"/],
    ['a negative budget', { monthlyUsd: -1 }, /check\.monthlyUsd must be a number of US dollars from 0 to 1000000; got -1/],
    ['no number', { monthlyUsd: Number.NaN }, /check\.monthlyUsd/],
  ])('refuse %s, and say so', (_, check, message) => {
    expect(() => checkSettings(check)).toThrow(SetPropsError);
    expect(() => replicaSet({ check })).toThrow(message);
  });
});

describe('the attribute by which items expire', () => {
  const items = (expiryAttribute?: string) =>
    byType(resourcesOf(stacksOf(replicaSet(expiryAttribute === undefined ? {} : { expiryAttribute })).data), 'AWS::DynamoDB::Table').find(([, r]) =>
      String(r.Properties.TableName).endsWith('-items'),
    )?.[1].Properties;

  test('is that of the items tables, and known to the functions', () => {
    expect(items().TimeToLiveSpecification).toBeUndefined();
    expect(items('until').TimeToLiveSpecification).toEqual({ AttributeName: 'until', Enabled: true });
    expect(replicaSet({ expiryAttribute: 'until' }).config.expiryAttribute).toBe('until');
  });

  test('must be a name', () => {
    expect(() => replicaSet({ expiryAttribute: '' })).toThrow(/expiryAttribute/);
  });
});

describe('the context', () => {
  const settings = (values: Record<string, string>) => appSettings((name) => values[name], '123456789012');

  test('says nothing where nothing is said', () => {
    expect(settings({}).check).toBeUndefined();
    expect(settings({}).expiryAttribute).toBeUndefined();
  });

  test.each<[Record<string, string>, CheckProps]>([
    [{ sweepEvery: '12h' }, { sweepEvery: 12 }],
    [
      { sweepEvery: '30d', repair: 'ask' },
      { sweepEvery: 720, repair: 'ask' },
    ],
    [{ sweepEvery: 'off' }, { sweepEvery: 'off' }],
    [{ sweepMonthlyUsd: '2.50' }, { monthlyUsd: 2.5 }],
  ])('reads %j', (values, expected) => {
    expect(settings(values).check).toEqual(expected);
  });

  test('reads the attribute by which items expire', () => {
    expect(settings({ expiryAttribute: 'until' }).expiryAttribute).toBe('until');
  });

  test.each([
    ['sweepEvery', '7', /-c sweepEvery must be hours like "6h", days like "7d", or "off"; got "7"/],
    ['sweepMonthlyUsd', '-1', /-c sweepMonthlyUsd must be US dollars, like 25 or 2\.50; got "-1"/],
    ['repair', 'yes', /-c repair must be "auto", "ask" or "off"; got "yes"/],
  ])('refuses %s=%s', (name, value, message) => {
    expect(() => settings({ [name]: value })).toThrow(message);
  });
});
