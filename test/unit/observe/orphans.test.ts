import { beforeEach, describe, expect, it } from 'vitest';
import type { CloudCall } from '../../../lib/adapters/memory/call.ts';
import type { Item, Key } from '../../../lib/core/attribute.ts';
import { itemHash } from '../../../lib/core/canonical.ts';
import type { Orphan } from '../../../lib/core/formats/orphan-row.ts';
import { decodeOrphan, encodeOrphan, ORPHAN, orphanId } from '../../../lib/core/formats/orphan-row.ts';
import { metaOf } from '../../../lib/core/formats/seal.ts';
import { decodeSegment } from '../../../lib/core/formats/segment.ts';
import { keyHash, keyText } from '../../../lib/core/key.ts';
import { noteDeposed, readDeposed } from '../../../lib/observe/deposed.ts';
import { ORPHANS_PER_SEGMENT } from '../../../lib/observe/orphans.ts';
import { RemoteError } from '../../../lib/ports/errors.ts';
import type { StreamRecord } from '../../../lib/ports/stream.ts';
import { raiseFence } from '../../../lib/replicate/apply/fence.ts';
import { planResync } from '../../../lib/replicate/fanout-plan.ts';
import { sendToLanes } from '../../../lib/replicate/send.ts';
import { item, KEY, key, World } from '../../flows/support/world.ts';
import { bucketOf, segments } from './support/log.ts';

let world: World;
/** Records of the secondary that were given to the observer. */
let given: number;
beforeEach(async () => {
  world = await World.create();
  given = 0;
  for (const pk of ['a', 'b', 'c']) await world.put(item(pk, 1, { n: { N: '1' } }));
  await world.drain();
});

const fresh = (): readonly StreamRecord[] => world.records(world.secondary).slice(given);
async function observe(): Promise<void> {
  const records = fresh();
  await world.observeOf(records, world.secondary);
  given += records.length;
}

/** A repair of these keys, down their lanes. */
async function resync(keys: readonly Key[]): Promise<void> {
  const envelope = { set: 'test', epoch: 1, source: world.primary, lanes: world.config.lanes, sent: world.clock.now() };
  const sends = planResync(
    keys.map((k) => ({ k })),
    envelope,
    KEY,
  );
  await world.clock.run(sendToLanes(world.cloud.region(world.primary).queue, world.queue().url, sends, () => world.chance.nonce()));
  await world.drain();
}

/** What the secondary's log says is drift: the keys' names, in the order of the records. */
function flags(member = world.secondary): string[] {
  const { buckets } = world.cloud.region(member);
  return segments(world, member).flatMap(({ name }) => {
    const { footer, records } = decodeSegment(buckets.bytes(bucketOf(world, member), name));
    const drift = new Set(Array.from({ length: footer.index.length }, (_, i) => footer.index.entry(i)).flatMap((e) => (e.drift ? [e.ordinal] : [])));
    return records.flatMap((record, i) => (drift.has(i) ? [`${record.event} ${(record.keys['pk'] as { S: string }).S}`] : []));
  });
}
async function orphans(member = world.secondary): Promise<readonly Orphan[]> {
  const page = await world.clock.run(world.table(member).query({ table: world.control(member), partition: { name: 'pk', value: { S: ORPHAN } } }));
  return page.items.map(decodeOrphan).toSorted((a, b) => a.segment.localeCompare(b.segment) || a.ordinal - b.ordinal);
}
const shown = async (): Promise<string[]> => (await orphans()).map(({ cause, key: of }) => `${cause} ${(of['pk'] as { S: string }).S}`);
/** The segment is stored, and then the process dies at its first row or mark. */
const dieAfterStoring = (call: CloudCall): undefined => {
  if (call.service === 'dynamodb' && (call.op === 'put' || call.op === 'update')) throw new RemoteError('denied', 'Died', 'died');
};

