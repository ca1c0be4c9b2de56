import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { expect, it } from 'vitest';

/** Bytes of the client for a browser, minified and packed: more would be noticed by those who load it. */
const GZIP_BYTES_MAX = 16 * 1_024;

it('the client bundles for a browser, with nothing of Node’s in it', async () => {
  const { outputFiles, metafile } = await build({
    entryPoints: ['client/index.ts'],
    bundle: true,
    platform: 'browser',
    format: 'esm',
    target: 'es2023',
    minify: true,
    write: false,
    metafile: true,
    logLevel: 'silent',
  });
  const code = outputFiles[0]?.text ?? '';
  expect(code).not.toMatch(/\bBuffer\b|\bprocess\.|from"node:|require\(/);
  expect(Object.keys(metafile.inputs).filter((file) => !/^(client|lib\/core)\/|^node_modules\/aws4fetch\//.test(file))).toEqual([]);
  const bytes = gzipSync(code, { level: 9 }).length;
  expect(bytes).toBeLessThan(GZIP_BYTES_MAX);
  console.info(`client for a browser: ${code.length} bytes, ${bytes} packed`);
});
