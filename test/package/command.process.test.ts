import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { root } from '../../local/paths.ts';
import { ENGINES } from '../../tools/package/manifest.ts';

describe('the command of the package', () => {
  /** Runs the command's first file in a package of its own that asks for some Node. */
  const run = (engines: string): { readonly code: number | null; readonly stdout: string; readonly stderr: string } => {
    const folder = mkdtempSync(join(tmpdir(), 'syncline-bin-'));
    try {
      for (const name of ['bin', 'cli']) mkdirSync(join(folder, name));
      cpSync(join(root, 'tools', 'package', 'syncline.mjs'), join(folder, 'bin', 'syncline.mjs'));
      writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', engines: { node: engines } }));
      writeFileSync(join(folder, 'cli', 'syncline.js'), "process.stdout.write('it ran');");
      const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, 'bin', 'syncline.mjs')], { encoding: 'utf8' });
      return { code: status, stdout, stderr };
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

  test('runs on the Node that the package asks for, and on a newer one', () => {
    for (const engines of [ENGINES, `>=${major}.${minor}`, `>=${major - 1}.99`]) expect(run(engines)).toEqual({ code: 0, stdout: 'it ran', stderr: '' });
  });

  test('tells an older Node in words, and loads nothing', () => {
    for (const engines of [`>=${major}.${minor + 1}`, `>=${major + 1}.0`]) {
      const { code, stdout, stderr } = run(engines);
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toContain(`syncline needs Node ${engines.slice(2)} or newer; this is ${process.version}`);
    }
  });
});

test('the project’s own folder cannot be packed by mistake', () => {
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'tools', 'package', 'not-here.mjs')], { encoding: 'utf8' });
  expect(status).toBe(1);
  expect(stderr).toContain('npm run package');
});
