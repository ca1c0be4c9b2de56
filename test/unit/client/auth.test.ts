import { createHash, createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { regionOfUrl } from '../../../client/auth.ts';
import { SynclineClient } from '../../../client/client.ts';
import { FAR, FakeSet, failure, url } from './world.ts';

/** What a client signs, against the algorithm as AWS's page has it, from the request that was sent. */

const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
const credentials = async () => ({ accessKeyId: 'AKIDEXAMPLE', secretAccessKey: SECRET, sessionToken: 'session' });
const GATEWAY = 'https://abc.execute-api.eu-central-1.amazonaws.com/v1';

interface Sent {
  readonly url: URL;
  readonly method: string;
  readonly headers: Headers;
  readonly body: string | undefined;
}

/** A client whose requests are kept. */
function keeping(endpoint: string, region?: string): { readonly client: SynclineClient; readonly sent: Sent[] } {
  const sent: Sent[] = [];
  const fetch = async (address: string, init: RequestInit): Promise<Response> => {
    sent.push({ url: new URL(address), method: init.method ?? 'GET', headers: new Headers(init.headers), body: init.body as string | undefined });
    const members = [{ member: 'a', region: 'ap-south-1', url: endpoint, role: 'primary' }];
    const discovery = { set: 's', members, primary: 'a', epoch: 1, key: { partition: { name: 'id', type: 'S' } } };
    return new Response(JSON.stringify(address.includes('well-known') ? discovery : {}), { status: 200 });
  };
  const client = new SynclineClient({ endpoints: [endpoint], auth: { type: 'iam', credentials, ...(region !== undefined && { region }) }, runtime: { fetch } });
  return { client, sent };
}

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/**
 * The Authorization header of a request, worked out from its raw parts: the query as it was sent, its parts sorted.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
function expected({ url: { host, pathname, search }, method, headers, body = '' }: Sent, region: string): string {
  const date = headers.get('x-amz-date') ?? '';
  const named = /SignedHeaders=([^,]+)/.exec(headers.get('authorization') ?? '')?.[1] ?? '';
  const lines = named.split(';').map((name) => `${name}:${name === 'host' ? host : (headers.get(name) ?? '').trim()}\n`);
  const query = search.slice(1).split('&').sort().join('&');
  const path = pathname.split('/').map(encodeURIComponent).join('/');
  const canonical = [method, path, query, lines.join(''), named, sha256(body)].join('\n');
  const scope = `${date.slice(0, 8)}/${region}/execute-api/aws4_request`;
  const key = [date.slice(0, 8), region, 'execute-api', 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${SECRET}`);
  const signature = hmac(key, ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n')).toString('hex');
  return `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/${scope}, SignedHeaders=${named}, Signature=${signature}`;
}

describe('signed requests', () => {
  it('have the signature of what is sent, whatever the key: no character is encoded in two ways', async () => {
    const { client, sent } = keeping(GATEWAY);
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', minLength: 1 }), fc.constantFrom("a b!'()*+~/é", 'id', 'a&b=c'), async (id, name) => {
        sent.length = 0;
        await client.get({ [name]: id, n: 1.5 });
        const request = sent.find((s) => s.url.pathname === '/v1/items') as Sent;
        expect(request.url.searchParams.get(name)).toBe(id);
        expect(request.headers.get('authorization')).toBe(expected(request, 'eu-central-1'));
      }),
      { numRuns: 50 },
    );
  });

  it('cover the body, the session token, and the headers that change what a request does', async () => {
    const { client, sent } = keeping(GATEWAY);
    await client.put({ id: 'ü' }, { ifMatch: '"tag"', idempotencyKey: 'key' });
    const request = sent.find((s) => s.method === 'PUT') as Sent;
    expect(request.headers.get('authorization')).toBe(expected(request, 'eu-central-1'));
    expect(request.headers.get('authorization')).toMatch(/SignedHeaders=[^,]*host;idempotency-key;if-match;x-amz-date;x-amz-security-token/);
    expect(request.headers.get('x-amz-security-token')).toBe('session');
    expect(expected({ ...request, body: '{"id":{"S":"another"}}' }, 'eu-central-1')).not.toBe(request.headers.get('authorization'));
  });

  it('are made for the region of the member that is asked', async () => {
    expect(regionOfUrl(GATEWAY)).toBe('eu-central-1');
    expect(regionOfUrl('https://abc.execute-api.cn-north-1.amazonaws.com.cn/v1')).toBe('cn-north-1');
    expect(regionOfUrl('https://evil.example/.execute-api.eu-central-1.amazonaws.com')).toBeUndefined();
    const own = keeping('https://items.example.org/v1', 'eu-west-1');
    await own.client.get({ id: 'a' });
    expect(own.sent[0]?.headers.get('authorization')).toContain('/eu-west-1/execute-api/');
    expect(() => keeping('https://items.example.org/v1')).toThrow('auth.region');
    // Once the members are known, their regions count.
    await own.client.discover();
    own.sent.length = 0;
    await own.client.get({ id: 'a' });
    const request = own.sent.find((s) => s.url.pathname === '/v1/items') as Sent;
    expect(request.headers.get('authorization')).toBe(expected(request, 'ap-south-1'));
  });

  it('say when there are no credentials', async () => {
    const set = new FakeSet();
    const none = async (): Promise<never> => undefined as never;
    const client = set.client({ endpoints: [url(FAR)], auth: { type: 'iam', credentials: none, region: 'eu-west-1' } });
    expect((await failure(set.clock.run(client.get({ id: 'a' })))).code).toBe('no-credentials');
  });
});

describe('endpoints', () => {
  it.each(['', 'no url', 'ftp://x/v1', 'https://user:pass@x/v1', 'https://x/v1?a=b', 'https://x/v1#a'])('%j is refused', (endpoint) => {
    expect(() => new SynclineClient({ endpoints: [endpoint], auth: { type: 'bearer', token: async () => 't' } })).toThrow('no URL of an API');
  });
});
