import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { root } from '../../../local/paths.ts';
import { BROWSERS } from '../../../tools/browsers.ts';

/** A page of ours in a real browser. */

/** Longest time from the start of the browser to the page's last word (ms): a first start on a busy machine takes its time. */
const PAGE_MAX_MS = 90_000;

/** The browser of this machine, if it has one. */
export const browserOf = (): string | undefined => BROWSERS.find((name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0);

/** A site with one page. Its origin is known before the page is, since the API has to be told. */
export class Site {
  readonly origin: string;
  readonly #server: Server;
  #html = '';
  #said: (text: string) => void = () => undefined;

  private constructor(server: Server) {
    this.#server = server;
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('request', (request, response) => {
      if (request.method !== 'POST') {
        response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(this.#html);
        return;
      }
      const parts: Buffer[] = [];
      request
        .on('data', (part: Buffer) => parts.push(part))
        .on('end', () => {
          response.end();
          this.#said(Buffer.concat(parts).toString('utf8'));
        });
    });
  }

  static async start(): Promise<Site> {
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return new Site(server);
  }

  /**
   * Runs a module in the browser, and gives what its function `run` resolves with.
   *
   * @param module TypeScript text; it may import our sources by their paths from the project's root.
   * @throws Error when the page does not answer in time, with what it said.
   */
  async run(browser: string, module: string): Promise<unknown> {
    const contents = `${module}\nrun().then((value) => ({ value }), (error) => ({ error: String(error) })).then((told) => fetch('/told', { method: 'POST', body: JSON.stringify(told) }));`;
    const bundle = await build({ stdin: { contents, resolveDir: root, loader: 'ts' }, bundle: true, platform: 'browser', format: 'iife', write: false });
    this.#html = `<!doctype html><script>${(bundle.outputFiles[0]?.text ?? '').replaceAll('</script', '<\\\\/script')}</script>`;
    const profile = await mkdtemp(join(tmpdir(), 'syncline-browser-'));
    // Root needs --no-sandbox; the page is ours, and nothing else is opened.
    const process = spawn(browser, ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', `--user-data-dir=${profile}`, this.origin], {
      stdio: 'ignore',
    });
    try {
      const told = JSON.parse(await this.#answer(process)) as { readonly value?: unknown; readonly error?: string };
      if (told.error !== undefined) throw new Error(`In the browser: ${told.error}`);
      return told.value;
    } finally {
      process.kill('SIGKILL');
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    }
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  #answer(process: ChildProcess): Promise<string> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`The page said nothing within ${PAGE_MAX_MS / 1_000} s.`)), PAGE_MAX_MS);
      const ended = (then: () => void): void => {
        clearTimeout(timer);
        then();
      };
      this.#said = (text) => ended(() => resolve(text));
      process.once('error', (error) => ended(() => reject(error)));
    });
  }
}
