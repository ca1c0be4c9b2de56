import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { SENT_BEHIND_MAX_MS, STREAM_RECORD_AGE_MAX_MS, STREAM_RETENTION_MS, TICK_MS } from '../../../lib/core/constants.ts';
import type { Link, Shard, ShardMark } from '../../../lib/core/formats/rows.ts';
import { isForgettable, lossOf, notesOf, overdueRecord, SHARD_ROW_LIFE_MS, sameNotes, UNSENT_MAX, UNSENT_STEP_MS } from '../../../lib/reconcile/behind.ts';

const HOUR = 3_600_000;
/** A record of that number, made so many hours after 0. */
const r = (sequence: number, hours: number): ShardMark => ({ sequence: String(sequence), at: hours * HOUR });
const shard = (rest: Omit<Shard, 'id'>): Shard => ({ id: 's', ...rest });
const open = (hours = 0): Link => ({ target: 'b', state: 'open', since: hours * HOUR });

test('a record is judged, and noted late at most, before Lambda gives it up', () => {
  expect(SENT_BEHIND_MAX_MS + UNSENT_STEP_MS + TICK_MS).toBeLessThan(STREAM_RECORD_AGE_MAX_MS);
  expect(SHARD_ROW_LIFE_MS).toBeGreaterThan(SENT_BEHIND_MAX_MS + STREAM_RETENTION_MS);
});

describe('what is noted', () => {
  const cases: readonly [string, Omit<Shard, 'id'>, number, readonly ShardMark[]][] = [
    ['nothing of a shard that nobody has read', {}, 1, []],
    ['nothing when both readers name the same record', { sent: r(5, 0), seen: r(5, 0) }, 1, []],
    ['nothing when fan-out is ahead, nor when only fan-out has read', { sent: r(6, 0), seen: r(5, 0) }, 1, []],
    ['nothing when only fan-out has read', { sent: r(6, 0) }, 1, []],
    ['what the observer has seen and fan-out has not sent', { sent: r(5, 0), seen: r(6, 1) }, 1, [r(6, 1)]],
    ['also when fan-out has sent nothing at all', { seen: r(6, 1) }, 1, [r(6, 1)]],
    ['by value: "9" is before "10"', { sent: r(9, 0), seen: r(10, 1) }, 1, [r(10, 1)]],
    ['no second record before a step is over', { sent: r(5, 0), seen: r(7, 1.5), unsent: [r(6, 1)] }, 1.9, [r(6, 1)]],
    ['a second one when it is, however near the two records are', { sent: r(5, 0), seen: r(7, 1.01), unsent: [r(6, 1)] }, 2, [r(6, 1), r(7, 1.01)]],
    ['the same record once', { sent: r(5, 0), seen: r(6, 1), unsent: [r(6, 1)] }, 9, [r(6, 1)]],
    ['not what fan-out has reached', { sent: r(6, 1), seen: r(7, 3), unsent: [r(6, 1), r(7, 3)] }, 3, [r(7, 3)]],
    ['nothing when fan-out has caught up', { sent: r(7, 3), seen: r(7, 3), unsent: [r(6, 1), r(7, 3)] }, 3, []],
    ['not the middle one of three within a step', { sent: r(5, 0), seen: r(8, 1.7), unsent: [r(6, 1), r(7, 1.4)] }, 2.5, [r(6, 1), r(8, 1.7)]],
    ['of the overdue ones the youngest only', { sent: r(5, 0), seen: r(8, 20), unsent: [r(6, 0), r(7, 1), r(8, 20)] }, 21, [r(7, 1), r(8, 20)]],
  ];
  it.each(cases)('%s', (_, marks, hours, notes) => {
    expect(notesOf(shard(marks), hours * HOUR)).toEqual(notes);
  });

  it('is compared by all that it holds', () => {
    expect(sameNotes([], [])).toBe(true);
    expect(sameNotes([r(1, 1)], [r(1, 1)])).toBe(true);
    for (const other of [[], [r(2, 1)], [r(1, 2)], [r(1, 1), r(2, 2)]]) expect(sameNotes([r(1, 1)], other)).toBe(false);
  });
});

describe('a link loses changes', () => {
  const cases: readonly [string, Link, number, Omit<Shard, 'id'>, number, boolean][] = [
    ['when a record that was noted is 20 h old', open(), 0, { sent: r(5, 1), seen: r(7, 15), unsent: [r(6, 1)] }, 21, true],
    ['not a moment before', open(), 0, { sent: r(5, 1), seen: r(7, 15), unsent: [r(6, 1)] }, 20.999, false],
    ['when the newest that was seen is 20 h old, noted or not', open(), 0, { sent: r(5, 1), seen: r(6, 1) }, 21, true],
    ['when the newest is days old: what was dropped stays dropped', open(), 0, { sent: r(5, 1), seen: r(6, 1), unsent: [r(6, 1)] }, 100, true],
    ['when fan-out has sent nothing at all', open(), 0, { seen: r(6, 1) }, 21, true],
    ['not when a table that was idle for days has one new record', open(), 0, { sent: r(5, 0), seen: r(6, 100) }, 100, false],
    ['not by a note that fan-out has reached', open(), 0, { sent: r(6, 1), seen: r(7, 20), unsent: [r(6, 1)] }, 22, false],
    ['while fan-out works through a backlog of 20 h', open(), 0, { sent: r(6, 1), seen: r(9, 22), unsent: [r(6, 1), r(7, 2), r(9, 22)] }, 22, true],
    ['paused or not', { ...open(), state: 'paused' }, 0, { sent: r(5, 1), seen: r(6, 1) }, 21, true],
    ['not by a record that was overdue when the link was opened', open(21), 0, { sent: r(5, 1), seen: r(6, 1), unsent: [r(6, 1)] }, 100, false],
    ['by one that became overdue after that', open(21), 0, { sent: r(5, 1), seen: r(8, 9), unsent: [r(6, 1), r(7, 2), r(8, 9)] }, 22, true],
    ['by one that was noted before a paused link was opened, and was not overdue', open(15), 0, { sent: r(5, 1), seen: r(6, 1) }, 21, true],
    ['not by a record of an earlier role', open(), 2 * HOUR, { sent: r(5, 1), seen: r(6, 2) }, 30, false],
    ['by one of the present role', open(), 2 * HOUR, { sent: r(5, 1), seen: r(7, 3), unsent: [r(6, 2), r(7, 3)] }, 30, true],
  ];
  it.each(cases)('%s', (_, link, since, marks, hours, loses) => {
    const loss = lossOf(link, since, [shard({ sent: r(9, 0), seen: r(9, 0) }), { ...shard(marks), id: 'lossy' }], hours * HOUR);
    expect(loss?.shard).toBe(loses ? 'lossy' : undefined);
    if (loss !== undefined) expect(hours * HOUR - loss.record.at).toBeGreaterThanOrEqual(SENT_BEHIND_MAX_MS);
  });
});

