import { describe, expect, it } from 'vitest';
import { decideByCommand } from '../../../cli/orphans-decide.ts';
import { shortIds } from '../../../cli/orphans-list.ts';
import { withoutMeta } from '../../../lib/core/formats/seal.ts';
import { item, key } from '../../flows/support/world.ts';
import { Checked } from './checked.ts';
import type { Json } from './world.ts';

/** Four items; a hand at the second member writes one, makes another, and deletes a third. */
async function byHand(): Promise<{ checked: Checked; ids: { written: string; made: string; deleted: string } }> {
  const checked = await Checked.create(4);
  const { rig } = checked;
  await rig.plant(rig.world.secondary, [{ put: item('k1', 1, { n: { N: '-1' } }) }, { put: item('new', 1, { n: { N: '9' } }) }, { remove: key('k2') }]);
  const { json } = await checked.run('orphans', 'list', '--json');
  const idOf = (pk: string): string => json.orphans.find((o: Json) => o.key.pk === pk).id;
  return { checked, ids: { written: idOf('k1'), made: idOf('new'), deleted: idOf('k2') } };
}
const held = async ({ rig }: Checked, pk: string): Promise<Json> => {
  const found = await rig.beside(rig.world.table(rig.world.primary).get(rig.world.items(rig.world.primary), key(pk)));
  return found === undefined ? undefined : withoutMeta(found);
};

describe('the ids that a list shows', () => {
  it('are as short as tells them apart', () => {
    const [a, b] = ['0123456789ab', 'fedcba987654'].map((start) => start.padEnd(32, '0')) as [string, string];
    expect(shortIds([`${a}#0001`, `${b}#0002`])).toEqual(['0123456789ab', 'fedcba987654']);
    expect(shortIds([`${b}#0021`, `${a}#0001`, `${b}#0022`, `${b}#0300`])).toEqual([`${b}#0021`, '0123456789ab', `${b}#0022`, `${b}#03`]);
    expect(shortIds([`${a}#1`])).toEqual(['0123456789ab']);
  });
});

