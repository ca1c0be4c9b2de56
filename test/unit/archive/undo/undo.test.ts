import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PlanLine } from '../../../../lib/archive/rewrite/change.ts';
import { isSkipped } from '../../../../lib/archive/rewrite/change.ts';
import { UNDO_KEY_OVERHEAD } from '../../../../lib/archive/undo/limits.ts';
import { nothingSeen, undoLines } from '../../../../lib/archive/undo/lines.ts';
import type { BadChanges } from '../../../../lib/archive/undo/select.ts';
import { checkWindow } from '../../../../lib/archive/undo/select.ts';
import type { AttributeValue, Item } from '../../../../lib/core/attribute.ts';
import type { LogRecord, Origin } from '../../../../lib/core/formats/log-record.ts';
import { withoutMeta } from '../../../../lib/core/formats/seal.ts';
import { item, key, Member, text } from '../rewrite/world.ts';

const WINDOW: BadChanges = { fromMs: 100_000, toMs: 200_000, origin: 'local' };

/** A table, and the log of its changes. */
class Logged {
  readonly items = new Map<string, Item>();
  readonly records: LogRecord[] = [];

  /** @param next undefined for a removal */
  change(id: string, next: Item | undefined, at: number, origin: Origin = 'local'): void {
    const old = this.items.get(id);
    if (old === undefined && next === undefined) return;
    this.records.push({
      sequence: String(this.records.length + 1),
      at,
      event: old === undefined ? 'INSERT' : next === undefined ? 'REMOVE' : 'MODIFY',
      origin,
      keys: key(id),
      ...(next !== undefined && { newImage: next }),
      ...(old !== undefined && { oldImage: old }),
    });
    if (next === undefined) this.items.delete(id);
    else this.items.set(id, next);
  }
}

/** Plans an undo of what was logged, on a member that holds the items. */
async function planned(
  logged: Logged,
  options: { bad?: BadChanges; heldMax?: number; now?: ReadonlyMap<string, Item>; seen?: ReturnType<typeof nothingSeen> } = {},
) {
  const member = await Member.create([...(options.now ?? logged.items).values()]);
  const table = { table: member.region.table, name: member.context.tables.items, key: member.context.key };
  async function* read(): AsyncGenerator<LogRecord> {
    yield* logged.records;
  }
  const lines: PlanLine[] = [];
  const collect = async (): Promise<void> => {
    for await (const line of undoLines(table, member.runtime, options.bad ?? WINDOW, read, options.seen, options.heldMax)) lines.push(line);
  };
  await member.now(collect());
  return { member, lines };
}

/** Changes of the window before it, in it, and after it. */
const BEFORE = 50_000;
const IN = 150_000;
const AFTER = 250_000;

