#!/usr/bin/env node
// The `syncline` command of the package. Plain JavaScript that any Node since 14 reads: the command itself needs a newer
// one, and an older must be told so in words, not by a syntax error of a dependency.
import { readFileSync } from 'node:fs';

const { engines } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const [, major, minor] = /(\d+)\.(\d+)/.exec(engines.node).map(Number);
const [ownMajor, ownMinor] = process.versions.node.split('.').map(Number);

if (ownMajor < major || (ownMajor === major && ownMinor < minor)) {
  process.stderr.write(
    `syncline needs Node ${major}.${minor} or newer; this is ${process.version} (${process.execPath}). Install a newer Node, or choose one with your version manager, and try again.\n`,
  );
  process.exitCode = 1;
} else {
  await import('../cli/syncline.js');
}
