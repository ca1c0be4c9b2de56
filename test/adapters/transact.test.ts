import { describe, expect, it } from 'vitest';
import { remoteError } from '../../lib/adapters/aws/classify.ts';
import { cancellation } from '../../lib/adapters/aws/transact.ts';
import { WireError } from '../../lib/adapters/aws/wire-protocol.ts';
import type { RemoteErrorKind } from '../../lib/ports/errors.ts';
import { RemoteError } from '../../lib/ports/errors.ts';

/** A cancelled transaction as the wire gives it, through the classification that every call has. */
const cancelled = (...reasons: object[]): RemoteError =>
  remoteError(new WireError('TransactionCanceledException', 'Transaction cancelled', 400, 'id', { CancellationReasons: reasons }));

const NONE = { Code: 'None' };

describe('what a cancelled transaction means', () => {
  it.each<[string, RemoteErrorKind]>([
    ['TransactionConflict', 'throttled'],
    ['ThrottlingError', 'throttled'],
    ['ProvisionedThroughputExceeded', 'throttled'],
    ['ValidationError', 'invalid'],
    ['ItemCollectionSizeLimitExceeded', 'invalid'],
    ['DuplicateItem', 'invalid'],
    ['AccessDenied', 'denied'],
  ])('%s is %s, under its own code', (code, kind) => {
    let thrown: unknown;
    try {
      cancellation(cancelled(NONE, { Code: code, Message: 'because' }));
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ kind, code, message: 'because' });
  });

  it('is an answer when a condition did not hold, whatever else happened: nothing was written in either case', () => {
    const item = { p: { S: 'a' } };
    const error = cancelled({ Code: 'TransactionConflict' }, { Code: 'ConditionalCheckFailed', Item: item }, { Code: 'ConditionalCheckFailed' }, NONE);
    expect(cancellation(error)).toEqual({
      ok: false,
      failed: [
        { index: 1, old: item },
        { index: 2, old: undefined },
      ],
    });
  });

  it('leaves every other error as it is', () => {
    for (const error of [new RemoteError('unanswered', 'TimeoutError', 'late'), remoteError(new WireError('ValidationException', 'no', 400, 'id', {}))]) {
      expect(() => cancellation(error)).toThrow(error);
    }
  });
});
