import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { QueueMessage, QueuePort, SendEntry } from '../../../lib/ports/queue.ts';
import { kindOfFailure } from './table-suite.ts';
import type { QueueDifference, QueueWorld } from './world.ts';

const entry = (id: string, group: string, body = id, dedup = `${id}-${group}`): SendEntry => ({ id, body, group, dedup });
const bodies = (messages: readonly QueueMessage[]): string[] => messages.map((m) => m.body);
const RECEIVE = { max: 10, visibilityS: 30 };

/** What every QueuePort must do. Visibility timeouts of 1 s are waited out in real time where time is real. */
export function queuePortSuite(name: string, make: () => Promise<QueueWorld>, differs: readonly QueueDifference[] = []): void {
  describe(`QueuePort on ${name}`, () => {
    let world: QueueWorld;
    let port: QueuePort;
    beforeAll(async () => {
      world = await make();
      port = world.queue;
    });
    afterAll(() => world?.close());
    const send = async (url: string, ...entries: SendEntry[]): Promise<void> => {
      expect(await port.sendBatch(url, entries)).toEqual({ failed: [] });
    };

    it('carries body, group, attributes, count and time', async () => {
      const { url } = await world.createQueue();
      const body = 'zstd/base64+text== Zürich 🗼 {"not":1.0}';
      await send(url, { id: 'a', body, group: 'lane-7', dedup: 'd1', attributes: { reason: 'too large', other: '1' } });
      const [message] = await port.receive(url, RECEIVE);
      expect(message).toMatchObject({ body, group: 'lane-7', receiveCount: 1, attributes: { reason: 'too large', other: '1' } });
      expect(message?.sentMs).toBeGreaterThan(1_600_000_000_000);
      expect(message?.id).not.toBe('');
      expect(message?.receipt).not.toBe('');
    });

    it('keeps the order of a group, and blocks the group while a message of it is in flight', async () => {
      const { url } = await world.createQueue();
      await send(url, entry('1', 'a'), entry('2', 'b'), entry('3', 'a'), entry('4', 'a'), entry('5', 'b'));
      const first = await port.receive(url, { ...RECEIVE, max: 1 });
      const group = first[0]?.group;
      const rest = await port.receive(url, RECEIVE);
      expect(rest.every((m) => m.group !== group)).toBe(true);
      expect(await port.receive(url, RECEIVE)).toEqual([]);
      const all = [...first, ...rest];
      await port.deleteBatch(
        url,
        all.map((m, i) => ({ id: String(i), receipt: m.receipt })),
      );
      const later = await port.receive(url, RECEIVE);
      const seen = [...all, ...later];
      expect(bodies(seen.filter((m) => m.group === 'a'))).toEqual(['1', '3', '4']);
      expect(bodies(seen.filter((m) => m.group === 'b'))).toEqual(['2', '5']);
    });

    it('gives a message back at once with visibility 0, at the head of its group, its count grown', async () => {
      const { url } = await world.createQueue();
      await send(url, entry('1', 'a'), entry('2', 'a'));
      const [head] = await port.receive(url, { ...RECEIVE, max: 1 });
      expect(await port.changeVisibilityBatch(url, [{ id: 'x', receipt: head?.receipt ?? '', seconds: 0 }])).toEqual({ failed: [] });
      const again = await port.receive(url, RECEIVE);
      expect(bodies(again)).toEqual(['1', '2']);
      expect(again.map((m) => m.receiveCount)).toEqual([2, 1]);
    });

    it('refuses a superseded receipt handle, for visibility and for deletion, and takes the newest', async () => {
      const { url } = await world.createQueue();
      await send(url, entry('1', 'a'));
      const [old] = await port.receive(url, { max: 1, visibilityS: 1 });
      await world.pass(1_500);
      const [newest] = await port.receive(url, RECEIVE);
      expect(newest?.receiveCount).toBe(2);
      const refused = await port.changeVisibilityBatch(url, [
        { id: 'old', receipt: old?.receipt ?? '', seconds: 60 },
        { id: 'new', receipt: newest?.receipt ?? '', seconds: 60 },
      ]);
      expect(refused.failed.map((f) => f.id)).toEqual(['old']);
      expect((await port.deleteBatch(url, [{ id: 'old', receipt: old?.receipt ?? '' }])).failed.map((f) => f.id)).toEqual(['old']);
      expect(await port.depth(url)).toEqual({ visible: 0, inFlight: 1, delayed: 0 });
      expect(await port.deleteBatch(url, [{ id: 'new', receipt: newest?.receipt ?? '' }])).toEqual({ failed: [] });
      expect(await port.depth(url)).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
    });

    // https://repost.aws/knowledge-center/sqs-receipt-handle-error
    it.skipIf(differs.includes('expired-receipt-accepted'))('refuses an expired receipt handle, though the message was not received again', async () => {
      const { url } = await world.createQueue();
      await send(url, entry('1', 'a'));
      const [message] = await port.receive(url, { max: 1, visibilityS: 1 });
      const receipt = message?.receipt ?? '';
      await world.pass(1_500);
      expect((await port.changeVisibilityBatch(url, [{ id: 'x', receipt, seconds: 60 }])).failed.map((f) => f.id)).toEqual(['x']);
      expect((await port.deleteBatch(url, [{ id: 'x', receipt }])).failed.map((f) => f.id)).toEqual(['x']);
      expect(bodies(await port.receive(url, RECEIVE))).toEqual(['1']);
    });

    // Seen on AWS by LocalStack's test_delete_message_with_deleted_receipt_handle.
    it.skipIf(differs.includes('deleted-receipt-refused'))('takes the deletion of what it has deleted already', async () => {
      const { url } = await world.createQueue();
      await send(url, entry('1', 'a'));
      const [message] = await port.receive(url, RECEIVE);
      for (let i = 0; i < 2; i += 1) expect(await port.deleteBatch(url, [{ id: 'x', receipt: message?.receipt ?? '' }])).toEqual({ failed: [] });
    });

    // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html: "subsequent messages in that group".
    it.skipIf(differs.includes('group-blocked-by-any'))('gives a group up to the first message that is in flight, when its head was given back', async () => {
      const { url } = await world.createQueue();
      await send(url, entry('1', 'a'), entry('2', 'a'), entry('3', 'a'));
      const [head, second] = await port.receive(url, { ...RECEIVE, max: 2 });
      await port.changeVisibilityBatch(url, [{ id: 'x', receipt: head?.receipt ?? '', seconds: 0 }]);
      const [again, ...rest] = await port.receive(url, RECEIVE);
      expect([again?.body, rest]).toEqual(['1', []]);
      await port.deleteBatch(url, [{ id: 'x', receipt: again?.receipt ?? '' }]);
      expect(await port.receive(url, RECEIVE)).toEqual([]);
      await port.changeVisibilityBatch(url, [{ id: 'x', receipt: second?.receipt ?? '', seconds: 0 }]);
      expect(bodies(await port.receive(url, RECEIVE))).toEqual(['2', '3']);
    });

    it('never gives a message while an earlier one of its group is in flight', async () => {
      const { url } = await world.createQueue();
      await send(url, entry('1', 'a'), entry('2', 'a'));
      const [head, second] = await port.receive(url, RECEIVE);
      await port.changeVisibilityBatch(url, [{ id: 'x', receipt: second?.receipt ?? '', seconds: 0 }]);
      expect(await port.receive(url, RECEIVE)).toEqual([]);
      await port.changeVisibilityBatch(url, [{ id: 'x', receipt: head?.receipt ?? '', seconds: 0 }]);
      expect(bodies(await port.receive(url, RECEIVE))).toEqual(['1', '2']);
    });

    it('extends visibility', async () => {
      const { url } = await world.createQueue();
      await send(url, entry('1', 'a'));
      const [message] = await port.receive(url, { max: 1, visibilityS: 1 });
      await port.changeVisibilityBatch(url, [{ id: 'x', receipt: message?.receipt ?? '', seconds: 20 }]);
      await world.pass(1_500);
      expect(await port.receive(url, RECEIVE)).toEqual([]);
    });

    it('drops a deduplication id that its group has seen, after deletion too, and takes it for another group', async () => {
      const { url } = await world.createQueue();
      await send(url, entry('1', 'a', 'first', 'same'));
      await send(url, entry('2', 'a', 'second', 'same'), entry('3', 'b', 'other', 'same'));
      const messages = await port.receive(url, RECEIVE);
      expect(bodies(messages).sort()).toEqual(['first', 'other']);
      await port.deleteBatch(
        url,
        messages.map((m, i) => ({ id: String(i), receipt: m.receipt })),
      );
      await send(url, entry('4', 'a', 'third', 'same'));
      expect(await port.receive(url, RECEIVE)).toEqual([]);
    });

    it('moves what was received too often to the dead-letter queue, and goes on with the group', async () => {
      const { url, dlqUrl } = await world.createQueue({ dlqOf: { maxReceiveCount: 2 } });
      await send(url, { ...entry('1', 'a'), attributes: { why: 'x' } }, entry('2', 'a'));
      for (let i = 1; i <= 2; i += 1) {
        const [head] = await port.receive(url, { ...RECEIVE, max: 1 });
        expect(head).toMatchObject({ body: '1', receiveCount: i });
        await port.changeVisibilityBatch(url, [{ id: 'x', receipt: head?.receipt ?? '', seconds: 0 }]);
      }
      // The move happens in a receive, which may answer with the next message or with none.
      const next = [...(await port.receive(url, RECEIVE)), ...(await port.receive(url, RECEIVE))];
      expect(bodies(next)).toEqual(['2']);
      const [dead] = await port.receive(dlqUrl ?? '', RECEIVE);
      expect(dead).toMatchObject({ body: '1', group: 'a', attributes: { why: 'x' } });
    });

    it('keeps the order of a group in the dead-letter queue, and the receive counts', async () => {
      const { url, dlqUrl } = await world.createQueue({ dlqOf: { maxReceiveCount: 1 } });
      await send(url, entry('1', 'a'), entry('2', 'a'), entry('3', 'a'));
      const all = await port.receive(url, RECEIVE);
      expect(bodies(all)).toEqual(['1', '2', '3']);
      await port.changeVisibilityBatch(
        url,
        all.map((m, i) => ({ id: String(i), receipt: m.receipt, seconds: 0 })),
      );
      expect(await port.receive(url, RECEIVE)).toEqual([]);
      expect(await port.receive(url, RECEIVE)).toEqual([]);
      const dead = await port.receive(dlqUrl ?? '', RECEIVE);
      expect(bodies(dead)).toEqual(['1', '2', '3']);
      expect(dead.map((m) => m.receiveCount)).toEqual([2, 2, 2]);
    });

    it('counts depth', async () => {
      const { url } = await world.createQueue();
      await send(url, entry('1', 'a'), entry('2', 'b'), entry('3', 'b'));
      await port.receive(url, { ...RECEIVE, max: 1 });
      expect(await port.depth(url)).toEqual({ visible: 2, inFlight: 1, delayed: 0 });
    });

    it('lists entries that fail beside those that do not', async () => {
      const { url } = await world.createQueue();
      const answer = await port.deleteBatch(url, [{ id: 'bad', receipt: 'no-such-receipt' }]);
      expect(answer.failed.map((f) => f.id)).toEqual(['bad']);
      expect(answer.failed[0]?.code).not.toBe('');
    });

    it.each<[string, (url: string) => Promise<unknown>]>([
      [
        '11 entries',
        (url) =>
          port.sendBatch(
            url,
            Array.from({ length: 11 }, (_, i) => entry(String(i), 'a')),
          ),
      ],
      ['no entries', (url) => port.sendBatch(url, [])],
      ['an entry id twice', (url) => port.sendBatch(url, [entry('1', 'a'), entry('1', 'b')])],
      ['more than 1 MiB in all', (url) => port.sendBatch(url, [entry('1', 'a', 'x'.repeat(600_000)), entry('2', 'b', 'x'.repeat(600_000))])],
    ])('refuses as invalid: %s', async (_label, call) => {
      const { url } = await world.createQueue();
      expect(await kindOfFailure(call(url))).toBe('invalid');
      expect(await port.receive(url, RECEIVE)).toEqual([]);
    });

    it('carries a megabyte', async () => {
      const { url } = await world.createQueue();
      const body = 'x'.repeat(1_048_576);
      await send(url, entry('1', 'a', body));
      expect((await port.receive(url, RECEIVE))[0]?.body === body).toBe(true);
    });

    it('says that a queue is missing', async () => {
      const { url } = await world.createQueue();
      const missing = url.replace(/[^/]+$/, 'never.fifo');
      expect(await kindOfFailure(port.depth(missing))).toBe('missing');
      expect(await kindOfFailure(port.sendBatch(missing, [entry('1', 'a')]))).toBe('missing');
    });
  });
}
