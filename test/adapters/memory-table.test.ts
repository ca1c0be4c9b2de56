import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CloudCall } from '../../lib/adapters/memory/call.ts';
import { lostAnswer } from '../../lib/adapters/memory/call.ts';
import { SeededChance } from '../../lib/adapters/memory/chance.ts';
import { displayNumber } from '../../lib/adapters/memory/number.ts';
import { drawSteps } from '../../lib/adapters/memory/steps.ts';
import { checkedItem, checkedValue } from '../../lib/adapters/memory/validate.ts';
import type { AttributeValue, Item } from '../../lib/core/attribute.ts';
import { canonicalText } from '../../lib/core/canonical.ts';
import { ITEM_BYTES_MAX } from '../../lib/core/constants.ts';
import { canonicalNumber } from '../../lib/core/number.ts';
import { itemBytes } from '../../lib/core/size.ts';
import { compareValues, sameItem, sameValue } from '../../lib/core/values.ts';
import { RemoteError } from '../../lib/ports/errors.ts';
import { memoryCloud } from './support/memory-world.ts';
import { kindOfFailure } from './support/table-suite.ts';

const KEY = { partition: { name: 'pk', type: 'S' } } as const;
const item = (pk: string, v = '1') => ({ pk: { S: pk }, v: { N: v } });
const key = (pk: string) => ({ pk: { S: pk } });

const number = fc.oneof(
  fc.constantFrom('0', '-0', '1', '1.0', '10', '1E1', '-12.50', '00012', '1e-5'),
  fc.tuple(fc.constantFrom('', '-'), fc.bigInt({ min: 0n, max: 10n ** 38n - 1n }), fc.integer({ min: -80, max: 80 })).map(([sign, n, e]) => `${sign}${n}E${e}`),
);
const base64 = fc.uint8Array({ maxLength: 8 }).map((b) => Buffer.from(b).toString('base64'));
const string = fc.string({ unit: 'grapheme', maxLength: 4 });
const set = (of: fc.Arbitrary<string>, same: (s: string) => string) => fc.uniqueArray(of, { minLength: 1, maxLength: 3, selector: same });
const { value } = fc.letrec<{ value: AttributeValue; list: readonly AttributeValue[]; map: Item }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    string.map((S) => ({ S })),
    number.map((N) => ({ N })),
    base64.map((B) => ({ B })),
    fc.boolean().map((BOOL) => ({ BOOL })),
    fc.constant({ NULL: true } as const),
    set(string, (s) => s).map((SS) => ({ SS })),
    set(number, canonicalNumber).map((NS) => ({ NS })),
    set(base64, (s) => s).map((BS) => ({ BS })),
    tie('list').map((L) => ({ L })),
    tie('map').map((M) => ({ M })),
  ),
  list: fc.array(tie('value'), { maxLength: 3 }),
  map: fc.dictionary(fc.constantFrom('a', 'b', '__proto__', 'constructor', 'é'), tie('value'), { maxKeys: 3, noNullPrototype: true }),
}));