describe('an undo', () => {
  it('takes a bad change back and keeps what was written later to other attributes', async () => {
    const logged = new Logged();
    logged.change('a', item('a', { price: { N: '10' }, stock: { N: '5' } }), BEFORE);
    logged.change('a', item('a', { price: { N: '0' }, stock: { N: '5' }, sale: { BOOL: true } }), IN);
    logged.change('a', item('a', { price: { N: '0' }, stock: { N: '4' }, sale: { BOOL: true } }), AFTER);
    const { lines, member } = await planned(logged);
    expect(lines).toEqual([
      {
        key: key('a'),
        before: item('a', { price: { N: '0' }, stock: { N: '4' }, sale: { BOOL: true } }),
        after: item('a', { price: { N: '10' }, stock: { N: '4' } }),
      },
    ]);
    await member.apply(await member.plan(lines));
    expect(member.items().get('a')).toEqual(item('a', { price: { N: '10' }, stock: { N: '4' } }));
  });

  it('brings back what was deleted, removes what was made, and names what keeps its later value', async () => {
    const logged = new Logged();
    logged.change('gone', item('gone', { v: text('old') }), BEFORE);
    logged.change('both', item('both', { v: text('old'), w: text('old') }), BEFORE);
    logged.change('gone', undefined, IN);
    logged.change('new', item('new'), IN);
    logged.change('both', item('both', { v: text('bad'), w: text('bad') }), IN);
    logged.change('both', item('both', { v: text('good'), w: text('bad') }), AFTER);
    const { lines } = await planned(logged);
    expect(lines).toEqual([
      { key: key('gone'), after: item('gone', { v: text('old') }) },
      { key: key('new'), before: item('new') },
      { key: key('both'), before: item('both', { v: text('good'), w: text('bad') }), after: item('both', { v: text('good'), w: text('old') }), kept: ['v'] },
    ]);
  });

  it('skips with a reason: all was written again, nothing is left, the log is behind, or does not show each change', async () => {
    const logged = new Logged();
    for (const id of ['again', 'same', 'ahead', 'torn', 'blind', 'gone']) logged.change(id, item(id, { v: text('old') }), BEFORE);
    for (const id of ['again', 'ahead', 'torn', 'blind', 'gone']) logged.change(id, item(id, { v: text('bad') }), IN);
    logged.change('same', { ...item('same', { v: text('old') }), _s: { M: {} } }, IN);
    logged.change('again', item('again', { v: text('good') }), AFTER);
    logged.change('gone', undefined, AFTER);
    logged.items.set('torn', item('torn', { v: text('never logged') }));
    logged.change('torn', item('torn', { v: text('good') }), AFTER);
    const blind = logged.records.findLast((r) => r.keys['id'] !== undefined && (r.keys['id'] as { S: string }).S === 'blind') as LogRecord;
    const { oldImage: _, ...rest } = blind;
    logged.records[logged.records.indexOf(blind)] = rest;
    const now = new Map(logged.items);
    now.set('ahead', item('ahead', { v: text('not logged yet') }));
    const { lines } = await planned(logged, { now });
    expect(Object.fromEntries(lines.map((line) => [(line.key['id'] as { S: string }).S, isSkipped(line) ? line.skipped : 'rewritten']))).toEqual({
      again: 'every attribute was written again later',
      same: 'the bad changes left nothing behind',
      ahead: 'the log has not yet what is there now',
      torn: 'the log does not show each of its changes',
      blind: 'the log does not show each of its changes',
      gone: 'it was deleted again later',
    });
  });

  it('looks at the origin, and at a condition: of the new item, and of the old one for a removal', async () => {
    const logged = new Logged();
    for (const id of ['mine', 'theirs', 'copied', 'expired', 'removed']) logged.change(id, item(id, { by: text(id === 'removed' ? 'v17' : 'v16') }), BEFORE);
    logged.change('mine', item('mine', { by: text('v17') }), IN);
    logged.change('theirs', item('theirs', { by: text('v18') }), IN);
    logged.change('copied', item('copied', { by: text('v17') }), IN, 'applier');
    logged.change('expired', undefined, IN, 'expiry');
    logged.change('removed', undefined, IN);
    const where = { path: ['by'], op: '=', value: text('v17') } as const;
    const seen = nothingSeen();
    const by = await planned(logged, { bad: { ...WINDOW, where }, seen });
    expect(by.lines.map((line) => line.key)).toEqual([key('mine'), key('removed')]);
    expect(seen).toEqual({ changes: 10, bad: 2, others: new Map([['applier', 1]]), passes: 1 });
    const expiry = await planned(logged, { bad: { ...WINDOW, origin: 'expiry' } });
    expect(expiry.lines).toEqual([{ key: key('expired'), after: item('expired', { by: text('v16') }) }]);
  });

  it('refuses a window that ends before it begins, or lies ahead', () => {
    expect(() => checkWindow({ ...WINDOW, toMs: 1 }, AFTER)).toThrow('--from lies after --to');
    expect(() => checkWindow(WINDOW, BEFORE)).toThrow('in the future');
  });
});

describe('the law of an undo', () => {
  const names = ['x', 'y', '__proto__'] as const;
  const attributes = fc.record({ x: fc.nat(2), y: fc.nat(2), proto: fc.nat(2) }, { requiredKeys: [] });
  const change = fc.record({
    id: fc.constantFrom('a', 'b', 'c'),
    when: fc.constantFrom(BEFORE, IN, IN, AFTER),
    bad: fc.boolean(),
    next: fc.option(attributes),
  });

  const value = (n: number): AttributeValue => ({ N: String(n) });
  const itemOf = (id: string, of: { x?: number; y?: number; proto?: number }): Item =>
    Object.fromEntries<AttributeValue>([
      ['id', { S: id }],
      ...(of.x === undefined ? [] : [['x', value(of.x)] as const]),
      ...(of.y === undefined ? [] : [['y', value(of.y)] as const]),
      ...(of.proto === undefined ? [] : [['__proto__', value(of.proto)] as const]),
    ]);
  const at = (i: Item | undefined, name: string): string | undefined => (i !== undefined && Object.hasOwn(i, name) ? JSON.stringify(i[name]) : undefined);

  /**
   * What a key should be: of each attribute what the last change that is not bad has put there, looking back to the first bad
   * one, else what was there before that. Stated backwards, as the code is not.
   */
  function wanted(records: readonly LogRecord[], isBad: (r: LogRecord) => boolean): Item | undefined {
    const first = records.findIndex(isBad);
    const good = records.slice(first + 1).filter((r) => !isBad(r));
    const touches = (r: LogRecord, name: string): boolean => at(r.oldImage, name) !== at(r.newImage, name);
    let exists = records[first]?.oldImage !== undefined;
    for (const r of good) {
      if (r.event === 'INSERT' || (r.event === 'MODIFY' && names.some((name) => touches(r, name)))) exists = true;
      if (r.event === 'REMOVE') exists = false;
    }
    if (!exists) return undefined;
    const found = names.flatMap((name): [string, AttributeValue][] => {
      const last = good.findLast((r) => r.event !== 'MODIFY' || touches(r, name));
      const from = last === undefined ? records[first]?.oldImage : last.newImage;
      return from !== undefined && Object.hasOwn(from, name) ? [[name, from[name] as AttributeValue]] : [];
    });
    return Object.fromEntries<AttributeValue>([['id', records[0]?.keys['id'] as AttributeValue], ...found]);
  }

  it('each key becomes what the good changes alone make of it, however many passes it takes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 25 }), fc.constantFrom(1, 5_000_000), async (changes, heldMax) => {
        const logged = new Logged();
        // A log is in order of time.
        for (const c of [...changes].sort((a, b) => a.when - b.when)) {
          logged.change(c.id, c.next === null ? undefined : itemOf(c.id, c.next), c.when, c.bad ? 'local' : 'expiry');
        }
        const { lines, member } = await planned(logged, { heldMax });
        await member.apply(await member.plan(lines));
        const isBad = (r: LogRecord): boolean => r.at === IN && r.origin === 'local';
        for (const id of ['a', 'b', 'c']) {
          const own = logged.records.filter((r) => (r.keys['id'] as { S: string }).S === id);
          const expected = own.some(isBad) ? wanted(own, isBad) : logged.items.get(id);
          expect(JSON.stringify(sorted(member.items().get(id)))).toBe(JSON.stringify(sorted(expected)));
        }
      }),
      { numRuns: 150 },
    );
  });

  const sorted = (i: Item | undefined): unknown => (i === undefined ? undefined : Object.entries(withoutMeta(i)).sort(([a], [b]) => (a < b ? -1 : 1)));
});