describe('the row of a shard', () => {
  const LIFE = SHARD_ROW_LIFE_MS / HOUR;
  it.each<[string, Omit<Shard, 'id'>, readonly Link[], number, number, boolean]>([
    ['stays while its newest record is young', { sent: r(5, 0), seen: r(6, 1) }, [], 0, LIFE + 0.9, false],
    ['goes two days after it', { sent: r(5, 0), seen: r(6, 1) }, [], 0, LIFE + 1, true],
    ['stays when it has no mark that tells its age', {}, [], 0, 1_000, false],
    ['stays while a link is still to become stale by it', { sent: r(5, 0), seen: r(6, 1) }, [open()], 0, LIFE + 1, false],
    ['goes when that link is stale', { sent: r(5, 0), seen: r(6, 1) }, [{ ...open(), state: 'stale' }], 0, LIFE + 1, true],
    ['goes when all links were opened in spite of it', { sent: r(5, 0), seen: r(6, 1) }, [open(30), open(40)], 0, LIFE + 1, true],
    ['goes when it is of an earlier role', { sent: r(5, 0), seen: r(6, 1) }, [open()], 2 * HOUR, LIFE + 1, true],
    ['goes when all was sent', { sent: r(6, 1), seen: r(6, 1) }, [open()], 0, LIFE + 1, true],
  ])('%s', (_, marks, links, since, hours, forgettable) => {
    expect(isForgettable(shard(marks), links, since, hours * HOUR)).toBe(forgettable);
  });
});

/**
 * A shard over days, minute by minute in steps: records at random times, an observer that lags a little, a fan-out that
 * stands still and goes on. What DynamoDB dropped unsent is told by the model, from the records themselves.
 */
test('no record is given up without an overdue one before it, and none is overdue that is not 20 h old and unsent', () => {
  const minutes = fc.integer({ min: 0, max: 60 * 60 });
  const script = fc.record({
    records: fc.array(minutes, { minLength: 1, maxLength: 80 }),
    /** Fan-out stands still from, for (minutes). */
    stands: fc.tuple(minutes, fc.integer({ min: 0, max: 40 * 60 })),
    /** From then on it sends this many records in a look. */
    rate: fc.integer({ min: 1, max: 5 }),
    observerLagMin: fc.integer({ min: 0, max: 60 }),
    lookMin: fc.integer({ min: 5, max: 30 }),
  });
  let lost = 0;
  let alarms = 0;
  fc.assert(
    fc.property(script, ({ records, stands, rate, observerLagMin, lookMin }) => {
      const times = records.toSorted((a, b) => a - b).map((m) => m * 60_000);
      const mark = (i: number): ShardMark | undefined => (i < 0 ? undefined : { sequence: String(i), at: times[i] as number });
      let sent = -1;
      let given = -1;
      let unsent: readonly ShardMark[] = [];
      let alarm = false;
      for (let now = 0; now <= (stands[0] + stands[1]) * 60_000 + 3 * HOUR; now += lookMin * 60_000) {
        const [from, length] = stands;
        if (now < from * 60_000 || now >= (from + length) * 60_000) {
          for (let i = 0; i < rate && (times[given + 1] ?? Number.POSITIVE_INFINITY) <= now; ) {
            given += 1;
            // Lambda gives up what is older, and goes on with the next.
            if (now - (times[given] as number) >= STREAM_RECORD_AGE_MAX_MS) {
              lost += 1;
              expect(alarm, `record ${given} was dropped`).toBe(true);
              continue;
            }
            sent = given;
            i += 1;
          }
        }
        const s = mark(sent);
        const seen = mark(times.findLastIndex((at) => at + observerLagMin * 60_000 <= now));
        const row = shard({ unsent, ...(s && { sent: s }), ...(seen && { seen }) });
        const overdue = overdueRecord(row, now);
        if (overdue !== undefined) {
          alarm = true;
          alarms += 1;
          expect(now - overdue.at).toBeGreaterThanOrEqual(SENT_BEHIND_MAX_MS);
          expect(Number(overdue.sequence)).toBeGreaterThan(sent);
        }
        unsent = notesOf(row, now);
        expect(unsent.length).toBeLessThanOrEqual(UNSENT_MAX);
        // What was noted is all that the next look knows.
        expect(notesOf({ ...row, unsent }, now)).toEqual(unsent);
      }
    }),
    { numRuns: 100 },
  );
  expect(lost).toBeGreaterThan(0);
  expect(alarms).toBeGreaterThan(0);
});
