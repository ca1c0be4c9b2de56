import { describe, expect, test } from 'vitest';
import * as constants from '../../../lib/core/constants.ts';
import { inequalities, receivesWithin } from '../../../lib/core/constants.ts';

const DAY = 24 * 60 * 60 * 1_000;
const broken = (own: Parameters<typeof inequalities>[0]): string[] =>
  inequalities(own)
    .filter((i) => !i.holds)
    .map((i) => i.name.split(':')[0] as string);

describe('the inequalities between the constants', () => {
  test.each(inequalities().map((i) => [i.name, i] as const))('%s', (_name, inequality) => {
    expect(inequality.values).toSatisfy(() => inequality.holds);
  });

  test.each<[string, Parameters<typeof inequalities>[0], string[]]>([
    ['a visibility that a function can outlive', { visibilityS: 34 }, ['V ≥ function timeout + R + margin', 'V ≥ 6 × function timeout']],
    ['a visibility that AWS refuses', { visibilityS: 179 }, ['V ≥ 6 × function timeout']],
    ['a function that runs for too long', { functionTimeoutMs: 30_001 }, ['V ≥ 6 × function timeout']],
    ['a tombstone that lives as long as its queues', { tombstoneLifeMs: 29 * DAY }, ['tombstone life > stream + queue + dead-letter retention']],
    ['a queue that drops before its link is stale', { queueRetentionMs: 12 * DAY }, ['a link is declared stale before its queue drops messages']],
    ['longer dead letters', { dlqRetentionMs: 15 * DAY }, ['tombstone life > stream + queue + dead-letter retention']],
    ['the least that hold', { visibilityS: 180, functionTimeoutMs: 30_000, tombstoneLifeMs: 29 * DAY + 1, queueRetentionMs: 14 * DAY }, []],
  ])('%s is found', (_name, own, expected) => {
    expect(broken(own)).toEqual(expected);
  });

  test('a queue that is kept so long that a dead target makes dead letters is found', () => {
    expect(broken({ queueRetentionMs: 60 * DAY, tombstoneLifeMs: 100 * DAY })).toEqual(['receives within the queue’s retention < maxReceiveCount']);
  });
});

test('receives of a lane’s head: 1, 2, 4 … s, 5 min, and after a day 30 min', () => {
  expect(receivesWithin(0)).toBe(0);
  // Received at 0, 1, 3, 7 and 15 s.
  expect([1_000, 1_001, 3_000, 3_001, 15_001].map(receivesWithin)).toEqual([1, 2, 2, 3, 5]);
  // From a day on two an hour.
  expect(receivesWithin(11 * DAY) - receivesWithin(10 * DAY)).toBe(48);
  expect(receivesWithin(Number.MAX_SAFE_INTEGER)).toBe(100_000);
});

// DESIGN.md's starting values, A1 to A5: a change of one of these is a change of the protocol.
test('the values that the protocols rest on are pinned', () => {
  expect([constants.REQUEST_EFFECT_MAX_MS, constants.FENCE_AGE_MAX_MS, constants.FUNCTION_TIMEOUT_MS, constants.VISIBILITY_S]).toEqual([
    3_000, 3_000, 30_000, 180,
  ]);
  expect([constants.LANES_DEFAULT, constants.LANES_MAX]).toEqual([16, 256]);
  expect([constants.TOMBSTONE_LIFE_MS, constants.QUEUE_RETENTION_MS, constants.DLQ_RETENTION_MS]).toEqual([30 * DAY, 14 * DAY, 14 * DAY]);
});

test('messages fit the queues and functions that carry them', () => {
  // Ten bodies, with what Lambda's event adds, fit its 6 MB; a single large one fits a call.
  expect(constants.APPLY_BATCH_MESSAGES * constants.LANE_MESSAGE_BYTES).toBeLessThan(6 * 1_024 * 1_024);
  expect(constants.LANE_MESSAGE_BYTES_MAX).toBeLessThan(constants.SQS_CALL_BYTES_MAX);
  // An item of the largest size, its binaries in base64 and with its metadata, fits one message even where nothing compresses.
  expect((constants.ITEM_BYTES_MAX * 4) / 3).toBeLessThan(constants.LANE_MESSAGE_JSON_BYTES);
  expect(constants.LANE_MESSAGE_JSON_BYTES).toBeLessThan(constants.LANE_MESSAGE_UNPACKED_MAX);
});
