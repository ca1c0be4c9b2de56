import { describe, expect, it } from 'vitest';
import { AwsEventPort } from '../../lib/adapters/aws/event-port.ts';
import { MemoryEventPort } from '../../lib/adapters/memory/event-port.ts';
import { RemoteError } from '../../lib/ports/errors.ts';
import { EVENT_BYTES_MAX } from '../../lib/ports/events.ts';

describe('the memory event bus', () => {
  it('refuses calls beyond the limits, keeps values as they were sent, and fails as it is told', async () => {
    const port = new MemoryEventPort();
    const event = { type: 'T', detail: { list: [1] } };
    for (const bad of [[], Array.from({ length: 11 }, () => event), [{ type: 'T', detail: { text: 'x'.repeat(EVENT_BYTES_MAX) } }]]) {
      await expect(port.put(bad)).rejects.toMatchObject({ kind: 'invalid', code: 'ValidationException' });
    }
    await port.put([event]);
    event.detail.list.push(2);
    expect(port.events).toEqual([{ type: 'T', detail: { list: [1] } }]);
    port.hook = () => {
      throw new RemoteError('throttled', 'ThrottlingException', 'later');
    };
    await expect(port.put([event])).rejects.toMatchObject({ kind: 'throttled' });
    expect(port.events).toHaveLength(1);
  });
});

describe('the event port of AWS', () => {
  const port = (send: (command: { readonly input: unknown }) => Promise<unknown>): AwsEventPort => new AwsEventPort({ eventbridge: { send } as never });

  it('says how many events the bus refused in a call that was answered', async () => {
    const sent: unknown[] = [];
    const events = port(async ({ input }) => {
      sent.push(input);
      return { FailedEntryCount: 1, Entries: [{ ErrorCode: 'ThrottlingException' }, { EventId: '1' }] };
    });
    expect(
      await events.put([
        { type: 'A', detail: { n: 1 } },
        { type: 'B', detail: {} },
      ]),
    ).toEqual({ refused: 1 });
    expect(sent).toEqual([
      {
        Entries: [
          { Source: 'syncline', DetailType: 'A', Detail: '{"n":1}' },
          { Source: 'syncline', DetailType: 'B', Detail: '{}' },
        ],
      },
    ]);
  });

  it('classifies what fails, as every port does', async () => {
    const refused = (name: string, status: number): AwsEventPort =>
      port(() => Promise.reject(Object.assign(new Error('no'), { name, $metadata: { httpStatusCode: status } })));
    await expect(refused('ThrottlingException', 400).put([])).rejects.toMatchObject({ kind: 'throttled' });
    await expect(refused('AccessDeniedException', 400).put([])).rejects.toMatchObject({ kind: 'denied' });
    await expect(refused('InternalException', 500).put([])).rejects.toMatchObject({ kind: 'unanswered' });
  });
});
