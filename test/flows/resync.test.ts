import { describe, expect, it } from 'vitest';
import type { Item } from '../../lib/core/attribute.ts';
import type { Position } from '../../lib/core/formats/position.ts';
import { position } from '../../lib/core/formats/position.ts';
import { rev } from '../../lib/core/formats/rev.ts';
import type { Seal } from '../../lib/core/formats/seal.ts';
import { metaOf, metaValue, verifySeal } from '../../lib/core/formats/seal.ts';
import { keyText } from '../../lib/core/key.ts';
import { RemoteError } from '../../lib/ports/errors.ts';
import type { TargetState } from '../../lib/replicate/apply/guard-read.ts';
import { judgeResync, knownPosition, repairPosition } from '../../lib/replicate/apply/resync.ts';
import { planResync } from '../../lib/replicate/fanout-plan.ts';
import { sendToLanes } from '../../lib/replicate/send.ts';
import { item, KEY, key, World } from './support/world.ts';

const seal = (at: Position): Seal => ({ position: at, kind: 'lane', contentHash: Buffer.alloc(8) });
const state = (of: { item?: Item; at?: Position; grave?: Position }): TargetState => ({
  item: of.item,
  seal: of.at === undefined ? undefined : seal(of.at),
  tombstone: of.grave === undefined ? undefined : { seal: seal(of.grave), of: undefined, expiresAtS: 0 },
});
const p = (n: number): Position => position(2, BigInt(n));

describe('a repair’s position', () => {
  it('is the highest that is known to be contained in what was read, and never more (table)', () => {
    expect(repairPosition(2, state({}), undefined)).toEqual(p(0));
    expect(repairPosition(2, state({ at: p(5) }), undefined)).toEqual(p(5));
    expect(repairPosition(2, state({ at: p(5) }), p(7))).toEqual(p(7));
    expect(repairPosition(2, state({ at: p(9) }), p(7))).toEqual(p(9));
    expect(repairPosition(2, state({ at: p(5), grave: p(8) }), p(7))).toEqual(p(8));
    expect(repairPosition(3, state({ at: p(5), grave: p(8) }), p(7))).toEqual(position(3, 0n));
  });

  it('believes a position in a message only if it is one, of the message’s epoch or an older one', () => {
    const k = key('a');
    expect(knownPosition({ k, p: p(7).toString('base64') }, 2)).toEqual(p(7));
    expect(knownPosition({ k, p: p(7).toString('base64') }, 1)).toBeUndefined();
    expect(knownPosition({ k, p: 'AAAA' }, 2)).toBeUndefined();
    expect(knownPosition({ k }, 2)).toBeUndefined();
  });
});

describe('what a resync does with a key', () => {
  const a = item('a', 1, { n: { N: '1.0' } });
  it('follows from both sides (table)', () => {
    expect(judgeResync(undefined, state({}))).toBe('equal');
    expect(judgeResync(undefined, state({ item: a }))).toBe('delete');
    expect(judgeResync(a, state({}))).toBe('put');
    expect(judgeResync(a, state({ item: item('a', 1, { n: { N: '1' } }), at: p(1) }))).toBe('equal');
    expect(judgeResync(a, state({ item: item('a', 1, { n: { N: '2' } }), at: p(1) }))).toBe('put');
    // Equal content, but another rev, no seal that counts, or hidden by a later tombstone.
    expect(judgeResync({ ...a, _s: metaValue(rev(1, 1, 1), undefined) }, state({ item: a, at: p(1) }))).toBe('put');
    expect(judgeResync(a, state({ item: a }))).toBe('put');
    expect(judgeResync(a, state({ item: a, at: p(1), grave: p(2) }))).toBe('put');
    expect(judgeResync(a, state({ item: a, at: p(2), grave: p(1) }))).toBe('equal');
  });
});

async function resyncKeys(world: World, pks: readonly string[]): Promise<void> {
  const sends = planResync(
    pks.map((pk) => ({ k: key(pk) })),
    { set: 'test', epoch: 1, source: world.primary, lanes: world.config.lanes, sent: world.clock.now() },
    KEY,
  );
  const { failed } = await world.clock.run(sendToLanes(world.cloud.region(world.primary).queue, world.queue().url, sends, () => world.chance.nonce()));
  expect(failed.size).toBe(0);
}

describe('resync through the lanes', () => {
  it('makes changed, missing, extra and hand-made keys equal, and is idempotent', async () => {
    const world = await World.create();
    const names = ['same', 'changed', 'missing', 'hand-made'];
    for (const pk of names) await world.put(item(pk, 1, { n: { N: '1' } }));
    await world.drain();
    const copy = (await world.get(key('changed'))) as Item;
    await world.put({ ...copy, n: { N: '999' } }, world.secondary);
    await world.remove(key('missing'), world.secondary);
    await world.put(item('hand-made', 1, { n: { N: '1' } }), world.secondary);
    await world.put(item('extra', 1), world.secondary);
    for (let again = 0; again < 2; again += 1) {
      await resyncKeys(world, [...names, 'extra', 'never there']);
      await world.drain();
      expect(world.content(world.secondary)).toEqual(world.content(world.primary));
    }
    const { tableId } = await world.seat(world.secondary);
    const kinds = await Promise.all(
      names.map(async (pk) => {
        const held = (await world.get(key(pk))) as Item;
        return verifySeal(metaOf(held).seal, tableId, keyText(held, KEY))?.kind;
      }),
    );
    expect(kinds).toEqual(['lane', 'repair', 'repair', 'repair']);
  });

  it('keeps a dead letter whose resync could not be stored, and never replays its image', async () => {
    const world = await World.create({ lanes: 1, indexes: [{ name: 'by-rank', key: [{ name: 'rank', type: 'N' }] }] });
    await world.put(item('a', 1, { rank: { S: 'first' } }));
    await world.drain();
    expect(world.deadLetters()).toHaveLength(1);
    world.cloud.hook = (call) => {
      if (call.op === 'sendBatch') throw new RemoteError('transient', 'ServiceUnavailable', 'try again');
    };
    expect((await world.minute()).links[world.secondary]?.deadLetters?.stopped).toContain('could not be sent');
    world.cloud.hook = undefined;
    expect(world.deadLetters()).toHaveLength(1);
    // Meanwhile the key was written anew: what the dead letter holds is old, and must not come back.
    await world.put(item('a', 1, { rank: { N: '2' } }));
    await world.drain();
    await world.clock.advance(180_000);
    await world.minute();
    await world.drain();
    expect(world.deadLetters()).toEqual([]);
    expect((await world.get(key('a')))?.['rank']).toEqual({ N: '2' });
  });

  it('does not filter the real changes that come after it', async () => {
    const world = await World.create({ lanes: 1 });
    await world.put(item('a', 1, { n: { N: '1' } }));
    await world.put(item('a', 1, { n: { N: '2' } }));
    await resyncKeys(world, ['a']);
    await world.pumpApply();
    expect((await world.get(key('a')))?.['n']).toEqual({ N: '2' });
    await world.put(item('a', 1, { n: { N: '3' } }));
    await world.remove(key('a'));
    await world.drain();
    expect(await world.get(key('a'))).toBeUndefined();
    await world.put(item('a', 1, { n: { N: '4' } }));
    await world.drain();
    expect((await world.get(key('a')))?.['n']).toEqual({ N: '4' });
  });
});
