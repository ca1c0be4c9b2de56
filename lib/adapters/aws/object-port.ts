import type { GetObjectCommandOutput, HeadObjectCommandOutput, S3Client } from '@aws-sdk/client-s3';
import { DeleteObjectCommand, GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { RemoteError } from '../../ports/errors.ts';
import type { ObjectFacts, ObjectListRequest, ObjectPage, ObjectPort, ObjectRange, ObjectRead, PutAnswer, PutOptions } from '../../ports/objects.ts';
import { checkAnswerSize, checkList, checkObject, checkPut, checkRange, noSuchRange } from '../../ports/objects.ts';
import type { CallOptions } from '../../ports/table.ts';
import { failureOf, remoteError } from './classify.ts';
import { ADMIT } from './clients.ts';

/** ObjectPort on the SDK, over a client of `objectClient`. */
export class AwsObjectPort implements ObjectPort {
  readonly #s3: S3Client;

  constructor(s3: S3Client) {
    this.#s3 = s3;
  }

  async put(bucket: string, key: string, body: Uint8Array, options: PutOptions, call?: CallOptions): Promise<PutAnswer> {
    checkObject(bucket, key);
    checkPut(body, options);
    const { sha256, ifNoneMatch, ifMatch } = options;
    const input = {
      Bucket: bucket,
      Key: key,
      Body: body,
      ChecksumSHA256: sha256,
      ...(ifNoneMatch !== undefined && { IfNoneMatch: ifNoneMatch }),
      ...(ifMatch !== undefined && { IfMatch: ifMatch }),
    };
    try {
      const answer = await this.#s3.send(new PutObjectCommand(admitted(input, call)));
      return { ok: true, etag: answer.ETag ?? '' };
    } catch (error) {
      const { status, code } = failureOf(error);
      // To a put that expects an etag where there is no object S3 answers 404. https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
      if (status === 412 || (code === 'NoSuchKey' && ifMatch !== undefined)) return { ok: false };
      throw remoteError(error);
    }
  }

  async get(bucket: string, key: string, options?: { readonly range?: ObjectRange }, call?: CallOptions): Promise<ObjectRead | undefined> {
    checkObject(bucket, key);
    const range = options?.range;
    if (range !== undefined) checkRange(range);
    const input = { Bucket: bucket, Key: key, ...(range === undefined ? { ChecksumMode: 'ENABLED' as const } : { Range: rangeText(range) }) };
    let answer: GetObjectCommandOutput;
    try {
      answer = await this.#s3.send(new GetObjectCommand(admitted(input, call)));
    } catch (error) {
      const { status, code } = failureOf(error);
      if (code === 'NoSuchKey') return undefined;
      if (status === 416 && range !== undefined) throw noSuchRange(range);
      // The socket handler has stopped reading.
      if (code === 'ResponseTooLarge') throw new RemoteError('invalid', 'EntityTooLarge', `The object is larger than one call carries. Read it by ranges.`);
      throw remoteError(error, true);
    }
    if (range !== undefined) return { ...facts(answer, rangedSize(answer, range)), body: await bytesOf(answer) };
    const body = await bytesOf(answer);
    checkAnswerSize(body.length);
    return { ...facts(answer, body.length), body };
  }

  async head(bucket: string, key: string, call?: CallOptions): Promise<ObjectFacts | undefined> {
    checkObject(bucket, key);
    try {
      const answer = await this.#s3.send(new HeadObjectCommand(admitted({ Bucket: bucket, Key: key, ChecksumMode: 'ENABLED' as const }, call)));
      if (answer.ContentLength === undefined)
        throw new RemoteError('unanswered', 'NoContentLength', 'The answer to a head does not say how large the object is.');
      return facts(answer, answer.ContentLength);
    } catch (error) {
      if (failureOf(error).status === 404) return undefined;
      throw remoteError(error, true);
    }
  }

  async list(bucket: string, request: ObjectListRequest, call?: CallOptions): Promise<ObjectPage> {
    checkList(bucket, request);
    const { prefix, after, limit } = request;
    // Keys come percent-encoded: XML cannot carry every character that a key may have.
    const input = {
      Bucket: bucket,
      Prefix: prefix,
      MaxKeys: limit,
      EncodingType: 'url' as const,
      ...(after !== undefined && after !== '' && { StartAfter: after }),
    };
    try {
      const answer = await this.#s3.send(new ListObjectsV2Command(admitted(input, call)));
      const objects = (answer.Contents ?? []).map((o) => ({ key: keyText(o.Key ?? ''), etag: o.ETag ?? '', size: o.Size ?? 0 }));
      const last = objects.at(-1);
      return { objects, ...(answer.IsTruncated === true && last !== undefined && { next: last.key }) };
    } catch (error) {
      throw remoteError(error, true);
    }
  }

  async delete(bucket: string, key: string, call?: CallOptions): Promise<void> {
    checkObject(bucket, key);
    try {
      await this.#s3.send(new DeleteObjectCommand(admitted({ Bucket: bucket, Key: key }, call)));
    } catch (error) {
      throw remoteError(error);
    }
  }
}

const admitted = <T extends object>(input: T, call: CallOptions | undefined): T => (call?.admit === undefined ? input : { ...input, [ADMIT]: call.admit });

const rangeText = (range: ObjectRange): string => (range.from === undefined ? `bytes=-${range.last}` : `bytes=${range.from}-${range.to - 1}`);

/** A key of a list: S3 writes a space as "+", others write "%20". */
const keyText = (encoded: string): string => decodeURIComponent(encoded.replaceAll('+', ' '));

/** The sum of an object of several parts is one of their sums ("…-3"), not of the bytes. */
const facts = (answer: HeadObjectCommandOutput | GetObjectCommandOutput, size: number): ObjectFacts => ({
  etag: answer.ETag ?? '',
  size,
  ...(answer.ChecksumSHA256 !== undefined && answer.ChecksumType !== 'COMPOSITE' && !answer.ChecksumSHA256.includes('-') && { sha256: answer.ChecksumSHA256 }),
});

/** The whole object's size, from the answer to a ranged get. @throws RemoteError InvalidRange for an empty object, which some servers answer without an error */
function rangedSize(answer: GetObjectCommandOutput, range: ObjectRange): number {
  const size = Number(/\/(\d+)$/.exec(answer.ContentRange ?? '')?.[1] ?? (answer.ContentLength === 0 ? 0 : Number.NaN));
  if (size === 0) throw noSuchRange(range);
  if (Number.isNaN(size)) throw new RemoteError('unanswered', 'NoContentRange', `The answer to a get of the range ${JSON.stringify(range)} names no range.`);
  return size;
}

/** What the answer's bytes are. The handler has them all, so nothing can fail here but the SDK's check of the object's sum. */
async function bytesOf(answer: GetObjectCommandOutput): Promise<Uint8Array> {
  try {
    return (await answer.Body?.transformToByteArray()) ?? new Uint8Array();
  } catch (error) {
    throw new RemoteError('unanswered', 'ChecksumMismatch', error instanceof Error ? error.message : String(error), { cause: error });
  }
}
