import { describe, expect, it } from 'vitest';
import { decodeLink, encodeLink, linkKey } from '../../../lib/core/formats/rows.ts';
import { item } from '../../flows/support/world.ts';
import { Checked } from './checked.ts';

const LINK = ['--link', 'eu-west-1:us-east-1'];

describe('prove', () => {
  it('repairs what differs, and notes as of when the link was equal', async () => {
    const checked = await Checked.create(6);
    const { rig } = checked;
    await rig.idle(15);
    rig.corrupt(rig.world.secondary, [{ put: item('k3', 1, { n: { N: '-3' } }) }]);
    const { code, json } = await checked.run('prove', '--all', '--yes', '--json');
    expect({ code, stale: json.stale }).toEqual({ code: 0, stale: [] });
    expect(json.links).toMatchObject([{ target: 'us-east-1', keys: 6, repaired: 1, divergent: 0, unverified: 0 }]);
    expect(json.links[0].proven).toBeGreaterThan(0);
    expect(rig.isEqual(rig.world.secondary)).toBe(true);
    const again = await checked.run('prove', ...LINK, '--yes');
    expect(again.stdout).toMatch(
      /LINK +KEYS +REPAIRED +DIVERGENT +UNVERIFIED +REFUSED +PROVEN AS OF\neu-west-1 → us-east-1 +6 +0 +0 +0 +0 +\d{4}-\d\d-\d\dT[\d:]+Z\n$/,
    );
  });

  it('says that a link is stale before it opens it again', async () => {
    const checked = await Checked.create(4);
    const { world } = checked.rig;
    const control = world.control(world.primary);
    const row = await checked.rig.beside(world.table(world.primary).get(control, linkKey('us-east-1')));
    const link = decodeLink(row ?? {});
    await checked.rig.beside(world.table(world.primary).put(control, encodeLink({ ...link, state: 'stale', why: 'a test' })));
    const asked = await checked.run('prove', ...LINK, '--json');
    expect(asked.json.error).toMatchObject({ code: 'needs-yes', stale: ['us-east-1'] });
    expect(asked.json.error.message).toContain('opens    the link to us-east-1, which is stale: a test');
    const { code, stdout } = await checked.run('prove', ...LINK, '--yes');
    expect(code).toBe(0);
    expect(stdout).toContain('· eu-west-1 → us-east-1 was stale, and was opened again.');
  });

  it('is stopped by a person, and goes on with the same command', async () => {
    const checked = await Checked.create(4);
    checked.onListen = (stop) => stop();
    const stopped = await checked.run('prove', '--all', '--yes');
    expect(stopped.code).toBe(3);
    expect(stopped.stdout).toMatch(
      /not proven\n(.*\n)*\nNot finished. The same command goes on where this one ended.\n {2}syncline prove --link eu-west-1:us-east-1 --set test/,
    );
    checked.onListen = undefined;
    expect((await checked.run('prove', '--all', '--yes')).code).toBe(0);
  });
});
