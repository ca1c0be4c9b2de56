import { describe, expect, test } from 'vitest';
import { applyEntry, Digest } from '../../../../lib/core/digest.ts';
import { readLine } from '../../../../lib/reconcile/lines.ts';
import type { MemberReach } from '../../../../lib/reconcile/ports.ts';
import type { DriftFlag } from '../../../../lib/reconcile/proof/fold.ts';
import { foldMember } from '../../../../lib/reconcile/proof/fold.ts';
import { decodeStanding, encodeStanding, type Standing } from '../../../../lib/reconcile/proof/standing.ts';
import { followHot } from '../../../../lib/reconcile/proof/suspects.ts';
import type { Base } from '../../../../lib/reconcile/scan/base.ts';
import { footersAfter, grown, type Watermark } from '../../../../lib/reconcile/segments.ts';
import { AT, change, changesOf, LABEL, LogBucket } from '../../archive/log/support.ts';

/** A member’s log, and what follows it. */
class Followed {
  readonly bucket = new LogBucket();
  readonly heard: DriftFlag[] = [];
  standing: Standing | undefined;
  expiryAttribute: string | undefined;

  /** A fold; what it keeps goes through its bytes. */
  async fold(base?: Base, untilMs = Number.POSITIVE_INFINITY): ReturnType<typeof foldMember> {
    const { place, runtime } = this.bucket;
    const member = this.expiryAttribute === undefined ? {} : { expiryAttribute: this.expiryAttribute };
    const reach = { place, member } as MemberReach;
    const before = this.standing === undefined ? undefined : decodeStanding(encodeStanding(this.standing));
    const fold = await foldMember(reach, before, base, runtime, untilMs, (flag) => this.heard.push(flag));
    this.standing = fold.standing;
    return fold;
  }

  /** What the log says of the table up to its end, as a scan would have it. */
  async base(id: string): Promise<Base> {
    let mark: Watermark = new Map();
    const digest = new Digest();
    for await (const read of footersAfter(this.bucket.place, this.bucket.runtime, mark, { onGap: () => undefined })) {
      for (let i = 0; i < read.footer.index.length; i += 1) applyEntry(digest, read.footer.index.entry(i));
      mark = grown(mark, read);
    }
    const times = { started: AT, ended: AT, fromMs: AT };
    return { id, member: this.bucket.place.member, tableId: 'T-1', label: LABEL, ...times, from: new Map(), items: 7, mark, digest };
  }
}

