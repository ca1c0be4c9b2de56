import { expect, test } from 'vitest';
import { MemoryCloud } from '../../../../lib/adapters/memory/cloud.ts';
import type { ArchiveState } from '../../../../lib/archive/log/state.ts';
import { decodeArchiveState, encodeArchiveState, readArchiveState, saveRolled, saveVerified } from '../../../../lib/archive/log/state.ts';
import { CONTROL_KEY_SCHEMA } from '../../../../lib/core/formats/rows.ts';
import { LogBucket } from './support.ts';

const STATE: ArchiveState = {
  verified: { at: 5_000, deepAt: 4_000, segments: 7, findings: 12, first: ['one', 'two'] },
  rolled: {
    shards: {
      'L/s1': { done: false, last: { first: '10', firstAt: 1, last: '20', toMs: 2, sha256: 'x' } },
      'L/s2': { done: true, last: { first: '3', firstAt: 1, last: '4', toMs: 2 } },
      'L/s3': { done: false },
    },
    discover: 'log/L/s3/~',
    findings: 1,
    newest: ['three'],
  },
  rolledV: 4,
};

function control(bucket: LogBucket) {
  const region = new MemoryCloud({ clock: bucket.runtime.clock, chance: bucket.runtime.chance as never }).region('eu-west-1');
  region.createTable({ name: 'control', key: CONTROL_KEY_SCHEMA });
  return { table: region.table, control: 'control' };
}

test('the row of the archive gives back what was written', () => {
  expect(decodeArchiveState(encodeArchiveState(STATE))).toEqual(STATE);
  expect(decodeArchiveState(encodeArchiveState({ rolledV: 0 }))).toEqual({ rolledV: 0 });
});

test('verifications and roll-ups write their own parts of it, and a shallow one leaves the time of the deep one', async () => {
  const bucket = new LogBucket();
  const place = control(bucket);
  expect(await readArchiveState(place, bucket.runtime, 1_000)).toEqual({ rolledV: 0 });
  const rolled = STATE.rolled as NonNullable<ArchiveState['rolled']>;
  expect(await saveRolled(place, bucket.runtime, rolled, 0, 1_000)).toBe(true);
  await saveVerified(place, bucket.runtime, { at: 1, deepAt: 1, segments: 1, findings: 0, first: [] }, 1_000);
  await saveVerified(place, bucket.runtime, { at: 2, segments: 2, findings: 0, first: [] }, 1_000);
  expect(await readArchiveState(place, bucket.runtime, 1_000)).toEqual({
    rolled,
    rolledV: 1,
    verified: { at: 2, deepAt: 1, segments: 2, findings: 0, first: [] },
  });
});

test('of two runs that roll up at the same time one notes how far it came', async () => {
  const bucket = new LogBucket();
  const place = control(bucket);
  const rolled = { shards: {}, findings: 0, newest: [] };
  expect(await saveRolled(place, bucket.runtime, rolled, 0, 1_000)).toBe(true);
  expect(await saveRolled(place, bucket.runtime, rolled, 0, 1_000)).toBe(false);
  expect(await saveRolled(place, bucket.runtime, rolled, 1, 1_000)).toBe(true);
});
