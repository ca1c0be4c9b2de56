import type { StoredMessage } from '../../../../lib/adapters/memory/queue.ts';
import { decodeRefused, REFUSED } from '../../../../lib/core/formats/refused-row.ts';
import type { Seat } from '../../../../lib/core/formats/rows.ts';
import { decodeShard, isPrimary, SHARD } from '../../../../lib/core/formats/rows.ts';
import { metaOf } from '../../../../lib/core/formats/seal.ts';
import { laneOfGroup } from '../../messages.ts';
import { heldAt } from '../../oracles/held.ts';
import { nameOfKey } from '../../set.ts';
import { values } from '../names.ts';
import type { Stage } from '../stage.ts';
import type { Verbs } from './verb.ts';

/** TableIds are others in every run. */
const UUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/** Looking, past the ports: nothing changes by it. */
export const LOOKS: Verbs = {
  /** `show MEMBER [KEY …]`: items, with the kind and position of their seal. */
  show(stage, args) {
    const member = stage.member(args.word('member'));
    const named = args.rest();
    const keys = named.length > 0 ? named : stage.world.set.items(member).items().map(nameOfKey).sort();
    return keys.length === 0 ? ['no items'] : keys.map((key) => `${key} ${shown(stage, member, key)}`);
  },

  /** `tombstone MEMBER KEY`: its kind and position. */
  tombstone(stage, args) {
    const member = stage.member(args.word('member'));
    const { tombstone } = heldAt(stage.world, member, args.word('key'));
    return [tombstone === undefined ? 'none' : `${tombstone.kind} ${stage.names.position(tombstone.position)}`];
  },

  /** `queue LINK`: its messages, in the order in which they were stored. */
  queue(stage, args) {
    const link = stage.link(args.word('link'));
    const now = stage.world.nowAt(link.source);
    return messages(stage, link.queue.contents(now), (m) => (m.hiddenUntilMs > now ? ', hidden' : ''));
  },

  /** `dlq LINK`: its dead letters, with the reason's first words. */
  dlq(stage, args) {
    const link = stage.link(args.word('link'));
    return messages(stage, link.dlq.contents(stage.world.nowAt(link.source)), (m) => ` (${(m.attributes['reason'] ?? 'no reason').split(/[:;]/)[0]})`);
  },

  /** `refused MEMBER`: keys that it is known to refuse. */
  refused(stage, args) {
    const member = stage.member(args.word('member'));
    const rows = stage.world.set
      .control(member)
      .items()
      .filter((row) => (row['pk'] as { S: string }).S === REFUSED)
      .map(decodeRefused)
      .map((r) => `${nameOfKey(r.key)} from ${r.link} at ${stage.names.position(r.position)}: ${r.reason.split(/[:;]/)[0]}`);
    return rows.length === 0 ? ['none'] : rows.sort();
  },

  /** `link LINK`: its row at the source. */
  link(stage, args) {
    const link = stage.link(args.word('link'));
    const row = stage.world.set.linkRow(link.source, link.target);
    if (row === undefined) return ['no row'];
    const lines = [row.why === undefined ? row.state : `${row.state}: ${row.why}`];
    if (row.failing !== undefined) lines.push(`failing: ${row.failing.why.split('. ')[0]?.replaceAll(UUID, 'ID')}`);
    if (row.refusing !== undefined) lines.push(`refusing: ${row.refusing.why}`);
    return lines;
  },

  /** `seat MEMBER` */
  seat(stage, args) {
    const member = stage.member(args.word('member'));
    const seat = stage.world.set.seat(member);
    if (seat === undefined) return ['none'];
    return [`own ${seat.own}, fence ${seat.fence}${isPrimary(seat) ? ', primary' : ''}, ${openness(stage, seat.open)}`];
  },

  /** `shard MEMBER`: how far its two readers say that they are. */
  shard(stage, args) {
    const member = stage.member(args.word('member'));
    const { stream } = stage.world.set.items(member);
    const rows = stage.world.set
      .control(member)
      .items()
      .filter((row) => (row['pk'] as { S: string }).S === SHARD);
    const name = (mark: { sequence: string } | undefined): string => (mark === undefined ? 'nothing' : stage.names.record(stream?.arn ?? '', mark.sequence));
    const lines = rows.map(decodeShard).sort((a, b) => (a.id < b.id ? -1 : 1));
    return lines.length === 0 ? ['no marks'] : lines.map(({ sent, seen }) => `sent ${name(sent)}, seen ${name(seen)}`);
  },
};

/** Whether appliers of the fence's epoch may begin, by the clock that says it. */
function openness(stage: Stage, open: Seat['open']): string {
  if (open === undefined) return 'never open';
  return stage.world.nowAt(stage.member(open.region)) < open.at ? 'not open yet' : 'open';
}

function shown(stage: Stage, member: string, key: string): string {
  const { item, seal } = heldAt(stage.world, member, key);
  if (item === undefined) return 'absent';
  if (seal !== undefined) return `${values(item)} ${seal.kind} ${stage.names.position(seal.position)}`;
  return metaOf(item).seal === undefined ? values(item) : `${values(item)}, its seal does not count`;
}

function messages(stage: Stage, list: readonly StoredMessage[], more: (message: StoredMessage) => string): readonly string[] {
  if (list.length === 0) return ['empty'];
  return list.map((m) => {
    const lane = /^lane-\d+$/.test(m.group) ? `lane ${laneOfGroup(m.group)}` : m.group;
    const name = stage.world.messages.known(m.id)?.name;
    return `${name === undefined ? '' : `${name} `}${lane} ${stage.names.stored(m)}${more(m)}`;
  });
}
