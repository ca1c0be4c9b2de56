import { afterEach, describe, expect, it } from 'vitest';
import { NullService, occurrences, startNullEndpoint } from '../../bench/null-endpoint.ts';
import { LINK, nullRows, SOURCE, TARGET } from '../../bench/site.ts';
import { awsClients } from '../../lib/adapters/aws/clients.ts';
import { AwsQueuePort } from '../../lib/adapters/aws/queue-port.ts';
import { AwsStreamPort } from '../../lib/adapters/aws/stream-port.ts';
import { AwsTablePort } from '../../lib/adapters/aws/table-port.ts';
import { decodeSeat, SEAT_KEY } from '../../lib/core/formats/rows.ts';
import { readSelf } from '../../lib/replicate/self.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** The real adapters on a null endpoint. */
async function ports(): Promise<{ table: AwsTablePort; queue: AwsQueuePort; stream: AwsStreamPort; service: NullService }> {
  process.env['AWS_ACCESS_KEY_ID'] ??= 'local';
  process.env['AWS_SECRET_ACCESS_KEY'] ??= 'local';
  const endpoint = await startNullEndpoint(nullRows(1_000));
  const clients = awsClients({ region: SOURCE, endpoint: endpoint.url });
  closers.push(
    () => clients.destroy(),
    () => endpoint.close(),
  );
  return { table: new AwsTablePort(clients.dynamodb), queue: new AwsQueuePort(clients), stream: new AwsStreamPort(clients.streams), service: endpoint.service };
}

describe('the null endpoint', () => {
  it('has the rows of a set that was initialised, and nothing else', async () => {
    const { table } = await ports();
    const self = await readSelf(table, LINK.sourceTables.control);
    expect(self.seat).toMatchObject({ own: 1, fence: 1, primary: SOURCE });
    expect(self.links.get(TARGET)?.state).toBe('open');

    const { control, items } = LINK.targetTables;
    const answer = await table.batchGet({
      tables: [
        { table: control, keys: [SEAT_KEY] },
        { table: items, keys: [{ country: { S: 'DE' }, cityId: { N: '1' } }] },
      ],
    });
    expect(decodeSeat(answer.items.get(control)?.[0] ?? {})).toMatchObject({ own: 0, fence: 1 });
    expect(answer.items.get(items) ?? []).toEqual([]);
    expect(answer.unprocessed.size).toBe(0);
    expect(await table.get(items, { country: { S: 'DE' }, cityId: { N: '1' } })).toBeUndefined();
    expect(decodeSeat((await table.get(control, SEAT_KEY)) ?? {})).toMatchObject({ own: 0 });
  });

  it('takes every write and every message, and counts them', async () => {
    const { table, queue, stream, service } = await ports();
    const key = { country: { S: 'DE' }, cityId: { N: '1' } };
    const { unprocessed } = await table.batchWrite([
      { table: 't', put: { ...key, text: { S: 'a note' } } },
      { table: 't', delete: key },
    ]);
    expect(unprocessed).toEqual([]);
    expect(await table.put('t', key)).toEqual({ ok: true });
    const sent = await queue.sendBatch(
      'https://queue/q.fifo',
      ['1', '2'].map((id) => ({ id, body: 'AQ==', group: 'g', dedup: id })),
    );
    expect(sent.failed).toEqual([]);
    expect((await queue.changeVisibilityBatch('https://queue/q.fifo', [{ id: '1', receipt: 'r', seconds: 1 }])).failed).toEqual([]);
    expect(await stream.shards('arn')).toEqual([{ id: 'shardId-0', first: '0' }]);
    expect(service.counts).toMatchObject({ writes: 3, messages: 2 });
  });

  it('refuses what it does not know, so that no measurement rests on a call that did nothing', () => {
    expect(() => new NullService({}).answer('DynamoDB_20120810.TransactWriteItems', Buffer.from('{}'))).toThrow(/TransactWriteItems/);
  });
});

describe('occurrences', () => {
  it('counts without overlap', () => {
    expect(occurrences(Buffer.from('aaaa'), 'aa')).toBe(2);
    expect(occurrences(Buffer.from('x'), 'aa')).toBe(0);
  });
});
