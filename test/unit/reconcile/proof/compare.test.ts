import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cellOf, Digest } from '../../../../lib/core/digest.ts';
import type { IndexEntry } from '../../../../lib/core/formats/segment-index.ts';
import type { LinkComparison } from '../../../../lib/reconcile/proof/compare.ts';
import { compareLink } from '../../../../lib/reconcile/proof/compare.ts';
import { keepFor } from '../../../../lib/reconcile/proof/lag.ts';
import { KEEP_MS, LOG_DELAY_MS } from '../../../../lib/reconcile/proof/limits.ts';
import type { Standing } from '../../../../lib/reconcile/proof/standing.ts';
import { Window } from '../../../../lib/reconcile/proof/window.ts';
import type { Watermark } from '../../../../lib/reconcile/segments.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;
/** When the story begins (ms): every table is as it was then until something is written. */
const START = Date.UTC(2026, 10, 24, 10);
const TODAY = Math.floor(START / DAY);

const hash = (text: string, bytes: number): Buffer => createHash('sha256').update(text).digest().subarray(0, bytes);
const keyHashOf = (key: number): Buffer => hash(`key ${key}`, 16);

/** A version of an item; undefined for none. The day follows from the key: some keys expire. */
type Version = number | undefined;
/** Of ten keys one expires today (that day has begun, and is not compared), one in a month. */
const dayOf = (key: number): number => (key % 10 === 3 ? TODAY : key % 10 === 7 ? TODAY + 30 : 0);
const itemHashOf = (key: number, version: number): Buffer => hash(`item ${key} ${version}`, 8);

interface Change {
  readonly at: number;
  readonly key: number;
  readonly from: Version;
  readonly to: Version;
  readonly expiry?: boolean;
}

function entryOf({ at, key, from, to, expiry }: Change): IndexEntry {
  return {
    keyHash: keyHashOf(key),
    ...(to !== undefined && { itemHash: itemHashOf(key, to) }),
    ...(from !== undefined && { oldHash: itemHashOf(key, from) }),
    oldKnown: true,
    day: to === undefined ? 0 : dayOf(key),
    oldDay: from === undefined ? 0 : dayOf(key),
    removed: to === undefined,
    ordinal: 0,
    frame: 0,
    at,
    origin: expiry === true ? 'expiry' : 'local',
    drift: false,
  };
}

/** A member as the primary knows it: what its table held at first, and its log up to some moment. */
class Side {
  readonly digest = new Digest();
  readonly window: Window;
  readonly #state = new Map<number, Version>();
  #newest = START;

  constructor(first: ReadonlyMap<number, Version>, keptFromMs: number) {
    this.window = new Window(keptFromMs);
    for (const [key, version] of first) this.set(key, version);
  }

  /** Changes the table behind its log's back, or at first. */
  set(key: number, version: Version): void {
    const before = this.#state.get(key);
    const of = (v: number): { keyHash: Buffer; itemHash: Buffer; day: number } => ({ keyHash: keyHashOf(key), itemHash: itemHashOf(key, v), day: dayOf(key) });
    if (before !== undefined) this.digest.remove(of(before));
    if (version !== undefined) this.digest.add(of(version));
    this.#state.set(key, version);
  }

