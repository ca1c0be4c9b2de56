import { createContext, runInContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';

/** Bytes of the client for a browser, minified and packed: more would be noticed by those who load it. All of it, and without the document client. */
const ALL_BYTES_MAX = 18 * 1_024;
const CLIENT_BYTES_MAX = 14 * 1_024;

async function bundle(code: string, format: 'esm' | 'iife'): Promise<{ readonly code: string; readonly inputs: readonly string[] }> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: code, resolveDir: '.', loader: 'ts' },
    bundle: true,
    platform: 'browser',
    format,
    globalName: 'client',
    target: 'es2022',
    minify: true,
    write: false,
    metafile: true,
    logLevel: 'silent',
  });
  return { code: outputFiles[0]?.text ?? '', inputs: Object.keys(metafile.inputs).filter((file) => file !== '<stdin>') };
}

const packed = (code: string): number => gzipSync(code, { level: 9 }).length;

describe('the client for a browser', () => {
  it('has nothing of Node’s in it, and nothing of this repository’s but itself and lib/core', async () => {
    const { code, inputs } = await bundle("export * from './client/index.ts';", 'esm');
    expect(code).not.toMatch(/\bBuffer\b|\bprocess\.|from"node:|require\(/);
    expect(inputs.filter((file) => !/^(client|lib\/core)\/|^node_modules\/aws4fetch\//.test(file))).toEqual([]);
    const alone = await bundle("export { SynclineClient } from './client/index.ts';", 'esm');
    const [all, client] = [packed(code), packed(alone.code)];
    console.info(`client for a browser: ${code.length} bytes, ${all} packed; without the document client ${client} packed`);
    expect(all).toBeLessThan(ALL_BYTES_MAX);
    expect(client).toBeLessThan(CLIENT_BYTES_MAX);
  });

  it('runs where there is nothing but what browsers have', async () => {
    const { code } = await bundle("export { SynclineClient } from './client/index.ts';", 'iife');
    const asked: string[] = [];
    const web = { AbortController, AbortSignal, Headers, TextDecoder, TextEncoder, URL, atob, btoa, clearTimeout, crypto, performance, setTimeout };
    const fetch = async (url: string, init: RequestInit): Promise<Response> => {
      asked.push(`${init.method} ${url} ${new Headers(init.headers).get('authorization')?.slice(0, 16)}`);
      return new Response(JSON.stringify({ id: { S: 'ü' }, bytes: { B: 'AQI=' } }), { headers: { 'syncline-member': 'eu', 'syncline-revision': 'AQAA' } });
    };
    const context = createContext({ ...web, fetch });
    const result: unknown = await runInContext(
      `${code}
      (async () => {
        const credentials = async () => ({ accessKeyId: 'a', secretAccessKey: 'b' });
        const it = new client.SynclineClient({ endpoints: ['https://x.execute-api.eu-central-1.amazonaws.com/v1'], auth: { type: 'iam', credentials } });
        const session = it.session();
        await session.delete({ id: 'ü' });
        const { item } = await it.session(session.token()).get({ id: 'ü' });
        return JSON.stringify([item.id, [...item.bytes]]);
      })()`,
      context,
    );
    expect(result).toBe('["ü",[1,2]]');
    expect(asked).toContain('GET https://x.execute-api.eu-central-1.amazonaws.com/v1/items?id=%C3%BC AWS4-HMAC-SHA256');
  });
});
