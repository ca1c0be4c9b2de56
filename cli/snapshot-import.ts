import { showBytes } from '../lib/adopt/estimate.ts';
import { JOB_PRICES } from '../lib/archive/snapshot/estimate.ts';
import { importSnapshot } from '../lib/archive/snapshot/import.ts';
import { findManifest } from '../lib/archive/snapshot/read.ts';
import { timeOfSnapshot } from '../lib/core/formats/manifest.ts';
import type { ImportState } from '../lib/ports/exports.ts';
import { agreed } from './agreed.ts';
import type { MemberArchive } from './archive-place.ts';
import { TABLE_NAME } from './context.ts';
import { CliError, EXIT } from './errors.ts';
import { shellWord } from './next-steps.ts';
import { count } from './output.ts';
import type { Session } from './session.ts';
import { placeOf } from './session.ts';
import type { SnapshotIo } from './snapshot-run.ts';
import { shown } from './snapshot-run.ts';
import { importWords } from './views/snapshot-view.ts';

/** `syncline snapshot import`: a snapshot into a new table, by DynamoDB itself. */

const GB = 1_024 ** 3;
/** What a local cloud cannot do, and the way around it. */
const NO_ZSTD =
  'MiniStack’s import reads no zstd, unlike DynamoDB’s. For a local cloud take another one with "syncline snapshot --compression gzip", and import that.';

export interface ImportOptions {
  readonly to: string;
  readonly yes?: true;
}

/** Loads a snapshot into a new table. @returns the exit code @throws CliError */
export async function importByCommand(session: Session, archive: MemberArchive, id: string, own: ImportOptions, io: SnapshotIo): Promise<number> {
  const { out, runtime } = session;
  const { member, place, at } = archive;
  if (timeOfSnapshot(id) === undefined)
    throw new CliError('usage', 'bad-id', `${JSON.stringify(id)} is not the id of a snapshot, such as 20261124T101503Z-ab12cd. See "syncline snapshot list".`);
  if (!TABLE_NAME.test(own.to))
    throw new CliError('usage', 'bad-table', `--to: ${JSON.stringify(own.to)} cannot be the name of a table: 3 to 255 of A–Z, a–z, 0–9, "_", "-" and ".".`);
  const manifest = await at(() => findManifest(place, runtime, id));
  if (manifest === undefined)
    throw new CliError('failed', 'no-such-snapshot', `There is no finished snapshot ${id} in the bucket ${place.bucket}. See "syncline snapshot list".`);
  const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
  const dollars = (manifest.rawBytes / GB) * JOB_PRICES.importGb;
  const noZstd = session.where.local && manifest.compression === 'zstd' ? NO_ZSTD : undefined;
  const words = [
    `DynamoDB loads the snapshot ${id} into a new table ${own.to} in ${placeOf(session, member)}:`,
    `  items    ${count(manifest.items)} in ${count(manifest.files.length)} files, ${showBytes(bytes)} (${showBytes(manifest.rawBytes)} unpacked)`,
    '  table    the key of the set’s, on demand, without indexes and stream; items keep the attribute "_s"',
    `  cost     about $${dollars < 0.005 ? '0.01 or less' : dollars.toFixed(2)}`,
    '  note     DynamoDB checks no sums of ours: "syncline restore" does, and loads any second',
    ...(noZstd === undefined ? [] : [`  ⚠        ${noZstd}`]),
  ].join('\n');
  const base = {
    set: session.config.set,
    member: member.name,
    region: member.region,
    id,
    table: own.to,
    items: manifest.items,
    files: manifest.files.length,
    bytes,
  };
  if (!(await agreed(out, words, base, own.yes, io.confirm))) {
    out.result({ ...base, state: 'declined' }, () => 'Nothing was done.');
    return EXIT.ok;
  }

  const exports = io.exports(member.region, session.where.endpoints[member.region]);
  const end = await shown(session, io, manifest.items, (step, stopped) => {
    const watcher = { progress: (now: ImportState) => step(Math.min(now.imported, manifest.items), importWords(now, manifest.items)), stopped };
    return at(() => importSnapshot(place, exports, runtime, manifest, { table: own.to, token: runtime.chance.nonce() }, watcher));
  });
  if (end === undefined) {
    out.result({ ...base, state: 'stopped' }, () => `Stopped looking; DynamoDB goes on. See the table ${own.to} ("aws dynamodb list-imports").`);
    return EXIT.attention;
  }
  const { imported, errors } = end;
  if (end.status === 'failed') {
    throw new CliError(
      'failed',
      'import-failed',
      `DynamoDB's import into ${own.to} has failed: ${end.why ?? 'it does not say why'} (${count(imported)} items were loaded, ${count(errors)} were refused). "syncline restore --at latest --to TABLE" loads without it.${noZstd === undefined ? '' : ` ${noZstd}`}`,
      { ...base, imported, errors },
    );
  }
  out.result({ ...base, state: 'done', imported, errors }, () => `${count(imported)} items are in the table ${own.to}.`, [
    { command: `aws dynamodb describe-table --table-name ${shellWord(own.to)} --region ${member.region}`, why: 'It shows the table.' },
  ]);
  return EXIT.ok;
}
