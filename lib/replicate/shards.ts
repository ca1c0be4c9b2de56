import { CLOCK_OFFSET_MAX_MS } from '../core/constants.ts';
import type { ShardTail } from '../core/formats/rows.ts';
import { numberValue, sequenceValue, shardKey, tailValue } from '../core/formats/rows.ts';
import type { Clock } from '../ports/runtime.ts';
import type { ShardDescription, StreamPort } from '../ports/stream.ts';
import type { TablePort } from '../ports/table.ts';

/** How long the description of a stream with several open shards is believed (ms): it can name none, and looking costs a request. */
const DESCRIPTION_AGE_MAX_MS = 60_000;
/**
 * A record this much older than the look at its stream was surely made before it (ms): its time is a whole second, of
 * another host's clock.
 */
const SURELY_BEFORE_MS = 1_000 + CLOCK_OFFSET_MAX_MS;

/**
 * The shard that holds a sequence number, if that is certain. Pure.
 *
 * Lambda's event does not name the shard (but for mappings with a tumbling window), and ranges of open shards overlap:
 * then the answer is undefined, and the batch moves no checkpoint. See the gaps table of docs/SPEC.md.
 */
export function shardOf(shards: readonly ShardDescription[], sequence: string): string | undefined {
  const number = BigInt(sequence);
  let found: string | undefined;
  for (const shard of shards) {
    if (number < BigInt(shard.first) || (shard.last !== undefined && number > BigInt(shard.last))) continue;
    if (found !== undefined) return undefined;
    found = shard.id;
  }
  return found;
}

/** Most ancestors of a shard that are named: more than a shard has in a day, after which a closed one is described no more. */
export const ANCESTORS_MAX = 32;

/**
 * The ids of a shard's ancestors, its parent first, as far as they are known: the last one may be described no more. Pure.
 */
export function ancestorsOf(shards: readonly ShardDescription[], id: string): readonly string[] {
  const parents = new Map(shards.map((shard) => [shard.id, shard.parentId]));
  const found: string[] = [];
  for (let parent = parents.get(id); parent !== undefined && found.length < ANCESTORS_MAX; parent = parents.get(parent)) found.push(parent);
  return found;
}

/** Finds the shard of a batch, with a description that is kept between the invocations of one sandbox. */
export class ShardFinder {
  readonly #stream: StreamPort;
  readonly #clock: Clock;
  #arn = '';
  #at = Number.NEGATIVE_INFINITY;
  /** Wall time before the last look. */
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #shards: readonly ShardDescription[] = [];

  constructor(stream: StreamPort, clock: Clock) {
    this.#stream = stream;
    this.#clock = clock;
  }

  /**
   * The shard, or undefined when it is not certain.
   *
   * ⚠ A description that failed is no uncertainty: try again. What fan-out loses is told by the marks of both readers (lib/reconcile/behind.ts),
   * so a mark that is left out for a passing failure hides a loss, or feigns one. (Found by simulation.)
   *
   * ⚠ A description says nothing of records that are younger than it: its shard may have split since, and what its
   * children hold would count as its own. (Found by simulation: a mark ran ahead of records that were never sent.)
   *
   * @param createdMs when the record was made.
   * @throws RemoteError when the stream cannot be described.
   */
  async find(arn: string, sequence: string, createdMs: number): Promise<string | undefined> {
    const now = this.#clock.elapsed();
    const covers = arn === this.#arn && createdMs + SURELY_BEFORE_MS < this.#lookedAtMs;
    if (!covers) {
      // Of several open shards none can be told, now or soon after. What a closed one holds is fixed: its last records can.
      if (arn === this.#arn && now - this.#at < DESCRIPTION_AGE_MAX_MS && this.#shards.filter((s) => s.last === undefined).length > 1) {
        const id = shardOf(this.#shards, sequence);
        return this.#shards.find((s) => s.id === id)?.last === undefined ? undefined : id;
      }
      await this.#look(arn);
    }
    return shardOf(this.#shards, sequence);
  }

  /**
   * The ids of a shard's ancestors, its parent first, as far as the stream's description names them. A shard's parent never changes.
   *
   * @throws RemoteError when the stream cannot be described.
   */
  async ancestors(arn: string, shard: string): Promise<readonly string[]> {
    if (arn !== this.#arn || !this.#shards.some(({ id }) => id === shard)) await this.#look(arn);
    return ancestorsOf(this.#shards, shard);
  }

  async #look(arn: string): Promise<void> {
    const [at, lookedAtMs] = [this.#clock.elapsed(), this.#clock.now()];
    this.#shards = await this.#stream.shards(arn);
    this.#arn = arn;
    this.#at = at;
    this.#lookedAtMs = lookedAtMs;
  }
}

/**
 * Grows one reader's mark of a shard; a mark that is further already stays.
 *
 * @param tail the segment of the log that ends with the record: the observer's mark grows together with it.
 * @throws RemoteError
 */
export async function growMark(
  table: TablePort,
  control: string,
  shard: string,
  reader: 'sent' | 'seen',
  sequence: string,
  atMs: number,
  tail?: ShardTail,
): Promise<void> {
  const value = sequenceValue(sequence);
  await table.update(
    control,
    shardKey(shard),
    { set: { f: { N: '1' }, [reader]: value, [`${reader}At`]: numberValue(atMs), ...(tail !== undefined && { tail: tailValue(tail) }) } },
    {
      op: 'or',
      of: [
        { op: 'absent', path: [reader] },
        { op: '<', path: [reader], value },
      ],
    },
  );
}
