import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SynclineClient } from '../../../client/client.ts';
import { SynclineSession } from '../../../client/session.ts';
import { readToken, TOKEN_CHARS_MAX, writeToken } from '../../../client/session-token.ts';
import { FAR, FakeSet, failure, MIDDLE, NEAR } from './world.ts';

const ALL = [NEAR, MIDDLE, FAR] as const;

/** The consistency that the last read of an item asked for. */
async function asked(set: FakeSet, session: SynclineSession, key: { id: string }, options?: Parameters<SynclineSession['get']>[1]): Promise<string | null> {
  await set.clock.run(session.get(key, options));
  return (
    set.calls
      .filter((c) => c.method === 'GET')
      .at(-1)
      ?.headers.get('syncline-consistency') ?? null
  );
}

const isEventual = (header: string | null): boolean => header === null || header === 'eventual';

describe('a session', () => {
  it('asks no more of a key than what it has written of it', async () => {
    const set = new FakeSet();
    set.revision = () => 'AQAB';
    const session = set.client().session();
    expect(isEventual(await asked(set, session, { id: 'a' }))).toBe(true);
    await set.clock.run(session.put({ id: 'a' }));
    expect(await asked(set, session, { id: 'a' })).toBe('at-least=AQAB');
    expect(isEventual(await asked(set, session, { id: 'b' }))).toBe(true);
    expect(await asked(set, session, { id: 'a' }, { consistency: 'strong' })).toBe('strong');
    expect(await asked(set, session, { id: 'a' }, { consistency: { atLeast: 'AQAA' } })).toBe('at-least=AQAB');
    expect(await asked(set, session, { id: 'a' }, { consistency: { atLeast: 'AQAC' } })).toBe('at-least=AQAC');
  });

  it('keeps the newest revision, which is not the last one when a write is repeated', async () => {
    const set = new FakeSet();
    const session = set.client().session();
    // "-" and "_" stand for 62 and 63, which their places among characters do not tell.
    for (const [revision, newest] of [
      ['AAAA', 'AAAA'],
      ['AA_A', 'AA_A'],
      ['AAzA', 'AA_A'],
      ['AA-A', 'AA_A'],
      ['AB-A', 'AB-A'],
    ] as const) {
      set.revision = () => revision;
      await set.clock.run(session.put({ id: 'a' }));
      expect(await asked(set, session, { id: 'a' })).toBe(`at-least=${newest}`);
    }
  });

  it('reads a key strongly after a write whose outcome is not known, until it is written again', async () => {
    const set = new FakeSet();
    const session = set.client({ timeoutMs: 3_000 }).session();
    await set.clock.run(session.put({ id: 'b' }));
    for (const name of ALL) set.moods[name] = 'lost';
    expect((await failure(set.clock.run(session.put({ id: 'a' })))).code).toBe('unknown-outcome');
    expect((await failure(set.clock.run(session.batchWrite([{ delete: { id: 'c' } }])))).code).toBe('unknown-outcome');
    for (const name of ALL) set.moods[name] = 'well';
    const elsewhere = set.client().session(session.token());
    for (const each of [session, elsewhere]) {
      expect(await asked(set, each, { id: 'a' })).toBe('strong');
      expect(await asked(set, each, { id: 'c' })).toBe('strong');
      expect(await asked(set, each, { id: 'b' })).toBe('at-least=AQAA');
      expect(isEventual(await asked(set, each, { id: 'd' }))).toBe(true);
    }
    await set.clock.run(session.put({ id: 'a' }));
    expect(await asked(set, session, { id: 'a' })).toBe('at-least=AQAA');
  });

  it('does not fail a write that was made, when the names of the key cannot be learnt: it reads strongly instead', async () => {
    const set = new FakeSet();
    for (const name of ALL) set.moods[name] = (_, path) => (path.includes('well-known') ? { status: 503, code: 'store-unavailable' } : 'well');
    const session = set.client({ timeoutMs: 3_000 }).session();
    const began = set.clock.elapsed();
    await set.clock.run(session.put({ id: 'a' }));
    expect(set.clock.elapsed() - began).toBeLessThanOrEqual(3_000);
    expect(await asked(set, session, { id: 'a' })).toBe('strong');
  });

  it('forgets keys beyond a thousand, and then reads strongly what it does not know', async () => {
    const set = new FakeSet();
    const session = set.client().session();
    for (let i = 0; i <= 1_000; i += 1) await set.clock.run(session.delete({ id: `${i}` }));
    expect(await asked(set, session, { id: '1' })).toBe('at-least=AQAA');
    expect(await asked(set, session, { id: '0' })).toBe('strong');
    expect(await asked(set, session, { id: 'another' })).toBe('strong');
    const { forgotten, revisions } = readToken(session.token());
    expect(forgotten).toBe(true);
    expect(revisions.has(JSON.stringify([['id', { S: '1000' }]]))).toBe(true);
    expect(revisions.size).toBeGreaterThan(40);
  });

  it('queries and counts strongly once it has written', async () => {
    const set = new FakeSet();
    const session = set.client().session();
    const consistency = async (run: () => Promise<unknown>): Promise<string | null> => {
      await set.clock.run(run().catch(() => undefined));
      return (
        set.calls
          .filter((c) => c.method === 'POST')
          .at(-1)
          ?.headers.get('syncline-consistency') ?? null
      );
    };
    expect(isEventual(await consistency(() => session.query({ partition: 'a' })))).toBe(true);
    await set.clock.run(session.put({ id: 'a' }));
    expect(await consistency(() => session.query({ partition: 'a' }))).toBe('strong');
    expect(await consistency(() => session.count({ partition: 'a' }))).toBe('strong');
  });
});

describe('a session’s token', () => {
  const key = fc.string({ unit: 'grapheme', maxLength: 300 });
  const revision = fc.oneof(fc.constant(null), fc.stringMatching(/^[A-Za-z0-9_-]{18}$/));

  it('says what was written, or that more was, and fits into a header', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(key, revision), { maxLength: 120 }), fc.boolean(), (entries, forgotten) => {
        const revisions = new Map(entries);
        const text = writeToken({ revisions, forgotten });
        expect(text).toMatch(/^[A-Za-z0-9_-]+$/);
        expect(text.length).toBeLessThanOrEqual(TOKEN_CHARS_MAX);
        const read = readToken(text);
        expect(read.forgotten).toBe(forgotten || read.revisions.size < revisions.size);
        // Those that fit are those that were written last, in their order.
        expect([...read.revisions]).toEqual([...revisions].slice(revisions.size - read.revisions.size));
      }),
    );
  });

  it('of another kind is refused: a token may come from anybody', () => {
    const token = (of: unknown): string => btoa(JSON.stringify(of));
    const wrong: readonly string[] = [
      '',
      'nonsense',
      'ä',
      token(null),
      token([]),
      token({ v: 2, keys: [], more: false }),
      token({ v: 1, keys: [['a', 'b\r\nx-evil: 1']], more: false }),
      token({ v: 1, keys: [['a', 1]], more: false }),
      token({ v: 1, keys: [['a']], more: false }),
      token({ v: 1, keys: {}, more: false }),
      'A'.repeat(100_000),
    ];
    for (const text of wrong) expect(() => new SynclineSession({} as SynclineClient, text), text.slice(0, 40)).toThrow('not the token');
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          readToken(text);
        } catch (error) {
          expect((error as Error).message).toContain('not the token');
        }
      }),
    );
  });
});
