import { hash } from 'node:crypto';
import { RemoteError } from '../../ports/errors.ts';
import type {
  ListedObject,
  ObjectFacts,
  ObjectListRequest,
  ObjectPage,
  ObjectPort,
  ObjectRange,
  ObjectRead,
  PutAnswer,
  PutOptions,
} from '../../ports/objects.ts';
import { checkAnswerSize, checkList, checkObject, checkPut, checkRange, noSuchRange } from '../../ports/objects.ts';
import type { CallOptions } from '../../ports/table.ts';
import type { Caller } from './call.ts';
import { invalid } from './validate.ts';

interface StoredObject {
  /** A copy that only `flipBit` changes. */
  readonly bytes: Uint8Array;
  readonly etag: string;
  /** As the writer gave it and S3 found it; it stays when the bytes are damaged. */
  readonly sha256: string;
}

/** A bucket: its objects, and their keys in the order in which they are listed. */
class Bucket {
  readonly objects = new Map<string, StoredObject>();
  /** Made when it is asked for, thrown away when a key comes or goes. */
  #sorted: readonly string[] | undefined;

  get keys(): readonly string[] {
    this.#sorted ??= [...this.objects.keys()].sort(byUtf8);
    return this.#sorted;
  }

  set(key: string, object: StoredObject): void {
    if (!this.objects.has(key)) this.#sorted = undefined;
    this.objects.set(key, object);
  }

  delete(key: string): void {
    if (this.objects.delete(key)) this.#sorted = undefined;
  }
}

/**
 * The state of a region's buckets: general purpose, without versions. Every method is one atomic step, so a read shows
 * every put that came before it, and of conditional puts that race one wins.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
 */
export class MemoryObjects {
  readonly #buckets = new Map<string, Bucket>();

  /** @throws Error when the region has it already. */
  createBucket(name: string): void {
    if (this.#buckets.has(name)) throw new Error(`There is a bucket ${name} already; delete it first.`);
    this.#buckets.set(name, new Bucket());
  }

  /** Deletes a bucket with all that is in it: what a region that was wiped has lost. @throws Error when there is none. */
  deleteBucket(name: string): void {
    this.#named(name);
    this.#buckets.delete(name);
  }

  /** All keys of a bucket, in the order of their UTF-8 bytes, for tests. @throws Error when there is no such bucket. */
  keys(bucket: string): readonly string[] {
    return this.#named(bucket).keys;
  }

  /** A copy of an object's bytes, for tests. @throws Error when it is not there. */
  bytes(bucket: string, key: string): Uint8Array {
    return Uint8Array.from(this.#stored(bucket, key).bytes);
  }

  /**
   * Damages a stored object, as a failing disk would: flips one bit and leaves etag and SHA-256 as they are.
   *
   * @param bit counts from the first byte's lowest bit.
   * @throws Error when there is no such object or bit.
   */
  flipBit(bucket: string, key: string, bit: number): void {
    const { bytes } = this.#stored(bucket, key);
    const at = Math.floor(bit / 8);
    const byte = bytes[at];
    if (byte === undefined) throw new Error(`The object ${key} has ${bytes.length * 8} bits; there is no bit ${bit}.`);
    bytes[at] = byte ^ (1 << (bit % 8));
  }

  put(bucket: string, key: string, bytes: Uint8Array, options: PutOptions): PutAnswer {
    const found = this.#bucket(bucket);
    const present = found.objects.get(key);
    if (options.ifNoneMatch !== undefined && present !== undefined) return { ok: false };
    if (options.ifMatch !== undefined && present?.etag !== options.ifMatch) return { ok: false };
    if (hash('sha256', bytes, 'base64') !== options.sha256) throw invalid('The SHA256 you specified did not match the calculated checksum.', 'BadDigest');
    // The etag of an object of one part, unencrypted or with S3's own keys, is its MD5.
    const etag = `"${hash('md5', bytes, 'hex')}"`;
    found.set(key, { bytes: new Uint8Array(bytes), etag, sha256: options.sha256 });
    return { ok: true, etag };
  }

  get(bucket: string, key: string, range: ObjectRange | undefined): ObjectRead | undefined {
    const stored = this.#bucket(bucket).objects.get(key);
    if (stored === undefined) return undefined;
    const { bytes, etag, sha256 } = stored;
    const size = bytes.length;
    if (range === undefined) {
      checkAnswerSize(size);
      if (hash('sha256', bytes, 'base64') !== sha256) {
        throw new RemoteError('unanswered', 'ChecksumMismatch', `The bytes of ${key} do not have the SHA-256 that is kept with them, ${sha256}.`);
      }
      return { body: bytes.slice(), etag, size, sha256 };
    }
    const from = range.from ?? Math.max(0, size - range.last);
    if (from >= size) throw noSuchRange(range);
    return { body: bytes.slice(from, range.from === undefined ? size : range.to), etag, size };
  }

  head(bucket: string, key: string): ObjectFacts | undefined {
    // S3's answer to HEAD has no body, so it cannot say whether the bucket or the key is not there.
    const stored = this.#buckets.get(bucket)?.objects.get(key);
    return stored === undefined ? undefined : { etag: stored.etag, size: stored.bytes.length, sha256: stored.sha256 };
  }

  list(bucket: string, { prefix, after, limit }: ObjectListRequest): ObjectPage {
    const { keys, objects: stored } = this.#bucket(bucket);
    const objects: ListedObject[] = [];
    for (let i = firstAfter(keys, prefix, after); i < keys.length; i += 1) {
      const key = keys[i] as string;
      if (!key.startsWith(prefix)) break;
      if (objects.length === limit) return { objects, next: (objects.at(-1) as ListedObject).key };
      const { etag, bytes } = stored.get(key) as StoredObject;
      objects.push({ key, etag, size: bytes.length });
    }
    return { objects };
  }

  delete(bucket: string, key: string): void {
    this.#bucket(bucket).delete(key);
  }

  #bucket(name: string): Bucket {
    const found = this.#buckets.get(name);
    if (found === undefined) throw new RemoteError('missing', 'NoSuchBucket', `The specified bucket does not exist: ${name}`);
    return found;
  }

  #named(name: string): Bucket {
    const found = this.#buckets.get(name);
    if (found === undefined) throw new Error(`There is no bucket ${name}: there are ${[...this.#buckets.keys()].join(', ') || 'none'}.`);
    return found;
  }

