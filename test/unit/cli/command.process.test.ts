import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/** The command as a process: what only shows there. */
const script = fileURLToPath(new URL('../../../cli/syncline.ts', import.meta.url));
/** Longest run of one of these (ms). */
const LIMIT_MS = 20_000;

function run(args: readonly string[], env: Record<string, string> = {}): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    // No credentials of whoever runs the tests, no colours, and no profile files.
    const clean = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', AWS_EC2_METADATA_DISABLED: 'true', ...env };
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script, ...args], {
      env: clean,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: LIMIT_MS,
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (c) => {
      stdout += c;
    });
    child.stderr.on('data', (c) => {
      stderr += c;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** A port that nobody listens on: one that was just given back. */
const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

describe('syncline, the process', { timeout: LIMIT_MS * 2 }, () => {
  it('helps on stdout, for every command, with examples and exit codes', async () => {
    const commands = [['status'], ['init'], ['resync'], ['dlq', 'list'], ['dlq', 'show'], ['dlq', 'redrive'], ['refused', 'list'], ['endpoints']];
    const outcomes = await Promise.all(commands.map((c) => run([...c, '--help'])));
    outcomes.forEach((o, i) => {
      expect(o).toMatchObject({ code: 0, stderr: '' });
      expect(o.stdout).toContain(`Usage: syncline ${(commands[i] as string[]).join(' ')}`);
      expect(o.stdout).toContain('Examples:');
      expect(o.stdout).toContain('Exit codes:');
      expect(o.stdout).toContain('--endpoint');
    });
  });

  it('ends with 2 for a wrong command line: nothing on stdout, or one document', async () => {
    for (const args of [[], ['frobnicate'], ['resync'], ['init'], ['status', '--timeout', 'soon'], ['status', '--nonsense'], ['status', '--regions', 'mars']]) {
      const text = await run(args);
      expect(text).toMatchObject({ code: 2, stdout: '' });
      expect(text.stderr.length).toBeGreaterThan(0);
      const json = await run([...args, '--json']);
      expect(json.code).toBe(2);
      expect(JSON.parse(json.stdout)).toMatchObject({ error: { code: expect.any(String), message: expect.any(String) } });
    }
  });

  it('ends with 4 when nobody answers, and says who was asked', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const { code, stdout, stderr } = await run(['status', '--regions', 'eu-central-1,us-east-1', '--timeout', '5', '--json'], { AWS_ENDPOINT_URL: url });
    expect(code).toBe(4);
    expect(JSON.parse(stdout).error).toMatchObject({ code: 'unreachable', message: expect.stringContaining(url) });
    expect(stderr).toContain(url);
  });

  it('says that credentials are missing', async () => {
    const { code, stdout } = await run(['status', '--aws', '--account', '123456789012', '--regions', 'eu-central-1', '--timeout', '5', '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout).error).toMatchObject({ code: 'no-credentials', message: expect.stringContaining('AWS_PROFILE') });
  });
});
