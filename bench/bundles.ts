import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { root } from '../local/paths.ts';
import { bundleFunctions } from '../tools/bundle.ts';

/** The programs that are measured: the functions, bundled as they are deployed, and the workers that run them. */

/** Where the bundles are. */
export interface Bundles {
  readonly functions: { readonly fanout: string; readonly apply: string; readonly observe: string };
  /** The workers' programs. */
  readonly raw: string;
  readonly handler: string;
  readonly nullEndpoint: string;
  readonly objects: string;
  readonly archive: string;
  readonly sweep: string;
}

/**
 * Bundles everything into `directory`. The functions go through tools/bundle.ts, as for a deployment; the workers are
 * bundled, too, so that no process that is measured carries a compiler for TypeScript or a tree of modules.
 *
 * @throws Error when a function that the bench runs is not there, or esbuild refuses.
 */
export async function makeBundles(directory: string): Promise<Bundles> {
  const made = await bundleFunctions({ functions: join(root, 'functions'), out: join(directory, 'functions') });
  const functionFile = (name: string): string => {
    const found = made.find((bundle) => bundle.name === name);
    if (found === undefined) throw new Error(`There is no functions/${name}/handler.ts to measure.`);
    return found.file;
  };
  const worker = async (source: string, name: string): Promise<string> => {
    const outfile = join(directory, 'workers', `${name}.mjs`);
    await build({
      absWorkingDir: root,
      entryPoints: [join(root, 'bench', source)],
      outfile,
      bundle: true,
      platform: 'node',
      target: 'node24',
      format: 'esm',
      mainFields: ['module', 'main'],
      conditions: ['module'],
      banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
      // Modules that are read by path, such as the cities' data, are found from here and not from the bundle's place.
      define: { 'import.meta.url': JSON.stringify(pathToFileURL(join(root, 'bench', 'worker.mjs')).href) },
      legalComments: 'none',
      logLevel: 'error',
    });
    return outfile;
  };
  const [raw, handler, nullEndpoint, objects, archive, sweep] = await Promise.all([
    worker('workers/raw.ts', 'raw'),
    worker('workers/handler.ts', 'handler'),
    worker('workers/null.ts', 'null'),
    worker('workers/objects.ts', 'objects'),
    worker('workers/archive.ts', 'archive'),
    worker('reconcile/sweep-worker.ts', 'sweep'),
  ]);
  const functions = { fanout: functionFile('fanout'), apply: functionFile('apply'), observe: functionFile('observe') };
  return { functions, raw, handler, nullEndpoint, objects, archive, sweep };
}
