import { cpSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Cloud, startCloud } from '../../local/cloud.ts';
import { plainEnvironment, runCommand } from '../../local/command.ts';
import { modulesDirectory, root, temporaryRoot } from '../../local/paths.ts';
import { type Place, sharedPlace } from '../../local/place.ts';
import { makePackage, type Package } from '../../tools/package.ts';

/**
 * The package as a user has it: packed, installed by npm into a CDK app outside of this project, type-checked, deployed
 * by the app's own `cdk` to one MiniStack that serves both regions, and used by the app's own `syncline` and client.
 * Neither this project's sources nor Docker are within reach.
 */

const REGIONS = ['eu-central-1', 'us-east-1'] as const;
/** Making the package compiles all of it; installing fetches 70 packages, most of them from npm's cache (ms). */
const INSTALL_MAX_MS = 300_000;
const STEP_MAX_MS = 180_000;

let top: string;
let app: string;
let made: Package;
let cloud: Cloud;
let place: Place;

/** What the user's commands may find: the app's own tools, Node with npm, and the system's. */
function environment(): Record<string, string> {
  const own = plainEnvironment();
  return { ...own, PATH: [join(app, 'node_modules', '.bin'), dirname(process.execPath), '/usr/bin', '/bin'].join(':'), CDK_DISABLE_CLI_TELEMETRY: '1' };
}

/**
 * npm gets what a user's npm has: proxies, certificates and registry settings. Not what an npm that has started these
 * tests says of this project, and no credentials of AWS.
 */
const npmEnvironment = (): Record<string, string> =>
  Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      value === undefined || /^(AWS_|npm_(package|lifecycle)_|npm_config_(local_|global_)?prefix$)/.test(name) ? [] : [[name, value]],
    ),
  );

const run = (file: string, args: readonly string[], env: Readonly<Record<string, string>> = {}, timeoutMs = STEP_MAX_MS): Promise<string> =>
  runCommand(file, args, { cwd: app, env: { ...environment(), ...env }, timeoutMs });

/** A tool of the app's own. */
const tool = (name: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> =>
  run(join(app, 'node_modules', '.bin', name), args, env);

const versionOf = (name: string): string =>
  `${name}@${(JSON.parse(readFileSync(join(modulesDirectory, name, 'package.json'), 'utf8')) as { version: string }).version}`;

const filesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((e) => e.isFile())
    .map((e) => join(e.parentPath, e.name).slice(folder.length + 1));

async function packAndInstall(): Promise<void> {
  made = await makePackage(join(top, 'dist'));
  writeFileSync(join(app, 'package.json'), JSON.stringify({ name: 'orders', private: true, type: 'module' }));
  cpSync(join(root, 'test', 'package', 'app'), app, { recursive: true });
  const wanted = ['aws-cdk-lib', 'constructs', 'aws-cdk', 'typescript', '@types/node'].map(versionOf);
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error', made.tarball, ...wanted], npmEnvironment(), INSTALL_MAX_MS);
}

beforeAll(async () => {
  top = mkdtempSync(join(temporaryRoot(), 'syncline-package-'));
  app = join(top, 'app');
  mkdirSync(app);
  // Its only region is told of no other, as a MiniStack that somebody else has started.
  [cloud] = await Promise.all([startCloud({ regions: [REGIONS[0]], environment: { SYNCLINE_ENDPOINTS: '' } }), packAndInstall()]);
  place = sharedPlace(cloud.endpoints[REGIONS[0]] ?? '', REGIONS);
}, INSTALL_MAX_MS);

afterAll(async () => {
  await cloud?.stop();
  rmSync(top, { recursive: true, force: true });
});

const installed = (): string => join(app, 'node_modules', 'syncline');

describe('the installed package', () => {
  test('is a copy, with no TypeScript source of ours in it', () => {
    expect(lstatSync(installed()).isSymbolicLink()).toBe(false);
    const sources = filesOf(installed()).filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'));
    expect(sources).toEqual([]);
  });

  test('has every bundled function, the documents and a manifest that npm would publish', () => {
    const files = filesOf(installed());
    for (const fn of ['fanout', 'observe', 'apply', 'reconcile', 'api']) expect(files).toContain(`dist/functions/${fn}/index.mjs`);
    for (const document of ['README.md', 'LICENSE', 'CHANGELOG.md', 'docs/package.md']) expect(files).toContain(document);
    const manifest = JSON.parse(readFileSync(join(installed(), 'package.json'), 'utf8')) as object;
    expect(manifest).toMatchObject({ name: 'syncline', publishConfig: { access: 'public', provenance: true } });
    expect(manifest).not.toHaveProperty('private');
    expect(made.packedBytes).toBeGreaterThan(500_000);
  });

  test('opens nothing but its two entries', async () => {
    const ask = (specifier: string): Promise<string> =>
      run(process.execPath, ['--input-type=module', '-e', `await import(${JSON.stringify(specifier)}).then(() => 'open', (e) => e.code).then(console.log)`]);
    expect((await ask('syncline')).trim()).toBe('open');
    expect((await ask('syncline/client')).trim()).toBe('open');
    expect((await ask('syncline/lib/core/names.js')).trim()).toBe('ERR_PACKAGE_PATH_NOT_EXPORTED');
  });

  test('has declarations without a mistake in them, and the app compiles with them', async () => {
    await compile('nodenext', 'nodenext', { outDir: '../out', skipLibCheck: false });
  });

  test.each([
    ['node16', 'node16'],
    ['preserve', 'bundler'],
  ])('has types for module %s, resolution %s, too', async (module, moduleResolution) => {
    await compile(module, moduleResolution, { noEmit: true, skipLibCheck: true });
  });
});

/** Type-checks the app's files. Those expect a mistake to be found, so types that are not found fail, too. */
async function compile(module: string, moduleResolution: string, more: object): Promise<void> {
  const folder = join(app, `types-${moduleResolution}`);
  mkdirSync(folder);
  const compilerOptions = { module, moduleResolution, target: 'es2022', lib: ['es2024', 'dom'], types: ['node'], strict: true, rootDir: '..', ...more };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['../cdk.ts', '../client.ts'] }));
  await tool('tsc', ['-p', folder]);
}

test('the compiled app deploys to a local cloud, and an item that is written in one region is read in the other', { timeout: STEP_MAX_MS }, async () => {
  const env = place.environment(REGIONS[0]);
  await tool('cdk', ['bootstrap', '--no-notices', ...REGIONS.map((region) => `aws://000000000000/${region}`)], env);
  await tool('cdk', ['deploy', '--app', 'node out/cdk.js', '--all', '--require-approval', 'never', '--concurrency', '4', '--no-notices', '--ci'], env);

  const set = ['--set', 'orders', '--regions', REGIONS.join(','), '--keys', 'id:S', '--account', '000000000000'];
  await tool('syncline', ['init', '--primary', REGIONS[0], ...set], env);
  const { members } = JSON.parse(await tool('syncline', ['endpoints', '--json', ...set], env)) as { members: readonly { readonly apiUrl: string }[] };
  const answer = await run(process.execPath, ['out/client.js', ...members.map((m) => m.apiUrl)]);
  expect(JSON.parse(answer)).toMatchObject({ created: true, item: { id: 'a/ü', note: 'from a package' } });
});
