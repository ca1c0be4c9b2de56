import type { DynamoDBStreamEvent, SQSEvent } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import { bareCode, failureOf, kindOf, remoteError } from '../../lib/adapters/aws/classify.ts';
import { fromSqsEvent, fromStreamEvent } from '../../lib/adapters/aws/events.ts';
import { Expressions } from '../../lib/adapters/aws/expression.ts';
import { RemoteError } from '../../lib/ports/errors.ts';

describe('classification', () => {
  it.each<[Partial<Parameters<typeof kindOf>[0]>, string]>([
    [{ code: 'ThrottlingException', status: 400 }, 'throttled'],
    [{ code: 'TooManyRequestsException', status: 429 }, 'throttled'],
    [{ code: 'Http429', status: 429 }, 'throttled'],
    [{ code: 'com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException', status: 400 }, 'throttled'],
    [{ code: 'ItemCollectionSizeLimitExceededException', status: 400 }, 'invalid'],
    [{ code: 'SerializationException', status: 400 }, 'invalid'],
    [{ code: 'AWS.SimpleQueueService.NonExistentQueue', status: 400 }, 'missing'],
    [{ code: 'Http404', status: 404 }, 'missing'],
    [{ code: 'Http403', status: 403 }, 'denied'],
    [{ code: 'TransactionConflictException', status: 400 }, 'transient'],
    [{ code: 'ServiceUnavailable', status: 503 }, 'unanswered'],
    [{ code: 'ServiceUnavailable', status: 503, reads: true }, 'transient'],
    [{ code: 'InternalServerError', status: 500, reads: true }, 'transient'],
    [{ code: 'TimeoutError', issued: true, reads: true }, 'unanswered'],
    [{ code: 'SlowDown', status: 503 }, 'throttled'],
    [{ code: 'Http307', status: 307 }, 'unanswered'],
    [{ code: 'Http503', status: 503 }, 'unanswered'],
    [{ code: 'InternalServerError', status: 500 }, 'unanswered'],
    [{ code: 'Http408', status: 408 }, 'unanswered'],
    [{ code: 'ECONNREFUSED' }, 'transient'],
    [{ code: 'ENOTFOUND' }, 'transient'],
    [{ code: 'ECONNRESET' }, 'unanswered'],
    [{ code: 'ECONNRESET', issued: false }, 'transient'],
    [{ code: 'ECONNREFUSED', issued: true }, 'unanswered'],
    [{ code: 'TimeoutError' }, 'unanswered'],
    [{ code: 'CredentialsProviderError' }, 'denied'],
    [{ code: 'SyntaxError', status: 200 }, 'unanswered'],
    [{ code: 'SomethingNew', status: 400 }, 'invalid'],
    [{ code: 'SomethingNew', status: 500 }, 'unanswered'],
    [{ code: 'SomethingNew' }, 'unanswered'],
  ])('%j is %s', (failure, kind) => {
    expect(kindOf({ code: '', message: '', status: undefined, issued: undefined, ...failure })).toBe(kind);
  });

  it('reads errors of the SDK, of sockets, and what is none', () => {
    expect(failureOf(Object.assign(new Error('m'), { name: 'ValidationException', $metadata: { httpStatusCode: 400 } }))).toEqual({
      code: 'ValidationException',
      message: 'm',
      status: 400,
      issued: undefined,
    });
    expect(failureOf(Object.assign(new Error('m'), { code: 'EPIPE' }))).toEqual({ code: 'EPIPE', message: 'm', status: undefined, issued: undefined });
    expect(remoteError('text').kind).toBe('unanswered');
    const own = new RemoteError('notIssued', 'NotAdmitted', 'x');
    expect(remoteError(own)).toBe(own);
    expect(bareCode('a.b#Code:http://x')).toBe('Code');
  });
});

