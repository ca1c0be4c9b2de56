import { hash } from 'node:crypto';
import { gunzipSync, gzipSync, zstdDecompressSync } from 'node:zlib';
import type { Item } from '../../../../lib/core/attribute.ts';
import { RemoteError } from '../../../../lib/ports/errors.ts';
import type { ExportRequest, ExportState, ExportsPort, ImportRequest, ImportState } from '../../../../lib/ports/exports.ts';
import { UNSUPPORTED } from '../../../../lib/ports/exports.ts';
import type { SnapshotWorld } from './harness.ts';

/** DynamoDB's exports and imports over the memory cloud, as AWS describes their files. */
export class FakeExports implements ExportsPort {
  readonly #world: SnapshotWorld;
  readonly #items: readonly Item[];
  readonly exports: ExportRequest[] = [];
  readonly imports: ImportRequest[] = [];
  /** Looks until it is done. */
  looks = 2;
  pitr = true;
  supported = true;
  /** Whether the export writes what it says that it wrote. */
  writes = true;
  failure: string | undefined;
  /** What the last import loaded. */
  loaded: Item[] = [];

  constructor(world: SnapshotWorld, items: readonly Item[]) {
    this.#world = world;
    this.#items = items;
  }

  async beginExport(request: ExportRequest): Promise<string> {
    if (!this.supported) throw new RemoteError('invalid', UNSUPPORTED, 'The service has no ExportTableToPointInTime.');
    if (!this.pitr) throw new RemoteError('invalid', 'PointInTimeRecoveryUnavailableException', 'off');
    const known = this.exports.findIndex((one) => one.token === request.token);
    if (known < 0) {
      this.exports.push(request);
      if (this.writes) await this.#write(request);
    }
    return `${request.tableArn}/export/0169-${request.token}`;
  }

  async describeExport(arn: string): Promise<ExportState> {
    this.looks -= 1;
    if (this.failure !== undefined) return { status: 'failed', why: this.failure };
    return this.looks > 0 ? { status: 'running' } : { status: 'done', timeMs: 1_760_000_000_000, items: this.#items.length, ...(arn === '' && { why: '' }) };
  }

  async beginImport(request: ImportRequest): Promise<string> {
    if (!this.supported) throw new RemoteError('invalid', UNSUPPORTED, 'The service has no ImportTable.');
    if (request.table === 'there') throw new RemoteError('transient', 'ResourceInUseException', 'Table already exists');
    this.imports.push(request);
    this.loaded = [];
    const { buckets } = this.#world.world.cloud.region(this.#world.world.primary);
    for (const name of this.#world.names(request.prefix)) {
      const body = buckets.bytes(request.bucket, name);
      const raw = request.compression === 'zstd' ? zstdDecompressSync(body) : request.compression === 'gzip' ? gunzipSync(body) : Buffer.from(body);
      this.loaded.push(
        ...raw
          .toString('utf8')
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => (JSON.parse(line) as { Item: Item }).Item),
      );
    }
    return 'arn';
  }

  async describeImport(): Promise<ImportState> {
    this.looks -= 1;
    const imported = this.loaded.length;
    return {
      status: this.looks > 0 ? 'running' : this.failure === undefined ? 'done' : 'failed',
      imported,
      processed: imported,
      errors: 0,
      bytes: 0,
      ...(this.failure !== undefined && { why: this.failure }),
    };
  }

  /** Two files with items and an empty one, as of three partitions. */
  async #write({ bucket, prefix, token }: ExportRequest): Promise<void> {
    const folder = `${prefix}/AWSDynamoDB/0169-${token}/`;
    const half = Math.ceil(this.#items.length / 2);
    const lines = [this.#items.slice(0, half), this.#items.slice(half), []].map((items, i) => {
      const body = gzipSync(items.map((item) => `${JSON.stringify({ Item: item })}\n`).join(''));
      const name = `data/part${i}.json.gz`;
      return {
        name,
        body,
        line: JSON.stringify({
          itemCount: items.length,
          md5Checksum: hash('md5', body, 'base64'),
          etag: 'x-1',
          dataFileS3Key: `AWSDynamoDB/0169-${token}/${name}`,
        }),
      };
    });
    for (const { name, body } of lines) await this.#put(bucket, folder + name, body);
    await this.#put(bucket, `${folder}manifest-files.json`, Buffer.from(lines.map(({ line }) => `${line}\n`).join('')));
    await this.#put(bucket, `${folder}_started`, Buffer.alloc(0));
  }

  async #put(bucket: string, name: string, body: Buffer): Promise<void> {
    await this.#world.objects.put(bucket, name, body, { sha256: hash('sha256', body, 'base64') });
  }
}
