import { SeededChance } from '../../../../lib/adapters/memory/chance.ts';
import type { AttributeValue, Item } from '../../../../lib/core/attribute.ts';
import { keyOfName, nameOfKey } from '../../set.ts';
import type { Arguments } from '../arguments.ts';
import { UsageError } from '../arguments.ts';
import { values } from '../names.ts';
import type { Stage } from '../stage.ts';
import type { Verbs } from './verb.ts';

/** What people and programs do to the tables. Each write prints its name, "a3", or "refused". */
export const WRITES: Verbs = {
  /** `put MEMBER KEY v=N [ix=TEXT] [ixn=N] [kb=N]`: with an indexed attribute of text, or of a number, which secondaries refuse; padded with what does not compress. */
  put(stage, args) {
    const member = stage.member(args.word('member'));
    const key = args.word('key');
    return written(stage, member, { ...keyOfName(key), ...given(args, true) });
  },

  /** `remove MEMBER KEY` */
  remove(stage, args) {
    const member = stage.member(args.word('member'));
    const key = args.word('key');
    const before = stage.names.latest(member);
    stage.world.removeByHand(member, key);
    const after = stage.names.latest(member);
    return [after === before || after === undefined ? 'nothing there' : `${after} -${key}`];
  },

  /** `copy MEMBER KEY to MEMBER KEY [v=N] …`: the whole item, our metadata in it, with what is given in place of its own. */
  copy(stage, args) {
    const from = stage.member(args.word('member'));
    const key = args.word('key');
    if (args.word('"to"') !== 'to') throw new UsageError('after the key comes "to"');
    const to = stage.member(args.word('member'));
    const item = stage.world.set.items(from).read(keyOfName(key));
    if (item === undefined) throw new UsageError(`${from} has no ${key}`);
    return written(stage, to, { ...item, ...keyOfName(args.word('key')), ...given(args, false) });
  },

  /** `expire MEMBER KEY`: DynamoDB's own TTL removes the item. */
  expire(stage, args) {
    const member = stage.member(args.word('member'));
    const key = args.word('key');
    const before = stage.names.latest(member);
    stage.world.set.items(member).remove(keyOfName(key), stage.world.nowAt(member), true);
    const after = stage.names.latest(member);
    return [after === before || after === undefined ? 'nothing there' : `${after} -${key}`];
  },

  /** `ttl MEMBER`: DynamoDB's own TTL removes what has expired from all tables of a member, tombstones first of all. */
  ttl(stage, args) {
    return [`${stage.world.set.region(stage.member(args.word('member'))).expireItems()} expired`];
  },
};

function given(args: Arguments, needed: boolean): Record<string, AttributeValue> {
  const v = args.number('v');
  if (v === undefined && needed) throw new UsageError('v=N is missing');
  const text = args.option('ix');
  const ixn = args.number('ixn');
  const kb = args.number('kb');
  return {
    ...(v !== undefined && { v: { N: String(v) } }),
    ...(text !== undefined && { ix: { S: text } }),
    ...(ixn !== undefined && { ix: { N: String(ixn) } }),
    ...(kb !== undefined && { pad: { B: noise(kb, v ?? 0) } }),
  };
}

/** So many KiB that no compression makes smaller. */
function noise(kb: number, seed: number): string {
  const chance = new SeededChance(seed);
  const bytes = Buffer.alloc(kb * 1_024);
  for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(Math.floor(chance.random() * 2 ** 32), at);
  return bytes.toString('base64');
}

function written(stage: Stage, member: string, item: Item): readonly string[] {
  const before = stage.names.latest(member);
  const refusal = refusalOf(stage, member, item);
  if (refusal !== undefined) return [`refused: ${refusal}`];
  stage.world.byHand(member, item);
  const after = stage.names.latest(member);
  return [after === before || after === undefined ? 'no change' : `${after} ${nameOfKey(item)} ${values(item)}`];
}

function refusalOf(stage: Stage, member: string, item: Item): string | undefined {
  try {
    stage.world.set.items(member).checkItem(item);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
