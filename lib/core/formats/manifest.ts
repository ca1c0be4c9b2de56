import { hash as cryptoHash } from 'node:crypto';
import { z } from 'zod';
import { FormatError } from '../errors.ts';
import { nameTime, SCANS_PREFIX, timeOfName } from './archive-names.ts';

/**
 * The manifest of a snapshot: what it is of, when it was taken, and every file of it with its sums. It is written last, so
 * a scan without a manifest is unfinished, and a file that no manifest names is nothing.
 *
 * | object | |
 * |---|---|
 * | `scans/<id>/data/<segment, 3 digits>-<number, 6 digits>-<run>.json.zst` (or `.gz`) | lines {"Item":{…}}: DynamoDB's import format. A name is used once: the run that wrote it is part of it |
 * | `scans/<id>/parts/<number, 6 digits>-<run>.json` | while the snapshot is taken: files that are done (parts.ts) |
 * | `scans/<id>/export/AWSDynamoDB/…` | in place of `data/`: DynamoDB's own export |
 * | `scans/<id>/manifest.json` | this |
 *
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataImport.Format.html
 */

/** Raw bytes of one data file at most. */
export const SNAPSHOT_FILE_RAW_BYTES = 8 * 1_024 * 1_024;
/** Files of one snapshot at most: its manifest must pass in one request of an object (32 MiB). 150,000 files hold 1.1 TB of lines. */
export const SNAPSHOT_FILES_MAX = 150_000;

const sha256Text = z.string().regex(/^[A-Za-z0-9+/]{43}=$/, { error: 'must be the base64 of 32 bytes' });
const count = z.int().min(0);
const keyAttribute = z.strictObject({ name: z.string().min(1), type: z.enum(['S', 'N', 'B']) });

/** What is known of one data file. */
export const snapshotFileSchema = z.strictObject({
  /** Name of the object in the bucket. */
  name: z.string().min(1).max(1_024),
  /** Lines in it. */
  items: count,
  /** As it is stored. */
  bytes: count,
  /** Unpacked. */
  rawBytes: count,
  /** SHA-256 of the object, base64. */
  sha256: sha256Text,
});

/** What is known of one data file. */
export type SnapshotFile = Readonly<z.infer<typeof snapshotFileSchema>>;

const manifestSchema = z.strictObject({
  format: z.literal(1),
  id: z.string().min(1),
  set: z.string().min(1),
  member: z.string().min(1),
  /** Name of the table, and its TableId. */
  table: z.string().min(1),
  tableId: z.string(),
  key: z.strictObject({ partition: keyAttribute, sort: keyAttribute.exactOptional() }),
  /** Before its first page was read (ms, wall clock of the region). Replay begins before it. */
  startedMs: count,
  /** After its last page was read, with a margin (ms): it serves every time from here on. */
  endedMs: count,
  via: z.enum(['scan', 'export']),
  compression: z.enum(['zstd', 'gzip', 'none']),
  files: z.array(snapshotFileSchema),
  /** Of all files. */
  items: count,
  rawBytes: count,
  /** SHA-256 (hex) of the JSON text of everything above. */
  sum: z.string().regex(/^[0-9a-f]{64}$/),
});

/** A snapshot. */
export type Manifest = Readonly<Omit<z.infer<typeof manifestSchema>, 'files'>> & { readonly files: readonly SnapshotFile[] };

/** What a manifest says of itself; the totals and the sum are added. */
export type ManifestAbout = Omit<Manifest, 'format' | 'items' | 'rawBytes' | 'sum'>;

/** Characters of a run's nonce that an id and the names of files hold. */
const NONCE_CHARACTERS = 6;

/** The short name of a run, or of a snapshot. @param nonce as `Chance.nonce` makes it */
export const shortNonce = (nonce: string): string => nonce.slice(0, NONCE_CHARACTERS);

/** An id that sorts by time. @param startedMs since 1970 */
export const snapshotId = (startedMs: number, nonce: string): string => `${nameTime(startedMs)}-${shortNonce(nonce)}`;

/** When a snapshot of this id began (ms, whole seconds); undefined for what is no id. */
export function timeOfSnapshot(id: string): number | undefined {
  const [, time] = /^(\d{8}T\d{6}Z)-[a-z0-9]{6}$/.exec(id) ?? [];
  return time === undefined ? undefined : timeOfName(time);
}

/** Everything of a snapshot is below this prefix. */
export const scanPrefix = (id: string): string => `${SCANS_PREFIX}${id}/`;
/** Prefix of its data files, which ImportTable takes: it loads whatever is below. */
export const dataPrefix = (id: string): string => `${scanPrefix(id)}data/`;
/** Prefix of an export that DynamoDB itself writes. It adds "AWSDynamoDB/<export>/…". */
export const exportPrefix = (id: string): string => `${scanPrefix(id)}export`;
export const manifestName = (id: string): string => `${scanPrefix(id)}manifest.json`;

const SUFFIXES = { zstd: '.zst', gzip: '.gz', none: '' } as const;

/** @param segment from 0 @param number of the file within the segment, from 1 @param run of whoever writes it */
export const dataName = (id: string, segment: number, number: number, run: string, compression: Manifest['compression']): string =>
  `${dataPrefix(id)}${String(segment).padStart(3, '0')}-${String(number).padStart(6, '0')}-${run}.json${SUFFIXES[compression]}`;

/** A manifest with its totals and its sum. Files are put into the order of their names, so that the same snapshot has the same bytes. Pure. */
export function makeManifest(about: ManifestAbout): Manifest {
  const { id, set, member, table, tableId, key, startedMs, endedMs, via, compression } = about;
  const files = about.files
    .map(({ name, items, bytes, rawBytes, sha256 }) => ({ name, items, bytes, rawBytes, sha256 }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const total = (of: (file: SnapshotFile) => number): number => files.reduce((sum, file) => sum + of(file), 0);
  const body = {
    format: 1 as const,
    ...{ id, set, member, table, tableId },
    key: { partition: plain(key.partition), ...(key.sort && { sort: plain(key.sort) }) },
    ...{ startedMs, endedMs, via, compression, files },
    items: total((file) => file.items),
    rawBytes: total((file) => file.rawBytes),
  };
  return { ...body, sum: sumOf(body) };
}

const plain = ({ name, type }: Manifest['key']['partition']): Manifest['key']['partition'] => ({ name, type });

/** The bytes of a manifest. */
export const encodeManifest = (manifest: Manifest): Buffer => Buffer.from(`${JSON.stringify(manifest)}\n`, 'utf8');

/**
 * Reads a manifest, and checks its sum and its totals.
 *
 * @param object for messages: its name.
 * @throws FormatError naming the object.
 */
export function decodeManifest(bytes: Uint8Array, object: string): Manifest {
  const manifest = readDocument(bytes, manifestSchema, object);
  const { sum, ...body } = manifest;
  if (sumOf(body) !== sum) throw new FormatError(`${object} is damaged: its sum is not that of what it says.`);
  const totals = makeManifest(manifest);
  if (totals.items !== manifest.items || totals.rawBytes !== manifest.rawBytes)
    throw new FormatError(`${object} is damaged: its totals are not those of its files.`);
  return manifest as Manifest;
}

/** Reads a JSON object of the archive. @throws FormatError naming the object */
export function readDocument<T>(bytes: Uint8Array, schema: z.ZodType<T>, object: string): T {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (cause) {
    throw new FormatError(`${object} is damaged: it is not JSON.`, { cause });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new FormatError(`${object} is damaged, or of another version: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`);
}

const sumOf = (body: object): string => cryptoHash('sha256', JSON.stringify(body), 'hex');
