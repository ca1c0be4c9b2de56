import { describe, expect, it } from 'vitest';
import { lostAnswer } from '../../lib/adapters/memory/call.ts';
import { SeededChance } from '../../lib/adapters/memory/chance.ts';
import { ManualClock } from '../../lib/adapters/memory/clock.ts';
import { displayNumber } from '../../lib/adapters/memory/number.ts';
import { itemBytes, numberBytes } from '../../lib/core/size.ts';
import { RemoteError } from '../../lib/ports/errors.ts';
import { memoryCloud } from './support/memory-world.ts';
import { kindOfFailure } from './support/table-suite.ts';

const KEY = { partition: { name: 'pk', type: 'S' } } as const;
const item = (pk: string, v = '1') => ({ pk: { S: pk }, v: { N: v } });

describe('the hook', () => {
  it('sees every request, refuses before the effect, and loses answers after it', async () => {
    const { cloud, region } = memoryCloud();
    region.createTable({ name: 't', key: KEY });
    const seen: string[] = [];
    cloud.hook = (call) => {
      seen.push(`${call.region} ${call.service}.${call.op} ${call.resources.join()}`);
      if (call.op === 'put') throw new RemoteError('throttled', 'ThrottlingException', 'slow down');
      return call.op === 'batchWrite' ? { lost: lostAnswer() } : undefined;
    };
    expect(await kindOfFailure(region.table.put('t', item('a')))).toBe('throttled');
    expect(await kindOfFailure(region.table.batchWrite([{ table: 't', put: item('b') }]))).toBe('unanswered');
    expect(region.items('t')).toEqual([item('b')]);
    expect(seen).toEqual(['eu-central-1 dynamodb.put t', 'eu-central-1 dynamodb.batchWrite t']);
  });

  it('lets an effect come after its caller has given up', async () => {
    const { cloud, clock, region } = memoryCloud();
    region.createTable({ name: 't', key: KEY });
    cloud.hook = () => ({ lost: lostAnswer(), answerMs: 2_500, effectMs: 2_900 });
    const kind = kindOfFailure(region.table.put('t', item('a')));
    await clock.advance(2_500);
    expect(await kind).toBe('unanswered');
    expect(region.items('t')).toEqual([]);
    await clock.advance(400);
    expect(region.items('t')).toEqual([item('a')]);
  });

  it('does not carry out later what it refuses', async () => {
    const { cloud, clock, region } = memoryCloud();
    region.createTable({ name: 't', key: KEY });
    cloud.hook = () => ({ refuse: new RemoteError('throttled', 'ThrottlingException', 'slow'), lost: lostAnswer(), answerMs: 100, effectMs: 200 });
    const kind = kindOfFailure(region.table.put('t', item('a')));
    await clock.advance(1_000);
    expect(await kind).toBe('throttled');
    expect(region.items('t')).toEqual([]);
  });

  it('admits after the client’s own waits', async () => {
    const { cloud, clock, region } = memoryCloud();
    region.createTable({ name: 't', key: KEY });
    cloud.hook = () => ({ queueMs: 100 });
    const start = clock.elapsed();
    let at = -1;
    await clock.run(
      region.table.put('t', item('a'), undefined, {
        admit: () => {
          at = clock.elapsed() - start;
        },
      }),
    );
    expect(at).toBe(100);
  });

  it('leaves requests and keys unprocessed, and fails entries', async () => {
    const { cloud, region } = memoryCloud();
    region.createTable({ name: 't', key: KEY });
    const queue = region.createQueue({ name: 'q.fifo' });
    cloud.hook = () => ({ unprocessed: (i) => i === 1, failEntry: (id) => (id === 'x' ? { code: 'InternalError', message: 'no' } : undefined) });
    const writes = [item('a'), item('b'), item('c')].map((put) => ({ table: 't', put }));
    expect(await region.table.batchWrite(writes)).toEqual({ unprocessed: [writes[1]] });
    const read = await region.table.batchGet({ tables: [{ table: 't', keys: [{ pk: { S: 'a' } }, { pk: { S: 'c' } }] }] });
    expect(read.items.get('t')).toEqual([item('a')]);
    expect(read.unprocessed.get('t')).toEqual([{ pk: { S: 'c' } }]);
    const answer = await region.queue.sendBatch(
      queue.url,
      ['x', 'y'].map((id) => ({ id, body: id, group: id, dedup: id })),
    );
    expect(answer.failed.map((f) => f.id)).toEqual(['x']);
    expect(region.messages('q.fifo').map((m) => m.body)).toEqual(['y']);
  });

  it('shows each intermediate state to the witness', async () => {
    const { cloud, region } = memoryCloud();
    region.createTable({ name: 't', key: KEY });
    const states: number[] = [];
    cloud.witness = () => states.push(region.items('t').length);
    await region.table.put('t', item('a'));
    await region.table.put('t', item('b'));
    await region.table.delete('t', { pk: { S: 'a' } });
    expect(states).toEqual([1, 2, 1]);
  });
});

