import type { FirstRecord } from '../../core/formats/archive-names.ts';
import { segmentName } from '../../core/formats/archive-names.ts';
import { ROLLUP_SEGMENTS } from '../../core/formats/rollup.ts';
import type { RolledSegment } from '../../core/formats/rollup-encode.ts';
import { encodeRollup } from '../../core/formats/rollup-encode.ts';
import type { Shard } from '../../core/formats/rows.ts';
import { sha256Base64 } from '../../core/formats/segment.ts';
import type { SegmentFooter } from '../../core/formats/segment-footer.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { retried } from '../../replicate/retry.ts';
import { together } from '../../replicate/together.ts';
import { ahead } from '../ahead.ts';
import type { ArchivePlace } from '../place.ts';
import { ChainWalk } from './chain.ts';
import type { Finding } from './finding.ts';
import { TODO_RESTORE_OBJECT } from './finding.ts';
import { HeldShards, isIdle, isLookDue, nextLook, shardOf } from './held-shards.ts';
import { READ_MAX_MS } from './limits.ts';
import type { SegmentRef } from './list.ts';
import { firstOfShards, listPage, pastShard, refOf, shardFolder, shardPath } from './list.ts';
import { readFooter } from './read.ts';
import { orReport, readEnd } from './sources.ts';
import type { RolledShard, RolledState } from './state.ts';
import { STATE_FINDINGS_MAX } from './state.ts';

/** Fewer segments at the end of a shard are left as they are: a roll-up of one costs as many reads as the segment. */
const REMAINDER_MIN = 2;
/** Footers that are read ahead: each may take 500 KB. */
const FOOTERS_AHEAD = 8;

/** What a run may do, and what is known. */
export interface RollUpOptions {
  /** Elapsed time (ms) after which nothing more is begun; what is under way takes a few seconds more. */
  readonly until: number;
  /** What the run before has left; absent at first. */
  readonly state?: RolledState;
  /** All rows of shards. */
  readonly rows: readonly Shard[];
  /** Label of the present stream. */
  readonly label: string;
}

export interface RollUpResult {
  readonly state: RolledState;
  /** What the chain showed on the way. */
  readonly findings: readonly Finding[];
  /** Roll-ups that were stored. */
  readonly made: number;
}

/** What the state is before the first run. */
export const NOTHING_ROLLED: RolledState = { shards: {}, discover: '', findings: 0, newest: [] };

/**
 * Rolls up what has come: of each shard ROLLUP_SEGMENTS segments after another, and what remains of one that has come to its
 * end. As it reads the footers it verifies their chain, so that a log is looked at within an hour or so of its writing. A
 * roll-up is put only if there is none of its name; what another run has stored counts.
 *
 * Memory: the indexes of ROLLUP_SEGMENTS segments, about 50 MB at most.
 *
 * @throws RemoteError. Damage is no error but a finding.
 */
export async function rollUp(place: ArchivePlace, runtime: Runtime, options: RollUpOptions): Promise<RollUpResult> {
  const run = new RollUpRun(place, runtime, options);
  await run.work();
  return run.result;
}

class RollUpRun {
  readonly #place: ArchivePlace;
  readonly #runtime: Runtime;
  readonly #options: RollUpOptions;
  readonly #shards: HeldShards;
  readonly #findings: Finding[] = [];
  readonly #before: RolledState;
  #discover: string | undefined;
  #made = 0;

  constructor(place: ArchivePlace, runtime: Runtime, options: RollUpOptions) {
    this.#place = place;
    this.#runtime = runtime;
    this.#options = options;
    this.#before = options.state ?? NOTHING_ROLLED;
    this.#shards = new HeldShards(this.#before, options.rows);
    this.#discover = this.#before.discover;
  }

