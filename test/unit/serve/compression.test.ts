import { brotliCompressSync, brotliDecompressSync, deflateRawSync, deflateSync, gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codingFor, packed, unpacked } from '../../../functions/api/encoding.ts';
import { toGateway } from '../../../functions/api/request.ts';
import { BODY_BYTES_MAX } from '../../../lib/serve/http.ts';
import type { ProblemError } from '../../../lib/serve/problem.ts';

/** Content codings of bodies, both ways. */

const thrown = (call: () => unknown): ProblemError => {
  try {
    call();
  } catch (error) {
    return error as ProblemError;
  }
  throw new Error('nothing was thrown');
};

const PACKERS = { gzip: gzipSync, 'x-gzip': gzipSync, br: brotliCompressSync, deflate: deflateSync, DEFLATE: deflateSync } as const;

describe('a request body', () => {
  it.each(Object.entries(PACKERS))('in %s is unpacked', (coding, pack) => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 5_000 }), (bytes) => unpacked(pack(bytes), coding).equals(bytes)),
      { numRuns: 30 },
    );
  });

  it('in raw deflate, which some clients send under that name, is unpacked', () => {
    expect(unpacked(deflateRawSync(Buffer.from('{"a":1}')), 'deflate').toString()).toBe('{"a":1}');
  });

  it('without a coding stays as it is', () => {
    for (const header of [undefined, '', 'identity', 'Identity, identity']) expect(unpacked(Buffer.from('a'), header).toString()).toBe('a');
  });

  it('in one coding over another is unpacked from the outside', () => {
    expect(unpacked(gzipSync(brotliCompressSync('a')), 'br, gzip').toString()).toBe('a');
    expect(thrown(() => unpacked(gzipSync('a'), 'gzip, gzip, gzip'))).toMatchObject({ code: 'unsupported-media-type' });
  });

  it('that is empty has nothing to unpack', () => {
    expect(unpacked(Buffer.alloc(0), 'gzip')).toHaveLength(0);
  });

  it.each(['gzip', 'br', 'deflate'] as const)('in %s that unpacks to more than the limit is refused before it is all unpacked', (coding) => {
    const bomb = PACKERS[coding](Buffer.alloc(16 * 1_024 * 1_024));
    const before = process.memoryUsage().arrayBuffers;
    expect(thrown(() => unpacked(bomb, coding))).toMatchObject({ code: 'body-too-large', status: 413 });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(12 * 1_024 * 1_024);
    expect(unpacked(PACKERS[coding](Buffer.alloc(BODY_BYTES_MAX)), coding)).toHaveLength(BODY_BYTES_MAX);
  });

  it('that is too large as it came is refused', () => {
    expect(thrown(() => unpacked(Buffer.alloc(BODY_BYTES_MAX + 1), undefined))).toMatchObject({ code: 'body-too-large' });
  });

  it('that is damaged, or in another coding, is refused with what to do', () => {
    expect(thrown(() => unpacked(Buffer.from('{}'), 'gzip'))).toMatchObject({ code: 'invalid-body', status: 400 });
    expect(thrown(() => unpacked(gzipSync('abcdef').subarray(0, 12), 'gzip'))).toMatchObject({ code: 'invalid-body' });
    expect(thrown(() => unpacked(Buffer.from('{}'), 'zstd'))).toMatchObject({
      code: 'unsupported-media-type',
      extra: { headers: { 'accept-encoding': 'gzip, x-gzip, br, deflate, identity' } },
    });
  });
});

describe('the coding of an answer', () => {
  it.each([
    [undefined, undefined],
    ['', undefined],
    ['identity', undefined],
    ['gzip', 'gzip'],
    ['x-gzip', 'gzip'],
    ['br', 'br'],
    ['gzip, deflate, br', 'br'],
    ['br;q=0.5, gzip', 'gzip'],
    ['br;q=0, gzip;q=0', undefined],
    ['*', 'br'],
    ['*;q=0', undefined],
    ['gzip, *;q=0', 'gzip'],
    ['GZIP', 'gzip'],
    ['zstd', undefined],
    ['br;q=x', undefined],
  ])('for Accept-Encoding: %s is %s', (header, coding) => {
    expect(codingFor(header)).toBe(coding);
  });

  const body = JSON.stringify({ text: 'x'.repeat(5_000) });
  const answer = { status: 200, headers: { 'content-type': 'application/json', vary: 'accept' }, body };
  const request = (headers: Record<string, string>, method = 'GET') => ({ method, headers: new Map(Object.entries(headers)) });

  it('is used for long answers, as base64', () => {
    for (const [coding, unpack] of [
      ['gzip', gunzipSync],
      ['br', brotliDecompressSync],
    ] as const) {
      const sent = toGateway(answer, request({ accept: '*/*', 'accept-encoding': coding }));
      expect(sent).toMatchObject({ isBase64Encoded: true, headers: { 'content-encoding': coding, vary: 'accept, accept-encoding' } });
      expect(unpack(Buffer.from(sent.body, 'base64')).toString()).toBe(body);
      expect(sent.body.length).toBeLessThan(500);
    }
  });

  it('is none for short answers, for HEAD, and where the gateway would not decode it', () => {
    const accepts = { accept: '*/*', 'accept-encoding': 'gzip' };
    expect(toGateway({ ...answer, body: '{}' }, request(accepts))).toEqual({
      statusCode: 200,
      headers: { 'content-type': 'application/json', vary: 'accept, accept-encoding' },
      body: '{}',
    });
    expect(toGateway(answer, request(accepts, 'HEAD'))).toMatchObject({ body: '' });
    expect(toGateway(answer, request({ 'accept-encoding': 'gzip' }))).toMatchObject({ body });
    expect(toGateway(answer, request({ accept: '*/*' }))).toMatchObject({ body });
  });

  it('gives the same bytes back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 3_000 }), fc.constantFrom('br' as const, 'gzip' as const), (text, coding) => {
        const bytes = Buffer.from(text, 'utf8');
        return unpacked(packed(bytes, coding), coding).equals(bytes);
      }),
      { numRuns: 15 },
    );
  });
});
