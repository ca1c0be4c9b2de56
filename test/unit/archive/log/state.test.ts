import { expect, test } from 'vitest';
import { MemoryCloud } from '../../../../lib/adapters/memory/cloud.ts';
import type { ArchiveState } from '../../../../lib/archive/log/state.ts';
import {
  decodeArchiveState,
  encodeArchiveState,
  FORGOTTEN_MAX,
  readArchiveState,
  SHARDS_HELD_MAX,
  STATE_FINDINGS_MAX,
  saveRolled,
  saveVerified,
} from '../../../../lib/archive/log/state.ts';
import { CONTROL_KEY_SCHEMA } from '../../../../lib/core/formats/rows.ts';
import { itemBytes } from '../../../../lib/core/size.ts';
import { LogBucket } from './support.ts';

const STATE: ArchiveState = {
  verified: { at: 5_000, deepAt: 4_000, segments: 7, findings: 12, first: ['one', 'two'] },
  rolled: {
    shards: {
      'L/s1': { done: false, last: { first: '10', firstAt: 1, last: '20', toMs: 2, sha256: 'x' } },
      'L/s2': { done: true, last: { first: '3', firstAt: 1, last: '4', toMs: 2 } },
      'L/s3': { done: false, next: 7_000 },
    },
    forgotten: ['abcdefgh', '+/345678'],
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

test('the row of the archive fits into DynamoDB’s 400 KB with the most shards, the longest names and the longest findings', () => {
  const number = '9'.repeat(40);
  const last = { first: number, firstAt: 1_795_515_303_000, last: number, toMs: 1_795_515_303_000, sha256: 'x'.repeat(44) };
  const shards = Object.fromEntries(
    Array.from({ length: SHARDS_HELD_MAX }, (_, i) => [
      `2026-11-24T08:00:00.123/${String(i).padStart(65, '0')}`,
      { done: false, next: 1_795_515_303_000, last },
    ]),
  );
  const words = Array.from({ length: STATE_FINDINGS_MAX }, () => '’'.repeat(1_000));
  const forgotten = Array.from({ length: FORGOTTEN_MAX }, (_, i) => String(i).padStart(8, '0'));
  const verified = { at: 1_795_515_303_000, deepAt: 1_795_515_303_000, segments: 1e9, findings: 1e9, first: words };
  const row = encodeArchiveState({ verified, rolled: { shards, forgotten, discover: 'x'.repeat(120), findings: 1e9, newest: words }, rolledV: 1e9 });
  expect(itemBytes(row)).toBeLessThan(350_000);
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
