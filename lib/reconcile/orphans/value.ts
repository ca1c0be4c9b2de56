import { refOf } from '../../archive/log/list.ts';
import { readFooter, readRange } from '../../archive/log/read.ts';
import type { ArchivePlace } from '../../archive/place.ts';
import { FormatError } from '../../core/errors.ts';
import type { LogRecord } from '../../core/formats/log-record.ts';
import type { Orphan } from '../../core/formats/orphan-row.ts';
import { linesBefore } from '../../core/formats/rollup-encode.ts';
import { decodeFrame } from '../../core/formats/segment.ts';
import { keyText } from '../../core/key.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { retried } from '../../replicate/retry.ts';
import { ORPHAN_REQUEST_MAX_MS } from './limits.ts';

/**
 * The record of the log that an orphan points at: what was written by hand, and what was there before. Undefined when its segment is not there any
 * more, since the log is kept only for so long.
 *
 * @param place of the member whose orphan it is.
 * @throws FormatError naming the object, when it is damaged or holds another record there · RemoteError
 */
export async function recordOf(place: ArchivePlace, runtime: Runtime, { segment, ordinal, key }: Orphan): Promise<LogRecord | undefined> {
  const head = await retried(runtime, runtime.clock.elapsed() + ORPHAN_REQUEST_MAX_MS, () => place.objects.head(place.bucket, segment));
  if (head === undefined) return undefined;
  const ref = refOf({ key: segment, etag: head.etag, size: head.size });
  if (ref === undefined) throw new FormatError(`${segment} is no segment of a log.`);
  const footer = await readFooter(place, runtime, ref);
  const before = linesBefore(footer.head);
  const frame = footer.head.frames.findLastIndex((_, i) => (before[i] ?? 0) <= ordinal);
  const found = footer.head.frames[frame];
  const bytes = found === undefined ? undefined : await readRange(place, runtime, segment, { from: found.offset, to: found.offset + found.bytes });
  const record = bytes === undefined ? undefined : decodeFrame(bytes)[ordinal - (before[frame] ?? 0)];
  if (record === undefined || keyText(record.keys, place.key) !== keyText(key, place.key))
    throw new FormatError(`${segment} has no line ${ordinal}, or one of another key: the orphan’s row does not fit it.`);
  return record;
}
