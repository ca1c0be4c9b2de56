import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Edit, Mutant } from './mutant.ts';
import { patched } from './mutant.ts';

/** The repository's root. */
const ROOT = new URL('../../../', import.meta.url);

/** What the simulator's own code imports of this (the oracles' judgement of seals and positions) stays as it is on disk. */
const CORE = new URL('lib/core/', ROOT).href;
const SIMULATOR = new URL('test/sim/', ROOT).href;
/** Errors are told apart by their classes, so there must be one copy of them. Nothing plants a mutant there. */
const SHARED = new URL('errors.ts', CORE).href;
/** Marks the second, unchanged copy of a module. */
const PLAIN = '?plain';

/** A mutant whose files are changed whenever they are loaded from now on. */
export interface Planted {
  /** @throws Error naming the files of the mutant that nobody has loaded: it would change nothing. */
  checkLoaded(): void;
}

/**
 * Plants a mutant into this process: each of its files is changed in memory when it is loaded, before its types are
 * stripped. Nothing on disk changes. Call it before anything imports those files, in a process of its own.
 *
 * ⚠ Who judges a mutant must not be changed by it: the simulator's own modules get a copy of lib/core of their own, in
 * which nothing is planted.
 *
 * It stands on module.registerHooks, which runs in the loading thread. https://nodejs.org/docs/latest-v24.x/api/module.html
 *
 * @throws StaleMutantError, when such a file is loaded and an anchor does not occur in it exactly once.
 */
export function plant(mutant: Mutant): Planted {
  const byUrl = new Map<string, Edit[]>();
  for (const edit of mutant.edits) {
    const { href } = new URL(edit.file, ROOT);
    const list = byUrl.get(href);
    if (list === undefined) byUrl.set(href, [edit]);
    else list.push(edit);
  }
  const loaded = new Set<string>();
  registerHooks({
    resolve: (specifier, context, nextResolve) => {
      const result = nextResolve(specifier, context);
      const judges = context.parentURL !== undefined && (context.parentURL.startsWith(SIMULATOR) || context.parentURL.endsWith(PLAIN));
      return judges && result.url.startsWith(CORE) && result.url !== SHARED ? { ...result, url: `${result.url}${PLAIN}` } : result;
    },
    load: (url, context, nextLoad) => {
      const result = nextLoad(url, context);
      const edits = byUrl.get(url);
      if (edits === undefined) return result;
      const { source } = result;
      if (source === undefined || source === null) throw new Error(`Node gave no text for ${fileURLToPath(url)}; its edits cannot be made.`);
      const text = typeof source === 'string' ? source : new TextDecoder().decode(source);
      loaded.add(url);
      return { ...result, source: patched(text, edits) };
    },
  });
  return {
    checkLoaded: () => {
      const missed = [...byUrl].filter(([url]) => !loaded.has(url)).map(([, edits]) => edits[0]?.file);
      if (missed.length > 0)
        throw new Error(`The mutant "${mutant.name}" changes files that the simulator did not load after it was planted: ${missed.join(', ')}.`);
    },
  };
}
