import { existsSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's root. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** Everything that the local cloud keeps between runs; git ignores it, and it may be deleted while nothing runs. */
export const localDirectory = join(root, '.local');
/** The Python environment that MiniStack lives in. */
export const venvDirectory = join(localDirectory, 'venv');
/** One file for each cloud that runs. */
export const cloudsDirectory = join(localDirectory, 'clouds');
/** The project's tools: cdk and the Node that functions run on. */
export const modulesDirectory = join(root, 'node_modules');

/**
 * A temporary directory for functions' code. It must not lie under a `package.json`: one with `"type": "module"` keeps every
 * function of MiniStack from starting, with an empty error message.
 *
 * @throws Error when neither TMPDIR nor the system's usual places are suitable.
 */
export function temporaryRoot(candidates: readonly string[] = [tmpdir(), '/tmp', '/var/tmp']): string {
  for (const candidate of candidates) {
    if (existsSync(candidate) && packageAbove(realpathSync(candidate)) === undefined) return realpathSync(candidate);
  }
  throw new Error(
    `No directory for temporary files: each of ${candidates.join(', ')} lies under a package.json, or is missing. Set TMPDIR to one that does not.`,
  );
}

function packageAbove(directory: string): string | undefined {
  const file = join(directory, 'package.json');
  if (existsSync(file)) return file;
  const parent = dirname(directory);
  return parent === directory ? undefined : packageAbove(parent);
}