describe('memory', () => {
  it('is bounded: what a pass cannot hold is left for another one, and no key is told twice', async () => {
    const logged = new Logged();
    for (let n = 0; n < 300; n += 1) logged.change(`k${n}`, item(`k${n}`, { v: text('x'.repeat(200)) }), BEFORE);
    for (let n = 0; n < 300; n += 1) logged.change(`k${n}`, item(`k${n}`, { v: text('bad') }), IN);
    const whole = await planned(logged);
    const seen = nothingSeen();
    const heldMax = 40_000;
    const cut = await planned(logged, { heldMax, seen });
    expect(seen.passes).toBeGreaterThan((300 * UNDO_KEY_OVERHEAD) / heldMax);
    expect(seen.changes).toBe(600);
    const byKey = (lines: readonly PlanLine[]): string[] => lines.map((line) => JSON.stringify(line)).sort();
    expect(byKey(cut.lines)).toEqual(byKey(whole.lines));
  });
});

describe('a bad deployment', () => {
  it('of 10,000 changes among 100,000, with 1,000 later good ones to the same keys, is taken back; and taking that back gives the bytes back', async () => {
    const KEYS = 60_000;
    const body = text('lorem ipsum dolor sit amet '.repeat(4));
    const logged = new Logged();
    const at = (n: number): Item => item(`k${n}`, { v: { N: '1' }, w: { N: '1' }, body });
    for (let n = 0; n < KEYS; n += 1) logged.items.set(`k${n}`, at(n));
    const wantedNow = new Map(logged.items);
    const good = (n: number, more: Record<string, AttributeValue>, when: number): void => {
      const id = `k${n}`;
      logged.change(id, { ...(logged.items.get(id) as Item), ...more }, when, when === IN ? 'expiry' : 'local');
      const without = wantedNow.get(id);
      if (without !== undefined) wantedNow.set(id, { ...without, ...more });
    };
    for (let n = 0; n < 10_000; n += 1) {
      const id = `k${n * 2}`;
      if (n % 10 === 0) logged.change(id, undefined, IN);
      else logged.change(id, { ...(logged.items.get(id) as Item), v: { N: '666' } }, IN);
      good(n * 2 + 1, { w: { N: '2' } }, IN);
    }
    for (let n = 0; n < 1_000; n += 1) {
      // Of a deleted key the good change makes a new item; of the others it writes another attribute, or the same one.
      const i = n * 20 + (n % 3) * 2;
      const id = `k${i}`;
      if (logged.items.has(id)) good(i, n % 2 === 0 ? { w: { N: '7' } } : { v: { N: '8' } }, AFTER);
      else {
        logged.change(id, item(id, { v: { N: '9' } }), AFTER);
        wantedNow.set(id, item(id, { v: { N: '9' } }));
      }
    }
    for (let n = 0; logged.records.length < 100_000; n += 1) good(20_000 + (n % 40_000), { w: { N: String(10 + n) } }, AFTER);
    const bytes = (items: ReadonlyMap<string, Item>): Map<string, string> =>
      new Map([...items].map(([id, i]) => [id, JSON.stringify(Object.entries(i).sort())]));
    const { lines, member } = await planned(logged);
    expect(lines.length).toBe(10_000);
    const before = bytes(member.items());
    const plan = await member.plan(lines);
    const { counts } = await member.apply(plan);
    expect(counts.put + counts.deleted).toBe(plan.puts + plan.deletes);
    expect(bytes(member.items())).toEqual(bytes(wantedNow));
    await member.takeBack(plan.id);
    expect(bytes(member.items())).toEqual(before);
  }, 60_000);
});
