import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Gate } from '../../../lib/archive/log/gate.ts';

/** The command as a process: what only shows there. */
const script = fileURLToPath(new URL('../../../cli/syncline.ts', import.meta.url));
/** Longest run of one of these (ms). */
const LIMIT_MS = 20_000;

/** Processes at the same time: a limit of one run's time says nothing where dozens share two cores. */
const gate = new Gate(4);

const run = (args: readonly string[], env: Record<string, string> = {}): Promise<{ code: number | null; stdout: string; stderr: string }> =>
  gate.pass(() => started(args, env));

function started(args: readonly string[], env: Record<string, string>): Promise<{ code: number | null; stdout: string; stderr: string }> {
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

const SHELLS = ['bash', 'zsh', 'fish'];

/** What a shell is offered for a line whose last word is being typed. */
async function completed(...words: string[]): Promise<string[]> {
  const { code, stdout } = await run(['complete', '--', ...words]);
  expect(code).toBe(0);
  return stdout
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith(':'))
    .map((line) => line.split('\t')[0] as string);
}

/** All commands, by what completion offers, but for "help" and for those that only hold others. */
let known: Promise<string[][]> | undefined;
function allCommands(): Promise<string[][]> {
  known ??= findCommands();
  return known;
}

async function findCommands(): Promise<string[][]> {
  const first = (await completed('')).filter((name) => name !== 'help');
  const nested = await Promise.all(
    first.map(async (name) => (await completed(name, '')).filter((sub) => sub !== 'help' && !SHELLS.includes(sub)).map((sub) => [name, sub])),
  );
  return first.flatMap((name, i) => (nested[i]?.length === 0 ? [[name]] : (nested[i] ?? [])));
}

describe('syncline, the process', { timeout: LIMIT_MS * 4 }, () => {
  it('helps on stdout, for every command that completion offers, with examples and exit codes', async () => {
    const commands = await allCommands();
    expect(commands.map((c) => c.join(' '))).toEqual(
      expect.arrayContaining(['status', 'doctor', 'cost', 'get', 'patch', 'query', 'dlq redrive', 'refused list']),
    );
    const outcomes = await Promise.all(commands.map((c) => run([...c, '--help'])));
    outcomes.forEach((o, i) => {
      expect(o).toMatchObject({ code: 0, stderr: '' });
      expect(o.stdout).toContain(`Usage: syncline ${(commands[i] as string[]).join(' ')}`);
      expect(o.stdout).toContain('Examples:');
      expect(o.stdout).toContain('Exit codes:');
      expect(o.stdout).toContain('--endpoint');
    });
  });

  it('completes every command of the help, and the options, global ones included', async () => {
    const { stdout } = await run(['--help']);
    const listed = [...stdout.matchAll(/^ {2}([a-z]+)(?: \[| <| {2})/gm)].map((m) => m[1]).filter((name) => name !== 'help');
    const offered = new Set((await allCommands()).map(([first]) => first));
    expect(listed.length).toBeGreaterThan(12);
    expect([...offered].sort()).toEqual([...listed].sort());
    expect(await completed('status', '--')).toEqual(expect.arrayContaining(['--watch', '--json', '--regions']));
    expect(await completed('dlq', 'list', '--')).toEqual(expect.arrayContaining(['--link', '--limit', '--set']));
    expect(await completed('get', '--form', '')).toEqual(['plain', 'dynamodb']);
  });

  it.each(SHELLS)('writes a completion script for %s that calls this program', async (shell) => {
    const { code, stdout } = await run(['completion', shell]);
    expect(code).toBe(0);
    expect(stdout).toContain('syncline complete --');
  });

  it('completes in bash itself', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'syncline-completion-'));
    try {
      writeFileSync(join(directory, 'syncline'), `#!/bin/sh\nexec "${process.execPath}" --disable-warning=ExperimentalWarning "${script}" "$@"\n`, {
        mode: 0o755,
      });
      // What the bash-completion package gives; here all words are as bash splits them.
      const given = '_get_comp_words_by_ref() { cur="${COMP_WORDS[COMP_CWORD]}"; words=("${COMP_WORDS[@]}"); cword=$COMP_CWORD; }; compopt() { :; }';
      const bash = `${given}; source <(syncline completion bash); COMP_WORDS=(syncline dlq re); COMP_CWORD=2; __syncline_complete; printf '%s\\n' "\${COMPREPLY[@]}"`;
      const { stdout } = await promisify(execFile)('bash', ['-c', bash], {
        env: { PATH: `${directory}:${process.env['PATH'] ?? ''}`, HOME: directory },
        timeout: LIMIT_MS,
      });
      expect(stdout.trim()).toMatch(/^redrive/);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
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
