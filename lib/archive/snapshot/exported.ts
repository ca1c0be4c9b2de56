import { createHash } from 'node:crypto';
import { z } from 'zod';
import { FormatError, InputError } from '../../core/errors.ts';
import type { SnapshotFile } from '../../core/formats/manifest.ts';
import { exportPrefix } from '../../core/formats/manifest.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { retried } from '../../replicate/retry.ts';
import type { ArchivePlace } from '../place.ts';
import { REQUEST_MAX_MS } from './limits.ts';
import { LineCutter } from './lines.ts';
import { ranges, unpacked, wholeObject } from './read.ts';

/**
 * What DynamoDB's export has written: `manifest-files.json`, a line for each data file, and gzip files of lines {"Item":{…}}.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html
 */

const lineSchema = z.object({ itemCount: z.int().min(0), md5Checksum: z.string(), dataFileS3Key: z.string().min(1) });

/** A data file, as DynamoDB's own manifest names it. */
export interface ExportedFile {
  readonly name: string;
  readonly items: number;
  /** MD5, base64. */
  readonly md5: string;
}

/**
 * The data files of an export, in the order of their names.
 *
 * @param arn of the export; its last part is the folder.
 * @throws InputError "unsupported" when the export is said to be done but its manifest is not there · FormatError naming the
 *   manifest that is damaged · RemoteError
 */
export async function exportedFiles(place: ArchivePlace, runtime: Runtime, id: string, arn: string): Promise<ExportedFile[]> {
  const folder = `${exportPrefix(id)}/AWSDynamoDB/${arn.slice(arn.lastIndexOf('/') + 1)}/`;
  const name = `${folder}manifest-files.json`;
  const body = await wholeObject(place, runtime, name);
  if (body === undefined)
    throw new InputError(
      'unsupported',
      `DynamoDB says that the export is done, but ${name} is not in the bucket ${place.bucket}: a local cloud only pretends to export. Take the snapshot by --via scan.`,
    );
  const cutter = new LineCutter(name);
  const files = [...cutter.push(Buffer.from(body)), ...cutter.end()].map((line, i): ExportedFile => {
    const parsed = lineSchema.safeParse(jsonOf(line));
    if (!parsed.success) throw new FormatError(`${name} is damaged: line ${i + 1} does not name a data file.`);
    const { itemCount, md5Checksum, dataFileS3Key } = parsed.data;
    // AWS's documents show keys without the prefix that was asked for; what is written has it.
    return { name: `${folder}data/${dataFileS3Key.slice(dataFileS3Key.lastIndexOf('/') + 1)}`, items: itemCount, md5: md5Checksum };
  });
  return files.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function jsonOf(line: Buffer): unknown {
  try {
    return JSON.parse(line.toString('utf8'));
  } catch {
    return undefined;
  }
}

/**
 * Reads a data file once, a piece at a time, and says what it is.
 *
 * @param tick called with each piece.
 * @throws FormatError naming the file: missing, damaged, or not as DynamoDB's manifest says · RemoteError
 */
export async function checkExported(place: ArchivePlace, runtime: Runtime, file: ExportedFile, tick: () => Promise<void>): Promise<SnapshotFile> {
  const { name } = file;
  const facts = await retried(runtime, runtime.clock.elapsed() + REQUEST_MAX_MS, () => place.objects.head(place.bucket, name));
  if (facts === undefined) throw new FormatError(`${name} is missing, though DynamoDB's manifest names it.`);
  const sha256 = createHash('sha256');
  // DynamoDB's documents do not say whether its sum is of the file or of what it holds: either will do.
  const [md5, rawMd5] = [createHash('md5'), createHash('md5')];
  let items = 0;
  let rawBytes = 0;
  const cutter = new LineCutter(name);
  const packed = async function* (): AsyncGenerator<Buffer> {
    for await (const piece of ranges(place, runtime, { name, bytes: facts.size })) {
      sha256.update(piece);
      md5.update(piece);
      yield piece;
    }
  };
  for await (const piece of unpacked('gzip', packed(), file)) {
    rawMd5.update(piece);
    rawBytes += piece.length;
    for (const _ of cutter.push(piece)) items += 1;
    await tick();
  }
  for (const _ of cutter.end()) items += 1;
  if (items !== file.items) throw new FormatError(`${name} holds ${items} items; DynamoDB's manifest says ${file.items}.`);
  if (![md5.digest('base64'), rawMd5.digest('base64')].includes(file.md5))
    throw new FormatError(`${name} is damaged: its MD5 is not that of DynamoDB's manifest.`);
  return { name, items, bytes: facts.size, rawBytes, sha256: sha256.digest('base64') };
}