describe('what is written by hand at a secondary', () => {
  it('is flagged in the log and listed, with where its value is; what appliers did is not', async () => {
    await world.put(item('x', 1, { n: { N: '5' } }), world.secondary);
    const copyOfB = (await world.get(key('b'))) as Item;
    await world.put({ ...copyOfB, n: { N: '9' } }, world.secondary);
    await world.remove(key('c'), world.secondary);
    await world.put({ ...copyOfB, pk: { S: 'y' } }, world.secondary);
    await world.put(item('a', 1, { n: { N: '2' } }));
    await world.remove(key('a'));
    await world.drain();
    await observe();
    expect(flags()).toEqual(['INSERT x', 'MODIFY b', 'REMOVE c', 'INSERT y']);
    expect(await shown()).toEqual(['hand-write x', 'hand-write b', 'hand-delete c', 'foreign-tool y']);
    const [x, b, c] = await orphans();
    const [segment] = segments(world, world.secondary);
    const written = segment?.records[x?.ordinal ?? -1];
    expect(written?.newImage).toEqual(item('x', 1, { n: { N: '5' } }));
    expect(x).toEqual({
      id: orphanId(keyHash(keyText(key('x'), KEY)), written?.sequence as string),
      key: key('x'),
      cause: 'hand-write',
      at: written?.at,
      segment: segment?.name,
      ordinal: x?.ordinal,
      itemHash: itemHash(item('x', 1, { n: { N: '5' } })).toString('base64'),
      state: 'open',
      since: world.clock.now(),
    });
    expect(b?.was).toBe(itemHash(copyOfB).toString('base64'));
    expect(c).toMatchObject({ was: itemHash(item('c', 1, { n: { N: '1' } })).toString('base64') });
    expect(c?.itemHash).toBeUndefined();
    expect(segment?.records.find(({ event, keys }) => event === 'REMOVE' && keyText(keys, KEY) === keyText(key('a'), KEY))?.origin).toBe('applier');
  });

  it('is no drift at the primary, nor at a secondary before its role began', async () => {
    await world.put(item('z', 1));
    await world.observeOf(world.records());
    expect(flags(world.primary)).toEqual([]);
    await world.put(item('x', 1), world.secondary);
    await world.setSeat(world.secondary, { since: world.clock.now() + 1_000 });
    await observe();
    expect(flags()).toEqual([]);
    expect(await orphans()).toEqual([]);
  });

  it('and mended by the resync of its key is drift once: the repair is an applier’s, its removal, too', async () => {
    await world.put(item('x', 1), world.secondary);
    await world.remove(key('b'), world.secondary);
    await world.put({ ...((await world.get(key('c'))) as Item), n: { N: '9' } }, world.secondary);
    await resync([key('x'), key('b'), key('c')]);
    await resync([key('x'), key('b'), key('c')]);
    await observe();
    expect(await world.get(key('x'))).toBeUndefined();
    expect(flags()).toEqual(['INSERT x', 'REMOVE b', 'MODIFY c']);
    // Repaired again, the copy has the very seal of the repair before.
    const before = metaOf((await world.get(key('c'))) as Item).seal;
    await world.put({ ...((await world.get(key('c'))) as Item), n: { N: '8' } }, world.secondary);
    await resync([key('c')]);
    expect(metaOf((await world.get(key('c'))) as Item).seal).toEqual(before);
    await observe();
    expect(flags()).toEqual(['INSERT x', 'REMOVE b', 'MODIFY c', 'MODIFY c']);
  });
});

describe('the rows of orphans', () => {
  it('are written for what an earlier attempt stored, though it died before them: the batch comes again', async () => {
    await world.put(item('x', 1), world.secondary);
    world.cloud.hook = dieAfterStoring;
    await expect(observe()).rejects.toThrow(/died/);
    world.cloud.hook = undefined;
    expect(segments(world, world.secondary)).toHaveLength(1);
    expect(await orphans()).toEqual([]);
    await observe();
    expect(segments(world, world.secondary)).toHaveLength(1);
    expect(await shown()).toEqual(['hand-write x']);
  });

  it('are written by the log’s flags where the stored cut is longer than the batch that comes again', async () => {
    await observe();
    await world.put(item('x', 1), world.secondary);
    await world.put(item('y', 1), world.secondary);
    world.cloud.hook = dieAfterStoring;
    await expect(observe()).rejects.toThrow(/died/);
    world.cloud.hook = undefined;
    await world.observeOf(fresh().slice(0, 1), world.secondary);
    expect(await shown()).toEqual(['hand-write x', 'hand-write y']);
  });

  it('are there before the next segment is stored', async () => {
    await observe();
    await world.put(item('x', 1), world.secondary);
    const at: string[] = [];
    world.cloud.hook = (call) => {
      if (call.op === 'put') at.push(call.service);
      else if (call.op === 'update') at.push('mark');
    };
    await observe();
    expect(at).toEqual(['s3', 'dynamodb', 'mark']);
  });

  it('that a human has decided on stay as they are', async () => {
    await world.put(item('x', 1), world.secondary);
    const records = fresh();
    await observe();
    const [open] = await orphans();
    const decided: Orphan = { ...(open as Orphan), state: 'discarded', note: 'a test' };
    await world.clock.run(world.table(world.secondary).put(world.control(world.secondary), encodeOrphan(decided)));
    // The mark is lost, and the batch comes again.
    const shard = segments(world, world.secondary)[0]?.head.shard as string;
    await world.clock.run(world.table(world.secondary).delete(world.control(world.secondary), { pk: { S: 'shard' }, sk: { S: shard } }));
    await world.observeOf(records, world.secondary);
    expect(await orphans()).toEqual([decided]);
  });

  it('are so many at most for one segment; all are flagged', async () => {
    await world.put(item('x', 1), world.secondary);
    const [one] = fresh().slice(-1) as [StreamRecord];
    const many = Array.from({ length: ORPHANS_PER_SEGMENT + 5 }, (_, i): StreamRecord => {
      const written = item(`x${i}`, 1);
      return { ...one, sequence: String(BigInt(one.sequence) + BigInt(i)), keys: key(`x${i}`), newImage: written };
    });
    await world.observeOf(many, world.secondary);
    expect(flags()).toHaveLength(many.length);
    expect(await orphans()).toHaveLength(ORPHANS_PER_SEGMENT);
    expect(world.counted.get('OrphansNotListed')).toBe(5);
  });
});