describe('tables and streams in memory', () => {
  it('cannot be changed from outside', async () => {
    const { region } = memoryCloud();
    region.createTable({ name: 't', key: KEY });
    const own = { pk: { S: 'a' }, m: { M: { x: { N: '1' } } } };
    await region.table.put('t', own);
    own.m.M.x.N = '2';
    const read = await region.table.get('t', { pk: { S: 'a' } });
    expect(read?.['m']).toEqual({ M: { x: { N: '1' } } });
    expect(() => Object.assign(read as object, { v: 1 })).toThrow();
  });

  it('expire by TTL as the service, and leave what is five years old', async () => {
    const { clock, region } = memoryCloud();
    region.createTable({ name: 't', key: KEY, stream: true, ttl: 'expiresAt' });
    const nowS = Math.floor(clock.now() / 1_000);
    const at = (pk: string, s: number) => ({ pk: { S: pk }, expiresAt: { N: String(s) } });
    await region.table.batchWrite([at('due', nowS - 1), at('later', nowS + 10), at('ancient', nowS - 6 * 365 * 86_400)].map((put) => ({ table: 't', put })));
    expect(region.expireItems()).toBe(1);
    expect(region.streamRecords('t').at(-1)).toMatchObject({ eventName: 'REMOVE', keys: { pk: { S: 'due' } }, byTtl: true });
  });

  it('trim streams at 24 h, roll shards, and get a new TableId when made anew', async () => {
    const { clock, region } = memoryCloud();
    const table = region.createTable({ name: 't', key: KEY, stream: true });
    await region.table.put('t', item('a'));
    table.stream?.roll(clock.now());
    await region.table.put('t', item('a', '2'));
    const shards = await region.stream.shards(table.stream?.arn ?? '');
    expect(shards.length).toBe(2);
    expect(shards[1]?.parentId).toBe(shards[0]?.id);
    expect(shards[0]?.last).toBeDefined();
    expect(region.streamRecords('t').map((r) => r.eventName)).toEqual(['INSERT', 'MODIFY']);
    expect(table.stream?.read(shards[1]?.id ?? '', undefined, 10, clock.now()).length).toBe(1);
    await clock.advance(24 * 3_600_000 + 2_000);
    expect(region.streamRecords('t')).toEqual([]);
    expect((await region.stream.shards(table.stream?.arn ?? '')).length).toBe(1);
    const before = (await region.table.describe('t')).tableId;
    region.deleteTable('t');
    region.createTable({ name: 't', key: KEY });
    expect((await region.table.describe('t')).tableId).not.toBe(before);
    expect(region.items('t')).toEqual([]);
  });
});

describe('a table made anew in the same millisecond', () => {
  it('has a stream of another ARN, and the old one’s records stay under theirs', async () => {
    const { region } = memoryCloud();
    region.createTable({ name: 't', key: KEY, stream: true });
    const before = (await region.table.describe('t')).streamArn ?? '';
    region.deleteTable('t');
    region.createTable({ name: 't', key: KEY, stream: true });
    const after = (await region.table.describe('t')).streamArn ?? '';
    expect(after).not.toBe(before);
    expect((await region.stream.shards(before))[0]?.last).toBeDefined();
    expect((await region.stream.shards(after))[0]?.last).toBeUndefined();
  });
});

