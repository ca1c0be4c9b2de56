import { describe, expect, test } from 'vitest';
import { importsOfJs, packageOf, reachOfTypes, typeImports } from '../../tools/package/files.ts';
import { type ProjectManifest, packageManifest, repositoryOf } from '../../tools/package/manifest.ts';

const project: ProjectManifest = {
  name: 'syncline',
  version: '1.2.3',
  description: 'd',
  license: 'Apache-2.0',
  dependencies: { zod: '4.0.0', commander: '15.0.0', '@middy/core': '7.0.0' },
  peerDependencies: { 'aws-cdk-lib': '^2.0.0' },
  publishConfig: { access: 'public', provenance: true },
};

describe('the manifest of the package', () => {
  test('depends on what its files import, and on nothing else', () => {
    const made = packageManifest(project, ['aws-cdk-lib', 'zod'], undefined);
    expect(made['dependencies']).toEqual({ zod: '4.0.0' });
    expect(made['peerDependencies']).toEqual({ 'aws-cdk-lib': '^2.0.0' });
  });

  test('can be published with provenance, and runs nothing when it is installed', () => {
    const made = packageManifest(project, ['aws-cdk-lib'], 'git+https://example.com/a/b.git');
    expect(made).toMatchObject({ publishConfig: { access: 'public', provenance: true }, repository: { type: 'git', url: 'git+https://example.com/a/b.git' } });
    for (const absent of ['private', 'scripts', 'devDependencies', 'optionalDependencies']) expect(made).not.toHaveProperty(absent);
  });

  test('exports the constructs, the client and itself, each with its types', () => {
    expect(packageManifest(project, ['aws-cdk-lib'], undefined)['exports']).toEqual({
      '.': { types: './cdk/index.d.ts', default: './cdk/index.js' },
      './client': { types: './client/index.d.ts', default: './client/index.js' },
      './package.json': './package.json',
    });
  });

  test('is refused for an import that nobody would install, and for a peer that nobody needs', () => {
    expect(() => packageManifest(project, ['aws-cdk-lib', 'left-pad'], undefined)).toThrow('left-pad. Move it to "dependencies"');
    expect(() => packageManifest(project, ['zod'], undefined)).toThrow('peer dependency aws-cdk-lib');
  });
});

describe('the repository', () => {
  test.each([
    [{ GITHUB_SERVER_URL: 'https://git.example', GITHUB_REPOSITORY: 'a/b' }, 'git@elsewhere:c/d.git', 'git+https://git.example/a/b.git'],
    [{}, 'git@git.example:a/b.git', 'git+https://git.example/a/b.git'],
    [{}, 'ssh://git@git.example/a/b', 'git+https://git.example/a/b.git'],
    [{}, 'https://me:secret@git.example/a/b.git', 'git+https://git.example/a/b.git'],
    [{}, '/srv/git/syncline', undefined],
    [{}, undefined, undefined],
  ])('of %j and origin %j is %j', (env, origin, repository) => {
    expect(repositoryOf(env, origin)).toBe(repository);
  });
});

describe('imports', () => {
  test.each([
    ['zod', 'zod'],
    ['aws-cdk-lib/aws-lambda', 'aws-cdk-lib'],
    ['@aws-sdk/client-s3', '@aws-sdk/client-s3'],
    ['@scope/name/deep/path', '@scope/name'],
    ['node:fs', undefined],
  ])('%j is of the package %j', (specifier, name) => {
    expect(packageOf(specifier)).toBe(name);
  });

  const declarations = `/** As in: import x from './comment.ts'. */
import type { A } from '../lib/a.ts';
import './effect.ts';
export { B } from "./b.ts";
export declare const c: import('./c.ts').C;
export declare const text = "see from './d.ts'";
`;

  test('of declarations are found, in comments not', () => {
    expect(typeImports(declarations)).toEqual(expect.arrayContaining(['../lib/a.ts', './effect.ts', './b.ts', './c.ts']));
    expect(typeImports(declarations)).not.toContain('./comment.ts');
  });

  test('of declarations lead to JavaScript afterwards, packages as before', () => {
    const made = importsOfJs(`${declarations}import { z } from 'zod';\nimport { e } from 'package/e.ts';\n`);
    for (const path of ['../lib/a.js', './effect.js', './c.js']) expect(made).toContain(`'${path}'`);
    expect(made).toContain('"./b.js"');
    expect(made).toContain("'zod'");
    expect(made).toContain("'package/e.ts'");
  });

  test('are followed through folders and in circles', async () => {
    const files: Record<string, string> = {
      'cdk/index.d.ts': "export { A } from './a.js';",
      'cdk/a.d.ts': "import { B } from '../lib/b.ts'; import { X } from 'aws-cdk-lib/x';",
      'lib/b.d.ts': "import '../cdk/index.js'; import 'node:fs';",
      'lib/unused.d.ts': '',
    };
    const read = async (path: string): Promise<string> => files[path] ?? Promise.reject(new Error(`There is no ${path}.`));
    expect(await reachOfTypes(['cdk/index.d.ts'], read)).toEqual({ files: ['cdk/a.d.ts', 'cdk/index.d.ts', 'lib/b.d.ts'], packages: ['aws-cdk-lib'] });
    await expect(reachOfTypes(['cdk/gone.d.ts'], read)).rejects.toThrow('There is no cdk/gone.d.ts.');
  });
});
