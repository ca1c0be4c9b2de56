import { FormatError } from '../../core/errors.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { ArchivePlace } from '../place.ts';
import { streamBegan } from './chain-findings.ts';
import { firstOfShards } from './list.ts';
import { readHead } from './read.ts';

/**
 * When the log begins (ms): what was made before is not in it, since its stream did not exist, or it has expired. Two requests.
 * Undefined for an empty log. @throws RemoteError
 */
export async function logBegan(place: ArchivePlace, runtime: Runtime): Promise<number | undefined> {
  for await (const oldest of firstOfShards(place, runtime)) {
    try {
      // The oldest segment names one before it only when that has expired.
      const { previous } = await readHead(place, runtime, oldest);
      return previous === undefined ? Math.min(streamBegan(oldest.label) ?? oldest.firstAtMs, oldest.firstAtMs) : oldest.firstAtMs;
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      return oldest.firstAtMs;
    }
  }
  return undefined;
}
