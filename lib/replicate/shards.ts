import { numberValue, sequenceValue, shardKey } from '../core/formats/rows.ts';
import { RemoteError } from '../ports/errors.ts';
import type { Clock } from '../ports/runtime.ts';
import type { ShardDescription, StreamPort } from '../ports/stream.ts';
import type { TablePort } from '../ports/table.ts';

/** How long a stream's description is believed (ms). A record of a shard that is not in it causes one new look. */
const DESCRIPTION_AGE_MAX_MS = 60_000;

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

/** Finds the shard of a batch, with a description that is kept between the invocations of one sandbox. */
export class ShardFinder {
  readonly #stream: StreamPort;
  readonly #clock: Clock;
  #arn = '';
  #at = Number.NEGATIVE_INFINITY;
  #shards: readonly ShardDescription[] = [];

  constructor(stream: StreamPort, clock: Clock) {
    this.#stream = stream;
    this.#clock = clock;
  }

  /** The shard, or undefined when it is not certain or cannot be asked now: a checkpoint is a hint, never worth a failure. */
  async find(arn: string, sequence: string): Promise<string | undefined> {
    const now = this.#clock.elapsed();
    if (arn !== this.#arn || now - this.#at > DESCRIPTION_AGE_MAX_MS) {
      try {
        this.#shards = await this.#stream.shards(arn);
      } catch (error) {
        if (!(error instanceof RemoteError)) throw error;
        this.#shards = [];
      }
      this.#arn = arn;
      this.#at = now;
    }
    return shardOf(this.#shards, sequence);
  }
}

/** Grows one reader's mark of a shard; a mark that is further already stays. @throws RemoteError */
export async function growMark(table: TablePort, control: string, shard: string, reader: 'sent' | 'seen', sequence: string, atMs: number): Promise<void> {
  const value = sequenceValue(sequence);
  await table.update(
    control,
    shardKey(shard),
    { set: { f: { N: '1' }, [reader]: value, [`${reader}At`]: numberValue(atMs) } },
    {
      op: 'or',
      of: [
        { op: 'absent', path: [reader] },
        { op: '<', path: [reader], value },
      ],
    },
  );
}
