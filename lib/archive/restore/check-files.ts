import { FormatError } from '../../core/errors.ts';
import type { Manifest } from '../../core/formats/manifest.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { ahead } from '../ahead.ts';
import type { Finding } from '../log/finding.ts';
import type { ArchivePlace } from '../place.ts';
import { snapshotItems } from '../snapshot/read.ts';
import { FINDINGS_MAX, READ_AHEAD } from './limits.ts';

/** Reads every file of a snapshot and compares it with the manifest's sums. Nothing found is good. @throws RemoteError */
export async function checkFiles(place: ArchivePlace, runtime: Runtime, manifest: Manifest, progress: (bytes: number) => void): Promise<Finding[]> {
  const findings: Finding[] = [];
  let bytes = 0;
  const checks = manifest.files.map((file) => async (): Promise<Finding | undefined> => {
    try {
      // To the end: the number of lines is checked there.
      for await (const _ of snapshotItems(place, runtime, manifest, file));
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      return {
        kind: error.message.endsWith('is missing.') ? 'missing' : 'damaged',
        object: file.name,
        fromMs: manifest.startedMs,
        what: error.message,
        todo: 'This snapshot serves no more: take a new one ("syncline snapshot"). An older one is tried by itself.',
      };
    }
    bytes += file.bytes;
    progress(bytes);
    return undefined;
  });
  for await (const finding of ahead(checks, READ_AHEAD)) {
    if (finding !== undefined) findings.push(finding);
    if (findings.length >= FINDINGS_MAX) break;
  }
  return findings;
}
