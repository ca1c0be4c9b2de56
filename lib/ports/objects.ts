import { RemoteError } from './errors.ts';
import type { CallOptions } from './table.ts';

/** Longest key of an object (bytes of UTF-8). https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html */
export const OBJECT_KEY_BYTES_MAX = 1_024;
/**
 * Most bytes that one call carries, to S3 or from it. S3 itself takes 5 GB in one request; this bounds the heap of a
 * function, and what must pass within the request's time limit. What is larger is read by ranges.
 */
export const OBJECT_CALL_BYTES_MAX = 32 * 1_024 * 1_024;
/** Most keys of one page of a list. https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html */
export const OBJECT_LIST_MAX = 1_000;

/**
 * S3 of one region, general purpose buckets, as the flows need it. One call of a port is one request: no retries inside.
 * Reads and lists are strongly consistent: they show every put and delete that was answered before they began.
 *
 * Every method throws RemoteError, classified: "missing" when the bucket is not there (but see `head`), "invalid" for a
 * key, bucket name or size beyond the limits. ⚠ To a caller without s3:ListBucket, S3 answers 403 in place of 404: the
 * calls then fail as "denied" where they would say that a key is not there.
 */
export interface ObjectPort {
  /**
   * Stores an object, at most OBJECT_CALL_BYTES_MAX. S3 computes the SHA-256 of what it received and refuses it ("invalid")
   * when it is not the one given; it keeps the sum with the object.
   *
   * A condition that does not hold is an answer. A conflict with another request for the key that is under way (409) is "transient".
   *
   * ⚠ A conditional put that was unanswered may have stored the object. Asked again it then answers that the condition
   * does not hold: compare the SHA-256 that `head` shows with your own to know whose object it is.
   */
  put(bucket: string, key: string, body: Uint8Array, options: PutOptions, call?: CallOptions): Promise<PutAnswer>;
  /**
   * An object, or a range of it; undefined when the key is not there.
   *
   * A whole object is compared with the SHA-256 that S3 keeps for it: when they differ, the call is "unanswered" with code
   * "ChecksumMismatch"; if that stays so, the object is damaged. A range is not checked: there is no sum of a part.
   *
   * @throws RemoteError "invalid": "InvalidRange" when the range has no byte of the object (it begins at or after the end; any range
   *   of an empty object), "EntityTooLarge" when more than OBJECT_CALL_BYTES_MAX would come.
   */
  get(bucket: string, key: string, options?: { readonly range?: ObjectRange }, call?: CallOptions): Promise<ObjectRead | undefined>;
  /** What is known of an object without its bytes. ⚠ Undefined also when the bucket is not there: S3 answers both alike. */
  head(bucket: string, key: string, call?: CallOptions): Promise<ObjectFacts | undefined>;
  /** Keys that begin with `prefix` and come after `after`, in the order of their UTF-8 bytes. */
  list(bucket: string, request: ObjectListRequest, call?: CallOptions): Promise<ObjectPage>;
  /** Deletes an object. One that is not there is no failure. */
  delete(bucket: string, key: string, call?: CallOptions): Promise<void>;
}

export interface PutOptions {
  /** SHA-256 of the body, base64: `hash('sha256', body, 'base64')` of node:crypto. */
  readonly sha256: string;
  /** Only if there is no object of this key. Not together with `ifMatch`. */
  readonly ifNoneMatch?: '*';
  /** Only if the object that is there has this etag. It needs s3:GetObject, too. */
  readonly ifMatch?: string;
}

/** Stored, or the condition does not hold. */
export type PutAnswer = { readonly ok: true; readonly etag: string } | { readonly ok: false };

/** Bytes `from` to before `to` (as Uint8Array.subarray counts), or the last n. Both end where the object ends. */
export type ObjectRange = { readonly from: number; readonly to: number; readonly last?: never } | { readonly last: number; readonly from?: never };

export interface ObjectFacts {
  /** Names these bytes under this key, quotes included. Equal bytes may have equal etags. */
  readonly etag: string;
  /** Of the whole object (bytes). */
  readonly size: number;
  /** Of the whole object, base64. Absent when S3 keeps none (another tool's object, or one of several parts), and for a range. */
  readonly sha256?: string;
}

