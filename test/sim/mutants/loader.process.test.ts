import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';

/** The loader, in processes of their own: a real flow on the memory cloud, with and without a mutant. */

/** Longest run of one of these (ms). */
const LIMIT_MS = 30_000;

const url = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);

/** Runs a module's text in a new process. */
function run(code: string): { code: number | null; stdout: string; stderr: string } {
  const child = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', code], {
    encoding: 'utf8',
    timeout: LIMIT_MS,
  });
  return { code: child.status, stdout: child.stdout.trim(), stderr: child.stderr };
}

/** An older change of a key arrives again after a newer one; prints what the secondary holds then. */
const FLOW = `
  const { World, item, key } = await import(${url('../../flows/support/world.ts')});
  const world = await World.create({ lanes: 1 });
  await world.put(item('a', 1, { n: { N: '1' } }));
  await world.put(item('a', 1, { n: { N: '2' } }));
  const [first] = world.records();
  await world.drain();
  await world.fanoutOf([first]);
  await world.drain();
  process.stdout.write((await world.get(key('a'))).n.N);`;

const LOADER = `
  const { plant } = await import(${url('loader.ts')});
  const { mutantNamed } = await import(${url('list.ts')});`;

describe('the loader', { timeout: 2 * LIMIT_MS }, () => {
  it('leaves the flows as they are without a mutant', () => {
    expect(run(FLOW)).toMatchObject({ code: 0, stdout: '2' });
  });

  it.each(['no-guard', 'guard-by-receive-count'])('changes what the flow does under %s', (name) => {
    expect(run(`${LOADER} const planted = plant(mutantNamed('${name}')); ${FLOW} planted.checkLoaded();`)).toMatchObject({ code: 0, stdout: '1' });
  });

  it('changes the memory adapter, too', () => {
    expect(run(`${LOADER} const planted = plant(mutantNamed('sdk-retries')); ${FLOW} planted.checkLoaded();`)).toMatchObject({ code: 0, stdout: '2' });
  });

  it('leaves the judges alone: what the simulator itself imports of the core is not changed', () => {
    const code = `${LOADER} const planted = plant(mutantNamed('no-key-check'));
      const [{ heldAt: _ }, { verifySeal, sealBytes }, { position }] = await Promise.all([import(${url('../oracles/held.ts')}), import(${url('../../../lib/core/formats/seal.ts')}), import(${url('../../../lib/core/formats/position.ts')})]);
      planted.checkLoaded();
      const foreign = sealBytes('other', 'key', position(1, 5n), 'lane', undefined);
      const plain = await import(${url('../../../lib/core/formats/seal.ts?plain')});
      process.stdout.write(String(verifySeal(foreign, 'mine', 'key') !== undefined) + ' ' + String(plain.verifySeal(foreign, 'mine', 'key') !== undefined));`;
    expect(run(code)).toMatchObject({ code: 0, stdout: 'true false' });
  });

  it('fails loudly when an anchor is stale', () => {
    const { code, stderr } = run(
      `${LOADER} plant({ ...mutantNamed('no-guard'), edits: [{ file: 'lib/core/guard.ts', find: 'no such text', replace: '' }] }); ${FLOW}`,
    );
    expect(code).not.toBe(0);
    expect(stderr).toContain('StaleMutantError');
    expect(stderr).toContain('occurs 0 times in lib/core/guard.ts');
  });

  it('says when nothing has loaded a file that a mutant changes', () => {
    const { code, stderr } = run(`${FLOW} ${LOADER} plant(mutantNamed('no-guard')).checkLoaded();`);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/"no-guard" changes files that the simulator did not load.*guard\.ts/);
  });
});
