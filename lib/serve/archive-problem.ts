import { FormatError } from '../core/errors.ts';
import { RemoteError } from '../ports/errors.ts';
import { ProblemError, RETRY_AFTER_LONG_S, RETRY_AFTER_S } from './problem.ts';

/**
 * Reads what is in the bucket. S3 is no table, and the member serves items all the same.
 *
 * @throws ProblemError "archive-damaged", "archive-unavailable"
 */
export async function fromArchive<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof FormatError)
      throw new ProblemError(
        'archive-damaged',
        'An object of the archive cannot be read: it is damaged, or of another version of Syncline. "syncline archive verify" says which.',
        {},
        { cause: error },
      );
    if (error instanceof RemoteError) throw unavailable(error);
    throw error;
  }
}

function unavailable(error: RemoteError): ProblemError {
  const passing = error.kind === 'throttled' || error.kind === 'transient' || error.kind === 'unanswered';
  const why = passing ? 'cannot be reached now. Try again.' : 'cannot be used: the bucket, or the right to read it, is missing.';
  return new ProblemError('archive-unavailable', `The archive ${why}`, { retryAfterS: passing ? RETRY_AFTER_S : RETRY_AFTER_LONG_S }, { cause: error });
}