describe('values in memory', () => {
  it('are equal exactly when their canonical texts are', () => {
    fc.assert(
      fc.property(value, value, (a, b) => {
        const [x, y] = [checkedValue(a), checkedValue(b)];
        expect(sameValue(x, y)).toBe(canonicalText(x) === canonicalText(y));
        expect(sameValue(x, checkedValue(structuredClone(a)))).toBe(true);
        expect(canonicalText(x)).toBe(canonicalText(a));
      }),
      { numRuns: 1_000 },
    );
  });

  it('keep a member called __proto__, and tell items apart by it', () => {
    const odd = checkedItem(JSON.parse('{"pk":{"S":"a"},"__proto__":{"S":"x"}}') as Item, [KEY.partition], []);
    expect(Object.keys(odd)).toEqual(['pk', '__proto__']);
    expect(Object.getPrototypeOf(odd)).toBe(Object.prototype);
    const plain = checkedItem(key('a'), [KEY.partition], []);
    expect([sameItem(odd, plain), sameItem(plain, odd)]).toEqual([false, false]);
  });

  it('are shown and cut as before, by the quick ways too', () => {
    fc.assert(
      fc.property(number, (n) => {
        const shown = displayNumber(n);
        expect(canonicalNumber(shown)).toBe(canonicalNumber(n));
        expect(displayNumber(shown)).toBe(shown);
        expect(shown).toMatch(/^-?(?:0|[1-9]\d*)?(?:0?\.\d*[1-9])?$/);
      }),
    );
    // Base64 whose last digit has bits beyond the last byte is cut to the byte.
    const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
    for (const digit of digits)
      for (const text of [`A${digit}==`, `AA${digit}=`, `AAA${digit}`])
        expect(checkedValue({ B: text })).toEqual({ B: Buffer.from(text, 'base64').toString('base64') });
    for (const text of ['A', 'AA', 'AAA', 'A===', '====', '=', 'A=AA', 'AA=A', 'AAAA=', 'AA A', 'AA-_'])
      expect(() => checkedValue({ B: text })).toThrow(RemoteError);
  });

  it('are ordered by their bytes', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '\ud7ff', '\ue000', '\uffff', '🗼', '𐀀'), maxLength: 5 });
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareValues({ S: a }, { S: b }) ?? Number.NaN)).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
      { numRuns: 500 },
    );
  });

  it.each<[string, (n: number) => AttributeValue]>([
    ['numbers', (n) => ({ L: Array.from({ length: n }, () => ({ N: '12345678901234567890123456789012345678' })) })],
    ['nulls', (n) => ({ L: Array.from({ length: n }, () => ({ NULL: true })) })],
    ['maps', (n) => ({ M: Object.fromEntries(Array.from({ length: n }, (_, i) => [`n${1_000_000 + i}`, { BOOL: true }])) })],
    ['a number set', (n) => ({ NS: Array.from({ length: n }, (_, i) => `-1234567890123456789012345678901${1_000_001 + 2 * i}`) })],
    ['three-byte characters', (n) => ({ S: '東'.repeat(n) })],
    ['binary', (n) => ({ B: Buffer.alloc(n).toString('base64') })],
  ])('are refused exactly above 400 KB: %s', (_name, many) => {
    const sized = (n: number): Item => ({ ...key('a'), v: many(n) });
    // Sizes grow by the same for each member.
    const [one, two] = [itemBytes(sized(1)), itemBytes(sized(2))];
    const low = 1 + Math.floor((ITEM_BYTES_MAX - one) / (two - one));
    const high = low + 1;
    expect(itemBytes(sized(high))).toBeGreaterThan(ITEM_BYTES_MAX);
    expect(itemBytes(checkedItem(sized(low), [KEY.partition], []))).toBeLessThanOrEqual(ITEM_BYTES_MAX);
    expect(() => checkedItem(sized(high), [KEY.partition], [])).toThrow(/maximum allowed size/);
  });
});

describe('queries in memory', () => {
  it('find what a look through all items finds, as items come and go', async () => {
    const { region } = memoryCloud();
    const table = region.createTable({ name: 't', key: { partition: { name: 'pk', type: 'N' }, sort: { name: 'sk', type: 'S' } } });
    const step = fc.record({
      put: fc.boolean(),
      pk: fc.constantFrom('1', '1.0', '2', '30', '3E1'),
      sk: fc.constantFrom('a', 'ab', 'b', 'é', '🗼', '\uffff'),
      v: fc.nat(3),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.integer({ min: 1, max: 4 }), async (steps, limit) => {
        for (const { put, pk, sk, v } of steps) {
          const where = { pk: { N: pk }, sk: { S: sk } };
          if (put) await region.table.put('t', { ...where, v: { N: String(v) } });
          else await region.table.delete('t', where);
          for (const prefix of [undefined, 'a']) {
            const expected = table
              .items()
              .filter(
                (i) =>
                  canonicalText(i['pk'] as AttributeValue) === `N${canonicalNumber(pk)}` &&
                  (prefix === undefined || (i['sk'] as { S: string }).S.startsWith(prefix)),
              )
              .sort((a, b) => compareValues(a['sk'] as AttributeValue, b['sk'] as AttributeValue) ?? 0);
            const found: Item[] = [];
            for (let after: Item | undefined, page = 0; page < 20; page += 1) {
              const answer = await region.table.query({
                table: 't',
                partition: { name: 'pk', value: { N: pk } },
                limit,
                ...(prefix !== undefined && { sort: { name: 'sk', prefix } }),
                ...(after !== undefined && { after }),
              });
              found.push(...answer.items);
              after = answer.next;
              if (after === undefined) break;
            }
            expect(found).toEqual(expected);
          }
        }
      }),
      { numRuns: 40 },
    );
  });
});

