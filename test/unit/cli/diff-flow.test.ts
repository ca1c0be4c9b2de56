import { describe, expect, it } from 'vitest';
import { item, key } from '../../flows/support/world.ts';
import { Checked } from './checked.ts';
import type { Json } from './world.ts';

const SECONDARY = 'us-east-1';

describe('diff, with what the logs say', () => {
  it('says what an applier has left on a copy, and who changed each side last', async () => {
    const checked = await Checked.create(4);
    const { code, json } = await checked.run('diff', 'pk=k1,sk=1', '--json');
    expect(code).toBe(0);
    expect(json).toMatchObject({ key: { pk: 'k1', sk: 1 }, item: { n: 1 }, last: { origin: 'local', event: 'INSERT' } });
    expect(json.members).toMatchObject([
      { member: SECONDARY, state: 'equal', differences: [], copy: { counts: true, intact: true, kind: 'lane' }, last: { origin: 'applier' } },
    ]);
    // The copy is at the position of the change that made it.
    expect(json.members[0].copy.position).toBe(`1/${json.last.sequence}`);
  });

  it('shows what a hand has changed at a member, and that it was no applier', async () => {
    const checked = await Checked.create(4);
    const { rig } = checked;
    const { primary, secondary } = rig.world;
    await rig.plant(secondary, [
      { put: item('k1', 1, { n: { N: '1.0' }, note: { S: 'by hand' } }) },
      { remove: key('k2') },
      { put: item('own', 1, { n: { N: '7' } }) },
    ]);
    const changed = await checked.run('diff', 'pk=k1,sk=1');
    expect(changed.code).toBe(3);
    expect(changed.stdout).toMatch(
      new RegExp(
        `^pk=k1,sk=1 at the primary ${primary}: there\n {2}created \\S+ by a write at this member\n${secondary} {2}differs\n {2}changed \\S+ by a write at this member\n {2}no seal of an applier counts: somebody else wrote it\n {2}\\+ note {2}"by hand"\n$`,
      ),
    );
    const missing = await checked.run('diff', 'pk=k2,sk=1');
    expect(missing.stdout).toMatch(new RegExp(`${secondary} {2}is missing\n {2}deleted \\S+ by a write at this member\n$`));
    const extra = await checked.run('diff', 'pk=own,sk=1');
    expect(extra.stdout).toMatch(/is only there\n(.*\n)* {2}\+ n {3}7\n/);
    expect((await checked.run('diff', 'pk=nobody,sk=1')).stdout).toBe(
      `pk=nobody,sk=1 at the primary ${primary}: no such item\n${secondary}  has none, either\n`,
    );
  });

  it('leads to the check of that key, which judges it', async () => {
    const checked = await Checked.create(4);
    const { rig } = checked;
    await rig.plant(rig.world.secondary, [{ put: item('o’k', 1, { n: { N: '7' } }) }]);
    const { json } = await checked.run('diff', 'pk=o’k,sk=1', '--json');
    const command: string = json.next_steps[0].command;
    expect(command).toMatch(/^syncline check --key 'pk=o’k,sk=1' --set test /);
    const verdict = await checked.run('check', '--key', 'pk=o’k,sk=1', '--json');
    expect((verdict.json as Json).first).toMatchObject([{ key: { pk: { S: 'o’k' } }, verdict: 'divergent', kind: 'extra' }]);
  });
});
