import { describe, expect, it } from 'vitest';
import type { AdoptFacts } from '../../../lib/adopt/check.ts';
import { checkTable } from '../../../lib/adopt/check.ts';
import type { Finding, TableFacts } from '../../../lib/doctor/facts.ts';

/** A table with which everything is fine; tests change one thing of it. */
const TABLE: TableFacts = {
  status: 'ACTIVE',
  key: [
    { name: 'customer', type: 'S' },
    { name: 'order', type: 'N' },
  ],
  stream: { arn: 'arn:stream', view: 'NEW_AND_OLD_IMAGES' },
  onDemand: true,
  itemCount: 1_000,
  deletionProtection: true,
  globalReplicas: [],
  ttl: { seen: true, value: undefined },
  pointInTimeRecovery: { seen: true, value: true },
};

const facts = (table: Partial<TableFacts> = {}, more: Partial<AdoptFacts> = {}): AdoptFacts => ({
  member: 'a',
  name: 'orders',
  table: { ...TABLE, ...table },
  more: { bytes: 1e6, indexAttributes: [] },
  readers: { seen: true, value: [] },
  ownReaders: ['fanout', 'observe'],
  sample: { seen: true, value: { looked: 10, foreign: 0, tookMs: 5 } },
  replicas: [],
  allowReaders: false,
  readsPerKey: 1.25,
  keysPerS: 1_000,
  ...more,
});

const level = (f: AdoptFacts, check: string): Finding['level'] | undefined => checkTable(f).find((x) => x.check === check)?.level;
const reader = (fn: string) => ({ id: fn, fn, state: 'Enabled' });
const withoutStream = (): AdoptFacts => {
  const { stream: _, ...rest } = TABLE;
  return { ...facts(), table: rest };
};

describe('a table that is to be adopted', () => {
  it('is fine when nothing is wrong with it, and every finding says what to do or that it is fine', () => {
    expect(checkTable(facts()).filter((f) => f.level !== 'ok')).toEqual([]);
    for (const f of checkTable(facts({ globalReplicas: ['us-east-1'], status: 'UPDATING' }))) expect(f.level === 'ok' || f.todo !== undefined).toBe(true);
  });

  it.each([
    ['that is being made', facts({ status: 'CREATING' }), 'table', 'fail'],
    ['of another key', facts({}, { key: [{ name: 'customer', type: 'S' }] }), 'key-schema', 'fail'],
    ['whose key is named as a tombstone’s expiry is', facts({ key: [{ name: 'expiresAt', type: 'N' }] }), 'key-names', 'fail'],
    ['whose key is our reserved attribute', facts({ key: [{ name: '_s', type: 'S' }] }), 'key-names', 'fail'],
    ['with an index over our reserved attribute', facts({}, { more: { bytes: 1, indexAttributes: ['_s'] } }), 'reserved-attribute', 'fail'],
    [
      'whose items use our reserved attribute',
      facts({}, { sample: { seen: true, value: { looked: 10, foreign: 1, tookMs: 1 } } }),
      'reserved-attribute',
      'fail',
    ],
    ['whose items cannot be looked at', facts({}, { sample: { seen: false, why: 'no', denied: true } }), 'reserved-attribute', 'warn'],
    ['without a stream', withoutStream(), 'stream', 'warn'],
    ['with a stream of keys only', facts({ stream: { arn: 'x', view: 'KEYS_ONLY' } }), 'stream', 'warn'],
    ['with a stream of new images', facts({ stream: { arn: 'x', view: 'NEW_IMAGE' } }), 'stream', 'warn'],
    ['whose stream only our functions read', facts({}, { readers: { seen: true, value: [reader('fanout'), reader('observe')] } }), 'stream-readers', 'ok'],
    ['whose stream one other function reads', facts({}, { readers: { seen: true, value: [reader('mail'), reader('fanout')] } }), 'stream-readers', 'warn'],
    ['whose stream two others read', facts({}, { readers: { seen: true, value: [reader('mail'), reader('search')] } }), 'stream-readers', 'fail'],
    [
      'whose stream two others read, which is borne',
      facts({}, { readers: { seen: true, value: [reader('mail'), reader('search')] }, allowReaders: true }),
      'stream-readers',
      'warn',
    ],
    ['that is a Global Table', facts({ globalReplicas: ['us-east-1'] }), 'global-table', 'fail'],
    ['that expires items, before the others are there', facts({ ttl: { seen: true, value: 'until' } }), 'ttl', 'warn'],
    ['with a key of KMS', facts({ kms: { arn: 'arn:kms' } }), 'kms', 'warn'],
    ['with a key of KMS that is gone', facts({ kms: { arn: 'arn:kms', inaccessibleSince: 'May' } }), 'kms', 'fail'],
    [
      'with too little provisioned capacity',
      facts({ onDemand: false }, { more: { bytes: 1, indexAttributes: [], provisionedReads: 100 } }),
      'capacity',
      'warn',
    ],
    ['with enough provisioned capacity', facts({ onDemand: false }, { more: { bytes: 1, indexAttributes: [], provisionedReads: 10_000 } }), 'capacity', 'ok'],
  ] as const)('%s', (_, f, check, expected) => {
    expect(level(f, check)).toBe(expected);
  });

  it('compares its expiry with the others’, where they are there', () => {
    const other = (ttl: string | undefined): AdoptFacts =>
      facts(
        { ttl: { seen: true, value: 'until' } },
        { replicas: [{ member: 'b', table: { seen: true, value: { ...TABLE, ttl: { seen: true, value: ttl } } } }] },
      );
    expect(level(other('until'), 'ttl')).toBe('ok');
    expect(level(other(undefined), 'ttl')).toBe('warn');
  });

  it('names a rate that takes half of its provisioned reads', () => {
    const found = checkTable(facts({ onDemand: false }, { more: { bytes: 1, indexAttributes: [], provisionedReads: 100 } }));
    expect(found.find((f) => f.check === 'capacity')?.todo).toContain('--rate 40');
  });

  it('says nothing more of a table that cannot be read or written', () => {
    expect(checkTable(facts({ status: 'DELETING', globalReplicas: ['x'] }))).toHaveLength(1);
  });
});