describe('pages in memory', () => {
  const PAD = { S: 'x'.repeat(380 * 1_024) };
  it('of a query end at 1 MB, by the sizes that the items have now', async () => {
    const { region } = memoryCloud();
    region.createTable({ name: 't', key: { partition: { name: 'pk', type: 'S' }, sort: { name: 'sk', type: 'S' } } });
    const query = async (): Promise<number> => (await region.table.query({ table: 't', partition: { name: 'pk', value: { S: 'a' } } })).items.length;
    for (const sk of ['1', '2', '3', '4']) await region.table.put('t', { ...key('a'), sk: { S: sk } });
    expect(await query()).toBe(4);
    for (const sk of ['1', '2', '3', '4']) await region.table.put('t', { ...key('a'), sk: { S: sk }, pad: PAD });
    expect(await query()).toBe(3);
  });

  it('of a batch get end at 16 MB: what is beyond stays unprocessed', async () => {
    const { region } = memoryCloud();
    region.createTable({ name: 't', key: KEY });
    const names = Array.from({ length: 50 }, (_, i) => `k${i}`);
    for (const pk of names) await region.table.put('t', { ...key(pk), pad: PAD });
    const { items, unprocessed } = await region.table.batchGet({ tables: [{ table: 't', keys: names.map(key) }] });
    expect([items.get('t')?.length, unprocessed.get('t')?.length]).toEqual([43, 7]);
  });
});

