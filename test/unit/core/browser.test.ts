import { readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

/** Files that the client takes into a browser, with all that they import. */

const ROOT = resolve(import.meta.dirname, '../../..');
const FOR_BROWSERS = ['values', 'plain-json', 'decimal', 'expression/path', 'expression/condition', 'expression/projection'];

const IMPORT = /^import (type )?[^;]*? from '([^']+)';/gm;

/** A file and all that it imports, types left out: they are gone when it runs. */
function closure(file: string, seen = new Set<string>()): ReadonlySet<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const [, type, from] of readFileSync(file, 'utf8').matchAll(IMPORT)) {
    if (type !== undefined || from === undefined) continue;
    if (from.startsWith('.')) closure(join(file, '..', from), seen);
    else seen.add(from);
  }
  return seen;
}

describe('what runs in a browser', () => {
  it.each(FOR_BROWSERS)('lib/core/%s.ts needs nothing of Node', (name) => {
    const files = closure(join(ROOT, 'lib/core', `${name}.ts`));
    for (const file of files) {
      expect(file, 'a package or a module of Node').toMatch(/\.ts$/);
      const code = readFileSync(file, 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
      expect(code, relative(ROOT, file)).not.toMatch(/\b(Buffer|process|require)\b/);
    }
  });

  it('would be found if it did', () => {
    expect([...closure(join(ROOT, 'lib/core/key.ts'))]).toContain('node:crypto');
  });
});
