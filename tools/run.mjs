// Runs a TypeScript entry point of this project with the project's own Node 24, whatever Node started npm.
// Plain JavaScript on purpose: it must run on any maintained Node, before anything is installed.
//
//   node tools/run.mjs FILE.ts [ARGUMENT…]
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, 'node_modules');
const NODE_MAJOR = 24;

/** Installs what the lock file names, unless exactly that was installed before. */
function ensureInstalled() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  const stamp = join(modules, '.syncline-lock');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  process.stderr.write('Installing dependencies (npm ci) …\n');
  const npm = process.env.npm_execpath;
  const [command, first] = npm === undefined ? ['npm', []] : [process.execPath, [npm]];
  const result = spawnSync(command, [...first, 'ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: root, stdio: ['ignore', 2, 2] });
  if (result.status !== 0) {
    process.stderr.write(`npm ci failed (${result.status ?? result.signal ?? result.error?.message}). Nothing was started.\n`);
    process.exit(1);
  }
  writeFileSync(stamp, lock);
}

/** The Node 24 that came with the dependencies, or the one that runs this, if it is new enough. */
function node() {
  for (const own of [`node-${process.platform}-${process.arch}`]) {
    const path = join(modules, own, 'bin', 'node');
    if (existsSync(path)) return path;
  }
  if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR) return process.execPath;
  process.stderr.write(
    `Syncline runs on Node ${NODE_MAJOR}; this is ${process.version}, and no Node ${NODE_MAJOR} comes as a package for ${process.platform}-${process.arch}. Install Node ${NODE_MAJOR} and try again.\n`,
  );
  process.exit(1);
}

const [file, ...args] = process.argv.slice(2);
if (file === undefined) {
  process.stderr.write('usage: node tools/run.mjs FILE.ts [ARGUMENT…]\n');
  process.exit(2);
}
ensureInstalled();
const executable = node();
const child = spawn(executable, ['--disable-warning=ExperimentalWarning', join(root, file), ...args], {
  stdio: 'inherit',
  env: { ...process.env, PATH: `${dirname(executable)}:${join(modules, '.bin')}:${process.env.PATH ?? ''}` },
});
// The child decides how to end on a signal; this process only waits for it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('error', (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