describe('a batch that takes effect in steps', () => {
  const world = () => {
    const made = memoryCloud();
    const table = made.region.createTable({ name: 't', key: KEY, stream: true });
    const seen: { at: number; items: string[]; answered: boolean; call: CloudCall }[] = [];
    const start = made.clock.elapsed();
    const names = (): string[] => table.items().map((i) => (i['pk'] as { S: string }).S);
    made.cloud.witness = (call, answer) => void seen.push({ at: made.clock.elapsed() - start, items: names(), answered: answer !== undefined, call });
    return { ...made, table, seen, names, elapsed: () => made.clock.elapsed() - start };
  };
  const three = ['a', 'b', 'c'].map((pk) => ({ table: 't', put: item(pk) }));

  it('writes one after another, in its order, the witness told each time', async () => {
    const { cloud, clock, region, seen, elapsed } = world();
    let landed = 0;
    const by = {
      name: 'p',
      gate: () => undefined,
      landed: (): void => {
        landed += 1;
      },
    };
    cloud.hook = () => ({
      effectMs: 10,
      steps: [
        { index: 2, waitMs: 99 },
        { index: 0, waitMs: 20 },
        { index: 1, waitMs: 30 },
      ],
    });
    const answer = region.ports(by).table.batchWrite(three);
    await clock.advance(59);
    expect(landed).toBe(0);
    expect(await clock.run(answer)).toEqual({ unprocessed: [] });
    expect(elapsed()).toBe(60);
    expect(seen.map(({ at, items, answered }) => [at, items.join(''), answered])).toEqual([
      [10, 'c', false],
      [30, 'ca', false],
      [60, 'cab', true],
    ]);
    expect(new Set(seen.map((s) => s.call)).size).toBe(1);
    expect(landed).toBe(1);
    expect(region.streamRecords('t').map((r) => (r.keys['pk'] as { S: string }).S)).toEqual(['c', 'a', 'b']);
  });

  it('does what no step names together with the last, and answers not before it', async () => {
    const { cloud, clock, region, seen, elapsed } = world();
    cloud.hook = () => ({
      effectMs: 10,
      answerMs: 15,
      steps: [
        { index: 1, waitMs: 0 },
        { index: 0, waitMs: 40 },
      ],
    });
    await clock.run(region.table.batchWrite(three));
    expect(elapsed()).toBe(50);
    expect(seen.map((s) => s.items.join(''))).toEqual(['b', 'bac']);
    cloud.hook = () => ({ answerMs: 80, steps: [] });
    await clock.run(region.table.batchWrite([{ table: 't', delete: key('a') }]));
    expect(elapsed()).toBe(130);
    expect(seen.at(-1)?.at).toBe(50);
  });

  it('goes on behind the back of a caller that was told in the middle', async () => {
    const { cloud, clock, region, names } = world();
    cloud.hook = () => ({ effectMs: 10, answerMs: 25, lost: lostAnswer(), steps: [0, 1, 2].map((index) => ({ index, waitMs: 10 })) });
    const kind = kindOfFailure(region.table.batchWrite(three));
    await clock.advance(25);
    expect(await kind).toBe('unanswered');
    expect(names()).toEqual(['a', 'b']);
    await clock.advance(5);
    expect(names()).toEqual(['a', 'b', 'c']);
  });

  it('leaves a part undone for good with unprocessed entries and a lost answer', async () => {
    const { cloud, clock, region, names } = world();
    cloud.hook = () => ({ lost: lostAnswer(), unprocessed: (i) => i === 1, steps: drawSteps(3, 50, () => 0.5) });
    expect(await clock.run(kindOfFailure(region.table.batchWrite(three)))).toBe('unanswered');
    await clock.advance(1_000);
    expect(names().sort()).toEqual(['a', 'c']);
  });

  it('reads each key at its own moment', async () => {
    const { cloud, clock, region } = world();
    await region.table.batchWrite(three);
    cloud.hook = (call) => (call.op === 'batchGet' ? { steps: [0, 1, 2].map((index) => ({ index, waitMs: 10 })) } : undefined);
    const read = region.table.batchGet({ tables: [{ table: 't', keys: ['a', 'b', 'c'].map(key) }] });
    await clock.advance(15);
    await region.table.batchWrite(['a', 'b', 'c'].map((pk) => ({ table: 't', put: item(pk, '2') })));
    const answer = await clock.run(read);
    expect(answer.items.get('t')).toEqual([item('a'), item('b'), item('c', '2')]);
  });

  it('is refused as a whole before its first step, and steps must name its entries', async () => {
    const { cloud, clock, region, names } = world();
    cloud.hook = () => ({ steps: drawSteps(2, 50, () => 0.1) });
    expect(await clock.run(kindOfFailure(region.table.batchWrite([three[0] as never, { table: 't', put: { pk: { S: '' } } }])))).toBe('invalid');
    expect(names()).toEqual([]);
    for (const indices of [[0, 0], [3], [-1], [0.5]]) {
      cloud.hook = () => ({ steps: indices.map((index) => ({ index, waitMs: 1 })) });
      await expect(clock.run(region.table.batchWrite(three))).rejects.toThrow(/name each read or write/);
    }
    expect(names()).toEqual([]);
  });

  it('draws every order within the time that it is given', () => {
    const chance = new SeededChance(5);
    const orders = new Set<string>();
    for (let i = 0; i < 300; i += 1) {
      const steps = drawSteps(3, 100, () => chance.random());
      expect(steps[0]?.waitMs).toBe(0);
      expect(steps.every((s) => s.waitMs >= 0)).toBe(true);
      expect(steps.reduce((sum, s) => sum + s.waitMs, 0)).toBeLessThanOrEqual(100);
      orders.add(steps.map((s) => s.index).join(''));
    }
    expect(orders.size).toBe(6);
    expect(drawSteps(0, 100, () => 0.5)).toEqual([]);
  });
});

describe('names by chance', () => {
  it('are nonces and UUIDs of the right form, equal for equal seeds, never twice', () => {
    const draw = (seed: number): string[] => {
      const chance = new SeededChance(seed);
      return Array.from({ length: 2_000 }, (_, i) => (i % 2 === 0 ? chance.nonce() : chance.uuid()));
    };
    const first = draw(1);
    expect(first).toEqual(draw(1));
    expect(new Set([...first, ...draw(2)]).size).toBe(4_000);
    for (const [i, text] of first.entries()) expect(text).toMatch(i % 2 === 0 ? /^[a-z0-9]{24}$/ : /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    // Every digit occurs at every place.
    for (let place = 0; place < 24; place += 1) expect(new Set(first.filter((_, i) => i % 2 === 0).map((t) => t[place])).size).toBe(36);
  });
});