describe('tombstones', () => {
  it('are read for removals alone, each key once; what is left unread is asked for again', async () => {
    for (const pk of ['a', 'b', 'c']) await world.remove(key(pk));
    await world.drain();
    await world.put(item('x', 1), world.secondary);
    let calls = 0;
    world.cloud.hook = (call) => {
      if (call.op !== 'batchGet') return undefined;
      calls += 1;
      // The first answer leaves one of three keys unread.
      return calls === 1 ? { unprocessed: (index) => index === 1 } : undefined;
    };
    await observe();
    expect(calls).toBe(2);
    expect(flags()).toEqual(['INSERT x']);
    calls = 0;
    await world.put(item('y', 1), world.secondary);
    await observe();
    expect(calls).toBe(0);
  });

  it.each(['denied', 'throttled'] as const)('that stay unread because DynamoDB says %s stop the batch: nothing is stored, and it comes again', async (kind) => {
    await world.remove(key('a'));
    await world.drain();
    world.cloud.hook = (call) => {
      if (call.op === 'batchGet') throw new RemoteError(kind, 'No', 'not now');
    };
    await expect(observe()).rejects.toThrow(RemoteError);
    expect(segments(world, world.secondary)).toEqual([]);
    world.cloud.hook = undefined;
    await observe();
    expect(flags()).toEqual([]);
  });
});

describe('a primary that was deposed', () => {
  const depose = (): Promise<void> =>
    world.clock.run(
      raiseFence(world.table(world.primary), world.control(world.primary), 2, world.secondary, { region: world.secondary, at: world.clock.now() }),
    );
  const note = async (): Promise<void> => {
    const seat = await world.seat(world.primary);
    await world.clock.run(noteDeposed(seat, world.table(world.primary), world.control(world.primary), world.runtime, Number.POSITIVE_INFINITY));
  };

  it('has drift from when the minute run has seen it: what it wrote as primary is its own', async () => {
    await world.put(item('own', 1));
    await depose();
    await world.put(item('between', 1));
    await world.observeOf(world.records());
    await note();
    await world.clock.advance(3_000);
    await world.put(item('after', 1));
    await world.observeOf(world.records());
    expect(flags(world.primary)).toEqual(['INSERT after']);
    expect((await orphans(world.primary)).map(({ key: of }) => of)).toEqual([key('after')]);
  });

  it('is noted once, and again when it is deposed from another epoch; others are not', async () => {
    const read = () => world.clock.run(readDeposed(world.table(world.primary), world.control(world.primary), world.runtime, Number.POSITIVE_INFINITY));
    await note();
    expect(await read()).toBeUndefined();
    await depose();
    await note();
    const first = await read();
    expect(first).toEqual({ own: 1, at: world.clock.now() });
    await world.clock.advance(5_000);
    await note();
    expect(await read()).toEqual(first);
    await world.setSeat(world.primary, { own: 5, fence: 6 });
    await note();
    expect(await read()).toEqual({ own: 5, at: world.clock.now() });
  });
});
