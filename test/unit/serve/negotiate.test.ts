import { describe, expect, it } from 'vitest';
import type { ApiRequest } from '../../../lib/serve/http.ts';
import { answerForm, bodyForm, wantsMinimal } from '../../../lib/serve/negotiate.ts';

/** Which form a body has, and which one an answer gets. */

const request = (headers: Readonly<Record<string, string>>): ApiRequest => ({
  method: 'POST',
  path: '/query',
  query: new Map(),
  headers: new Map(Object.entries(headers)),
  body: '',
  id: '1',
  forwarded: false,
});

const PLAIN = 'application/json';
const TYPED = 'application/x-amz-json-1.0';

describe('the form of a body', () => {
  it.each([
    [PLAIN, 'plain'],
    [TYPED, 'dynamodb'],
    ['Application/JSON; charset=UTF-8', 'plain'],
    ['application/json;charset="utf-8"', 'plain'],
  ])('%s', (type, form) => {
    expect(bodyForm(request({ 'content-type': type }))).toBe(form);
  });

  it.each(['text/plain', '', 'application/json5', 'application/json; charset=latin1', 'application/merge-patch+json'])('"%s" is refused', (type) => {
    expect(() => bodyForm(request({ 'content-type': type }))).toThrow(expect.objectContaining({ code: 'unsupported-media-type' }) as Error);
  });

  it('must be said', () => {
    expect(() => bodyForm(request({}))).toThrow('no content type');
  });
});

describe('the form of an answer', () => {
  it.each([
    [undefined, undefined, 'plain'],
    [undefined, 'dynamodb', 'dynamodb'],
    ['', 'dynamodb', 'dynamodb'],
    ['*/*', undefined, 'plain'],
    ['*/*', 'dynamodb', 'dynamodb'],
    ['application/*', 'dynamodb', 'dynamodb'],
    [TYPED, undefined, 'dynamodb'],
    [PLAIN, 'dynamodb', 'plain'],
    [`${TYPED};q=0.5, ${PLAIN};q=0.4`, undefined, 'dynamodb'],
    [`${PLAIN}, ${TYPED}`, undefined, 'plain'],
    [`${PLAIN}, ${TYPED}`, 'dynamodb', 'dynamodb'],
    [`*/*;q=0.1, ${TYPED}`, undefined, 'dynamodb'],
    [`${PLAIN};q=0, */*`, undefined, 'dynamodb'],
    [`text/html, application/xhtml+xml, */*;q=0.8`, undefined, 'plain'],
    ['APPLICATION/JSON', 'dynamodb', 'plain'],
    ['application/json; q=1.000', 'dynamodb', 'plain'],
  ] as const)('Accept: %s after a body in %s: %s', (accept, body, form) => {
    expect(answerForm(request(accept === undefined ? {} : { accept }), body)).toBe(form);
  });

  it.each(['text/html', `${PLAIN};q=0, ${TYPED};q=0`, '*/*;q=0', 'application/problem+json', 'nonsense'])('Accept: %s allows neither', (accept) => {
    expect(() => answerForm(request({ accept }))).toThrow(expect.objectContaining({ code: 'not-acceptable' }) as Error);
  });

  it('of too many ranges is not looked for', () => {
    expect(() => answerForm(request({ accept: 'a/b,'.repeat(50) }))).toThrow('at most 50');
  });
});

it.each([
  ['return=minimal', true],
  ['respond-async, Return="minimal"; foo=1', true],
  ['return=representation', false],
  ['xreturn=minimal', false],
  ['return=minimalist', false],
  ['', false],
])('Prefer: %s asks for no body: %s', (prefer, wanted) => {
  expect(wantsMinimal(request({ prefer }))).toBe(wanted);
});
