import { GetObjectCommand, paginateListObjectsV2 } from '@aws-sdk/client-s3';
import { STREAM_BATCH_RECORDS } from '../../lib/core/constants.ts';
import { LOG_PREFIX, streamLabel } from '../../lib/core/formats/archive-names.ts';
import { decodeSegment } from '../../lib/core/formats/segment.ts';
import { sameItem } from '../../local/demo/equal.ts';
import { type Bench, eventFile, FREE, invoke, plus, startHandler } from '../bench.ts';
import { checkEqual, WrongResultError } from '../check.ts';
import { batches, type Changes, sequenceOf, streamEvent } from '../events.ts';
import { itemOf } from '../items.ts';
import { BUCKET, functionEnvironment, type Site, SOURCE } from '../site.ts';
import type { Cost } from '../workers/protocol.ts';
import type { Worker } from '../workers.ts';

/** Gives stream events to the real observer, and looks at the log that it has written. */

const SHARD = 'shardId-00000000000000000000-bench';

/** Segments as they are in the bucket. */
export interface StoredSegment {
  readonly name: string;
  readonly body: Buffer;
}

/** The observer, and how far its stream is. */
export class Feed {
  readonly #bench: Bench;
  readonly #site: Site;
  readonly #observer: Worker;
  #records = 0;
  #last: string | undefined;

  private constructor(bench: Bench, site: Site, observer: Worker) {
    this.#bench = bench;
    this.#site = site;
    this.#observer = observer;
  }

  static async start(bench: Bench, site: Site): Promise<Feed> {
    return new Feed(bench, site, await startHandler(bench, 'observe', 'archive', functionEnvironment(site.cloud.endpoints)));
  }

  /** Archives changes in full batches; gives what the invocations took, and the segments, whose content was compared. @throws WrongResultError */
  async archive(change: Omit<Changes, 'sequence'>): Promise<{ readonly cost: Cost; readonly segments: readonly StoredSegment[] }> {
    const changes = { ...change, sequence: this.#records };
    this.#records += changes.count;
    const origin = { arn: this.#site.streamArn, region: SOURCE, createdS: Math.floor(Date.now() / 1_000), shardId: SHARD };
    const files: string[] = [];
    for (const batch of batches(changes, STREAM_BATCH_RECORDS)) files.push(await eventFile(this.#bench, streamEvent(batch, origin)));
    await this.#observer.ask({ kind: 'rest' });
    let cost = FREE;
    for (const file of files) cost = plus(cost, await invoke(this.#observer, file, 'archive'));
    const segments = await this.#newSegments();
    check(segments, changes);
    return { cost, segments };
  }

  /** The largest resident set of the observer until now (bytes). */
  async peak(): Promise<number> {
    return this.#observer.ask({ kind: 'peak' });
  }

  async end(): Promise<void> {
    await this.#observer.end();
  }

  async #newSegments(): Promise<StoredSegment[]> {
    const found: StoredSegment[] = [];
    const { objects: client } = this.#site;
    const request = {
      Bucket: BUCKET,
      Prefix: `${LOG_PREFIX}${streamLabel(this.#site.streamArn)}/${SHARD}/`,
      ...(this.#last !== undefined && { StartAfter: this.#last }),
    };
    for await (const page of paginateListObjectsV2({ client }, request)) {
      for (const { Key } of page.Contents ?? []) {
        const { Body } = await client.send(new GetObjectCommand({ Bucket: BUCKET, Key: Key ?? '' }));
        found.push({ name: Key ?? '', body: Buffer.from((await Body?.transformToByteArray()) ?? []) });
      }
    }
    this.#last = found.at(-1)?.name ?? this.#last;
    return found;
  }
}

/** @throws WrongResultError unless the segments hold exactly these changes, in their order. */
function check(segments: readonly StoredSegment[], changes: Changes): void {
  const records = segments.flatMap(({ body }) => decodeSegment(body).records);
  checkEqual(records.length, changes.count, 'records in the log', 'archive');
  records.forEach((record, i) => {
    const n = changes.from + i;
    const before = changes.before === undefined ? undefined : itemOf(n, changes.before);
    const same =
      record.sequence === sequenceOf(changes.sequence + i) &&
      record.newImage !== undefined &&
      sameItem(record.newImage as never, itemOf(n, changes.kind) as never) &&
      (before === undefined ? record.oldImage === undefined : record.oldImage !== undefined && sameItem(record.oldImage as never, before as never));
    if (!same) throw new WrongResultError('archive', `record ${i} of ${changes.count} is not the change that was made`);
  });
}
