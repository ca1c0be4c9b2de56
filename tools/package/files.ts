import { posix } from 'node:path';

/** What a compiled file leads to. Pure. */

/** The name of the package that a bare import is of: `@scope/name/path` → `@scope/name`. Undefined for Node's own modules. */
export function packageOf(specifier: string): string | undefined {
  if (specifier.startsWith('node:')) return undefined;
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

const SPECIFIER = /((?:^|[\s}])from\s*|\bimport\s*\(\s*|^import\s*)(['"])([^'"\n]+)\2/gm;

/** The specifiers that a declaration file imports, in order. Comments are not looked at. */
export const typeImports = (declarations: string): string[] => [...withoutComments(declarations).matchAll(SPECIFIER)].map((m) => m[3] ?? '');

const withoutComments = (text: string): string => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');

/**
 * Lets a declaration file import `./x.js` in place of `./x.ts`: the compiler rewrites the code's imports, but not those
 * of the declarations, and there is no `x.ts` in the package.
 */
export const importsOfJs = (declarations: string): string =>
  declarations.replace(SPECIFIER, (whole, before: string, quote: string, specifier: string) =>
    /^\.\.?\/.*\.ts$/.test(specifier) ? `${before}${quote}${specifier.replace(/\.ts$/, '.js')}${quote}` : whole,
  );

/** What declaration files lead to. */
export interface Reach {
  /** Paths of declaration files, sorted. */
  readonly files: readonly string[];
  /** Packages that they import, sorted. */
  readonly packages: readonly string[];
}

/**
 * All declaration files that `entries` lead to, themselves included, and all packages.
 *
 * @param read the text of a file, by path from the package's root. @throws what `read` throws for a file that is not there.
 */
export async function reachOfTypes(entries: readonly string[], read: (path: string) => Promise<string>): Promise<Reach> {
  const seen = new Set<string>();
  const packages = new Set<string>();
  const waiting = [...entries];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (seen.has(path)) continue;
    seen.add(path);
    for (const specifier of typeImports(await read(path))) {
      if (specifier.startsWith('.')) {
        waiting.push(posix.join(posix.dirname(path), specifier.replace(/\.[jt]s$/, '.d.ts')));
      } else {
        const name = packageOf(specifier);
        if (name !== undefined) packages.add(name);
      }
    }
  }
  return { files: [...seen].sort(), packages: [...packages].sort() };
}
