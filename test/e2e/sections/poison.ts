import { randomBytes } from 'node:crypto';
import { GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { document, status } from '../support/command.ts';
import { eventually } from '../support/eventually.ts';
import { minuteRule } from '../support/minute.ts';
import { AP, EU, type Item, someItems, US, type World } from '../support/world.ts';

/** A record that only the targets refuse: it fits at the primary, and not with the metadata that a replica adds. */

/** DynamoDB's limit of an item (bytes), and how much less the poison record has: fewer than a replica's metadata. */
const ITEM_BYTES_MAX = 400 * 1_024;
const SPARE_BYTES = 10;
/** How long a dead letter, a refused row, or its removal may take (ms). */
const DEADLINE_MS = 60_000;
const TEST_MAX_MS = 150_000;

/** An item of exactly `bytes` by DynamoDB's rules: names and texts count their bytes, the number `0` one. Its text does not compress well. */
function itemOf(pk: string, bytes: number): Item {
  const names = 'pk'.length + 'sk'.length + 'text'.length;
  const length = bytes - names - pk.length - 1;
  return { pk: { S: pk }, sk: { N: '0' }, text: { S: randomBytes(length).toString('base64').slice(0, length) } };
}

interface Letters {
  readonly count: number;
  readonly letters: readonly {
    readonly id: string;
    readonly link: string;
    readonly reason?: string;
    readonly kind: string;
    readonly keys: readonly Item[];
    readonly receives: number;
  }[];
}
interface RefusedKeys {
  readonly refused: readonly { readonly member: string; readonly link: string; readonly key: Item; readonly reason: string; readonly tried: number }[];
}

export function poison(of: () => World): void {
  describe('a poison record among 1,000', () => {
    const pk = 'poison';
    const bad = 'poison-bad';
    const key = { pk: { S: bad }, sk: { N: '0' } };
    const links = [`${EU}:${AP}`, `${EU}:${US}`];
    const letters = async (): Promise<{ code: number | null; json: Letters }> => document<Letters>(of(), ['dlq', 'list']);
    const refused = async (): Promise<{ code: number | null; json: RefusedKeys }> => document<RefusedKeys>(of(), ['refused', 'list']);
    const ofBad = (json: RefusedKeys): RefusedKeys['refused'] => json.refused.filter((r) => r.key['pk']?.S === bad);
    const putBig = async (): Promise<unknown> =>
      of()
        .dynamodb(EU)
        .send(new PutItemCommand({ TableName: of().names(EU).items, Item: itemOf(bad, ITEM_BYTES_MAX - SPARE_BYTES) }));

    beforeAll(async () => minuteRule(of(), 'DisableRule'));
    afterAll(async () => minuteRule(of(), 'EnableRule'));

    test('becomes one dead letter a link, with its reason; the other 999 arrive', { timeout: TEST_MAX_MS }, async () => {
      const world = of();
      const before = await world.equal();
      await world.write(EU, someItems(pk, 500, 'first'));
      await putBig();
      await world.write(EU, someItems(pk, 499, 'first', 500));
      expect(await world.equal([US, AP], 1)).toBe(before + 1_000);
      const { code, json } = await eventually('one dead letter a link', DEADLINE_MS, letters, (l) => l.json.count === 2 && l.json.letters.length === 2);
      expect(code).toBe(3);
      expect(json.letters.map((l) => l.link).sort()).toEqual(links);
      for (const letter of json.letters) {
        expect(letter).toMatchObject({ kind: 'changes', keys: [key] });
        expect(letter.reason).toMatch(/size has exceeded|too large/i);
      }
      const shown = await document<{ id: string; reason: string; message: { kind: string; changes: readonly unknown[] } }>(world, [
        'dlq',
        'show',
        json.letters[0]?.id ?? '',
      ]);
      expect(shown).toMatchObject({ code: 0, json: { id: json.letters[0]?.id, message: { kind: 'changes' } } });
      expect(shown.json.message.changes).toHaveLength(1);
      const { json: seen } = await status(world);
      expect(
        seen.attention
          .filter((a) => a.code === 'dead-letters')
          .map((a) => a.link)
          .sort(),
      ).toEqual(links);
    });

    test('becomes a refused key with the next minute run, and no dead letter is left', { timeout: TEST_MAX_MS }, async () => {
      await of().invoke(EU, 'reconcile');
      const { code, json } = await eventually('the key is refused at both members', DEADLINE_MS, refused, (r) => ofBad(r.json).length === 2);
      expect(code).toBe(3);
      expect(json.refused).toHaveLength(2);
      expect(
        ofBad(json)
          .map((r) => r.link)
          .sort(),
      ).toEqual(links);
      for (const row of ofBad(json)) expect(row).toMatchObject({ key, reason: expect.stringMatching(/size has exceeded|too large/i) });
      await eventually('no dead letters', DEADLINE_MS, letters, (l) => l.code === 0 && l.json.count === 0);
    });

    test('leaves its lane open: later changes of it and of all lanes go on, and a redrive by hand is refused again', { timeout: TEST_MAX_MS }, async () => {
      const world = of();
      // Enough keys for every one of the 16 lanes, the poisoned one among them.
      await world.write(EU, someItems(pk, 100, 'second'));
      await world.equal([US, AP], 1);
      const tried = new Map(ofBad((await refused()).json).map((r) => [r.member, r.tried]));
      await putBig();
      await eventually('a dead letter a link', DEADLINE_MS, letters, (l) => l.json.count === 2);
      const redriven = await document<{ links: readonly { link: string; redriven: number; keys: number; unreadable: readonly unknown[] }[] }>(world, [
        'dlq',
        'redrive',
      ]);
      expect(redriven.code).toBe(0);
      expect(redriven.json.links.map((l) => l.link).sort()).toEqual(links);
      for (const link of redriven.json.links) expect(link).toMatchObject({ redriven: 1, keys: 1, unreadable: [] });
      await eventually(
        'both were tried again',
        DEADLINE_MS,
        refused,
        (r) => ofBad(r.json).length === 2 && ofBad(r.json).every((row) => row.tried > (tried.get(row.member) ?? 0)),
      );
      const again = await document<{ verdicts: readonly { state: string }[] }>(world, ['resync', `pk=${bad},sk=0`, '--wait', '--timeout', '30']);
      expect(again.code).toBe(3);
      expect(again.json.verdicts.map((v) => v.state)).toEqual(['refused', 'refused']);
    });

    test('once the source is mended, a resync makes the members equal and the key is not refused any more', { timeout: TEST_MAX_MS }, async () => {
      const world = of();
      const mended = { ...key, text: { S: 'small' } };
      await world.dynamodb(EU).send(new PutItemCommand({ TableName: world.names(EU).items, Item: mended }));
      const done = await document<{ verdicts: readonly { state: string }[]; equal: boolean }>(world, ['resync', `pk=${bad},sk=0`, '--wait', '--timeout', '30']);
      expect(done).toMatchObject({ code: 0, json: { equal: true } });
      await eventually('no refused keys', DEADLINE_MS, refused, (r) => r.code === 0 && r.json.refused.length === 0);
      await world.equal();
      const { Item } = await world.dynamodb(US).send(new GetItemCommand({ TableName: world.names(US).items, Key: key, ConsistentRead: true }));
      expect(Item).toMatchObject(mended);
      expect(await Promise.all([world.deadLetters(US), world.deadLetters(AP)])).toEqual([0, 0]);
    });
  });
}
