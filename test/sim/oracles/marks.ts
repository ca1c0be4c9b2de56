import { isDelete } from '../../../lib/core/formats/message.ts';
import { decodeShard, isPrimary } from '../../../lib/core/formats/rows.ts';
import type { Version } from '../model.ts';
import type { MakeOracle } from '../oracle.ts';
import { nameOfKey } from '../set.ts';

/**
 * Rule 8: fan-out's mark of a shard covers only records that are stored in every open link's queue: as an image, or as
 * a resync of their key that was sent after them.
 */
export const marks: MakeOracle = (world) => {
  /** (link, stream, sequence) stored as images; (link, key) → time of the newest resync that was stored. */
  const images = new Set<string>();
  const resyncs = new Map<string, number>();
  /** How far each shard's mark was checked. */
  const checked = new Map<string, bigint>();
  return {
    name: 'marks',
    stored({ content, link, t }) {
      if (content === undefined) return;
      if (content.kind === 'resync') for (const k of content.keys) resyncs.set(`${link.id} ${nameOfKey(k.k)}`, t);
      else {
        const role = world.model.roles.find((r) => r.epoch === content.epoch);
        for (const c of content.changes) images.add(`${link.id} ${role?.stream} ${c.q} ${nameOfKey(isDelete(c) ? c.k : c.i)}`);
      }
    },
    effect(call) {
      if (call.op !== 'update' || call.by === undefined || !call.by.name.includes('/fanout')) return;
      const member = call.region;
      const sk = (call.args[1] as { pk: { S: string }; sk: { S: string } }).sk.S;
      if ((call.args[1] as { pk: { S: string } }).pk.S !== 'shard') return;
      const row = world.set.control(member).read(call.args[1] as never);
      const sent = row === undefined ? undefined : decodeShard(row).sent;
      const role = world.model.primary;
      const seat = world.set.seat(member);
      // What is written at a member that was deposed meanwhile is an orphan: nobody sends it.
      if (sent === undefined || role === undefined || seat === undefined || !isPrimary(seat)) return;
      const upTo = BigInt(sent.sequence);
      const id = `${member} ${sk}`;
      const from = checked.get(id) ?? -1n;
      if (upTo <= from) return;
      checked.set(id, upTo);
      // A mark is moved only where the shard is certain: when the stream has one that holds these numbers.
      const latest = world.model.latest(member);
      for (let i = latest.length - 1; i >= 0 && role.member === member; i -= 1) {
        const version = latest[i] as Version;
        if (version.stream !== role.stream || version.sequence <= from) break;
        if (version.sequence > upTo || version.by !== 'user' || version.epoch === undefined || version.epoch !== role.epoch) continue;
        for (const link of world.set.links) {
          if (link.source !== member || world.set.linkRow(member, link.target)?.state === 'stale' || world.doubt.why(link.id) !== undefined) continue;
          if (images.has(`${link.id} ${version.stream} ${version.sequence} ${version.key}`)) continue;
          if ((resyncs.get(`${link.id} ${version.key}`) ?? -1) >= version.t) continue;
          world.violate(
            'rule 8',
            `${call.by.name} marked ${sk} as sent up to ${upTo}, but "${version.key}"@${version.sequence} is not stored for ${link.id}`,
            version.key,
          );
        }
      }
    },
  };
};