  get result(): RollUpResult {
    const words = this.#findings.map(({ what }) => what).reverse();
    const state: RolledState = {
      ...this.#shards.state,
      ...(this.#discover !== undefined && { discover: this.#discover }),
      findings: this.#before.findings + this.#findings.length,
      newest: [...words, ...this.#before.newest].slice(0, STATE_FINDINGS_MAX),
    };
    return { state, findings: this.#findings, made: this.#made };
  }

  get #isOver(): boolean {
    return this.#runtime.clock.elapsed() >= this.#options.until;
  }

  async work(): Promise<void> {
    await this.#findShards();
    this.#shards.takeNew(this.#options.label, this.#runtime.clock.now());
    for (const path of this.#shards.paths) {
      if (this.#isOver) break;
      await this.#shard(path);
    }
    this.#shards.forget();
  }

  /** Finds the shards of a log that was there before its state. */
  async #findShards(): Promise<void> {
    if (this.#discover === undefined || this.#shards.isFull) return;
    for await (const ref of firstOfShards(this.#place, this.#runtime, this.#discover === '' ? undefined : this.#discover)) {
      this.#shards.found(shardPath(ref));
      this.#discover = pastShard(ref);
      if (this.#isOver || this.#shards.isFull) return;
    }
    this.#discover = undefined;
  }

  async #shard(path: string): Promise<void> {
    const [label, shard] = [path.slice(0, path.indexOf('/')), shardOf(path)];
    const row = this.#shards.row(path);
    let entry = this.#shards.get(path) as RolledShard;
    const caughtUp = row?.tail !== undefined && entry.last !== undefined && sameNumber(row.tail.first, entry.last.first);
    if (row === undefined && entry.done) {
      this.#shards.delete(path);
      return;
    }
    const now = this.#runtime.clock.now();
    const idle = isIdle(row, now);
    if (caughtUp || (entry.done && idle)) {
      if (idle && !entry.done) this.#shards.set(path, { ...entry, done: true });
      return;
    }
    if (!isLookDue(entry, now)) return;
    for (let more = true; more; ) {
      const refs = await this.#next({ label, shard }, entry);
      const group = refs.slice(0, ROLLUP_SEGMENTS);
      const isEnd = idle && refs.length < ROLLUP_SEGMENTS;
      if (group.length < (isEnd ? REMAINDER_MIN : ROLLUP_SEGMENTS)) {
        const { next: _, ...rest } = entry;
        this.#shards.set(path, isEnd ? { ...rest, done: true } : { ...rest, done: false, next: nextLook(entry, row, refs, now) });
        return;
      }
      entry = await this.#group({ label, shard }, entry, group);
      this.#shards.set(path, entry);
      more = !this.#isOver;
    }
  }

  /** The segments after the last one that was looked at: a page of them at most. */
  async #next(of: Pick<FirstRecord, 'label' | 'shard'>, { last }: RolledShard): Promise<SegmentRef[]> {
    const after = last === undefined ? undefined : segmentName({ ...of, first: plain(last.first), firstAtMs: last.firstAt });
    const { objects } = await listPage(this.#place, this.#runtime, { prefix: shardFolder(of), ...(after !== undefined && { after }) }, 2 * ROLLUP_SEGMENTS);
    return objects.flatMap((object) => refOf(object) ?? []);
  }

  /** Reads a group's footers, verifies their chain, and stores the roll-up. A segment that cannot be read ends the group. */
  async #group(of: Pick<FirstRecord, 'label' | 'shard'>, entry: RolledShard, refs: readonly SegmentRef[]): Promise<RolledShard> {
    const walk = new ChainWalk((finding) => this.#findings.push(finding));
    if (entry.last !== undefined) {
      const { first, firstAt, last, toMs, sha256 } = entry.last;
      const record = { ...of, first: plain(first), firstAtMs: firstAt };
      const ref = { ...record, name: segmentName(record) };
      if (last === '') walk.skip(ref);
      else walk.push({ ref, head: { last, fromMs: firstAt, toMs }, ...(sha256 !== undefined && { sha256 }) });
    }
    const rolled: RolledSegment[] = [];
    let next: RolledShard = entry;
    for await (const { ref, footer, sha256 } of ahead(
      refs.map((ref) => () => this.#read(ref)),
      FOOTERS_AHEAD,
    )) {
      if (footer === undefined) {
        // It is passed over: what comes after it is the next group.
        if (rolled.length === 0) return { done: false, last: { first: ref.first, firstAt: ref.firstAtMs, last: '', toMs: ref.firstAtMs } };
        break;
      }
      const { head } = footer;
      walk.push({ ref, head, ...(sha256 !== undefined && { sha256 }) });
      rolled.push({ ...footer, bytes: ref.size });
      next = { done: false, last: { first: head.first, firstAt: head.firstAt, last: head.last, toMs: head.toMs, ...(sha256 !== undefined && { sha256 }) } };
    }
    return (await this.#store(of, rolled)) ?? next;
  }

  /** A footer, if it can be read, and the sum that S3 keeps of the whole object. */
  async #read(ref: SegmentRef): Promise<{ readonly ref: SegmentRef; readonly footer: SegmentFooter | undefined; readonly sha256: string | undefined }> {
    const { objects, bucket } = this.#place;
    const footer = orReport(
      ref,
      (finding) => this.#findings.push(finding),
      TODO_RESTORE_OBJECT,
      () => readFooter(this.#place, this.#runtime, ref),
    );
    const facts = retried(this.#runtime, this.#runtime.clock.elapsed() + READ_MAX_MS, () => objects.head(bucket, ref.name));
    await together<unknown>([footer, facts]);
    return { ref, footer: await footer, sha256: (await facts)?.sha256 };
  }

  /** Stores a roll-up. Where there is one of its name, it says how far that one goes. */
  async #store(of: Pick<FirstRecord, 'label' | 'shard'>, rolled: readonly RolledSegment[]): Promise<RolledShard | undefined> {
    const { name, body } = encodeRollup(rolled);
    const { objects, bucket } = this.#place;
    const sha256 = sha256Base64(body);
    const until = this.#runtime.clock.elapsed() + READ_MAX_MS;
    const answer = await retried(this.#runtime, until, () => objects.put(bucket, name, body, { sha256, ifNoneMatch: '*' }));
    if (answer.ok) {
      this.#made += 1;
      return undefined;
    }
    const there = await retried(this.#runtime, until, () => objects.head(bucket, name));
    if (there === undefined || there.sha256 === sha256) return undefined;
    const { first, firstAt } = (rolled[0] as RolledSegment).head;
    const ref = { name, ...of, first: plain(first), firstAtMs: firstAt, size: there.size, etag: there.etag };
    const last = (await readEnd(this.#place, this.#runtime, ref, (finding) => this.#findings.push(finding)))?.rollup.head.segments.at(-1);
    const own = rolled.find(({ head }) => last !== undefined && sameNumber(head.first, last.first))?.head;
    // One that reaches further, or is damaged: nothing can be put in its place, so this run's own group is passed over.
    return own && { done: false, last: { first: own.first, firstAt: own.firstAt, last: own.last, toMs: own.toMs } };
  }
}

const plain = (sequence: string): string => BigInt(sequence).toString();
const sameNumber = (a: string, b: string): boolean => BigInt(a) === BigInt(b);