describe('what the primary knows of a member', () => {
  test('begins with a base, and follows the log by its footers to what a scan would find', async () => {
    const log = new Followed();
    await log.bucket.fill(3, 10);
    const base = await log.base('one');
    await log.bucket.fill(3, 10, 30);
    expect((await log.fold()).standing).toMatchObject({ why: 'it has not been scanned yet.' });
    await log.fold(base);
    expect(log.standing?.digest?.equals((await log.base('later')).digest)).toBe(true);
    await log.bucket.fill(2, 10, 60);
    const { audit } = await log.fold(base);
    expect(audit).toBeUndefined();
    expect(log.standing?.digest?.equals((await log.base('later')).digest)).toBe(true);
    expect(log.standing).toMatchObject({ base: 'one', tableId: 'T-1', items: 7 });
  });

  test('begins anew from a scan when the attribute by which items expire is another one, and hears no flag twice', async () => {
    const log = new Followed();
    await log.bucket.fill(3, 10);
    await log.fold(await log.base('one'));
    const { mark } = log.standing as Standing;
    log.expiryAttribute = 'exp';
    const { standing } = await log.fold();
    expect(standing).toMatchObject({ expiry: 'exp', mark });
    expect([standing.digest, standing.base, standing.items, standing.window.length]).toEqual([undefined, undefined, undefined, 0]);
    expect(standing.why).toContain('another time-to-live attribute');
    // The next one keeps to it, and takes no segment whose days are of the old attribute.
    await log.fold({ ...(await log.base('two')), expiry: 'exp' });
    expect(log.standing).toMatchObject({ base: 'two' });
    await log.bucket.fill(1, 10, 30);
    await log.fold();
    expect(log.standing?.digest).toBeUndefined();
    expect(log.standing?.why).toContain('another time-to-live attribute');
  });

  test('audits a base by the next one, at the same watermark, wherever in the log that was made', async () => {
    const log = new Followed();
    await log.bucket.fill(2, 10);
    await log.fold(await log.base('one'));
    await log.bucket.fill(2, 10, 20);
    const right = await log.base('two');
    await log.bucket.fill(1, 10, 40);
    expect((await log.fold(right)).audit).toMatchObject({ base: 'two', before: 'one', differing: [] });
    const wrong = await log.base('three');
    wrong.digest.add({ keyHash: Buffer.alloc(16, 9), itemHash: Buffer.alloc(8, 1), day: 0 });
    expect((await log.fold(wrong)).audit).toMatchObject({ base: 'three', before: 'two', differing: [9] });
    expect((await log.fold(wrong)).audit).toBeUndefined();
  });

  test('has no digest after a gap, and says why, until a base is behind it', async () => {
    const log = new Followed();
    await log.bucket.fill(2, 10);
    const base = await log.base('one');
    await log.fold(base);
    await log.bucket.append(changesOf(20, 30), { doubt: 'trimmed' });
    await log.bucket.fill(1, 10, 30);
    await log.fold(base);
    expect(log.standing?.digest).toBeUndefined();
    expect(log.standing?.why).toContain('"trimmed"');
    await log.fold(await log.base('two'));
    expect(log.standing).toMatchObject({ base: 'two' });
    expect(log.standing?.why).toBeUndefined();
  });

  test('is stuck before a damaged segment, and goes on from a base that is behind it', async () => {
    const log = new Followed();
    await log.bucket.fill(1, 10);
    await log.fold(await log.base('one'));
    await log.bucket.fill(2, 10, 10);
    const later = await log.base('two');
    const name = log.bucket.segments[1]?.name ?? '';
    log.bucket.flipBit(name, 8 * (log.bucket.bytes(name).length - 200));
    await log.fold();
    expect(log.standing?.why).toContain('is damaged');
    await log.fold(later);
    expect(log.standing?.digest?.equals(later.digest)).toBe(true);
    await log.bucket.fill(1, 10, 30);
    expect((await log.fold(later)).standing.mark.size).toBe(1);
  });

  test('goes on where its time was over', async () => {
    const log = new Followed();
    await log.bucket.fill(2, 10);
    await log.fold(await log.base('one'));
    const asOf = log.standing?.asOfMs;
    await log.bucket.fill(3, 10, 20);
    await log.fold(undefined, log.bucket.runtime.clock.elapsed());
    expect(log.standing?.asOfMs).toBe(asOf);
    await log.fold();
    expect(log.standing?.digest?.equals((await log.base('later')).digest)).toBe(true);
  });

  test('hears of each flag of drift once, with what its line is read by', async () => {
    const log = new Followed();
    await log.fold();
    const records = changesOf(0, 4).map((record, i) => ({ ...record, found: { drift: i === 2 } }));
    await log.bucket.append(records);
    await log.fold();
    await log.fold();
    expect(log.heard).toHaveLength(1);
    const { ref, footer, entry } = log.heard[0] as DriftFlag;
    expect((await readLine(log.bucket.place, log.bucket.runtime, ref, footer, entry)).sequence).toBe(records[2]?.sequence);
  });

  test('is refused when any byte of what was kept is another one', async () => {
    const log = new Followed();
    await log.bucket.fill(1, 10);
    await log.fold(await log.base('one'));
    await log.bucket.append([change(20, 'k', { second: 3_600 })]);
    await log.fold();
    expect(log.standing?.window.length).toBe(1);
    const bytes = encodeStanding(log.standing as Standing);
    for (const at of [0, 9, 100, bytes.length - 40, bytes.length - 1]) {
      const harmed = Buffer.from(bytes);
      harmed[at] = (harmed[at] as number) ^ 1;
      expect(() => decodeStanding(harmed)).toThrow('standing state');
    }
    expect(() => decodeStanding(bytes.subarray(0, 5))).toThrow('standing state');
  });
});

describe('hot keys', () => {
  const hot = (n: number): { keyHash: Buffer } => ({ keyHash: Buffer.alloc(16, n) });

  test('are followed while they stay hot, and given at the fifth look in a row', () => {
    let followed = {};
    const given: number[] = [];
    for (let look = 0; look < 12; look += 1) {
      const keys = [hot(1), ...(look === 2 ? [] : [hot(2)])];
      const next = followHot(followed, keys, 0);
      followed = next.followed;
      given.push(...next.lasting.map(({ keyHash }) => 100 * look + (keyHash[0] as number)));
    }
    // The second one came to rest once, and was counted anew.
    expect(given).toEqual([401, 702, 901]);
  });

  test('are followed by no more than there is room for', () => {
    const many = Array.from({ length: 250 }, (_, n) => hot(n));
    const first = followHot({}, many, 0.9).followed;
    expect(Object.keys(first)).toHaveLength(100);
    // The room of those that came to rest is taken by others.
    const rest = many.slice(0, 200);
    expect(Object.keys(followHot(first, rest, 0.1).followed)).toHaveLength(100);
  });
});
