/**
 * The package.json of the published package, made from the project's own. Pure. The project's is not published: it has
 * the workshop's tools in it, and a Node 24 that only the workshop needs.
 */

/** What is read of the project's package.json. */
export interface ProjectManifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly keywords?: readonly string[];
  readonly dependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly publishConfig?: Readonly<Record<string, unknown>>;
}

/** An entry of the package: what users import, and the source file behind it. */
export interface Entry {
  readonly subpath: string;
  /** The source, from the project's root, with `.ts`. */
  readonly source: string;
}

/** All that a user can import. Nothing else resolves. */
export const ENTRIES: readonly Entry[] = [
  { subpath: '.', source: 'cdk/index.ts' },
  { subpath: './client', source: 'client/index.ts' },
];

/** The command's source; the file that is run asks for the right Node first, then loads it. */
export const COMMAND = 'cli/syncline.ts';
/** That file, in the package. */
export const BIN = 'bin/syncline.mjs';

/**
 * The oldest Node. Constructs and client would do with less: it is the command that needs commander 15 (22.12) and
 * `zstdCompressSync` of node:zlib (22.15, https://nodejs.org/api/zlib.html).
 */
export const ENGINES = '>=22.15';

/** The files of a module as it is in the package. */
export const compiled = (source: string): { readonly js: string; readonly types: string } => ({
  js: source.replace(/\.ts$/, '.js'),
  types: source.replace(/\.ts$/, '.d.ts'),
});

/**
 * The manifest.
 *
 * @param imported the packages that the package's files import, by name.
 * @param repository where the sources are; npm's provenance names it and compares it with where the build ran.
 * @throws Error for an import that is no dependency, and for a peer dependency that nothing imports.
 */
export function packageManifest(project: ProjectManifest, imported: readonly string[], repository: string | undefined): Record<string, unknown> {
  const peers = Object.keys(project.peerDependencies);
  const unknown = imported.filter((name) => project.dependencies[name] === undefined && !peers.includes(name));
  if (unknown.length > 0)
    throw new Error(`The package imports what it does not depend on: ${unknown.join(', ')}. Move it to "dependencies" of package.json, or do not import it.`);
  const unused = peers.filter((name) => !imported.includes(name));
  if (unused.length > 0) throw new Error(`Nothing in the package imports its peer dependency ${unused.join(', ')}. Take it out of package.json.`);
  const { name, version, description, license, keywords, publishConfig } = project;
  return {
    name,
    version,
    description,
    license,
    ...(keywords !== undefined && { keywords }),
    ...(repository !== undefined && { repository: { type: 'git', url: repository } }),
    type: 'module',
    sideEffects: [`./${BIN}`, `./${compiled(COMMAND).js}`],
    engines: { node: ENGINES },
    exports: {
      ...Object.fromEntries(ENTRIES.map(({ subpath, source }) => [subpath, { types: `./${compiled(source).types}`, default: `./${compiled(source).js}` }])),
      './package.json': './package.json',
    },
    bin: { [name]: `./${BIN}` },
    // Exactly those that are imported: what only functions use is inside their bundles.
    dependencies: Object.fromEntries(Object.entries(project.dependencies).filter(([dependency]) => imported.includes(dependency))),
    peerDependencies: project.peerDependencies,
    ...(publishConfig !== undefined && { publishConfig }),
  };
}

/**
 * Where the sources are: in CI what GitHub says of the run, which is what npm compares with; else the checkout's origin.
 *
 * @param origin what `git remote get-url origin` says.
 */
export function repositoryOf(env: Readonly<Record<string, string | undefined>>, origin: string | undefined): string | undefined {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository } = env;
  if (server !== undefined && repository !== undefined) return `git+${server}/${repository}.git`;
  const ssh = /^(?:ssh:\/\/)?git@([^:/]+)[:/](.+?)(?:\.git)?$/.exec(origin ?? '');
  if (ssh !== null) return `git+https://${ssh[1]}/${ssh[2]}.git`;
  // A password must not get into a manifest, and a folder is nowhere for a reader.
  const https = /^https:\/\/(?:[^@/]+@)?(.+?)(?:\.git)?$/.exec(origin ?? '');
  return https === null ? undefined : `git+https://${https[1]}.git`;
}
