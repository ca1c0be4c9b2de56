import { position } from '../../../lib/core/formats/position.ts';
import type { SendEntry } from '../../../lib/ports/queue.ts';
import type { MakeOracle } from '../oracle.ts';
import { show } from './held.ts';

/**
 * What may be put into a lane. Rule 5 (and I9): an image is a write by a user, in the stream and the epoch of its sender's
 * own seat; nothing that was replicated is sent again. Rule 6: a call carries one message of a lane, and nothing goes to a
 * lane after a send that failed. Rule 7: no send is taken for a duplicate of another.
 */
export const lanes: MakeOracle = (world) => {
  /** Lanes to which a send of this invocation has failed: process → link and lane. */
  const failed = new Map<string, Set<string>>();
  /** Messages that were stored by the request whose effect is taking place. */
  let storedNow = 0;
  return {
    name: 'lanes',
    began(process) {
      failed.delete(process.name);
    },
    effect(call, answer) {
      if (call.op !== 'sendBatch' || call.by === undefined || !call.by.name.includes('/fanout')) return;
      const [url, entries] = call.args as [string, readonly SendEntry[]];
      const groups = entries.map((e) => e.group);
      const kept = storedNow;
      storedNow = 0;
      if (new Set(groups).size !== groups.length) world.violate('rule 6', `${call.by.name} sent two messages of one lane in one call: ${groups.join(' ')}`);
      const lost = failed.get(call.by.name) ?? new Set<string>();
      const after = groups.find((g) => lost.has(`${url} ${g}`));
      if (after !== undefined) world.violate('rule 6', `${call.by.name} sent to ${after} after a send to it had failed`);
      const refused = new Set(((answer as { failed?: readonly { id: string }[] } | undefined)?.failed ?? []).map((f) => f.id));
      if (kept < entries.length - refused.size)
        world.violate(
          'rule 7',
          `${call.by.name} was told that ${entries.length - refused.size} messages are stored, but ${kept} are: the others were taken for duplicates`,
        );
      for (const entry of entries) if (refused.has(entry.id)) lost.add(`${url} ${entry.group}`);
      failed.set(call.by.name, lost);
    },
    stored(message) {
      const { content, link } = message;
      if (message.by.includes('/fanout')) storedNow += 1;
      if (content === undefined || !message.by.includes('/')) return;
      const role = world.model.roles.find((r) => r.epoch === content.epoch);
      if (role === undefined || role.member !== link.source) {
        world.violate('rule 5', `${message.name} of ${link.id} carries epoch ${content.epoch}, which ${link.source} does not own`);
        return;
      }
      if (content.kind !== 'changes' || !message.by.includes('/fanout')) return;
      for (const change of content.changes) {
        const version = world.model.versionAt(content.epoch, BigInt(change.q));
        // Long runs forget old writes; what is of another stream is not found, either, and is what this looks for.
        if (version === undefined) {
          if (!world.model.forgets)
            world.violate('rule 5', `${message.name} carries ${show(position(content.epoch, change.q))}, which is no write of that epoch's stream`);
          continue;
        }
        if (version.by === 'apply') world.violate('I9', `${message.name} carries a replicated write of "${version.key}"`, version.key);
        if (version.createdMs <= role.since)
          world.violate(
            'rule 5',
            `${message.name} carries a write of "${version.key}" from before ${role.member} was primary in epoch ${content.epoch}`,
            version.key,
          );
      }
    },
  };
};
