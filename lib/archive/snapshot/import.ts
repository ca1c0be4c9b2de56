import { InputError } from '../../core/errors.ts';
import type { Manifest } from '../../core/formats/manifest.ts';
import { dataPrefix } from '../../core/formats/manifest.ts';
import type { ExportsPort, ImportState } from '../../ports/exports.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { retried } from '../../replicate/retry.ts';
import type { ArchivePlace } from '../place.ts';
import { refusal } from './export.ts';
import { IMPORT_LOOK_MS, IMPORT_OBJECTS_MAX, REQUEST_MAX_MS } from './limits.ts';
import { listAll } from './read.ts';
import { sweep } from './store.ts';

/** The folder of a snapshot's files, with the slash at its end. @throws InputError "no-files" for one of an empty table */
export function importPrefix(manifest: Manifest): string {
  const [first] = manifest.files;
  if (first === undefined)
    throw new InputError('no-files', `The snapshot ${manifest.id} is of an empty table: there is nothing to load. Make an empty table instead.`);
  return first.name.slice(0, first.name.lastIndexOf('/') + 1);
}

/**
 * Loads a finished snapshot into a new table by DynamoDB's own import. It loads all objects below a prefix, so that prefix is
 * made to hold the snapshot's files and nothing else.
 *
 * @param token repeated with the same one, it is the same import.
 * @returns how it ended; undefined when somebody wants the run to end: DynamoDB goes on.
 * @throws InputError "no-files", "too-large", "missing-file", "table-exists", "unsupported" · RemoteError
 */
export async function importSnapshot(
  place: ArchivePlace,
  exports: ExportsPort,
  runtime: Runtime,
  manifest: Manifest,
  request: { readonly table: string; readonly token: string },
  watcher: { progress(now: ImportState): void; stopped(): boolean },
): Promise<ImportState | undefined> {
  const prefix = importPrefix(manifest);
  if (manifest.files.length > IMPORT_OBJECTS_MAX)
    throw new InputError(
      'too-large',
      `The snapshot has ${manifest.files.length} files; DynamoDB imports at most ${IMPORT_OBJECTS_MAX}. Load it with "syncline restore --to TABLE".`,
    );
  await onlyTheseFiles(place, runtime, manifest, prefix);
  const { clock } = runtime;
  const until = (): number => clock.elapsed() + REQUEST_MAX_MS;
  const { key, compression } = manifest;
  const schema = { partition: key.partition, ...(key.sort && { sort: key.sort }) };
  const arn = await retried(runtime, until(), () => exports.beginImport({ ...request, key: schema, bucket: place.bucket, prefix, compression })).catch(
    (error: unknown) => {
      throw importRefusal(error, request.table);
    },
  );
  // It ends when DynamoDB ends it, or a person does.
  for (;;) {
    const state = await retried(runtime, until(), () => exports.describeImport(arn));
    watcher.progress(state);
    if (state.status !== 'running') return state;
    if (watcher.stopped()) return undefined;
    await clock.sleep(IMPORT_LOOK_MS);
  }
}

/** A file may have been stored by a run that was overtaken, after the manifest was written: it is no part of the snapshot. */
async function onlyTheseFiles(place: ArchivePlace, runtime: Runtime, manifest: Manifest, prefix: string): Promise<void> {
  const named = new Set(manifest.files.map((file) => file.name));
  if (prefix === dataPrefix(manifest.id)) await sweep(place, runtime, prefix, ({ key }) => named.has(key));
  const there = new Set<string>();
  for await (const { key } of listAll(place, runtime, prefix)) there.add(key);
  const missing = manifest.files.find((file) => !there.has(file.name));
  if (missing !== undefined)
    throw new InputError(
      'missing-file',
      `${missing.name} is missing: the snapshot ${manifest.id} is not whole. Nothing was loaded. Take another one, see "syncline snapshot list".`,
    );
}

function importRefusal(error: unknown, table: string): unknown {
  const found = refusal(error, table);
  if (found instanceof Error && 'code' in found && found.code === 'ResourceInUseException')
    return new InputError('table-exists', `There is a table "${table}" already: DynamoDB imports into a new one only. Choose another name.`);
  return found;
}
