import { linkKey, numberValue, SEAT_KEY, stringValue } from '../../../../lib/core/formats/rows.ts';
import { KEY } from '../../set.ts';
import type { Arguments } from '../arguments.ts';
import { UsageError } from '../arguments.ts';
import { beginMinute } from '../flows.ts';
import type { Stage, Task } from '../stage.ts';
import type { Verbs } from './verb.ts';

/** What a person does, or later the control plane and the checker. */
export const ROLES: Verbs = {
  /** `promote MEMBER [unreachable=A,B] [as=NAME]`: raises the fences, waits, accepts. `as`: begin, and do not wait for it. */
  async promote(stage, args) {
    const member = stage.member(args.word('member'));
    const away = (args.option('unreachable') ?? '').split(',').filter((m) => m !== '');
    for (const m of away) stage.member(m);
    const { operator, model } = stage.world;
    const work = async (): Promise<readonly string[]> => {
      await operator.promote(member, (m) => !away.includes(m));
      const role = model.primary;
      return [role?.member === member ? `${member} is primary in epoch ${role.epoch}` : `${member} was not accepted`];
    };
    return begun(stage, args, stage.begin(work()));
  },

  /** `minute MEMBER`: its minute run. */
  minute(stage, args) {
    return begun(stage, args, beginMinute(stage, stage.member(args.word('member'))));
  },

  /** `resync LINK KEY …`: asks for these keys to be made equal. */
  async resync(stage, args) {
    const link = stage.link(args.word('link'));
    const keys = args.rest();
    if (keys.length === 0) throw new UsageError('names of keys are missing');
    const stored = await stage.world.clock.run(stage.world.operator.resync(link.source, link.target, keys));
    return [stored ? 'sent' : 'not stored'];
  },

  /** `mend`: what a person does after an outage: seats for members that came back empty, stale links open, what is in doubt resynced. */
  async mend(stage) {
    await stage.world.clock.run(stage.world.operator.reopenAll());
    await stage.world.clock.run(stage.world.operator.resyncDoubtful());
    return [];
  },

  /** `pause LINK` */
  async pause(stage, args) {
    const link = stage.link(args.word('link'));
    const { set, clock } = stage.world;
    const row = { state: stringValue('paused'), since: numberValue(Math.floor(stage.world.nowAt(link.source))) };
    await clock.run(set.region(link.source).table.update(set.controlName(link.source), linkKey(link.target), { set: row }));
    return [];
  },
  /** `reopen LINK` */
  async reopen(stage, args) {
    const link = stage.link(args.word('link'));
    await stage.world.clock.run(stage.world.operator.reopen(link.source, link.target));
    return [];
  },

  /** `wipe MEMBER`: it loses everything and is there again, empty, without a seat. */
  wipe(stage, args) {
    stage.world.wipe(stage.member(args.word('member')));
    return [];
  },

  /** `recreate MEMBER`: its items table is deleted and made anew, empty, under the same name; its seat is as before. */
  recreate(stage, args) {
    const member = stage.member(args.word('member'));
    const { set, doubt, oracles } = stage.world;
    const { name, indexes } = set.items(member);
    set.region(member).deleteTable(name);
    set.region(member).createTable({ name, key: KEY, stream: true, indexes });
    for (const link of set.links) if (link.source === member || link.target === member) doubt.all(link.id, `the table of ${member} was made anew`);
    for (const oracle of oracles) oracle.wiped?.(member);
    return [];
  },

  /** `open-elsewhere MEMBER SETTER`: another region's clock has set `open` at a member, in the same epoch: long ago, by that clock. */
  async 'open-elsewhere'(stage, args) {
    const member = stage.member(args.word('member'));
    const setter = args.word('setter');
    const { set, clock } = stage.world;
    const open = { M: { region: stringValue(setter), at: numberValue(0) } };
    await clock.run(set.region(member).table.update(set.controlName(member), SEAT_KEY, { set: { open } }));
    return [];
  },
};

async function begun(stage: Stage, args: Arguments, task: Task): Promise<readonly string[]> {
  const as = args.option('as');
  const writes = args.flag('writes');
  if (as !== undefined) {
    stage.tasks.set(as, task);
    return [];
  }
  const lines = [...(await stage.wait(task))];
  return writes ? [...lines, ...stage.takeEffects(task.process)] : lines;
}
