import { describe, expect, it, test } from 'vitest';
import { STREAM_RECORD_AGE_MAX_MS, STREAM_RETENTION_MS } from '../../../lib/core/constants.ts';
import type { Shard, ShardMark } from '../../../lib/core/formats/rows.ts';
import type { Before } from '../../../lib/observe/doubt.ts';
import { BEGINNING_MS, doubtOf, KEPT_LAG_MS, LOSS_AGE_MS } from '../../../lib/observe/doubt.ts';
import { KEPT_STEP_MS, nextNote, standing } from '../../../lib/observe/kept.ts';

const HOUR = 3_600_000;
const MINUTE = 60_000;
/** A record of that number, made so many hours after 0. */
const r = (sequence: number, hours: number): ShardMark => ({ sequence: String(sequence), at: hours * HOUR });

test('what may be lost is doubted before it is, and a note is renewed in time', () => {
  expect(LOSS_AGE_MS).toBeLessThan(STREAM_RECORD_AGE_MAX_MS);
  expect(KEPT_STEP_MS + KEPT_LAG_MS + MINUTE).toBeLessThan(LOSS_AGE_MS);
  expect(BEGINNING_MS).toBeGreaterThan(STREAM_RETENTION_MS);
});

describe('a new segment', () => {
  // The segment begins with record 9; `now` in hours.
  const cases: readonly [string, Before, { at: number; now: number }, ReturnType<typeof doubtOf>][] = [
    ['has no doubt when nothing was ever archived, however old its records', { line: [{}] }, { at: 0, now: 23.9 }, undefined],
    ['has none minutes after the last one', { tail: r(5, 10), line: [{ sent: r(9, 11), seen: r(5, 10) }] }, { at: 11, now: 11.1 }, undefined],
    ['has none when fan-out has nothing but what was archived', { tail: r(5, 10), line: [{ sent: r(5, 10), seen: r(5, 10) }] }, { at: 11, now: 11 }, undefined],
    ['has none when fan-out is behind', { tail: r(5, 10), line: [{ sent: r(3, 9), seen: r(5, 10) }] }, { at: 11, now: 11 }, undefined],
    ['skipped: fan-out moved a record in between', { tail: r(5, 10), line: [{ sent: r(7, 10), seen: r(5, 10) }] }, { at: 11, now: 11 }, 'skipped'],
    ['… by value, not by text', { tail: r(5, 10), line: [{ sent: r(10, 10), seen: r(5, 10) }] }, { at: 11, now: 11 }, undefined],
    [
      'skipped: the end of its parent was never seen',
      { tail: r(5, 10), line: [{ sent: r(9, 11) }, { sent: r(7, 10), seen: r(5, 10) }] },
      { at: 11, now: 11 },
      'skipped',
    ],
    [
      'skipped: a shard between it and the tail was never seen',
      { tail: r(5, 10), line: [{}, { sent: r(7, 10) }, { seen: r(5, 10) }] },
      { at: 11, now: 11 },
      'skipped',
    ],
    ['trimmed: its first record is about to be dropped', { tail: r(5, 1), line: [{ seen: r(5, 1) }] }, { at: 2, now: 24 }, 'trimmed'],
    ['… also for a reader that is a little behind that', { tail: r(5, 1), line: [{ seen: r(5, 1) }] }, { at: 2, now: 24.5 }, 'trimmed'],
    ['not trimmed an hour and more before Lambda gives records up', { tail: r(5, 2), line: [{ seen: r(5, 2) }] }, { at: 2, now: 23.9 }, undefined],
    ['silence: a day without a record', { tail: r(5, 0), line: [{ sent: r(9, 30), seen: r(5, 0) }] }, { at: 30, now: 30 }, 'silence'],
    ['silence: the tail is old although the first record is near it', { tail: r(5, 0), line: [{ seen: r(5, 0) }] }, { at: 3, now: 24.9 }, 'silence'],
    [
      'silence: fan-out that has not gone on either proves nothing',
      { tail: r(5, 0), line: [{ sent: r(5, 0), seen: r(5, 0) }] },
      { at: 30, now: 30 },
      'silence',
    ],
    [
      'none after a day: the minute run saw the observer keep up',
      { tail: r(5, 0), line: [{ seen: r(5, 0) }], kept: { at: 29 * HOUR } },
      { at: 30, now: 30 },
      undefined,
    ],
    ['silence: the minute run has not looked for a day', { tail: r(5, 0), line: [{ seen: r(5, 0) }], kept: { at: 8 * HOUR } }, { at: 30, now: 30 }, 'silence'],
    [
      'skipped is certain, whatever the minute run noted',
      { tail: r(5, 0), line: [{ sent: r(7, 0), seen: r(5, 0) }], kept: { at: 30 * HOUR } },
      { at: 30, now: 30 },
      'skipped',
    ],
    ['none without a tail while the archive begins', { line: [{}, {}], beganMs: 6 * HOUR }, { at: 30, now: 30 }, undefined],
    ['silence: no tail of its line, in an old archive', { line: [{}, {}], beganMs: 0 }, { at: 30, now: 30 }, 'silence'],
    ['silence: what was lost is younger than the tail', { tail: r(5, 0), line: [{}], kept: { at: 29 * HOUR, lost: HOUR } }, { at: 30, now: 30 }, 'silence'],
    ['silence: what was lost is of the tail’s own second', { tail: r(5, 1), line: [{}], kept: { at: 29 * HOUR, lost: HOUR } }, { at: 30, now: 30 }, 'silence'],
    ['none when what was lost is older than the tail', { tail: r(5, 2), line: [{}], kept: { at: 29 * HOUR, lost: HOUR } }, { at: 30, now: 30 }, undefined],
    [
      'silence: what was lost may be of its line, when nothing is known of it',
      { line: [{}], beganMs: 0, kept: { at: 29 * HOUR, lost: HOUR } },
      { at: 30, now: 30 },
      'silence',
    ],
    ['none without a tail when the observer kept up', { line: [{}, {}], beganMs: 0, kept: { at: 29 * HOUR } }, { at: 30, now: 30 }, undefined],
  ];
  it.each(cases)('%s', (_, before, { at, now }, doubt) => {
    expect(doubtOf(before, r(9, at), now * HOUR)).toBe(doubt);
  });
});