  take(change: Change): void {
    expect(this.#state.get(change.key)).toBe(change.from);
    this.set(change.key, change.to);
    this.window.push(entryOf(change));
    this.#newest = Math.max(this.#newest, change.at);
  }

  standing(member: string, keepMs: number, nowMs: number): Standing {
    this.window.trim(this.#newest - keepMs);
    const mark: Watermark = new Map([['label/shard', { first: '1', firstAt: START, last: '2', lastAt: this.#newest }]]);
    return { member, base: 'base', mark, digest: this.digest, window: this.window, asOfMs: nowMs - LOG_DELAY_MS };
  }
}

/** A random story of a link. */
const stories = fc.record({
  /** Keys, and the writes to them: after how long (s), which key, and whether it is removed. */
  keys: fc.integer({ min: 1, max: 12 }),
  writes: fc.array(fc.record({ afterS: fc.oneof(fc.nat(20), fc.nat(600)), key: fc.nat(11), remove: fc.boolean() }), { maxLength: 60 }),
  /** The longest way of a change (s), the share of it that each one takes, and which are overtaken by the next of their key. */
  lagS: fc.oneof(fc.nat(60), fc.nat(1_200)),
  takes: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 60, maxLength: 60 }),
  skipped: fc.array(fc.boolean(), { minLength: 60, maxLength: 60 }),
  /** How far the target's clock is off (s), what the logs do not show yet (s), and when the look is after the last write (s). */
  offS: fc.integer({ min: -25, max: 25 }),
  unseenS: fc.tuple(fc.nat(115), fc.nat(115)),
  lookS: fc.oneof(fc.nat(300), fc.nat(7_200)),
  /** Another content of this key at the target, since ever. */
  planted: fc.nat(30),
});

type Story = typeof stories extends fc.Arbitrary<infer T> ? T : never;

/** The two members as a look finds them. */
function played(story: Story): { readonly source: Side; readonly target: Side; readonly nowMs: number; readonly lagMs: number; readonly keepMs: number } {
  const first = new Map<number, Version>(Array.from({ length: story.keys }, (_, key) => [key, key % 4 === 0 ? undefined : 0]));
  const lagMs = story.lagS * 1_000;
  const keepMs = keepFor(lagMs);
  const [source, target] = [new Side(first, START - keepMs), new Side(first, START - keepMs)];
  const own = new Map(first);
  const made: Change[] = [];
  let at = START;
  story.writes.forEach(({ afterS, key: any, remove }, i) => {
    at += afterS * 1_000;
    const key = any % story.keys;
    // DynamoDB's TTL removes what expires today at the source; the target does so by itself, another day.
    const expiry = remove && dayOf(key) === TODAY;
    const from = own.get(key);
    const to = remove ? undefined : i + 1;
    if (from === to) return;
    own.set(key, to);
    made.push({ at, key, from, to, ...(expiry && { expiry }) });
  });
  const nowMs = at + story.lookS * 1_000;
  // Each change arrives within the lag, in the order of its key. One may be seen only by way of a later one that arrives in time for it.
  const sent = made.filter(({ expiry }) => expiry !== true);
  const last = new Map<number, number>();
  const when = sent.map(({ at: from, key }, i) => {
    const arrives = Math.max(from + (story.takes[i] as number) * lagMs, last.get(key) ?? 0);
    last.set(key, arrives);
    return arrives;
  });
  const shown = new Map<number, number>();
  const arrived = sent.flatMap((_, back) => {
    const i = sent.length - 1 - back;
    const { key, to, at: from } = sent[i] as Change;
    if (story.skipped[i] === true && (shown.get(key) ?? Number.POSITIVE_INFINITY) <= from + lagMs) return [];
    shown.set(key, when[i] as number);
    return [{ at: when[i] as number, key, to }];
  });
  const there = new Map(first);
  const [unseenSource, unseenTarget] = story.unseenS.map((s) => s * 1_000) as [number, number];
  for (const change of made) if (change.at <= nowMs - unseenSource) source.take(change);
  for (const { at: moment, key, to } of [...arrived].reverse().sort((a, b) => a.at - b.at)) {
    if (moment > nowMs - unseenTarget || there.get(key) === to) continue;
    target.take({ at: Math.floor(moment) + story.offS * 1_000, key, from: there.get(key), to });
    there.set(key, to);
  }
  return { source, target, nowMs, lagMs, keepMs };
}

describe('a look at a link', () => {
  test('never takes lag for a difference, and always shows a cell whose resting key differs', () => {
    let verified = 0;
    fc.assert(
      fc.property(stories, (story) => {
        const { source, target, nowMs, lagMs, keepMs } = played(story);
        const look = compareLink(source.standing('s', keepMs, nowMs), target.standing('t', keepMs, nowMs), nowMs, { lagMs });
        expect(look.state).not.toBe('suspect');
        if (look.state !== 'verified') return;
        verified += 1;
        // A key that nothing was written to.
        const planted = 1_000 + 10 * story.planted;
        target.set(planted, 7);
        const again = compareLink(source.standing('s', keepMs, nowMs), target.standing('t', keepMs, nowMs), nowMs, { lagMs });
        expect([again.state, again.differing]).toEqual(['suspect', [cellOf({ keyHash: keyHashOf(planted), day: 0 })]]);
      }),
      { numRuns: 500 },
    );
    // The property is not empty: most stories can be judged.
    expect(verified).toBeGreaterThan(300);
  });

  test('of a table that is idle for days is verified; it says since when the target was quiet', () => {
    const first = new Map<number, Version>([
      [1, 0],
      [2, 5],
    ]);
    const nowMs = START + 5 * DAY;
    const look = compareLink(new Side(first, START).standing('s', KEEP_MS, nowMs), new Side(first, START).standing('t', KEEP_MS, nowMs), nowMs, {
      lagMs: 9_000,
    });
    expect(look).toMatchObject({ state: 'verified', hot: 0, cells: 2, quietSinceMs: START });
  });

  test('says why when it can say nothing', () => {
    const first = new Map<number, Version>([[1, 0]]);
    const nowMs = START + 60 * MINUTE;
    const of = (keptFromMs = START): Standing => new Side(first, keptFromMs).standing('m', KEEP_MS, nowMs);
    const { digest: _, ...bare } = of();
    const why = (source: Standing, target: Standing, lag = {}): string | undefined => compareLink(source, target, nowMs, lag).why;
    expect(why({ ...bare, why: 'its log has a hole.' }, of())).toBe('m: its log has a hole.');
    expect(why(of(), of(), { why: 'The link is paused.' })).toBe('The link is paused.');
    expect(why(of(), of(), { lagMs: 61 * MINUTE })).toContain('lags by 61 min');
    expect(why(of(), of(nowMs - 3 * MINUTE))).toContain('it reaches back 2 min, and 5 min are needed');
  });

  test('is not made when the target’s log shows none of many changes that must have arrived; a few that it lacks are shown', () => {
    const nowMs = START + 60 * MINUTE;
    const look = (changes: number): LinkComparison => {
      const [source, target] = [new Side(new Map(), START), new Side(new Map(), START)];
      for (let i = 0; i < changes; i += 1) source.take({ at: START + 46 * MINUTE + i * 1_000, key: 1_000 + 10 * i, from: undefined, to: 1 });
      // The newest ones are in motion.
      for (let i = 0; i < 5; i += 1) source.take({ at: START + 58 * MINUTE, key: 5_000 + 10 * i, from: undefined, to: 1 });
      return compareLink(source.standing('s', KEEP_MS, nowMs), target.standing('t', KEEP_MS, nowMs), nowMs);
    };
    expect(look(120)).toMatchObject({ state: 'unverified', differing: [] });
    expect(look(120).why).toContain('shows none of the last 100 changes of s');
    expect(look(1)).toMatchObject({ state: 'suspect', differing: [cellOf({ keyHash: keyHashOf(1_000), day: 0 })], hot: 5 });
  });

  test('shows a change that never arrives as hot, for as long as nothing else is written', () => {
    const first = new Map<number, Version>([
      [1, 0],
      [2, 0],
    ]);
    const nowMs = START + 300 * MINUTE;
    const [source, target] = [new Side(first, START), new Side(first, START)];
    source.take({ at: START + 10 * MINUTE, key: 2, from: 0, to: 1 });
    target.take({ at: START + 10 * MINUTE, key: 2, from: 0, to: 1 });
    source.take({ at: START + 11 * MINUTE, key: 1, from: 0, to: 1 });
    const look = compareLink(source.standing('s', KEEP_MS, nowMs), target.standing('t', KEEP_MS, nowMs), nowMs);
    expect(look).toMatchObject({ state: 'verified', hot: 1 });
    expect([...look.hotKeys][0]?.keyHash).toEqual(keyHashOf(1));
  });

  test('tells which cells of today differ, and how many keys they hold; what expired on a day before is only counted', () => {
    const first = new Map<number, Version>([1, 3, 13, 23].map((key) => [key, 0]));
    const [source, target] = [new Side(first, START), new Side(first, START)];
    const at = (nowMs: number): LinkComparison => compareLink(source.standing('s', KEEP_MS, nowMs), target.standing('t', KEEP_MS, nowMs), nowMs);
    expect(at(START + 60 * MINUTE).begun).toBeUndefined();
    // A hole at the target, behind its log's back.
    target.set(3, undefined);
    const today = cellOf({ keyHash: keyHashOf(3), day: TODAY });
    expect(at(START + 60 * MINUTE)).toMatchObject({ state: 'verified', cells: 1, begun: { cells: [today], sourceKeys: 3, targetKeys: 2 } });
    const later = at(START + 2 * DAY);
    expect([later.state, later.begun, later.expired]).toEqual(['verified', undefined, 3]);
  });

  test('takes out what the target refuses, with what the logs say of it where they do', () => {
    const first = new Map<number, Version>([[1, 0]]);
    const nowMs = START + 60 * MINUTE;
    const [source, target] = [new Side(first, START), new Side(first, START)];
    source.set(1, 7);
    const content = (version: number) => ({ itemHash: itemHashOf(1, version), day: 0 });
    const look = (read: number): LinkComparison =>
      compareLink(source.standing('s', KEEP_MS, nowMs), target.standing('t', KEEP_MS, nowMs), nowMs, {}, [
        { keyHash: keyHashOf(1), source: content(read), target: content(0) },
      ]);
    expect(look(7)).toMatchObject({ state: 'verified', hot: 0, refused: 1 });
    expect(look(8)).toMatchObject({ state: 'suspect' });
    // It changes again, lately: by the log it is 9, whatever was read after the mark. It is not hot beside that.
    source.take({ at: nowMs - 3 * MINUTE, key: 1, from: 7, to: 9 });
    expect(look(8)).toMatchObject({ state: 'verified', hot: 0, refused: 1 });
    // Another key beside it differs still.
    target.set(2, 5);
    expect(look(8)).toMatchObject({ state: 'suspect', differing: [cellOf({ keyHash: keyHashOf(2), day: 0 })] });
  });

  test('forgets the oldest entries beyond what it keeps, and says from when on it has all', () => {
    const window = new Window(START);
    const entry = entryOf({ at: START, key: 1, from: 0, to: 1 });
    for (let i = 0; i < 300_010; i += 1) window.push({ ...entry, at: START + i * 10 });
    window.trim(START);
    expect(window.keptFromMs).toBe(START + 1_000);
    expect(window.length).toBe(300_010 - 100);
  });
});
