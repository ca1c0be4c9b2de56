import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DescribeExportCommand, DescribeImportCommand, ExportTableToPointInTimeCommand, ImportTableCommand } from '@aws-sdk/client-dynamodb';
import { keyAttributes } from '../../core/key.ts';
import { RemoteError } from '../../ports/errors.ts';
import type { ExportRequest, ExportState, ExportsPort, ImportRequest, ImportState, JobStatus } from '../../ports/exports.ts';
import { UNSUPPORTED } from '../../ports/exports.ts';
import { failureOf, remoteError } from './classify.ts';

const STATUS: Readonly<Record<string, JobStatus>> = { COMPLETED: 'done', FAILED: 'failed', CANCELLED: 'failed' };
const COMPRESSION = { zstd: 'ZSTD', gzip: 'GZIP', none: 'NONE' } as const;

/** ExportsPort on the SDK, over a plain client: its answers are converted, not passed through as those of a table's client are. */
export class AwsExportsPort implements ExportsPort {
  readonly #client: DynamoDBClient;

  constructor(client: DynamoDBClient) {
    this.#client = client;
  }

  async beginExport({ tableArn, bucket, prefix, token }: ExportRequest): Promise<string> {
    const input = { TableArn: tableArn, S3Bucket: bucket, S3Prefix: prefix, ClientToken: token, ExportFormat: 'DYNAMODB_JSON' } as const;
    const { ExportDescription: made } = await asked('ExportTableToPointInTime', false, () => this.#client.send(new ExportTableToPointInTimeCommand(input)));
    return arnOf(made?.ExportArn, 'ExportTableToPointInTime');
  }

  async describeExport(arn: string): Promise<ExportState> {
    const { ExportDescription: found } = await asked('DescribeExport', true, () => this.#client.send(new DescribeExportCommand({ ExportArn: arn })));
    return {
      status: STATUS[found?.ExportStatus ?? ''] ?? 'running',
      ...why(found),
      // The SDK gives a Date.
      ...(found?.ExportTime !== undefined && { timeMs: found.ExportTime.getTime() }),
      ...(found?.ItemCount !== undefined && { items: found.ItemCount }),
      ...(found?.BilledSizeBytes !== undefined && { bytes: found.BilledSizeBytes }),
    };
  }

  async beginImport({ table, key, bucket, prefix, compression, token }: ImportRequest): Promise<string> {
    const attributes = keyAttributes(key);
    const input = {
      ClientToken: token,
      S3BucketSource: { S3Bucket: bucket, S3KeyPrefix: prefix },
      InputFormat: 'DYNAMODB_JSON' as const,
      InputCompressionType: COMPRESSION[compression],
      TableCreationParameters: {
        TableName: table,
        AttributeDefinitions: attributes.map(({ name, type }) => ({ AttributeName: name, AttributeType: type })),
        KeySchema: attributes.map(({ name }, i) => ({ AttributeName: name, KeyType: i === 0 ? ('HASH' as const) : ('RANGE' as const) })),
        BillingMode: 'PAY_PER_REQUEST' as const,
      },
    };
    const { ImportTableDescription: made } = await asked('ImportTable', false, () => this.#client.send(new ImportTableCommand(input)));
    return arnOf(made?.ImportArn, 'ImportTable');
  }

  async describeImport(arn: string): Promise<ImportState> {
    const { ImportTableDescription: found } = await asked('DescribeImport', true, () => this.#client.send(new DescribeImportCommand({ ImportArn: arn })));
    return {
      status: STATUS[found?.ImportStatus ?? ''] ?? 'running',
      ...why(found),
      imported: found?.ImportedItemCount ?? 0,
      processed: found?.ProcessedItemCount ?? 0,
      errors: found?.ErrorCount ?? 0,
      bytes: found?.ProcessedSizeBytes ?? 0,
    };
  }
}

const why = (found: { readonly FailureCode?: string | undefined; readonly FailureMessage?: string | undefined } | undefined): { why?: string } =>
  found?.FailureCode === undefined ? {} : { why: `${found.FailureCode}: ${found.FailureMessage ?? ''}` };

function arnOf(arn: string | undefined, call: string): string {
  if (arn === undefined) throw new RemoteError('unanswered', 'NoArn', `The answer to ${call} names no job.`);
  return arn;
}

/** Codes by which services say that they have no such call. */
const UNKNOWN = /^(UnknownOperation(Exception)?|NotImplemented(Exception)?|InvalidAction|UnsupportedOperation(Exception)?)$/;

async function asked<T>(call: string, reads: boolean, send: () => Promise<T>): Promise<T> {
  try {
    return await send();
  } catch (error) {
    const { code, status, message } = failureOf(error);
    if (UNKNOWN.test(code) || status === 501)
      throw new RemoteError('invalid', UNSUPPORTED, `The service has no ${call}: ${code}: ${message}`, { cause: error });
    throw remoteError(error, reads);
  }
}