describe('queues in memory', () => {
  const send = { id: 'a', body: 'x', group: 'g', dedup: 'd' };
  it('forget a deduplication id after five minutes', async () => {
    const { clock, region } = memoryCloud();
    const { url } = region.createQueue({ name: 'q.fifo' });
    await region.queue.sendBatch(url, [send]);
    await clock.advance(299_000);
    await region.queue.sendBatch(url, [send]);
    expect(region.messages('q.fifo').length).toBe(1);
    await clock.advance(1_000);
    await region.queue.sendBatch(url, [send]);
    expect(region.messages('q.fifo').length).toBe(2);
  });
  it('drop messages at the end of the retention, and a dead letter starts anew', async () => {
    const { clock, region } = memoryCloud();
    region.createQueue({ name: 'd.fifo', retentionMs: 60_000 });
    const { url } = region.createQueue({ name: 'q.fifo', retentionMs: 60_000, dlq: 'd.fifo', maxReceiveCount: 1 });
    await region.queue.sendBatch(url, [send]);
    await region.queue.receive(url, { max: 1, visibilityS: 50 });
    await clock.advance(51_000);
    expect(await region.queue.receive(url, { max: 1, visibilityS: 50 })).toEqual([]);
    await clock.advance(30_000);
    expect(region.messages('d.fifo').length).toBe(1);
    await clock.advance(31_000);
    expect(region.messages('d.fifo')).toEqual([]);
  });
  it('refuse an expired receipt, entries with bad ids, and more than 12 h of visibility', async () => {
    const { clock, region } = memoryCloud();
    const { url } = region.createQueue({ name: 'q.fifo' });
    expect(
      (
        await region.queue.sendBatch(url, [
          { ...send, group: 'with space' },
          { ...send, id: 'b', dedup: 'x'.repeat(129) },
          { ...send, id: 'c' },
        ])
      ).failed.map((f) => f.id),
    ).toEqual(['a', 'b']);
    const [message] = await region.queue.receive(url, { max: 1, visibilityS: 10 });
    const receipt = message?.receipt ?? '';
    expect((await region.queue.changeVisibilityBatch(url, [{ id: 'a', receipt, seconds: 43_201 }])).failed.length).toBe(1);
    await clock.advance(10_000);
    expect((await region.queue.deleteBatch(url, [{ id: 'a', receipt }])).failed.length).toBe(1);
  });
});

describe('invocation in memory', () => {
  it('answers, is missing, or has failed after it ran', async () => {
    const { region } = memoryCloud();
    region.registerFunction('echo', async (payload) => payload);
    region.registerFunction('fails', async () => {
      throw new Error('no');
    });
    expect(await region.invoke.invoke('echo', '{"a":1}')).toBe('{"a":1}');
    expect(await kindOfFailure(region.invoke.invoke('never', ''))).toBe('missing');
    expect(await kindOfFailure(region.invoke.invoke('fails', ''))).toBe('unanswered');
  });
});

describe('clock and chance', () => {
  it('wakes sleepers in order, and runs a promise to its end', async () => {
    const clock = new ManualClock({ startMs: 1_000 });
    const woken: string[] = [];
    const sleep = async (name: string, ms: number): Promise<void> => {
      await clock.sleep(ms);
      woken.push(`${name}@${clock.now()}`);
    };
    const all = Promise.all([sleep('b', 200), sleep('a', 100), sleep('c', 200).then(() => sleep('d', 50))]);
    await clock.run(all);
    expect(woken).toEqual(['a@1100', 'b@1200', 'c@1200', 'd@1250']);
  });
  it('says so when a promise never settles', async () => {
    const clock = new ManualClock();
    await expect(clock.run(new Promise(() => undefined))).rejects.toThrow(/never settles/);
    await expect(
      clock.run(
        (async () => {
          for (;;) await clock.sleep(1_000);
        })(),
        10_000,
      ),
    ).rejects.toThrow(/not settled after 10000 ms/);
  });
  it('is the same for the same seed, and spread', () => {
    const draw = (seed: number): number[] => {
      const chance = new SeededChance(seed);
      return Array.from({ length: 1_000 }, () => chance.random());
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    const mean = draw(7).reduce((a, b) => a + b, 0) / 1_000;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.05);
    expect(new SeededChance(1).nonce()).toMatch(/^[a-z0-9]{24}$/);
  });
});

describe('sizes and numbers', () => {
  it.each([
    ['0', 1],
    ['1', 2],
    ['-1', 3],
    ['12', 2],
    ['123', 3],
    ['1200', 2],
    ['0.0012', 2],
    ['12345678901234567890123456789012345678', 20],
  ])('%s has %i bytes', (text, bytes) => {
    expect(numberBytes(text)).toBe(bytes);
  });
  it('measures items', () => {
    expect(itemBytes({ ab: { S: 'é' }, b: { B: 'AAECA/8=' }, t: { BOOL: true }, n: { NULL: true } })).toBe(2 + 2 + 1 + 5 + 1 + 1 + 1 + 1);
    expect(itemBytes({ l: { L: [] }, m: { M: { x: { S: 'y' } } }, s: { SS: ['a', 'bc'] } })).toBe(1 + 3 + 1 + 3 + 1 + 1 + 1 + 1 + 3);
  });
  it.each([
    ['1.0', '1'],
    ['-1.0000E-5', '-0.00001'],
    ['1E3', '1000'],
    ['00012.3400', '12.34'],
    ['-0.0', '0'],
    ['.5', '0.5'],
  ])('shows %s as %s', (text, shown) => {
    expect(displayNumber(text)).toBe(shown);
  });
});
