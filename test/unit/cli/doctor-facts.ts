import type { DoctorFacts, Fact, MemberDoctorFacts, TableFacts } from '../../../lib/doctor/facts.ts';

/** A set in which everything is fine; tests change one thing of it. */

export const seen = <T>(value: T): Fact<T> => ({ seen: true, value });
export const refused: Fact<never> = { seen: false, why: 'AccessDenied: no', denied: true };
export const silent: Fact<never> = { seen: false, why: 'ECONNREFUSED: no', denied: false };

export const table = (change: Partial<TableFacts> = {}): TableFacts => ({
  status: 'ACTIVE',
  key: [
    { name: 'country', type: 'S' },
    { name: 'cityId', type: 'N' },
  ],
  stream: { arn: 'arn:stream', view: 'NEW_AND_OLD_IMAGES' },
  onDemand: true,
  warmWrites: 4_000,
  itemCount: 5,
  deletionProtection: true,
  globalReplicas: [],
  ttl: seen(undefined),
  pointInTimeRecovery: seen(true),
  ...change,
});

export const member = (change: Partial<MemberDoctorFacts> = {}): MemberDoctorFacts => ({
  member: 'a',
  region: 'eu-central-1',
  account: '123456789012',
  identity: seen({ account: '123456789012', arn: 'arn:aws:iam::123456789012:user/x' }),
  clock: seen({ offsetMs: 200, uncertaintyMs: 550 }),
  bootstrap: seen({ status: 'UPDATE_COMPLETE', version: 21 }),
  concurrency: seen({ limit: 1_000, unreserved: 1_000 }),
  itemsName: 'items',
  items: seen(table()),
  tombstones: seen(table()),
  control: seen(table()),
  readers: seen([
    { id: '1', fn: 'fanout', state: 'Enabled' },
    { id: '2', fn: 'observe', state: 'Enabled' },
  ]),
  ownReaders: ['fanout', 'observe'],
  stacks: [
    {
      name: 'data',
      facts: seen({
        name: 'data',
        status: 'CREATE_COMPLETE',
        resources: [{ logicalId: 'Items', type: 'AWS::DynamoDB::Table', physicalId: 'items', status: 'CREATE_COMPLETE', answer: 'there' as const }],
      }),
    },
  ],
  ...change,
});

export const facts = (members: readonly MemberDoctorFacts[], local = false): DoctorFacts => ({
  set: 'cities',
  key: [
    { name: 'country', type: 'S' },
    { name: 'cityId', type: 'N' },
  ],
  local,
  members,
});
