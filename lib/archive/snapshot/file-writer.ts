import type { Item, Key } from '../../core/attribute.ts';
import { InputError } from '../../core/errors.ts';
import type { SnapshotFile } from '../../core/formats/manifest.ts';
import { dataName, SNAPSHOT_FILE_RAW_BYTES, SNAPSHOT_FILES_MAX } from '../../core/formats/manifest.ts';
import type { JobLease } from '../../job/lease.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { ArchivePlace } from '../place.ts';
import { FILE_CLOSE_RAW_BYTES, PENDING_FILES_MAX } from './limits.ts';
import type { PageLines } from './lines.ts';
import { packLines, pageLines } from './lines.ts';
import { storePart } from './parts.ts';
import type { SnapshotJob } from './savepoint.ts';
import { storeOnce } from './store.ts';

/** Writes the files of one run of a snapshot, and saves after each. */
export class FileWriter {
  readonly #place: ArchivePlace;
  readonly #runtime: Runtime;
  readonly #lease: JobLease<SnapshotJob>;
  readonly #run: string;
  readonly #worked: () => number;
  /** Read, and in no file that is done. */
  #items = 0;
  #rawBytes = 0;

  /** @param run part of every name, and used by no other run @param worked time that was spent so far (ms) */
  constructor(place: ArchivePlace, runtime: Runtime, lease: JobLease<SnapshotJob>, run: string, worked: () => number) {
    this.#place = place;
    this.#runtime = runtime;
    this.#lease = lease;
    this.#run = run;
    this.#worked = worked;
  }

  /** What was read so far, in all runs. */
  get total(): { readonly items: number; readonly rawBytes: number } {
    const { items, rawBytes } = this.#lease.job;
    return { items: items + this.#items, rawBytes: rawBytes + this.#rawBytes };
  }

  /** The writer of one part of the table. One at a time. */
  part(index: number): PartWriter {
    let lines: PageLines[] = [];
    let raw = 0;
    const store = async (after: Key | undefined, done: boolean): Promise<void> => {
      const files = await this.#storeFiles(index, lines);
      await this.#save(index, files, after, done);
      const items = lines.reduce((sum, piece) => sum + piece.items, 0);
      this.#items -= items;
      this.#rawBytes -= raw;
      lines = [];
      raw = 0;
    };
    return {
      add: async (items, after) => {
        const pieces = pageLines(items);
        const bytes = pieces.reduce((sum, piece) => sum + piece.bytes.length, 0);
        lines.push(...pieces);
        raw += bytes;
        this.#items += items.length;
        this.#rawBytes += bytes;
        if (after === undefined) await store(undefined, true);
        else if (raw >= FILE_CLOSE_RAW_BYTES) await store(after, false);
      },
      store: async (after, done) => {
        if (lines.length > 0 || done) await store(after, done);
      },
    };
  }

  /** Stores lines, mostly as one file. */
  async #storeFiles(index: number, lines: readonly PageLines[]): Promise<SnapshotFile[]> {
    const { id, segments, compression, files: before } = this.#lease.job;
    const files: SnapshotFile[] = [];
    for (const pieces of filled(lines)) {
      const raw = pieces.reduce((sum, piece) => sum + piece.bytes.length, 0);
      const body = packLines(
        pieces.map((piece) => piece.bytes),
        compression,
      );
      const name = dataName(id, index, (segments[index]?.files ?? 0) + files.length + 1, this.#run, compression);
      if (before + files.length >= SNAPSHOT_FILES_MAX) {
        throw new InputError(
          'too-large',
          `The snapshot would have more than ${SNAPSHOT_FILES_MAX} files: the table is too large for a scan. Take it with --via export.`,
        );
      }
      // A page may have taken long: whoever still has the lease goes on.
      await this.#lease.renew();
      const sha256 = await storeOnce(this.#place, this.#runtime, name, body, () => this.#lease.admit());
      files.push({ name, items: pieces.reduce((sum, piece) => sum + piece.items, 0), bytes: body.length, rawBytes: raw, sha256 });
    }
    return files;
  }

  /** Saves that files are done. Parts of the table take turns, and each sees what those before it have saved. */
  async #save(index: number, files: readonly SnapshotFile[], after: Key | undefined, done: boolean): Promise<void> {
    const total = (of: (file: SnapshotFile) => number): number => files.reduce((sum, file) => sum + of(file), 0);
    await this.#lease.save(async (job) => {
      const pending = [...job.pending, ...files];
      const full = pending.length > PENDING_FILES_MAX;
      const part = full ? await storePart(this.#place, this.#runtime, job.id, pending, job.part, this.#run, () => this.#lease.admit()) : job.part;
      return {
        segments: job.segments.map((mark, i) => (i === index ? { files: mark.files + files.length, done, ...(after !== undefined && { after }) } : mark)),
        items: job.items + total((file) => file.items),
        bytes: job.bytes + total((file) => file.bytes),
        rawBytes: job.rawBytes + total((file) => file.rawBytes),
        files: job.files + files.length,
        worked: this.#worked(),
        pending: full ? [] : pending,
        ...(part && { part }),
      };
    });
  }
}

/** Writes one part of the table. */
export interface PartWriter {
  /** Takes a page. A file that is full is stored, and saved. @param after the last key of the page; undefined when it was the last page of the part. */
  add(items: readonly Item[], after: Key | undefined): Promise<void>;
  /** Stores what was taken since the last file. */
  store(after: Key | undefined, done: boolean): Promise<void>;
}

/** Puts lines into as few files as they fit into, in their order. */
function filled(lines: readonly PageLines[]): PageLines[][] {
  const files: PageLines[][] = [];
  let room = 0;
  for (const piece of lines) {
    if (piece.bytes.length <= room) files.at(-1)?.push(piece);
    else {
      files.push([piece]);
      room = SNAPSHOT_FILE_RAW_BYTES;
    }
    room -= piece.bytes.length;
  }
  return files;
}
