import { encodeMessage } from '../../../../lib/core/formats/message.ts';
import { laneGroup } from '../../../../lib/core/lanes.ts';
import { laneOfGroup } from '../../messages.ts';
import type { Arguments } from '../arguments.ts';
import { durationMs, UsageError } from '../arguments.ts';
import { beginApply, deleteFinished, receive } from '../flows.ts';
import type { Received, Stage } from '../stage.ts';
import type { Verbs } from './verb.ts';

/** A link's queue, and the invocations of apply that it feeds. */
export const LANES: Verbs = {
  /** `receive LINK as=NAME [max=N]`: as Lambda's mapping does; they are hidden for 180 s. */
  receive(stage, args) {
    const link = stage.link(args.word('link'));
    const max = args.number('max');
    const received = receive(stage, link, max);
    stage.received.set(nameOf(args), received);
    return received.messages.length === 0 ? ['nothing'] : listed(stage, received);
  },

  /** `apply NAME [remaining=DURATION] [background] [writes]`: gives what was received as NAME to an invocation; nothing is deleted. */
  async apply(stage, args) {
    const name = args.word('name');
    const task = beginApply(stage, stage.batch(name), args.ms('remaining'));
    stage.tasks.set(name, task);
    if (args.flag('background')) return [];
    return finish(stage, args, name);
  },

  /** `finish NAME [writes]`: waits until it is done. */
  finish: (stage, args) => finish(stage, args, args.word('name')),

  /** `delete NAME`: deletes of what was received as NAME what apply did not name as failed, as Lambda does. */
  delete(stage, args) {
    const name = args.word('name');
    const received = stage.batch(name);
    if (received.failures === undefined) throw new UsageError(`apply has not answered for "${name}", so Lambda deletes nothing`);
    const { deleted, refused } = deleteFinished(stage, received);
    const lines = deleted.length > 0 ? [`deletes ${deleted.join(' ')}`] : ['deletes nothing'];
    if (refused.length > 0) lines.push(`refused: ${refused.join(' ')}`);
    return lines;
  },

  /** `deliver LINK [max=N] [writes]`: receive, apply and delete, one after another. */
  async deliver(stage, args) {
    const received = receive(stage, stage.link(args.word('link')), args.number('max'));
    if (received.messages.length === 0) return ['nothing'];
    const task = beginApply(stage, received);
    const lines = [...(await stage.wait(task))];
    if (args.flag('writes')) lines.push(...stage.takeEffects(task.process));
    if (received.failures !== undefined) deleteFinished(stage, received);
    return lines;
  },

  /** `redeliver LINK`: all its messages are visible again, as after their visibility timeout. */
  redeliver(stage, args) {
    const link = stage.link(args.word('link'));
    const now = stage.world.nowAt(link.source);
    const hidden = link.queue.contents(now).filter((m) => m.hiddenUntilMs > now);
    for (const m of hidden) link.queue.changeVisibility(m.receipt as string, 0, now);
    return [`${hidden.length} visible again`];
  },

  /** `send LINK lane=N garbage|other-set|report`: a message of somebody else. */
  send(stage, args) {
    const link = stage.link(args.word('link'));
    const lane = args.number('lane') ?? 0;
    const kind = args.word('what');
    const { world } = stage;
    const base = { kind: 'resync', epoch: 1, source: link.source, lane, lanes: world.knobs.lanes, sent: world.nowAt(link.source), keys: [] } as const;
    const bodies: Record<string, string | undefined> = {
      garbage: 'AgAAAA==',
      'other-set': encodeMessage({ ...base, set: 'other', mode: 'repair' }),
      report: encodeMessage({ ...base, set: 'sim', mode: 'report' }),
    };
    const body = bodies[kind];
    if (body === undefined) throw new UsageError(`"${kind}" is none of ${Object.keys(bodies).join(', ')}`);
    link.queue.send({ id: '0', body, group: laneGroup(lane), dedup: `by-hand-${link.queue.size}` }, world.nowAt(link.source));
    return [];
  },

  /** `purge LINK`: all messages of its queue are gone. */
  purge(stage, args) {
    const link = stage.link(args.word('link'));
    const { size } = link.queue;
    link.queue.purge();
    return [`${size} gone`];
  },

  /** `freeze NAME DURATION`: its process stops, as a paused machine does. */
  freeze(stage, args) {
    const task = stage.task(args.word('name'));
    task.process?.freeze(durationMs(args.word('duration')));
    return [];
  },
  /** `thaw NAME`: it goes on. */
  thaw(stage, args) {
    stage.task(args.word('name')).process?.thaw(0);
    return [];
  },
  /** `kill NAME`: its process ends at once; what it has sent takes its course. */
  kill(stage, args) {
    stage.task(args.word('name')).process?.kill();
    return [];
  },
};

async function finish(stage: Stage, args: Arguments, name: string): Promise<readonly string[]> {
  const task = stage.task(name);
  const lines = [...(await stage.wait(task))];
  if (args.flag('writes')) lines.push(...stage.takeEffects(task.process));
  return lines;
}

function nameOf(args: Arguments): string {
  const name = args.option('as');
  if (name === undefined) throw new UsageError('as=NAME is missing');
  return name;
}

function listed(stage: Stage, { messages, names }: Received): readonly string[] {
  return messages.map((m) => {
    const again = m.receiveCount === 1 ? '' : `, received ${m.receiveCount} times`;
    return `${names.get(m.id) ?? '?'} lane ${laneOfGroup(m.group)} ${stage.names.stored(m)}${again}`;
  });
}