  #stored(bucket: string, key: string): StoredObject {
    const found = this.#named(bucket).objects.get(key);
    if (found === undefined) throw new Error(`The bucket ${bucket} has no object ${JSON.stringify(key)}.`);
    return found;
  }
}

/** S3 of one region of the memory cloud. */
export class MemoryObjectPort implements ObjectPort {
  readonly #region: string;
  readonly #objects: MemoryObjects;
  readonly #caller: Caller;

  constructor(region: string, objects: MemoryObjects, caller: Caller) {
    this.#region = region;
    this.#objects = objects;
    this.#caller = caller;
  }

  put(bucket: string, key: string, body: Uint8Array, options: PutOptions, call?: CallOptions): Promise<PutAnswer> {
    // The request has the bytes as they are now, whatever the caller does with its own before the effect.
    const bytes = new Uint8Array(body);
    return this.#call('put', bucket, [bucket, key, bytes, options], call, () => {
      checkObject(bucket, key);
      checkPut(bytes, options);
      return this.#objects.put(bucket, key, bytes, options);
    });
  }

  get(bucket: string, key: string, options?: { readonly range?: ObjectRange }, call?: CallOptions): Promise<ObjectRead | undefined> {
    return this.#call('get', bucket, [bucket, key, options], call, () => {
      checkObject(bucket, key);
      if (options?.range !== undefined) checkRange(options.range);
      return this.#objects.get(bucket, key, options?.range);
    });
  }

  head(bucket: string, key: string, call?: CallOptions): Promise<ObjectFacts | undefined> {
    return this.#call('head', bucket, [bucket, key], call, () => {
      checkObject(bucket, key);
      return this.#objects.head(bucket, key);
    });
  }

  list(bucket: string, request: ObjectListRequest, call?: CallOptions): Promise<ObjectPage> {
    return this.#call('list', bucket, [bucket, request], call, () => {
      checkList(bucket, request);
      return this.#objects.list(bucket, request);
    });
  }

  delete(bucket: string, key: string, call?: CallOptions): Promise<void> {
    return this.#call('delete', bucket, [bucket, key], call, () => {
      checkObject(bucket, key);
      this.#objects.delete(bucket, key);
    });
  }

  #call<T>(op: string, bucket: string, args: readonly unknown[], call: CallOptions | undefined, effect: () => T): Promise<T> {
    return this.#caller.call({ region: this.#region, service: 's3', op, resources: [bucket], args }, call, effect);
  }
}

/** The order of two texts' UTF-8 bytes, which is that of their code points; JavaScript's own is that of UTF-16. */
const byUtf8 = (a: string, b: string): number => Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'));

/** Where a list begins: the first key that is neither before the prefix nor at or before `after`. By halving. */
function firstAfter(keys: readonly string[], prefix: string, after: string | undefined): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const key = keys[middle] as string;
    if (byUtf8(key, prefix) < 0 || (after !== undefined && byUtf8(key, after) <= 0)) low = middle + 1;
    else high = middle;
  }
  return low;
}
