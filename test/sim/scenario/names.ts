import type { StoredMessage } from '../../../lib/adapters/memory/queue.ts';
import type { Item } from '../../../lib/core/attribute.ts';
import { text } from '../../../lib/core/attribute.ts';
import type { LaneMessage } from '../../../lib/core/formats/message.ts';
import { decodeMessage, isDelete } from '../../../lib/core/formats/message.ts';
import type { Position } from '../../../lib/core/formats/position.ts';
import { epochOf, readPosition, sequenceOf } from '../../../lib/core/formats/position.ts';
import type { Version } from '../model.ts';
import type { Oracle } from '../oracle.ts';
import { INDEXED, nameOfKey } from '../set.ts';
import type { World } from '../world.ts';

/**
 * Names for what has other numbers in every run. The third write that the table of member a took is "a3", whoever wrote
 * it; its position in epoch 1 is "1/a3", and the position before all writes of epoch 2 is "2/0".
 */
export class Names {
  readonly #world: World;
  readonly #byRecord = new Map<string, string>();
  readonly #versions = new Map<string, Version>();
  readonly #counts = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
  }

  /** Sees every write. */
  readonly oracle: Oracle = {
    name: 'names',
    recorded: (version) => {
      const count = (this.#counts.get(version.member) ?? 0) + 1;
      this.#counts.set(version.member, count);
      const name = `${version.member}${count}`;
      this.#byRecord.set(`${version.stream}|${version.sequence}`, name);
      this.#versions.set(name, version);
    },
  };

  /** The write of that name, "a3"; undefined when there was none. */
  version(name: string): Version | undefined {
    return this.#versions.get(name);
  }
  /** The name of the newest write that a member's table took; undefined when it took none. */
  latest(member: string): string | undefined {
    const count = this.#counts.get(member);
    return count === undefined ? undefined : `${member}${count}`;
  }
  record(stream: string, sequence: string | bigint): string {
    return this.#byRecord.get(`${stream}|${BigInt(sequence)}`) ?? '?';
  }
  /** The write of an epoch that has this sequence number. */
  inEpoch(epoch: number, sequence: string | bigint): string {
    const role = this.#world.model.roles.find((r) => r.epoch === epoch);
    const named = role === undefined ? '?' : this.record(role.stream, sequence);
    if (named !== '?') return named;
    // A change that is not of its epoch's stream is named by any stream that has the number, so that it can be seen.
    const any = [...this.#byRecord].find(([id]) => id.endsWith(`|${BigInt(sequence)}`));
    return any === undefined ? '?' : any[1];
  }
  position(p: Position): string {
    const sequence = sequenceOf(p);
    return `${epochOf(p)}/${sequence === 0n ? '0' : this.inEpoch(epochOf(p), sequence)}`;
  }

  /** What a message says, on one line: "epoch 1: a1 k0 v=1, a2 -k0". */
  content(message: LaneMessage | undefined): string {
    if (message === undefined) return 'not readable';
    const { epoch } = message;
    if (message.kind === 'changes') {
      const list = message.changes.map((c) => `${this.inEpoch(epoch, c.q)} ${isDelete(c) ? `-${nameOfKey(c.k)}` : `${nameOfKey(c.i)} ${values(c.i)}`}`);
      return `epoch ${epoch}: ${list.join(', ')}`;
    }
    if (message.keys.length === 0) return `epoch ${epoch}: marker`;
    const keys = message.keys.map(
      ({ k, p }) => `${nameOfKey(k)}${p === undefined ? '' : ` contains ${this.position(readPosition(Buffer.from(p, 'base64')))}`}`,
    );
    return `epoch ${epoch}: resync ${keys.join(', ')}`;
  }
  /** The same of a message in a queue. */
  stored(message: Pick<StoredMessage, 'body'>): string {
    return this.content(decoded(message.body));
  }
}

function decoded(body: string): LaneMessage | undefined {
  try {
    return decodeMessage(body);
  } catch {
    return undefined;
  }
}

/** The attributes that scenarios write: "v=1", "v=1 ix=7". */
export function values(item: Item): string {
  const v = text(item['v'], 'N') ?? '?';
  const ix = text(item[INDEXED], 'N') ?? text(item[INDEXED], 'S');
  return ix === undefined ? `v=${v}` : `v=${v} ix=${ix}`;
}