describe('expressions', () => {
  it('name everything, and place every value', () => {
    const e = new Expressions();
    const text = e.condition({
      op: 'or',
      of: [
        {
          op: 'and',
          of: [
            { op: 'absent', path: ['size'] },
            { op: '<=', path: ['_s', 'p'], value: { B: 'AA==' } },
          ],
        },
        { op: '=', path: ['size'], value: { N: '1' } },
      ],
    });
    expect(text).toBe('((attribute_not_exists(#n0)) AND (#n1.#n2 <= :v0)) OR (#n0 = :v1)');
    expect(e.parameters()).toEqual({
      ExpressionAttributeNames: { '#n0': 'size', '#n1': '_s', '#n2': 'p' },
      ExpressionAttributeValues: { ':v0': { B: 'AA==' }, ':v1': { N: '1' } },
    });
  });
  it('have no redundant parentheses around a list of one, which DynamoDB refuses', () => {
    const absent = { op: 'absent', path: ['x'] } as const;
    const present = { op: 'present', path: ['y'] } as const;
    expect(new Expressions().condition({ op: 'or', of: [absent] })).toBe('attribute_not_exists(#n0)');
    expect(new Expressions().condition({ op: 'and', of: [present, { op: 'or', of: [absent] }] })).toBe(
      '(attribute_exists(#n0)) AND (attribute_not_exists(#n1))',
    );
    expect(new Expressions().condition({ op: 'and', of: [{ op: 'or', of: [present, absent] }] })).toBe(
      '(attribute_exists(#n0)) OR (attribute_not_exists(#n1))',
    );
  });
  it('compile changes, and nothing to nothing', () => {
    const e = new Expressions();
    expect(e.changes({ set: { a: { N: '1' }, b: { S: '' } }, remove: ['c'] })).toBe('SET #n0 = :v0, #n1 = :v1 REMOVE #n2');
    expect(new Expressions().changes({})).toBeUndefined();
    expect(new Expressions().parameters()).toEqual({});
  });
});

describe('events', () => {
  const record = (over: object, top: object = {}): DynamoDBStreamEvent =>
    ({
      Records: [
        {
          eventName: 'MODIFY',
          eventSourceARN: 'arn:aws:dynamodb:eu-central-1:1:table/t/stream/x',
          ...top,
          dynamodb: { SequenceNumber: '123', ApproximateCreationDateTime: 1_700_000_000, Keys: { pk: { S: 'a' } }, ...over },
        },
      ],
    }) as unknown as DynamoDBStreamEvent;

  it('pass DynamoDB JSON on untouched', () => {
    const image = { pk: { S: 'a' }, n: { N: '1.0' }, b: { B: 'AA==' } };
    const batch = fromStreamEvent(record({ NewImage: image, OldImage: image }));
    expect(batch).toEqual({
      records: [
        {
          eventName: 'MODIFY',
          streamArn: 'arn:aws:dynamodb:eu-central-1:1:table/t/stream/x',
          sequence: '123',
          createdMs: 1_700_000_000_000,
          keys: { pk: { S: 'a' } },
          newImage: image,
          oldImage: image,
          byTtl: false,
        },
      ],
    });
    expect(batch.records[0]?.newImage).toBe(image);
  });
  it('know TTL’s removals from others', () => {
    const ttl = { eventName: 'REMOVE', userIdentity: { type: 'Service', principalId: 'dynamodb.amazonaws.com' } };
    expect(fromStreamEvent(record({}, ttl)).records[0]?.byTtl).toBe(true);
    expect(fromStreamEvent(record({}, { eventName: 'REMOVE' })).records[0]?.byTtl).toBe(false);
    expect(fromStreamEvent({ ...record({}), shardId: 'shardId-1' }).shardId).toBe('shardId-1');
  });
  it('refuse what is no stream record', () => {
    expect(() => fromStreamEvent({ Records: [{}] })).toThrow(/Not a record of a DynamoDB stream/);
  });
  it('of SQS keep order, and refuse two queues in one', () => {
    const message = (id: string, arn = 'arn:aws:sqs:eu-central-1:1:q.fifo'): object => ({
      messageId: id,
      receiptHandle: `r-${id}`,
      body: `b-${id}`,
      eventSourceARN: arn,
      attributes: { ApproximateReceiveCount: '3', SentTimestamp: '1700000000123', MessageGroupId: 'lane-1' },
      messageAttributes: { why: { dataType: 'String', stringValue: 'x' } },
    });
    const { queueArn, messages } = fromSqsEvent({ Records: [message('1'), message('2')] } as unknown as SQSEvent);
    expect(queueArn).toBe('arn:aws:sqs:eu-central-1:1:q.fifo');
    expect(messages).toEqual(
      ['1', '2'].map((id) => ({
        id,
        receipt: `r-${id}`,
        body: `b-${id}`,
        group: 'lane-1',
        receiveCount: 3,
        sentMs: 1_700_000_000_123,
        attributes: { why: 'x' },
      })),
    );
    expect(() => fromSqsEvent({ Records: [message('1'), message('2', 'arn:other')] } as unknown as SQSEvent)).toThrow(/two queues/);
    expect(() => fromSqsEvent({ Records: [] })).toThrow(/no records/);
  });
});