describe('the observer', () => {
  const shard = (marks: Omit<Shard, 'id'>): Shard => ({ id: 's', ...marks });
  const cases: readonly [string, readonly Shard[], number, ReturnType<typeof standing>][] = [
    ['keeps up where there is nothing', [], 10, { kept: true }],
    ['keeps up when both readers name the same record, however old', [shard({ sent: r(5, 0), seen: r(5, 0) })], 100, { kept: true }],
    ['keeps up when its newest record is minutes old', [shard({ sent: r(9, 10), seen: r(5, 9.95) })], 10, { kept: true }],
    ['does not when its newest record is old and fan-out has more', [shard({ sent: r(9, 10), seen: r(5, 9) })], 10, { kept: false }],
    ['does not when the two are near each other, and both old', [shard({ sent: r(9, 1.01), seen: r(5, 1) })], 10, { kept: false }],
    ['does not when one shard of many is unseen', [shard({ sent: r(5, 0), seen: r(5, 0) }), shard({ sent: r(5, 0) })], 10, { kept: false }],
    ['is not known to where fan-out is behind', [shard({ sent: r(4, 0), seen: r(5, 0) })], 10, { kept: false }],
    ['is not known to where fan-out has no mark', [shard({ seen: r(5, 0) })], 10, { kept: false }],
    [
      'has lost what fan-out moved a day ago, and may keep up since',
      [shard({ sent: r(9, 1), seen: r(5, 0) }), shard({ sent: r(7, 2) })],
      25,
      { kept: true, lost: 2 * HOUR },
    ],
  ];
  it.each(cases)('%s', (_, shards, now, expected) => {
    expect(standing(shards, now * HOUR)).toEqual(expected);
  });

  it('is noted hourly; a loss at once, and never forgotten', () => {
    const same = [shard({ sent: r(5, 0), seen: r(5, 0) })];
    const lost = [shard({ sent: r(5, 1) })];
    expect(nextNote(undefined, same, 30 * HOUR)).toEqual({ at: 30 * HOUR });
    expect(nextNote({ at: 30 * HOUR }, same, 30.9 * HOUR)).toBeUndefined();
    expect(nextNote({ at: 30 * HOUR }, same, 31 * HOUR)).toEqual({ at: 31 * HOUR });
    expect(nextNote({ at: 30 * HOUR }, [shard({ sent: r(9, 30) })], 40 * HOUR)).toBeUndefined();
    expect(nextNote({ at: 30 * HOUR }, lost, 30.1 * HOUR)).toEqual({ at: 30.1 * HOUR, lost: HOUR });
    expect(nextNote({ at: 30 * HOUR, lost: HOUR }, lost, 30.1 * HOUR)).toBeUndefined();
    expect(nextNote({ at: 30 * HOUR, lost: HOUR }, [], 31 * HOUR)).toEqual({ at: 31 * HOUR, lost: HOUR });
    expect(nextNote(undefined, [...lost, shard({ sent: r(9, 30) })], 30 * HOUR)).toEqual({ at: 0, lost: HOUR });
  });
});
