import { brotliCompressSync, brotliDecompressSync, constants, gunzipSync, gzipSync, inflateRawSync, inflateSync } from 'node:zlib';
import { BODY_BYTES_MAX } from '../../lib/serve/http.ts';
import { ProblemError, unsupportedEncoding } from '../../lib/serve/problem.ts';

/**
 * Content codings of bodies, both ways (RFC 9110, 8.4.1). The gateway hands bytes over as base64 and takes them so, for
 * which all media types count as binary there (`binaryMediaTypes`).
 */

/** Answers shorter than this are sent as they are (bytes): compressing them saves no packet. */
export const COMPRESS_BYTES_MIN = 1_024;
/** Brotli's quality: about gzip's speed at its default level, with a better ratio. */
const BROTLI_QUALITY = 4;
/** Codings applied one over the other; nobody needs two. */
const CODINGS_MAX = 2;

type Unpack = (bytes: Uint8Array, options: { readonly maxOutputLength: number }) => Buffer;

/** `deflate` is the zlib format; some clients send the raw one, which is told apart by its first byte. */
const inflate: Unpack = (bytes, options) => (((bytes[0] ?? 0) & 0x0f) === 8 ? inflateSync(bytes, options) : inflateRawSync(bytes, options));

const CODINGS: ReadonlyMap<string, Unpack> = new Map<string, Unpack>([
  ['gzip', (bytes, options) => gunzipSync(bytes, options)],
  ['x-gzip', (bytes, options) => gunzipSync(bytes, options)],
  ['br', (bytes, options) => brotliDecompressSync(bytes, options)],
  ['deflate', inflate],
]);

/**
 * A request's body without its content codings. Unpacking stops at the limit, so that a small body that unpacks to a huge
 * one costs no more than any other.
 *
 * @param header the value of Content-Encoding.
 * @throws ProblemError body-too-large, unsupported-media-type for an unknown coding, invalid-body for damaged bytes.
 */
export function unpacked(body: Buffer, header: string | undefined): Buffer {
  const codings = (header ?? '')
    .split(',')
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => coding !== '' && coding !== 'identity');
  if (codings.length > CODINGS_MAX) throw unsupportedEncoding(header ?? '', [...CODINGS.keys()]);
  let bytes = checkedSize(body);
  // They were applied in this order, so the last one comes off first.
  for (const coding of codings.reverse()) {
    const unpack = CODINGS.get(coding);
    if (unpack === undefined) throw unsupportedEncoding(coding, [...CODINGS.keys()]);
    if (bytes.length > 0) bytes = unpackedBy(unpack, bytes, coding);
  }
  return bytes;
}

function unpackedBy(unpack: Unpack, bytes: Buffer, coding: string): Buffer {
  try {
    return unpack(bytes, { maxOutputLength: BODY_BYTES_MAX });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(`more than ${BODY_BYTES_MAX} bytes, unpacked`);
    throw new ProblemError('invalid-body', `The body cannot be unpacked: it is not ${coding}, or is damaged. Send it again, or without Content-Encoding.`);
  }
}

function checkedSize(body: Buffer): Buffer {
  if (body.length > BODY_BYTES_MAX) throw tooLarge(`${body.length} bytes`);
  return body;
}

const tooLarge = (has: string): ProblemError =>
  new ProblemError('body-too-large', `The body has ${has}; at most ${BODY_BYTES_MAX} are read. An item has at most 400 KB; send fewer in a batch.`);

/** A coding of answers. */
export type Coding = 'br' | 'gzip';

/**
 * The coding of an answer, by Accept-Encoding (RFC 9110, 12.5.3): the one that is liked best, Brotli where both are liked
 * alike; undefined for none. Pure.
 */
export function codingFor(header: string | undefined): Coding | undefined {
  const liked = new Map<string, number>();
  for (const part of (header ?? '').split(',')) {
    const [name = '', ...parameters] = part.split(';');
    const q = /^\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*$/i.exec(parameters.join(';'))?.[1];
    liked.set(name.trim().toLowerCase(), parameters.length === 0 ? 1 : Number(q ?? 0));
  }
  const of = (coding: string): number => liked.get(coding) ?? liked.get('*') ?? 0;
  const br = of('br');
  const gzip = Math.max(of('gzip'), liked.get('x-gzip') ?? 0);
  if (br === 0 && gzip === 0) return undefined;
  return br >= gzip ? 'br' : 'gzip';
}

/** Compresses an answer. */
export function packed(body: Buffer, coding: Coding): Buffer {
  if (coding === 'gzip') return gzipSync(body);
  return brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY, [constants.BROTLI_PARAM_SIZE_HINT]: body.length } });
}