export interface ObjectRead extends ObjectFacts {
  /** The bytes asked for; they are the caller's own. */
  readonly body: Uint8Array;
}

export interface ObjectListRequest {
  /** Empty for every key. */
  readonly prefix: string;
  /** A key, there or not. */
  readonly after?: string;
  /** 1 to OBJECT_LIST_MAX. */
  readonly limit: number;
}

export interface ObjectPage {
  readonly objects: readonly ListedObject[];
  /** Give it as `after` to go on. Absent when this was the last page. */
  readonly next?: string;
}

export interface ListedObject {
  readonly key: string;
  readonly etag: string;
  /** Bytes. */
  readonly size: number;
}

const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
/** Base64 of 32 bytes. */
const SHA256 = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;

const invalid = (code: string, message: string): RemoteError => new RemoteError('invalid', code, message);

/** What every adapter refuses before it asks anybody, with S3's own codes. @throws RemoteError invalid */
export function checkObject(bucket: string, key: string): void {
  checkBucket(bucket);
  if (key === '') throw invalid('InvalidArgument', 'The key is empty; an object’s key has 1 to 1,024 bytes.');
  checkKeyText('key', key);
}

/** @throws RemoteError invalid */
export function checkPut(body: Uint8Array, options: PutOptions): void {
  if (body.length > OBJECT_CALL_BYTES_MAX) {
    throw invalid('EntityTooLarge', `The object has ${body.length} bytes; one call carries at most ${OBJECT_CALL_BYTES_MAX}. Store it as several objects.`);
  }
  if (!SHA256.test(options.sha256)) throw invalid('InvalidArgument', `sha256 must be the base64 of 32 bytes; got ${JSON.stringify(options.sha256)}.`);
  if (options.ifNoneMatch !== undefined && options.ifMatch !== undefined) {
    throw invalid('InvalidArgument', 'A put has ifNoneMatch or ifMatch, not both.');
  }
}

/** @throws RemoteError invalid */
export function checkRange(range: ObjectRange): void {
  const bytes = range.last ?? range.to - range.from;
  const whole = [bytes, range.last ?? range.from].every((n) => Number.isSafeInteger(n) && n >= 0);
  if (!whole || bytes === 0) throw invalid('InvalidRange', `A range has at least one byte, and whole numbers; got ${JSON.stringify(range)}.`);
  checkAnswerSize(bytes);
}

/** @throws RemoteError invalid */
export function checkAnswerSize(bytes: number): void {
  if (bytes > OBJECT_CALL_BYTES_MAX) {
    throw invalid('EntityTooLarge', `The answer would have ${bytes} bytes; one call carries at most ${OBJECT_CALL_BYTES_MAX}. Read it by ranges.`);
  }
}

/** The error of a range that has no byte of the object. */
export const noSuchRange = (range: ObjectRange): RemoteError =>
  invalid('InvalidRange', `The range ${JSON.stringify(range)} has no byte of the object: it begins at or after its end.`);

/** @throws RemoteError invalid */
export function checkList(bucket: string, { prefix, after, limit }: ObjectListRequest): void {
  checkBucket(bucket);
  checkKeyText('prefix', prefix);
  if (after !== undefined) checkKeyText('after', after);
  if (!Number.isInteger(limit) || limit < 1 || limit > OBJECT_LIST_MAX) {
    throw invalid('InvalidArgument', `A page has 1 to ${OBJECT_LIST_MAX} keys; got ${limit}.`);
  }
}

function checkBucket(bucket: string): void {
  if (!BUCKET.test(bucket)) throw invalid('InvalidBucketName', `${JSON.stringify(bucket)} is not the name of a bucket: 3 to 63 of a–z, 0–9, "." and "-".`);
}

function checkKeyText(what: string, text: string): void {
  if (!text.isWellFormed()) throw invalid('InvalidURI', `The ${what} ${JSON.stringify(text)} is not well-formed Unicode.`);
  const bytes = Buffer.byteLength(text, 'utf8');
  if (bytes > OBJECT_KEY_BYTES_MAX) throw invalid('KeyTooLongError', `The ${what} has ${bytes} bytes; at most ${OBJECT_KEY_BYTES_MAX}.`);
}