describe('orphans, from their list to what becomes of them', () => {
  it('are listed in the order in which they were made, by the first characters of their ids', async () => {
    const { checked, ids } = await byHand();
    const { code, stdout } = await checked.run('orphans', 'list');
    expect(code).toBe(3);
    const [head, ...rows] = stdout.trimEnd().split('\n');
    expect(head).toMatch(/^ID +MEMBER +KEY +CAUSE +WHEN +STATE$/);
    expect(
      rows
        .map((row) => row.replaceAll(/ {2,}/g, '|').replace(/\d[^|]*ago/, 'ago'))
        .slice(0, 3)
        .sort(),
    ).toEqual(
      [
        `${ids.written.slice(0, 12)}|us-east-1|pk=k1,sk=1|written by hand|ago|open`,
        `${ids.made.slice(0, 12)}|us-east-1|pk=new,sk=1|written by hand|ago|open`,
        `${ids.deleted.slice(0, 12)}|us-east-1|pk=k2,sk=1|deleted by hand|ago|open`,
      ].sort(),
    );
    expect(rows[3]).toBe('3 orphans.');
    expect((await checked.run('orphans', 'list', '--cause', 'hand-delete', '--json')).json.orphans).toMatchObject([{ id: ids.deleted }]);
    expect((await checked.run('orphans', 'list', '--key', 'pk=k1,sk=1', '--json')).json.orphans).toMatchObject([{ id: ids.written }]);
    const limited = await checked.run('orphans', 'list', '--limit', '2', '--json');
    expect({ found: limited.json.orphans.length, more: limited.json.more }).toEqual({ found: 2, more: ['us-east-1'] });
  });

  it('show what was written, what was there, and what the primary holds now', async () => {
    const { checked, ids } = await byHand();
    const { json } = await checked.run('orphans', 'show', ids.written.slice(0, 8), '--json');
    expect(json).toMatchObject({ id: ids.written, member: 'us-east-1', state: 'open', written: { n: -1 }, before: { n: 1 }, now: { n: 1 } });
    expect(json.next_steps.map((s: Json) => s.command.split(' --')[0])).toEqual([
      `syncline orphans reapply '${ids.written}'`,
      `syncline orphans discard '${ids.written}'`,
    ]);
    const { stdout } = await checked.run('orphans', 'show', ids.written);
    expect(stdout).toContain('Re-applied, it would change at the primary:\n  ~ n  1 → -1\n');
    expect((await checked.run('orphans', 'show', ids.made)).stdout).toContain('Re-applied, it would make the item at the primary:\n  + n ');
    expect((await checked.run('orphans', 'show', ids.deleted)).stdout).toContain('Re-applied, it would delete the item at the primary.');
  });

  it('are re-applied as any other write, or delete, and then equal everywhere', async () => {
    const { checked, ids } = await byHand();
    const { rig } = checked;
    const outcome = await checked.asked([true], (session, io) => decideByCommand(session, ids.written.slice(0, 12), 'reapply', { note: 'ticket 42' }, io));
    expect({ code: outcome.code, out: outcome.stdout }).toEqual({ code: 0, out: 'Written at the primary.\n' });
    expect(outcome.stderr).toContain('This writes it at the primary eu-west-1.');
    const deleted = await checked.run('orphans', 'reapply', ids.deleted, '--yes', '--json');
    expect(deleted.json).toMatchObject({ id: ids.deleted, state: 'reapplied', outcome: 'deleted', written: null });
    await rig.pass(10_000);
    expect(await held(checked, 'k1')).toEqual(item('k1', 1, { n: { N: '-1' } }));
    expect(await held(checked, 'k2')).toBeUndefined();
    const at = (member: string): readonly string[] =>
      [...rig.world.content(member)]
        .map(([, text]) => text)
        .filter((text) => !text.includes('new'))
        .sort();
    expect(at(rig.world.secondary)).toEqual(at(rig.world.primary));
    // Once decided, it stays so.
    for (const what of ['reapply', 'discard']) {
      const again = await checked.run('orphans', what, ids.written, '--yes', '--json');
      expect({ code: again.code, error: again.json.error.code }).toEqual({ code: 1, error: 'orphan-decided' });
    }
    expect((await checked.run('orphans', 'list', '--state', 'reapplied', '--json')).json.orphans).toHaveLength(2);
    expect((await checked.run('orphans', 'show', ids.written)).stdout).toContain('note: ticket 42');
  });

  it('⚠ overwrite nothing that was written while the person thought about it', async () => {
    const { checked, ids } = await byHand();
    const { rig } = checked;
    const work = checked.asked([true], async (session, io) => {
      const confirm = async (question: string): Promise<boolean> => {
        await rig.world.table(rig.world.primary).put(rig.world.items(rig.world.primary), item('k1', 1, { n: { N: '77' } }));
        return (await io.confirm?.(question)) ?? false;
      };
      return decideByCommand(session, ids.written, 'reapply', {}, { confirm });
    });
    await expect(work).rejects.toMatchObject({ code: 'changed-since' });
    expect(await held(checked, 'k1')).toEqual(item('k1', 1, { n: { N: '77' } }));
    expect((await checked.run('orphans', 'show', ids.written, '--json')).json).toMatchObject({ state: 'open', now: { n: 77 } });
  });

  it('stay open after a "no", and are discarded with a word', async () => {
    const { checked, ids } = await byHand();
    const no = await checked.asked([false], (session, io) => decideByCommand(session, ids.made, 'discard', {}, io));
    expect({ code: no.code, out: no.stdout }).toEqual({ code: 0, out: 'Nothing was done.\n' });
    const { code, json } = await checked.run('orphans', 'discard', ids.made, '--yes', '--json');
    expect({ code, state: json.state, outcome: json.outcome }).toEqual({ code: 0, state: 'discarded', outcome: 'discarded' });
    expect(await held(checked, 'new')).toBeUndefined();
    expect((await checked.run('orphans', 'reapply', ids.deleted, '--json')).json.error).toMatchObject({ code: 'needs-yes', state: 'open' });
  });

  it('name those that begin alike', async () => {
    const { checked, ids } = await byHand();
    const { rig } = checked;
    await rig.plant(rig.world.secondary, [{ put: item('k1', 1, { n: { N: '-2' } }) }]);
    const { code, json } = await checked.run('orphans', 'show', ids.written.slice(0, 32), '--json');
    expect({ code, error: json.error.code }).toEqual({ code: 1, error: 'ambiguous-orphan' });
    expect(json.error.message).toContain(ids.written);
    expect((await checked.run('orphans', 'show', ids.written, '--json')).code).toBe(0);
  });
});
