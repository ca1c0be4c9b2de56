import { describe, expect, it } from 'vitest';
import { checkByCommand, resumeByCommand } from '../../../cli/check-run.ts';
import { reconcilePart } from '../../../lib/reconcile/part.ts';
import type { CheckSettings } from '../../../lib/reconcile/schedule/settings.ts';
import { item, key } from '../../flows/support/world.ts';
import { Checked } from './checked.ts';
import type { Json } from './world.ts';

/** Twelve items, and three differences behind everyone's back, in keys that nobody has touched for long. */
async function planted(): Promise<Checked> {
  const checked = await Checked.create(12);
  const { rig } = checked;
  await rig.idle(15);
  rig.corrupt(rig.world.secondary, [{ put: item('k3', 1, { n: { N: '-3' } }) }, { remove: key('k4') }, { put: item('extra', 1) }]);
  return checked;
}
const link = ({ json }: { json: Json }): Json => json.links[0];
const K3 = 'pk=k3,sk=1';

describe('check, from its beginning to its end', () => {
  it('only tells, where nobody can be asked: it ends with 3, and writes nothing', async () => {
    const checked = await planted();
    const outcome = await checked.run('check', '--sweep', '--yes', '--json');
    expect(outcome.code).toBe(3);
    expect(outcome.json).toMatchObject({ schema: 'syncline.check/1', mode: 'sweep', action: 'report', result: 'divergent', findings: 3 });
    expect(link(outcome)).toMatchObject({ keys: 13, verified: 10, divergent: 3, unverified: 0, changed: 1, missing: 1, extra: 1, repaired: 0 });
    expect(outcome.json.next_steps[0].command).toMatch(/^syncline check --sweep --repair --set test /);
    expect(checked.rig.isEqual(checked.rig.world.secondary)).toBe(false);
  });

  it('shows what differs, asks, repairs it, and looks again', async () => {
    const checked = await planted();
    const outcome = await checked.asked([true, true], (session, io) => checkByCommand(session, { sweep: true }, io));
    expect(outcome.questions).toEqual(['Begin?', 'Repair 3 keys, 1 of them by deleting what only the member has?']);
    const { bucket } = checked.rig.ports().own.place;
    expect(outcome.stderr).toMatch(/us-east-1 +pk=extra,sk=1 +is only there\n/);
    expect(outcome.stderr).toContain(`s3://${bucket}/reports/`);
    expect(outcome.stdout).toMatch(/: repaired, in \d/);
    expect(outcome.stdout).toMatch(/eu-west-1 → us-east-1 +13 +10 +3 +0 +3 +0 +repaired\n/);
    expect(outcome.stdout).toContain('divergent: 1 changed, 1 missing there, 1 only there');
    // A difference was found, also when nothing of it is left.
    expect(outcome.code).toBe(3);
    expect(checked.rig.isEqual(checked.rig.world.secondary)).toBe(true);
    // From here on the logs say it, without reading a table, as soon as a minute run has begun to follow them.
    const { rig } = checked;
    await rig.beside(reconcilePart(rig.ports(), { repair: 'ask', retentionDays: 35 } as CheckSettings, rig.world.runtime, rig.world.clock.elapsed() + 30_000));
    const proof = await checked.run('check', '--json');
    expect({ code: proof.code, mode: proof.json.mode, result: proof.json.result }).toEqual({ code: 0, mode: 'proof', result: 'equal' });
    expect(link(proof).verified).toBe(link(proof).keys);
    expect(link(proof).keys).toBeGreaterThanOrEqual(12);
  });

  it('waits for a word after a "no", and repairs when it is resumed with one', async () => {
    const checked = await planted();
    const outcome = await checked.asked([true, false], (session, io) => checkByCommand(session, { sweep: true }, io));
    expect(outcome.code).toBe(3);
    const [, id] = /syncline check --resume (\S+) --repair/.exec(outcome.stdout) as RegExpExecArray;
    expect(outcome.stdout).toContain('Nothing was repaired. For 1 d, the check waits for your word:');
    expect(checked.rig.isEqual(checked.rig.world.secondary)).toBe(false);
    const shown = await checked.run('check', '--show', id as string, '--json');
    expect(shown.json).toMatchObject({ phase: 'preview', found: [{ verdict: 'divergent' }, {}, {}] });
    expect(shown.json.next_steps[0].command).toContain(`check --resume ${id} --repair`);
    const resumed = await checked.run('check', '--resume', id as string, '--repair', '--json');
    expect({ code: resumed.code, result: resumed.json.result, left: link(resumed).left }).toEqual({ code: 3, result: 'repaired', left: 0 });
    expect(checked.rig.isEqual(checked.rig.world.secondary)).toBe(true);
  });

  it('"--yes" begins it, but approves no repair that nobody has seen', async () => {
    const checked = await planted();
    const outcome = await checked.asked([false], (session, io) => checkByCommand(session, { sweep: true, yes: true }, io));
    expect(outcome.questions).toEqual(['Repair 3 keys, 1 of them by deleting what only the member has?']);
    expect(checked.rig.isEqual(checked.rig.world.secondary)).toBe(false);
  });

  it('is stopped by a person, says how to go on, and goes on', async () => {
    const checked = await planted();
    checked.onListen = (stop) => stop();
    const stopped = await checked.run('check', '--sweep', '--repair', '--yes');
    expect(stopped.code).toBe(3);
    expect(stopped.stdout).toContain('pending');
    const [, id] = /Not finished.*\n {2}syncline check --resume (\S+)/.exec(stopped.stdout) as RegExpExecArray;
    checked.onListen = undefined;
    const { code, json } = await checked.run('check', '--resume', id as string, '--json');
    expect({ code, id: json.id, result: json.result }).toEqual({ code: 3, id, result: 'repaired' });
  });

  it('waits for another run that works at the same check', async () => {
    const checked = await planted();
    const { id } = await checked.rig.start({ action: 'report' });
    const { rig } = checked;
    // A process that was killed: its lease is still there.
    await expect(rig.run(id, { owner: 'another', death: { at: 40, when: 'before' } } as Json)).rejects.toThrow();
    const outcome = await checked.run('check', '--resume', id, '--json');
    expect(outcome.stderr).toContain('Another run works at this check now; waiting for it.');
    expect(outcome.json.result).toBe('divergent');
  });

  it('judges keys that are named, on the command line and in a file, once each', async () => {
    const checked = await planted();
    checked.files.set('keys.txt', `${K3}\n\n{"pk":{"S":"k5"},"sk":{"N":"1.0"}}\npk=k5,sk=1\n`);
    const outcome = await checked.run('check', '--key', K3, '--keys-file', 'keys.txt', '--json');
    expect(link(outcome)).toMatchObject({ keys: 2, verified: 1, divergent: 1 });
    expect(outcome.json.next_steps[0].command).toMatch(new RegExp(`^syncline check --key ${K3} --repair --set`));
    checked.files.set('-', '\n \n');
    const none = await checked.run('check', '--keys-file', '-', '--json');
    expect({ code: none.code, error: none.json.error.code }).toEqual({ code: 2, error: 'no-keys' });
    const repaired = await checked.asked([true], (session, io) => checkByCommand(session, { key: [K3], repair: true }, io));
    expect({ code: repaired.code, asked: repaired.questions }).toEqual({ code: 3, asked: ['Begin?'] });
    expect(repaired.stdout).toMatch(/pk=k3,sk=1 +differed; repaired/);
  });

  it('says who it was that approved, and refuses to go on with what is over', async () => {
    const checked = await planted();
    const { id } = await checked.rig.start({ action: 'ask' });
    const outcome = await checked.asked([true], (session, io) => resumeByCommand(session, id, {}, io));
    expect(outcome.questions).toEqual(['Repair 3 keys, 1 of them by deleting what only the member has?']);
    const over = await checked.run('check', '--resume', id, '--json');
    expect(over.json).toMatchObject({ result: 'repaired', approvedBy: 'a person' });
  });

  it('is cancelled for good: what was found stays known, nothing of it is repaired', async () => {
    const checked = await planted();
    const { id } = await checked.rig.start({ action: 'ask' });
    const outcome = await checked.asked([false], (session, io) => resumeByCommand(session, id, {}, io));
    expect(outcome.stdout).toContain(`To end it for good:\n  syncline check --cancel ${id}`);
    const cancelled = await checked.run('check', '--cancel', id, '--json');
    expect(cancelled.code).toBe(0);
    expect(cancelled.json).toMatchObject({ result: 'failed', phase: 'done', failed: expect.stringMatching(/^It was cancelled by /) });
    expect(link(cancelled)).toMatchObject({ divergent: 3, repaired: 0 });
    await checked.rig.pass(10_000);
    expect(checked.rig.isEqual(checked.rig.world.secondary)).toBe(false);
    const again = await checked.run('check', '--cancel', id, '--json');
    expect({ code: again.code, error: again.json.error.code }).toEqual({ code: 1, error: 'not-under-way' });
  });
});
